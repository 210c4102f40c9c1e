/**
 * A handful of servers that live in memory: for tests of applications that ask several,
 * without a network, with a clock of the test's own, and with as many liars as it likes.
 *
 * @module
 */

import { requireBigInRange, requireInRange, SEED } from "../wire/range.ts";
import { OFFSET_MICROS } from "./check_options.ts";
import { VerificationError } from "../wire/errors.ts";
import type { AskServer } from "../ecosystem/pick.ts";
import { buildRequest } from "../wire/request.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import { verifyResponse } from "../verify/response.ts";
import { equal } from "../crypto/bytes.ts";
import { noise } from "../wire/chance.ts";
import { ChaosServer, type Sleep } from "./server.ts";
import type { Behaviour } from "./behaviour.ts";

/** How one server of a fake world is to be; what is left out is made up. */
export interface FakeServerOptions {
  /** What people call it. */
  readonly name?: string | undefined;
  /** Who runs it. */
  readonly operator?: string | undefined;
  /** What it gets wrong. */
  readonly behaviours?: readonly Behaviour[] | undefined;
  /** How far off it claims that it may be, in seconds. */
  readonly radiusSeconds?: number | undefined;
  /** Versions that it answers. */
  readonly versions?: readonly number[] | undefined;
  /** Its clock, if it is not the world's; microseconds since 1970. */
  readonly nowMicros?: (() => bigint) | undefined;
}

/** A server in a fake world. */
export interface FakeServer {
  /** What people call it, such as `fake-0`. */
  readonly name: string;
  /** Who runs it, each by another one unless told otherwise. */
  readonly operator: string;
  /** The key to know it by, 32 bytes; the same for the same seed and place. */
  readonly publicKey: Uint8Array;
  /** The server itself, to change its behaviour. */
  readonly server: ChaosServer;
}

/** Options of {@linkcode FakeWorld.create}. */
export interface FakeWorldOptions {
  /** How many servers, or how each is to be. */
  readonly servers: number | readonly FakeServerOptions[];
  /**
   * Which of them lie, by place, and by how much.
   *
   * @default {None}
   */
  readonly lying?:
    | readonly { readonly server: number; readonly offsetMicros: bigint }[]
    | undefined;
  /**
   * The time in that world, microseconds since 1970.
   *
   * @default {The system's clock}
   */
  readonly nowMicros?: (() => bigint) | undefined;
  /**
   * What keys and chance depend on. The keys are thus no secret.
   *
   * @default {1}
   */
  readonly seed?: number | undefined;
  /** Waits for replies that are delayed; a test may let its own clock go on instead. */
  readonly sleep?: Sleep | undefined;
}

/** Each has keys of its own, which takes memory and time. */
const MAX_SERVERS = 10_000;

/** Servers in memory. */
export class FakeWorld {
  /** All of them. */
  readonly servers: readonly FakeServer[];

  private constructor(servers: readonly FakeServer[]) {
    this.servers = servers;
  }

  /**
   * Makes a world.
   *
   * @example
   * ```ts
   * import { FakeWorld } from "@roughly/roughly/chaos";
   * import { verifyResponse } from "@roughly/roughly/verify";
   * import { buildRequest } from "@roughly/roughly/wire";
   * import assert from "node:assert/strict";
   *
   * const world = await FakeWorld.create({
   *   servers: 3,
   *   lying: [{ server: 1, offsetMicros: -3_600_000_000n }],
   *   nowMicros: () => 1_800_000_000_000_000n,
   * });
   * const request = buildRequest({ versions: [1], nonce: new Uint8Array(32) });
   * for (const [i, { publicKey }] of world.servers.entries()) {
   *   const response = await world.ask(i, request);
   *   const verdict = await verifyResponse({ request, response: response!, publicKey });
   *   assert(verdict.ok);
   *   assert.equal(verdict.midpointMicros, (i === 1 ? 1_799_996_400n : 1_800_000_000n) * 1_000_000n);
   * }
   * ```
   *
   * @param options Its servers and its time.
   * @throws {RangeError} If a liar is not among the servers, or a number is out of range.
   */
  static async create(options: FakeWorldOptions): Promise<FakeWorld> {
    const { lying = [], nowMicros, seed = 1, sleep } = options;
    requireInRange("seed", seed, SEED);
    if (!Array.isArray(options.servers)) {
      requireInRange("servers", options.servers, {
        min: 0,
        max: MAX_SERVERS,
        integer: true,
      });
    }
    const wanted: readonly FakeServerOptions[] =
      typeof options.servers === "number"
        ? Array.from({ length: options.servers }, () => ({}))
        : options.servers;
    for (const { server, offsetMicros } of lying) {
      requireBigInRange("offsetMicros", offsetMicros, {
        ...OFFSET_MICROS,
        required: true,
      });
      if (wanted[server] === undefined) {
        throw new RangeError(`Cannot let server ${server} lie: there is none`);
      }
    }
    const servers = await Promise.all(wanted.map(async (one, i) => {
      const { name = `fake-${i}`, operator = `operator-${i}` } = one;
      const lies = lying.filter(({ server }) => server === i).map(
        ({ offsetMicros }): Behaviour => ({ kind: "lie", offsetMicros }),
      );
      const server = await ChaosServer.create({
        privateKey: noise(32, seed * 0x10001 + i),
        behaviours: [...lies, ...one.behaviours ?? []],
        nowMicros: one.nowMicros ?? nowMicros,
        seed: seed + i,
        sleep,
        versions: one.versions,
        radiusSeconds: one.radiusSeconds,
      });
      return { name, operator, publicKey: server.publicKey, server };
    }));
    return new FakeWorld(servers);
  }

  /** Its servers as a list has them, to be asked by way of {@linkcode FakeWorld.asks}. */
  get list(): readonly ListedServer[] {
    return this.servers.map(({ name, operator, publicKey }) => ({
      name,
      publicKey,
      addresses: [{ transport: "udp", host: operator, port: 2002 }],
      version: 1,
      offer: undefined,
    }));
  }

  /**
   * Gives what `measure()` and `TrustedClock` take as their option `ask`: a way to the
   * servers that takes no time but what a server's behaviour delays.
   *
   * @example
   * ```ts
   * import { FakeWorld } from "@roughly/roughly/chaos";
   * import { TrustedClock } from "@roughly/roughly/clock";
   * import assert from "node:assert/strict";
   *
   * const world = await FakeWorld.create({
   *   servers: 3,
   *   nowMicros: () => 1_900_000_000_000_000n,
   * });
   * using clock = await TrustedClock.create({
   *   servers: world.list,
   *   ask: world.asks(),
   * });
   * assert.equal(clock.compare(new Date("2030-01-01")), "past");
   * ```
   *
   * @param now The monotonic clock of whoever measures, in milliseconds.
   */
  asks(now: () => number = () => performance.now()): AskServer {
    return async ({ publicKey, versions = [1], nonce, signal }) => {
      const request = buildRequest({ versions, nonce, publicKey });
      const sentAt = now();
      const response = await this.ask(publicKey, request, { signal });
      const receivedAt = now();
      if (response === undefined) {
        throw new DOMException("No answer", "TimeoutError");
      }
      const exchange = { request, response, publicKey };
      const verdict = await verifyResponse(exchange);
      if (!verdict.ok) throw new VerificationError(verdict.rejection, exchange);
      return {
        verdict,
        exchange,
        rttMicros: BigInt(Math.ceil((receivedAt - sentAt) * 1000)),
        receivedAt,
        address: "in memory",
        transport: "udp",
      };
    };
  }

  /**
   * Carries a request to a server and the first reply back.
   *
   * @param which The server's place, or its long-term key.
   * @param request The packet.
   * @param options A signal that ends the waiting for a late reply.
   * @returns The reply; `undefined` if there is none, or no such server.
   */
  async ask(
    which: number | Uint8Array,
    request: Uint8Array,
    options: { signal?: AbortSignal | undefined } = {},
  ): Promise<Uint8Array | undefined> {
    const found = typeof which === "number"
      ? this.servers[which]
      : this.servers.find(({ publicKey }) => equal(publicKey, which));
    const [reply] = await found?.server.answer(request, options) ?? [];
    return reply;
  }
}
