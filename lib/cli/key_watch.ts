/**
 * Keys of a running server: reloaded on demand, and when a delegation's file changes; a
 * long-term key's file is only watched, and so is a delegation that now speaks for
 * another long-term key. What is in use stays in use until something usable takes its
 * place.
 *
 * @module
 */

import { equal } from "../bytes.ts";
import { windowState } from "../certificate.ts";
import { formatKey } from "../key_text.ts";
import type { Delegated } from "../keyring.ts";
import type { Server } from "../server.ts";
import { UsageError } from "./exit_code.ts";
import { messageOf } from "./failure.ts";
import {
  hasKeys,
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
  #delegationRefused = false;

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

  /** Did a file change, and what is in it was not taken into use? */
  get rootChanged(): boolean {
    return this.#rootChanged || this.#delegationRefused;
  }

  /** Takes all keys anew, because the operator says so. Never fails. */
  reload(): Promise<void> {
    return this.#queue(async () => {
      const stamps = await stampsOf(this.#options.delegation ?? []);
      await this.#replace(await loadKeys(this.#options));
      this.#stamps = stamps;
    });
  }

  /** Looks whether a file has changed. Never fails. */
  check(): Promise<void> {
    return this.#queue(async () => {
      const stamps = await stampsOf(this.#options.delegation ?? []);
      if (stamps !== this.#stamps) {
        this.#stamps = stamps; // what is unusable is complained of once
        this.#delegationRefused = true; // until it is not
        await this.#replaceDelegated();
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

  /** Long-term keys stay: their files may have changed too, which is for SIGHUP. */
  async #replaceDelegated(): Promise<void> {
    const { delegation } = this.#options;
    if (!delegation?.length) return;
    const { delegated } = await loadKeys({ delegation });
    for (const { key, source } of delegated) {
      const old = this.#delegatedFrom(source);
      if (old && !equal(old.publicKey, key.publicKey)) {
        throw new UsageError(
          `${source} is for another long-term key, which takes a SIGHUP`,
        );
      }
    }
    await this.#replace({ longTerm: this.#keys.longTerm, delegated });
  }

  #delegatedFrom(file: string): Delegated | undefined {
    return this.#keys.delegated.find(({ source }) => source === file)?.key;
  }

  async #replace(keys: LoadedKeys): Promise<void> {
    // A server without any key made one up; there is nothing to put in its place.
    if (!hasKeys(keys)) {
      return this.#log.log(
        "warning",
        "no private key found, the one made up at the start stays in use",
      );
    }
    this.#refuseWorse(keys);
    const changed = fingerprint(keys) !== fingerprint(this.#keys);
    // The same keys go on signing with the online keys that they have.
    if (changed) await this.#server.replaceKeys(toServerKeys(keys));
    if (keys.longTerm !== this.#keys.longTerm) this.#rootChanged = false;
    this.#keys = keys;
    this.#delegationRefused = false;
    this.#log.log("info", changed ? "keys replaced" : "keys unchanged", {
      publicKeys: this.#server.publicKeys.map(formatKey).join(","),
    });
  }

  /** A delegation that cannot sign now takes no place from one that can. */
  #refuseWorse({ delegated }: LoadedKeys): void {
    const now = this.#server.getTime();
    for (const { key, source } of delegated) {
      const state = windowState(key.online, now);
      const old = this.#delegatedFrom(source);
      if (state !== "open" && old && windowState(old.online, now) === "open") {
        throw new UsageError(`${source} is a delegation that ${state}`);
      }
    }
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
    ...longTerm.map(({ key }) => formatKey(key.publicKey)),
    ...delegated.flatMap(({ key: { publicKey, online } }) => [
      formatKey(publicKey),
      formatKey(online.signer.publicKey),
      online.notBeforeMicros,
      online.notAfterMicros,
    ]),
  ].join(" ");
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
