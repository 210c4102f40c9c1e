/**
 * A Roughtime server without its sockets: keys, a clock and a responder. Subclass it and
 * override {@linkcode Server.getTime} to serve another time; `serve()` puts it on the network.
 *
 * @module
 */

import type { ClockStatus } from "./clock_guard.ts";
import { ClockWatch, monotonicMicros } from "./clock_watch.ts";
import { countBatch, createCounters, type ServerCounters } from "./counters.ts";
import type { Signer } from "./crypto.ts";
import type { DropReason } from "./drop_reason.ts";
import { ServerError } from "./errors.ts";
import { type Delegated, Keyring } from "./keyring.ts";
import type { Peer } from "./net/datagram.ts";
import { readKernelClock } from "./net/libc.ts";
import type { ParsedRequest } from "./request.ts";
import { type Moment, type Outcome, Responder } from "./responder.ts";
import type { ServerEvent } from "./server_event.ts";
import {
  type HandleOptions,
  longTermSigners,
  randomBytes,
  secondsToMicros,
  type ServerKeys,
  type ServerOptions,
} from "./server_options.ts";

/** How long a batch waits for a new online key when there is none that may sign. */
const RENEWAL_MS = 2000;

/** Waits for something that does not fail, but not for ever. */
function atMost(milliseconds: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** A long-term key that could not be used is not bothered again before this has passed. */
const RETRY_MICROS = 10_000_000n;

/** With less than this left, the end of a delegation is announced; then at each halving. */
const ENDING_MICROS = 7n * 86_400_000_000n;

/** Answers requests; see {@linkcode Server.create}. */
export class Server {
  /** What the server has done so far; `serve()` counts here too. */
  readonly counters: ServerCounters = createCounters();
  readonly #options: ServerOptions;
  readonly #radiusMicros: bigint;
  readonly #maxRadiusMicros: bigint;
  readonly #clock: ClockWatch;
  #longTerm: readonly Signer[];
  #delegated: readonly Delegated[];
  #keyring: Keyring | undefined;
  #responder: Responder | undefined;
  #renewing: Promise<void> | undefined;
  #announced = ENDING_MICROS;
  #renewAfter = 0n;

  /**
   * For subclasses; use {@linkcode Server.create}, which also makes the keys.
   *
   * @param options Keys and choices.
   */
  constructor(options: ServerOptions) {
    this.#options = options;
    this.#longTerm = longTermSigners(options);
    this.#delegated = options.delegated ?? [];
    const { radiusSeconds = 3, maxRadiusSeconds = 30 } = options;
    // RADI is a uint32, of microseconds in the older dialects.
    const max = 0xffffffff / 1_000_000;
    this.#radiusMicros = secondsToMicros("radius", radiusSeconds, max);
    this.#maxRadiusMicros = secondsToMicros("radius", maxRadiusSeconds, max);
    const { trustClock, readClock = readKernelClock } = options;
    this.#clock = new ClockWatch(
      trustClock ? () => undefined : readClock,
      (event) => this.#tell(event),
    );
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

  async #prepare(
    longTerm: readonly Signer[] = this.#longTerm,
    delegated: readonly Delegated[] = this.#delegated,
  ): Promise<Responder> {
    const { validitySeconds = 3600, v1Context = "rfc" } = this.#options;
    let keyring: Keyring;
    try {
      keyring = await Keyring.create({
        longTerm,
        delegated,
        nowMicros: this.getTime(),
        validityMicros: secondsToMicros("validity", validitySeconds),
        random: randomBytes,
        v1Context,
      });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ServerError("key", cause.message, { cause });
    }
    const responder = this.#createResponder(keyring);
    // All at once, so that what is published is what signs.
    this.#longTerm = longTerm;
    this.#delegated = delegated;
    this.#keyring = keyring;
    this.#renewing = undefined;
    this.#renewAfter = 0n;
    return this.#responder = responder;
  }

  #createResponder(keyring: Keyring): Responder {
    try {
      return new Responder({
        random: Math.random,
        ...this.#options,
        greaseProbability: this.#options.greaseProbability ?? 0.001,
        keyring,
        onBatch: (version, size) => {
          countBatch(this.counters, version, size);
          this.#options.onBatch?.(version, size);
        },
        onSignerFailure: (error) => this.#panic(error),
      });
    } catch (cause) {
      throw new ServerError("config", (cause as Error).message, { cause });
    }
  }

  /**
   * Replaces all keys while running. Batches that are being answered finish with the old
   * ones. If the new keys are unusable, the old ones stay.
   *
   * @param keys What to sign with from now on.
   * @throws {ServerError} If a key is unusable.
   */
  async replaceKeys(keys: ServerKeys): Promise<void> {
    await this.#prepare(longTermSigners(keys), keys.delegated ?? []);
    this.#announced = ENDING_MICROS;
    this.counters.rotations++;
  }

  /** The long-term keys that clients need to know, 32 bytes each. */
  get publicKeys(): readonly Uint8Array[] {
    return [...this.#longTerm, ...this.#delegated].map(({ publicKey }) =>
      publicKey
    );
  }

  /** When the first of the online keys ends, in microseconds since 1970. */
  get notAfterMicros(): bigint | undefined {
    return this.#keyring?.notAfterMicros;
  }

  /** Can every online key sign now? Not before its window begins, nor after its end. */
  get canSign(): boolean {
    return this.#keyring?.covers(this.getTime()) ?? false;
  }

  /** How the clock is doing, as far as the system says. */
  get clockStatus(): ClockStatus {
    return this.#clock.status;
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
   * How far {@linkcode getTime} may be off, in microseconds, if the system's clock is
   * as good as it says. Override it to claim something else.
   *
   * @returns The configured radius.
   */
  getRadius(): bigint {
    return this.#radiusMicros;
  }

  /**
   * Decides whether a request that could be answered is to be. Override it to refuse some;
   * a refused one is counted and, as all of them, gets no reply.
   *
   * @param _request The request as read.
   * @param _peer Who sent it, where that is known.
   * @returns Always `true`.
   */
  acceptRequest(_request: ParsedRequest, _peer: Peer | undefined): boolean {
    return true;
  }

  /**
   * Rewrites a reply before it is sent. Override it for tests, to see what clients do with
   * broken ones. A reply longer than its request is not sent, whoever made it.
   *
   * @param reply The packet.
   * @param _request The request it answers.
   * @returns The packet to send instead, or `undefined` to send none.
   */
  rewriteReply(
    reply: Uint8Array,
    _request: ParsedRequest,
  ): Uint8Array | undefined {
    return reply;
  }

  /**
   * Answers a batch of packets. Whatever is in them, this does not throw.
   *
   * @param packets As received; they are only read.
   * @param options Where they came from.
   * @returns For each packet a reply, or the reason for which there is none.
   */
  async handleBatch(
    packets: readonly Uint8Array[],
    options: HandleOptions = {},
  ): Promise<Outcome[]> {
    const { transport, peers } = options;
    try {
      const responder = this.#responder ?? await this.#prepare();
      const moment = await this.#moment();
      if (typeof moment === "string") {
        return packets.map(() => ({ drop: moment }));
      }
      return await responder.respond(packets, moment, {
        transport,
        accept: (request, i) => this.acceptRequest(request, peers?.[i]),
        rewrite: (reply, request) => this.rewriteReply(reply, request),
      });
    } catch (error) {
      // A fault nobody foresaw: it must cost the packet that causes it its answer, and
      // no other one.
      if (packets.length <= 1) {
        this.#panic(error);
        return packets.map(() => ({ drop: "internal" }));
      }
      const outcomes: Outcome[] = [];
      for (const [i, packet] of packets.entries()) {
        const peer = peers?.[i];
        outcomes.push(
          ...await this.handleBatch([packet], {
            transport,
            peers: peer && [peer],
          }),
        );
      }
      return outcomes;
    }
  }

  /**
   * Looks after the keys and the clock as every batch does, for when there are none: an
   * idle server should notice too that its delegation ends. Never fails.
   */
  async lookAfter(): Promise<void> {
    try {
      await this.#moment();
    } catch (error) {
      this.#panic(error);
    }
  }

  /** The time to sign now, or why nothing may be signed. */
  async #moment(): Promise<Moment | DropReason> {
    const midpointMicros = this.getTime();
    const monotonic = monotonicMicros();
    if (this.#clock.checkSteps(midpointMicros, monotonic)) {
      this.counters.clockSteps++;
    }
    await this.#renew(midpointMicros, monotonic);
    const { status, radiusMicros } = this.#clock.judge({
      radiusMicros: this.getRadius(),
      maxRadiusMicros: this.#maxRadiusMicros,
    }, monotonic);
    return status === "stopped" ? "clock" : { midpointMicros, radiusMicros };
  }

  /** One renewal at a time: batches of both transports come here side by side. */
  async #renew(nowMicros: bigint, monotonic: bigint): Promise<void> {
    const keyring = this.#keyring;
    if (keyring === undefined) return;
    if (monotonic >= this.#renewAfter && keyring.isStale(nowMicros)) {
      const begins = this.#renewing === undefined;
      const renewing = this.#renewing ??= keyring.renew(nowMicros).then(
        (renewed) => {
          if (renewed === 0) return;
          this.counters.rotations += renewed;
          const { notAfterMicros } = keyring;
          this.#tell({ kind: "rotated", notAfterMicros });
        },
        (error) => {
          // The key in use has an eighth of its window left in which to try again.
          this.#renewAfter = monotonic + RETRY_MICROS;
          this.#panic(error);
        },
      ).finally(() => {
        if (this.#renewing === renewing) this.#renewing = undefined;
      });
      // A long-term key may be far away and slow. While the old ones can sign, only the
      // batch that began waits, and not for long.
      if (!keyring.covers(nowMicros)) await atMost(RENEWAL_MS, renewing);
      else if (begins) await atMost(RENEWAL_MS / 20, renewing);
    }
    const end = keyring.delegatedUntilMicros;
    if (end === undefined || this.#announced < 0n) return;
    const left = end - nowMicros;
    if (left >= this.#announced) return;
    // Below a second the next thing to say is that it is over, and that for good.
    this.#announced = left < 0n ? -1n : left < 2_000_000n ? 0n : left / 2n;
    this.#tell({
      kind: "delegation-ending",
      secondsLeft: Number(left / 1_000_000n),
    });
  }

  #panic(error: unknown): void {
    this.counters.panics++;
    this.#tell({ kind: "panic", error });
  }

  #tell(event: ServerEvent): void {
    try {
      this.#options.onEvent?.(event);
    } catch {
      // Whoever listens must not be able to stop the server.
    }
  }
}
