/**
 * The chaos server: answers in every dialect, and gets wrong what it is told to. For
 * testing clients; see {@linkcode ChaosServer.create}.
 *
 * @module
 */

import { asConfig } from "../server/check_options.ts";
import { requireInRange, SEED } from "../wire/range.ts";
import { checkBehaviours } from "./check_options.ts";
import { equal } from "../crypto/bytes.ts";
import { seeded } from "../wire/chance.ts";
import type { Behaviour, Misdeed } from "./behaviour.ts";
import { type ChaosKeys, misstate, spoil } from "./reply.ts";
import { createSigner } from "../crypto/ed25519.ts";
import { ServerError } from "../wire/errors.ts";
import { spellingOf } from "../wire/certificate.ts";
import type { Peer } from "../net/datagram.ts";
import {
  buildRequest,
  nonceSizeOf,
  type ParsedRequest,
  parseRequest,
} from "../wire/request.ts";
import type { Outcome } from "../server/responder.ts";
import { Server } from "../server/core.ts";
import {
  type HandleOptions,
  longTermSigners,
  randomBytes,
  type ServerKeys,
  type ServerOptions,
} from "../server/options.ts";

/** Waits so many milliseconds, or until the signal aborts; never fails. */
export type Sleep = (
  milliseconds: number,
  signal: AbortSignal | undefined,
) => Promise<void>;

/** Options of {@linkcode ChaosServer.create}: a server's, with one long-term key, and these. */
export interface ChaosOptions extends Omit<ServerOptions, "delegated"> {
  /**
   * What to get wrong; all of what concerns a request is done to its reply.
   *
   * @default {Nothing}
   */
  readonly behaviours?: readonly Behaviour[] | undefined;
  /**
   * What chance depends on, where a behaviour has a `share` or corrupts any bit.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /**
   * The time that it knows and, unless it lies, tells: microseconds since 1970.
   *
   * @default {The system's clock}
   */
  readonly nowMicros?: (() => bigint) | undefined;
  /** Waits for `delay`; for tests that do not want to. */
  readonly sleep?: Sleep | undefined;
}

/** A reply on its way. */
export interface Delivery {
  /** The packet. */
  readonly bytes: Uint8Array;
  /** Position of the request that it is sent for. */
  readonly position: number;
  /** How long to hold it back. */
  readonly delayMs: number;
  /** Is it to leave from a port that was not asked? */
  readonly otherPort: boolean;
}

/** What a batch comes to. */
export interface Deliveries {
  /** What to send, in this order. */
  readonly deliveries: readonly Delivery[];
  /** One outcome for each request, for those who can send no more than that. */
  readonly outcomes: Outcome[];
}

const sleepReally: Sleep = (milliseconds, signal) =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });

function checked(behaviours: readonly Behaviour[]): readonly Behaviour[] {
  asConfig(() => checkBehaviours(behaviours));
  return behaviours;
}

/**
 * A server that misbehaves when told to. As every {@linkcode Server} it can be given to
 * `serve()`; replies that are late, doubled or out of order need `serveChaos()` or
 * {@linkcode ChaosServer.answer}. Whatever it does, it never sends more than it received.
 */
export class ChaosServer extends Server {
  /** Waits, for `delay`. */
  readonly sleep: Sleep;
  readonly #keys: ChaosKeys;
  readonly #random: () => number;
  readonly #now: (() => bigint) | undefined;
  /** The last honest reply by way of asking, for replays. */
  readonly #given = new Map<string, { nonce: Uint8Array; reply: Uint8Array }>();
  #behaviours: readonly Behaviour[];
  #answered = 0;

  /**
   * For subclasses; use {@linkcode ChaosServer.create}.
   *
   * @param options Keys, choices and behaviours.
   */
  constructor(options: ChaosOptions) {
    const [longTerm, ...others] = longTermSigners(options);
    if (longTerm === undefined || others.length > 0) {
      throw new ServerError("key", "Cannot misbehave without just one key");
    }
    super({
      trustClock: true,
      greaseProbability: 0,
      ...options,
      longTerm: [longTerm],
    });
    asConfig(() => requireInRange("seed", options.seed, SEED));
    const { seed = 1, v1Context = "rfc", sleep = sleepReally } = options;
    this.#keys = {
      longTerm,
      online: createSigner(randomBytes(32)),
      stranger: createSigner(randomBytes(32)),
      spellingOf: (dialect) => spellingOf(dialect, v1Context),
    };
    this.#random = seeded(seed);
    this.#now = options.nowMicros;
    this.#behaviours = checked(options.behaviours ?? []);
    this.sleep = sleep;
  }

  /**
   * Makes a chaos server.
   *
   * @example
   * ```ts
   * import { ChaosServer } from "@roughly/roughly/chaos";
   * import { verifyResponse } from "@roughly/roughly/verify";
   * import { buildRequest } from "@roughly/roughly/wire";
   * import assert from "node:assert/strict";
   *
   * const server = await ChaosServer.create({
   *   behaviours: [{ kind: "wrong-key", signature: "DELE" }],
   * });
   * const request = buildRequest({ versions: [1], nonce: new Uint8Array(32) });
   * const [response] = await server.answer(request);
   * const { publicKey } = server;
   * const verdict = await verifyResponse({ request, response: response!, publicKey });
   * assert(!verdict.ok && verdict.rejection.code === "certificate-signature");
   * ```
   *
   * @param options Keys, choices and behaviours.
   * @throws {ServerError} If there is not just one key, or a number makes no sense.
   */
  static override create<T extends Server>(
    this: new (options: ChaosOptions) => T,
    options: ChaosOptions = {},
  ): Promise<T> {
    return Server.create.call(this, options) as Promise<T>;
  }

  /** The long-term key that clients need to know, 32 bytes. */
  get publicKey(): Uint8Array {
    return this.#keys.longTerm.publicKey;
  }

  /** What it gets wrong at present. */
  get behaviours(): readonly Behaviour[] {
    return this.#behaviours;
  }

  /**
   * Tells it what to get wrong from now on; `from` counts anew.
   *
   * @example
   * ```ts
   * import { ChaosServer } from "@roughly/roughly/chaos";
   *
   * const server = await ChaosServer.create();
   * server.behave([{ kind: "lie", offsetMicros: 3_600_000_000n, from: 3 }]);
   * server.behave([]); // honest again
   * ```
   *
   * @param behaviours All of them; none is honesty.
   * @throws {ServerError} If a number makes no sense.
   */
  behave(behaviours: readonly Behaviour[]): void {
    this.#behaviours = checked(behaviours);
    this.#answered = 0;
  }

  /**
   * Refuses: what it gets wrong is signed with the key that it was made with.
   *
   * @param _keys Not used.
   * @throws {ServerError} Always.
   */
  override replaceKeys(_keys: ServerKeys): Promise<void> {
    const message = "Cannot replace keys of a chaos server: make another";
    return Promise.reject(new ServerError("key", message));
  }

  /** The time that it knows. */
  override getTime(): bigint {
    return this.#now?.() ?? super.getTime();
  }

  /**
   * Answers a packet as a network would carry it: with no reply, one or several. Resolves
   * when the last of them would be there.
   *
   * @param packet A request.
   * @param options Who sends it, and a signal that ends the waiting: what has not been
   *   answered by then is lost.
   * @returns Replies from the address that was asked.
   */
  async answer(
    packet: Uint8Array,
    options: { peer?: Peer | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Uint8Array[]> {
    const { peer, signal } = options;
    const { deliveries } = await this.deliver([packet], {
      peers: peer && [peer],
    });
    const replies: Uint8Array[] = [];
    let waitedMs = 0;
    for (const { bytes, delayMs, otherPort } of inTime(deliveries)) {
      if (delayMs > waitedMs) await this.sleep(delayMs - waitedMs, signal);
      waitedMs = delayMs;
      if (signal?.aborted) break;
      if (!otherPort) replies.push(bytes);
    }
    return replies;
  }

  /**
   * Answers a batch as far as one reply for each request can express it.
   *
   * @param packets As received.
   * @param options Where they came from.
   */
  override async handleBatch(
    packets: readonly Uint8Array[],
    options: HandleOptions = {},
  ): Promise<Outcome[]> {
    return (await this.deliver(packets, options)).outcomes;
  }

  /**
   * Answers a batch, saying when and how each reply is to be sent.
   *
   * @param packets As received; they are only read.
   * @param options Where they came from.
   * @returns What to send. What `only` throws passes through.
   */
  async deliver(
    packets: readonly Uint8Array[],
    options: HandleOptions = {},
  ): Promise<Deliveries> {
    const honest = await super.handleBatch(packets, options);
    const outcomes: Outcome[] = [];
    const deliveries: Delivery[] = [];
    const reversed: Delivery[] = [];
    for (const [position, outcome] of honest.entries()) {
      outcomes[position] = outcome;
      if ("drop" in outcome) continue;
      outcomes[position] = { drop: "refused" };
      const parsed = parseRequest(packets[position] as Uint8Array);
      if (!parsed.ok) continue;
      const { request } = parsed;
      const misdeeds = this.#concerning(request, options.peers?.[position]);
      const kinds = new Set(misdeeds.map(({ kind }) => kind));
      const bytes = await this.#reply(outcome, request, misdeeds);
      if (kinds.has("silence") || bytes.length === 0) continue;
      const delivery: Delivery = {
        bytes,
        position,
        delayMs: misdeeds.reduce(
          (sum, misdeed) =>
            misdeed.kind === "delay" ? sum + misdeed.delayMs : sum,
          0,
        ),
        otherPort: kinds.has("other-port"),
      };
      // All that is sent for one request together may not be more than it was, or this
      // would be of use to those who flood others.
      let left = request.packet.length;
      for (let copies = copiesOf(misdeeds); copies > 0; copies--) {
        if ((left -= bytes.length) < 0) break;
        if (kinds.has("reorder")) reversed.unshift(delivery);
        else deliveries.push(delivery);
        if (delivery.otherPort) continue;
        outcomes[position] = { reply: bytes, version: outcome.version };
      }
    }
    return { deliveries: [...deliveries, ...reversed], outcomes };
  }

  /** What is to be done to the reply to this request. */
  #concerning(request: ParsedRequest, peer: Peer | undefined): Misdeed[] {
    const number = this.#answered++;
    return this.#behaviours.filter(({ from = 0, only, share = 1 }) =>
      number >= from && (only?.(request, peer) ?? true) &&
      (share === 1 || this.#random() < share)
    );
  }

  async #reply(
    outcome: Extract<Outcome, { reply: Uint8Array }>,
    request: ParsedRequest,
    misdeeds: readonly Misdeed[],
  ): Promise<Uint8Array> {
    const key = `${outcome.version} ${request.typed}`;
    const given = this.#given.get(key);
    const nonce = request.nonce.slice();
    this.#given.set(key, { nonce, reply: outcome.reply });
    let { reply } = outcome;
    for (const { kind } of misdeeds) {
      const other = given && !equal(given.nonce, nonce)
        ? given.reply
        : undefined;
      if (kind === "replay") {
        reply = other ?? await this.#elsewhere(outcome.version, request);
      } else if (kind === "foreign-nonce") {
        reply = await this.#elsewhere(outcome.version, request);
      }
    }
    reply = await misstate(reply, request, misdeeds, this.#keys);
    for (const misdeed of misdeeds) reply = spoil(reply, misdeed, this.#random);
    return reply;
  }

  /** A good reply to another client who asks in the same way. */
  async #elsewhere(
    version: number,
    { typed }: ParsedRequest,
  ): Promise<Uint8Array> {
    const request = buildRequest({
      versions: [version],
      nonce: randomBytes(nonceSizeOf([version])),
      typed,
    });
    const [outcome] = await super.handleBatch([request]);
    return outcome && "reply" in outcome ? outcome.reply : new Uint8Array(0);
  }
}

function copiesOf(misdeeds: readonly Misdeed[]): number {
  return misdeeds.reduce(
    (product, misdeed) =>
      misdeed.kind === "duplicate" ? product * (misdeed.copies ?? 2) : product,
    1,
  );
}

/** In the order in which they arrive. */
function inTime(deliveries: readonly Delivery[]): Delivery[] {
  return [...deliveries].sort((a, b) => a.delayMs - b.delayMs);
}
