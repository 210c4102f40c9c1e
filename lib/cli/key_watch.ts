/**
 * Keys of a running server: reloaded on demand, and when a delegation's file changes; a
 * long-term key's file is only watched. What is in use stays in use until something
 * usable takes its place.
 *
 * @module
 */

import { equal } from "../bytes.ts";
import { formatKey } from "../key_text.ts";
import type { Server } from "../server.ts";
import { messageOf } from "./failure.ts";
import {
  type KeyOptions,
  type LoadedKeys,
  loadKeyFile,
  loadKeys,
} from "./key_source.ts";
import type { Log } from "./log.ts";

/** Loads, reloads and watches the keys of one server. */
export class KeyWatch {
  readonly #options: KeyOptions;
  readonly #server: Server;
  readonly #log: Log;
  #keys: LoadedKeys;
  #stamps: string;
  #busy: Promise<void> = Promise.resolve();
  #rootChanged = false;

  private constructor(
    options: KeyOptions,
    server: Server,
    keys: LoadedKeys,
    stamps: string,
    log: Log,
  ) {
    this.#options = options;
    this.#server = server;
    this.#keys = keys;
    this.#stamps = stamps;
    this.#log = log;
  }

  /** Begins to watch the files that a server's keys came from. */
  static async start(
    options: KeyOptions,
    server: Server,
    keys: LoadedKeys,
    log: Log,
  ): Promise<KeyWatch> {
    const stamps = await stampsOf(options.delegation ?? []);
    return new KeyWatch(options, server, keys, stamps, log);
  }

  /** Did a long-term key's file change without having been taken into use? */
  get rootChanged(): boolean {
    return this.#rootChanged;
  }

  /** Takes all keys anew, because the operator says so. Never fails. */
  reload(): Promise<void> {
    return this.#queue(async () => {
      const stamps = await stampsOf(this.#options.delegation ?? []);
      await this.#replace();
      this.#stamps = stamps;
    });
  }

  /** Looks whether a file has changed. Never fails. */
  check(): Promise<void> {
    return this.#queue(async () => {
      const stamps = await stampsOf(this.#options.delegation ?? []);
      if (stamps !== this.#stamps) {
        this.#stamps = stamps; // what is unusable is complained of once
        await this.#replace();
      }
      await this.#checkRoots();
    });
  }

  /** One after the other: a signal may come while a file is being read. */
  #queue(action: () => Promise<void>): Promise<void> {
    return this.#busy = this.#busy.then(action).catch((error) =>
      this.#log.log("error", "keys not reloaded, the old ones stay in use", {
        error: messageOf(error),
      })
    );
  }

  async #replace(): Promise<void> {
    const keys = await loadKeys(this.#options);
    // A server without any key made one up; there is nothing to put in its place.
    if (keys.longTerm.length + keys.delegated.length === 0) return;
    const changed = fingerprint(keys) !== fingerprint(this.#keys);
    // The same keys go on signing with the online keys that they have.
    if (changed) await this.#server.replaceKeys(toServerKeys(keys));
    this.#keys = keys;
    this.#rootChanged = false;
    this.#log.log("info", changed ? "keys replaced" : "keys unchanged", {
      publicKeys: this.#server.publicKeys.map(formatKey).join(","),
    });
  }

  async #checkRoots(): Promise<void> {
    let changed = false;
    for (const { key, source, isFile } of this.#keys.longTerm) {
      if (!isFile) continue;
      try {
        const now = await loadKeyFile(source);
        if (!equal(now.publicKey, key.publicKey)) changed = true;
        now.destroy?.();
      } catch {
        changed = true;
      }
    }
    if (changed && !this.#rootChanged) {
      this.#log.log(
        "error",
        "a key file changed on disk, the old key stays in use until SIGHUP",
      );
    }
    this.#rootChanged = changed;
  }
}

/** Differs when any key does. */
function fingerprint({ longTerm, delegated }: LoadedKeys): string {
  return [
    ...longTerm.map(({ key }) => key.publicKey),
    ...delegated.flatMap((
      { key },
    ) => [key.publicKey, key.online.signer.publicKey]),
  ].map(formatKey).join(" ");
}

/** The form that a server takes them in. */
export function toServerKeys(
  { longTerm, delegated }: LoadedKeys,
): Pick<Parameters<Server["replaceKeys"]>[0], "longTerm" | "delegated"> {
  return {
    longTerm: longTerm.map(({ key }) => key),
    delegated: delegated.map(({ key }) => key),
  };
}

/** Something that differs when a file was written or replaced. */
async function stampsOf(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(paths.map(async (path) => {
    try {
      const { mtime, size, ino } = await Deno.stat(path);
      return `${mtime?.getTime()}/${size}/${ino}`;
    } catch {
      return "missing";
    }
  }));
  return stamps.join(" ");
}
