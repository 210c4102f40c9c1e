/**
 * Keys of a running server: reloaded on demand, and when a delegation's file changes; a
 * long-term key's file is only watched, and so is a delegation that now speaks for
 * another long-term key. What is in use stays in use until something usable takes its
 * place.
 *
 * @module
 */

import { equal } from "../../crypto/bytes.ts";
import { windowState } from "../../wire/certificate.ts";
import type { Signer } from "../../crypto/ed25519.ts";
import { formatKey } from "../../wire/key_text.ts";
import type { Delegated } from "../../server/keyring.ts";
import type { Server } from "../../server/core.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { messageOf } from "../terminal/failure.ts";
import {
  hasKeys,
  type KeyOptions,
  type LoadedKeys,
  loadKeyFile,
  loadKeys,
  type Sourced,
} from "./key_source.ts";
import { type FileState, isSame, lookAt } from "./file_state.ts";
import type { Log } from "../terminal/log.ts";

/** A long-term key's file as it was when it was judged. */
interface JudgedRoot {
  readonly state: FileState;
  /** Is there another key than the one in use, or none? */
  readonly isChanged: boolean;
}

/** Loads, reloads and watches the keys of one server. */
export class KeyWatch {
  readonly #options: KeyOptions;
  readonly #server: Server;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #roots = new Map<string, JudgedRoot>();
  #keys: LoadedKeys;
  /** As they were when they were last read; nothing is known before the first look. */
  #delegations: readonly FileState[] | undefined;
  #busy: Promise<void> = Promise.resolve();
  #rootChanged = false;
  #delegationRefused = false;

  private constructor(
    options: KeyOptions,
    server: Server,
    keys: LoadedKeys,
    log: Log,
    now: () => number,
  ) {
    this.#options = options;
    this.#server = server;
    this.#keys = keys;
    this.#log = log;
    this.#now = now;
  }

  /**
   * Begins to watch the files that a server's keys came from.
   *
   * @param now The clock, in milliseconds since 1970.
   */
  static start(
    options: KeyOptions,
    server: Server,
    keys: LoadedKeys,
    log: Log,
    now: () => number = Date.now,
  ): KeyWatch {
    return new KeyWatch(options, server, keys, log, now);
  }

  /** Did a file change, and what is in it was not taken into use? */
  get rootChanged(): boolean {
    return this.#rootChanged || this.#delegationRefused;
  }

  /** Takes all keys anew, because the operator says so. Never fails. */
  reload(): Promise<void> {
    return this.#queue(async () => {
      const states = await this.#lookAtDelegations();
      await this.#replace(await loadKeys(this.#options));
      this.#delegations = states;
      this.#roots.clear(); // they were judged by the keys before
    });
  }

  /** Looks whether a file has changed. Never fails. */
  check(): Promise<void> {
    return this.#queue(async () => {
      const before = this.#delegations;
      const states = await this.#lookAtDelegations();
      this.#delegations = states; // what is unusable is complained of once
      const isNew = before === undefined
        ? !await this.#isInUse()
        : !states.every((state, i) => isSame(state, before[i]));
      if (isNew) {
        this.#delegationRefused = true; // until it is not
        await this.#replaceDelegated();
      }
      await this.#checkRoots();
    });
  }

  #lookAtDelegations(): Promise<FileState[]> {
    const { delegation = [] } = this.#options;
    return Promise.all(
      delegation.map((path, i) =>
        lookAt(path, this.#now(), this.#delegations?.[i])
      ),
    );
  }

  /** Are the delegations still those that were loaded at the start? */
  async #isInUse(): Promise<boolean> {
    const { delegation } = this.#options;
    if (!delegation?.length) return true;
    const { longTerm } = this.#keys;
    try {
      const { delegated } = await loadKeys({ delegation });
      return fingerprint({ longTerm, delegated }) === fingerprint(this.#keys);
    } catch {
      return false; // which the second reading tells
    }
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
          `${source} is for another long-term key: send SIGHUP to use it`,
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
    for (const root of this.#keys.longTerm) {
      if (root.isFile && await this.#isRootChanged(root)) changed = true;
    }
    if (changed && !this.#rootChanged) {
      this.#log.log(
        "error",
        "a key file changed on disk, the old key stays in use until SIGHUP",
      );
    }
    this.#rootChanged = changed;
  }

  async #isRootChanged({ key, source }: Sourced<Signer>): Promise<boolean> {
    const known = this.#roots.get(source);
    const state = await lookAt(source, this.#now(), known?.state);
    if (known && isSame(state, known.state)) {
      this.#roots.set(source, { ...known, state });
      return known.isChanged;
    }
    this.#roots.delete(source);
    try {
      const now = await loadKeyFile(source);
      const isChanged = !equal(now.publicKey, key.publicKey);
      now.destroy?.();
      this.#roots.set(source, { state, isChanged });
      return isChanged;
    } catch (error) {
      // What the system had against it may have passed the next time.
      if (error instanceof UsageError) {
        this.#roots.set(source, { state, isChanged: true });
      }
      return true;
    }
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
