/**
 * A Roughtime server without its sockets: keys, a clock and a responder. Subclass it and
 * override {@linkcode Server.getTime} to serve another time; `serve()` puts it on the network.
 *
 * @module
 */

import { SERVER_VERSIONS } from "../wire/dialect.ts";
import { asConfig, checkServerOptions } from "./check_options.ts";
import type { ClockCause, ClockStatus } from "./clock_guard.ts";
import { ClockWatch } from "./clock_watch.ts";
import { countBatch, createCounters, type ServerCounters } from "./counters.ts";
import type { Signer } from "../crypto/ed25519.ts";
import type { DropReason } from "./drop_reason.ts";
import { ServerError } from "../wire/errors.ts";
import { handleSlots } from "./fast/handle_slots.ts";
import { FastResponder } from "./fast/responder.ts";
import { KeyCare } from "./key_care.ts";
import { type Delegated, Keyring } from "./keyring.ts";
import type { Peer } from "../net/datagram.ts";
import { readKernelClock } from "../net/linux/libc.ts";
import { MomentWatch } from "./moment_watch.ts";
import type { ParsedRequest } from "../wire/request.ts";
import {
  type Moment,
  type Outcome,
  Responder,
  type ResponderOptions,
} from "./responder.ts";
import { type EventSink, guarded } from "./event.ts";
import {
  type HandleOptions,
  hasOverrides,
  isSelective,
  longTermSigners,
  maxRadiusOf,
  portableOptions,
  type PortableServer,
  radiusOf,
  randomBytes,
  type ServerKeys,
  type ServerOptions,
  validityOf,
} from "./options.ts";

/** Answers requests; see {@linkcode Server.create}. */
export class Server {
  /** What the server has done so far; `serve()` counts here too. */
  readonly counters: ServerCounters = createCounters();
  readonly #options: ServerOptions;
  readonly #radiusMicros: bigint;
  readonly #maxRadiusMicros: bigint;
  readonly #tell: EventSink;
  readonly #watch: MomentWatch;
  #longTerm: readonly Signer[];
  #delegated: readonly Delegated[];
  #keyring: Keyring | undefined;
  #responder: Responder | undefined;
  #slots: WeakRef<FastResponder>[] = []; // gone with whoever serves from them
  readonly #watchers = new Set<() => void>();
  #care: KeyCare | undefined;

  /**
   * For subclasses; use {@linkcode Server.create}, which also makes the keys.
   *
   * @param options Keys and choices.
   */
  constructor(options: ServerOptions) {
    checkServerOptions(options);
    this.#options = options;
    this.#longTerm = longTermSigners(options);
    this.#delegated = options.delegated ?? [];
    this.#radiusMicros = radiusOf(options);
    this.#maxRadiusMicros = maxRadiusOf(options);
    const { trustClock, readClock = readKernelClock } = options;
    this.#tell = guarded(options.onEvent);
    const clock = new ClockWatch(
      trustClock ? () => undefined : readClock,
      this.#tell,
    );
    this.#watch = new MomentWatch(clock, this.counters);
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
    let keyring: Keyring;
    try {
      keyring = await Keyring.create({
        longTerm,
        delegated,
        nowMicros: this.getTime(),
        validityMicros: validityOf(this.#options),
        random: randomBytes,
        v1Context: this.#options.v1Context ?? "rfc",
        exportable: this.#options.exportable,
      });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
      throw new ServerError("key", cause.message, { cause });
    }
    const responder = asConfig(() =>
      new Responder(this.#responderOptions(keyring))
    );
    // All at once, so that what is published is what signs.
    this.#longTerm = longTerm;
    this.#delegated = delegated;
    this.#keyring = keyring;
    this.#care = new KeyCare(keyring, {
      renewed: (count, notAfterMicros) => {
        this.counters.rotations += count;
        this.#keysChanged();
        this.#tell({ kind: "rotated", notAfterMicros });
      },
      failed: (error) => this.#panic(error),
      ending: (secondsLeft) =>
        this.#tell({ kind: "delegation-ending", secondsLeft }),
    });
    this.#responder = responder;
    for (const slots of this.#slots) {
      slots.deref()?.reconfigure(this.#responderOptions(keyring));
    }
    this.#keysChanged();
    return responder;
  }

  #responderOptions(keyring: Keyring): ResponderOptions {
    return {
      random: Math.random,
      ...this.#options,
      greaseProbability: this.#options.greaseProbability ?? 0.001,
      keyring,
      onBatch: (version, size) => {
        countBatch(this.counters, version, size);
        this.#options.onBatch?.(version, size);
      },
      onSignerFailure: (error) => this.#panic(error),
    };
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
    this.counters.rotations++;
  }

  /**
   * What other threads need to answer as this server does. It holds secrets.
   *
   * @returns `undefined` without `exportable`, for a subclass, or with functions as options.
   */
  export(): PortableServer | undefined {
    const options = portableOptions(this.#options);
    return options && this.#options.exportable && this.#keyring &&
        this.constructor === Server && !hasOverrides(this)
      ? { options, keys: this.#keyring.exportKeys() }
      : undefined;
  }

  /**
   * Calls back whenever online keys were replaced.
   *
   * @param callback Must not throw.
   * @returns Ends it.
   */
  onKeys(callback: () => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  #keysChanged(): void {
    this.#watchers.forEach((callback) => callback());
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

  /** How often {@linkcode lookAfter} has to be called where no batches are, in milliseconds. */
  get careMs(): number {
    return this.#keyring?.careMs ?? 1_000;
  }

  /** Can every online key sign now? Not before its window begins, nor after its end. */
  get canSign(): boolean {
    return this.#keyring?.covers(this.getTime()) ?? false;
  }

  /** The versions that it answers, ascending. */
  get versions(): readonly number[] {
    return this.#options.versions ?? SERVER_VERSIONS;
  }

  /** How the clock is doing, as far as the system says. */
  get clockStatus(): ClockStatus {
    return this.#watch.clock.status;
  }

  /** Why the clock is not trusted as it is, where the system says. */
  get clockCause(): ClockCause | undefined {
    return this.#watch.clock.cause;
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
   * a refused one is counted and, as all of them, gets no reply. {@linkcode Peer} has an
   * example that goes by addresses.
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
   * broken ones. A reply longer than its request is not sent, whoever made it; over TCP it
   * may have 1024 bytes in any case.
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
    { transport, peers }: HandleOptions = {},
  ): Promise<Outcome[]> {
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
      // A fault nobody foresaw must cost the packet that causes it its answer, no other one.
      if (packets.length <= 1) {
        this.#panic(error);
        return packets.map(() => ({ drop: "internal" }));
      }
      const outcomes: Outcome[] = [];
      for (const [i, packet] of packets.entries()) {
        const alone = { transport, peers: peers?.slice(i, i + 1) };
        outcomes.push(...await this.handleBatch([packet], alone));
      }
      return outcomes;
    }
  }

  /**
   * Makes memory in which batches of datagrams can be answered in place, which is a good
   * deal faster. A subclass that looks at requests or replies one by one has no use for it.
   *
   * @returns The memory, or `undefined` for such a subclass.
   */
  openSlots(): FastResponder | undefined {
    if (isSelective(this, Server.prototype) || !this.#keyring) return undefined;
    const slots = new FastResponder(this.#responderOptions(this.#keyring));
    this.#slots = this.#slots.filter((one) => one.deref() !== undefined);
    this.#slots.push(new WeakRef(slots));
    return slots;
  }

  /**
   * Answers the datagrams in the first slots, as {@linkcode handleBatch} does.
   *
   * @param slots As {@linkcode openSlots} gave it; one batch at a time.
   * @param count How many there are.
   * @returns Nothing where it is done already, as with signers of this process.
   */
  handleSlots(slots: FastResponder, count: number): Promise<void> | undefined {
    return handleSlots(slots, count, {
      moment: () => this.#moment(),
      handle: (packet) => this.handleBatch([packet]),
    });
  }

  /** Looks after keys and clock as every batch does, for when there are none. Never fails. */
  async lookAfter(): Promise<void> {
    try {
      await this.#moment();
    } catch (error) {
      this.#panic(error);
    }
  }

  /** The time to sign now, or why nothing may be signed. */
  #moment(): Moment | DropReason | Promise<Moment | DropReason> {
    return this.#watch.look({
      midpointMicros: this.getTime(),
      radiusMicros: this.getRadius(),
      maxRadiusMicros: this.#maxRadiusMicros,
    }, this.#care);
  }

  #panic(error: unknown): void {
    this.counters.panics++;
    this.#tell({ kind: "panic", error });
  }
}
