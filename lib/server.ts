/**
 * A Roughtime server without its sockets: keys, a clock and a responder. Subclass it and
 * override {@linkcode Server.getTime} to serve another time; `serve()` puts it on the network.
 *
 * @module
 */

import { createSigner, type Signer } from "./crypto.ts";
import { ServerError } from "./errors.ts";
import { parseKey } from "./key_text.ts";
import { Keyring, type V1Context } from "./keyring.ts";
import { type Outcome, Responder, type ResponderOptions } from "./responder.ts";

/** Options of {@linkcode Server.create}. */
export interface ServerOptions extends Omit<ResponderOptions, "keyring"> {
  /**
   * Seed of the long-term key: 32 bytes, or text as `parseKey()` takes it. Without one, a
   * key is made that nobody will know after a restart.
   */
  readonly privateKey?: Uint8Array | string | undefined;
  /** Long-term keys that sign elsewhere, or several of them; instead of `privateKey`. */
  readonly longTerm?: readonly Signer[] | undefined;
  /**
   * How far the server's clock may be off, in seconds. 3 is the least that a server should
   * claim if it knows nothing of leap seconds (RFC 10049, section 5.2.5).
   *
   * @default {3}
   */
  readonly radiusSeconds?: number | undefined;
  /**
   * How long an online key signs before it is replaced, in seconds.
   *
   * @default {3600}
   */
  readonly validitySeconds?: number | undefined;
  /**
   * How version 1's signature contexts are spelt.
   *
   * @default {"rfc"}
   */
  readonly v1Context?: V1Context | undefined;
  /**
   * Fraction of replies to spoil on purpose (RFC 10049, section 7).
   *
   * @default {0.001}
   */
  readonly greaseProbability?: number | undefined;
}

/** A number of seconds that is usable as a duration, in microseconds. */
function secondsToMicros(name: string, seconds: number): bigint {
  if (!Number.isFinite(seconds) || seconds <= 0 || seconds > 0xffffffff) {
    throw new ServerError("config", `Cannot use ${name} of ${seconds} seconds`);
  }
  return BigInt(Math.round(seconds * 1_000_000));
}

function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

function longTermSigners(options: ServerOptions): readonly Signer[] {
  if (options.longTerm) return options.longTerm;
  const { privateKey } = options;
  const seed = privateKey === undefined
    ? randomBytes(32)
    : typeof privateKey === "string"
    ? parseKey(privateKey)
    : privateKey;
  try {
    return [createSigner(seed)];
  } catch (cause) {
    throw new ServerError("key", "Cannot use private key: it is not 32 bytes", {
      cause,
    });
  }
}

/** Answers requests; see {@linkcode Server.create}. */
export class Server {
  readonly #options: ServerOptions;
  readonly #longTerm: readonly Signer[];
  readonly #radiusMicros: bigint;
  #keyring: Keyring | undefined;
  #responder: Responder | undefined;

  /**
   * For subclasses; use {@linkcode Server.create}, which also makes the keys.
   *
   * @param options Keys and choices.
   */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#longTerm = longTermSigners(options);
    this.#radiusMicros = secondsToMicros("radius", options.radiusSeconds ?? 3);
  }

  /**
   * Makes a server, of a subclass too.
   *
   * @example
   * ```ts
   * import { Server } from "@roughly/roughly/server";
   * import assert from "node:assert/strict";
   *
   * class Fast extends Server {
   *   override getTime(): bigint {
   *     return super.getTime() + 3_600_000_000n; // an hour ahead
   *   }
   * }
   * const server = await Fast.create();
   * assert.equal(server.publicKeys[0]?.length, 32);
   * ```
   *
   * @param options Keys and choices.
   * @throws {ServerError} If a key or a number is unusable.
   */
  static async create<T extends Server>(
    this: new (options: ServerOptions) => T,
    options: ServerOptions = {},
  ): Promise<T> {
    const server = new this(options);
    await server.#prepare();
    return server;
  }

  async #prepare(): Promise<Responder> {
    const options = this.#options;
    this.#keyring = await Keyring.create({
      longTerm: this.#longTerm,
      nowMicros: this.getTime(),
      validityMicros: secondsToMicros(
        "validity",
        options.validitySeconds ?? 3600,
      ),
      random: randomBytes,
      v1Context: options.v1Context ?? "rfc",
    });
    return this.#responder = new Responder({
      random: Math.random,
      ...options,
      greaseProbability: options.greaseProbability ?? 0.001,
      keyring: this.#keyring,
    });
  }

  /** The long-term keys that clients need to know, 32 bytes each. */
  get publicKeys(): readonly Uint8Array[] {
    return this.#longTerm.map(({ publicKey }) => publicKey);
  }

  /**
   * The time that the server tells: microseconds since 1970. Override it to tell another.
   *
   * @returns The system's clock.
   */
  getTime(): bigint {
    return BigInt(Date.now()) * 1000n;
  }

  /**
   * How far {@linkcode getTime} may be off, in microseconds.
   *
   * @returns The configured radius.
   */
  getRadius(): bigint {
    return this.#radiusMicros;
  }

  /**
   * Answers a batch of datagrams. Whatever is in them, this does not throw.
   *
   * @param packets As received; they are only read.
   * @returns For each packet a reply, or the reason for which there is none.
   */
  async handleBatch(packets: readonly Uint8Array[]): Promise<Outcome[]> {
    try {
      const responder = this.#responder ?? await this.#prepare();
      const midpointMicros = this.getTime();
      await this.#keyring?.renew(midpointMicros);
      const radiusMicros = this.getRadius();
      return await responder.respond(packets, { midpointMicros, radiusMicros });
    } catch {
      // A fault nobody foresaw: it must cost the packet that causes it its answer, and
      // no other one.
      if (packets.length <= 1) return packets.map(() => ({ drop: "internal" }));
      const outcomes: Outcome[] = [];
      for (const packet of packets) {
        outcomes.push(...await this.handleBatch([packet]));
      }
      return outcomes;
    }
  }
}
