/**
 * A load on a server: so many requests under way at any time, or so many a second, and
 * what comes back.
 *
 * With a window (a closed loop) a slow server slows the load down with itself; that finds
 * out what it can do. At a rate (an open loop) latency counts from the time at which a
 * request was planned, so neither a slow server nor a slow generator can hide.
 *
 * Only point it at servers of your own.
 *
 * @module
 */

import { checkLoadOptions } from "./check_options.ts";
import { setImmediate } from "node:timers";
import { NetworkError } from "../wire/errors.ts";
import { type LoadClock, LoadLane, LoadTally } from "./lane.ts";
import { LoadJudge } from "./judge.ts";
import { LoadPacket } from "./packet.ts";
import type { LoadMeasurement } from "./report.ts";
import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import { formatAddress } from "../net/datagram.ts";
import { isPermissionError } from "../net/resolve.ts";
import { localAddress, openUdp } from "../net/udp.ts";

/** How requests follow one another. */
export type LoadPace =
  /** That many are under way at any time. */
  | { readonly window: number }
  /** That many are sent each second, whatever comes back. */
  | { readonly ratePerSecond: number };

/** CPU time used so far, where it can be known. */
export interface CpuSample {
  readonly generatorMicros?: number | undefined;
  readonly serverMicros?: number | undefined;
}

/** Options of {@linkcode runLoad}. */
export interface LoadOptions {
  /** Literal address. */
  readonly hostname: string;
  readonly port: number;
  /** The one version to offer. */
  readonly version: number;
  /** Send TYPE with 0x8000000c? */
  readonly typed: boolean;
  /** The long-term key; without it nothing can be verified. */
  readonly publicKey?: Uint8Array | undefined;
  readonly pace: LoadPace;
  /** Sockets to spread the requests over; not more than a window has requests. */
  readonly sockets: number;
  /** How long is measured. */
  readonly durationMillis: number;
  /** How long the load runs before that. */
  readonly warmupMillis: number;
  /** How long a reply may take. */
  readonly timeoutMillis: number;
  /** Verify every nth reply; this takes more time than all the rest. */
  readonly verifyEvery?: number | undefined;
  /** Ends it early; what was measured until then counts. */
  readonly signal?: AbortSignal | undefined;
  /** Called a few times a second. */
  readonly onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Reads CPU times, before and after. */
  readonly sampleCpu?: (() => Promise<CpuSample>) | undefined;
  /** Opens sockets. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
  /** For tests. */
  readonly clock?: LoadClock | undefined;
}

/** How far a run is. */
export interface LoadProgress {
  /** Milliseconds measured so far; negative while it warms up. */
  readonly measuredMillis: number;
  /** Replies so far. */
  readonly replies: number;
}

/** Requests that all sockets together remember, so that their memory has a bound. */
const REMEMBERED = 2 ** 20;

/** Fewer of one socket are not worth it. */
const LEAST_REMEMBERED = 1024;

/**
 * Receives under way, all sockets together. With many more of them the runtime's event loop
 * serves some sockets and starves others, and replies that were there count as lost.
 */
const RECEIVES = 128;
const LEAST_RECEIVES = 8;

/** How often requests are looked through for those to give up. */
const TICK_MILLIS = 20;

/** Timers of the runtime come up to so much too late; the rest is waited for busily. */
const TIMER_SLACK_MILLIS = 4;

const PROGRESS_MILLIS = 500;

const systemClock: LoadClock = {
  now: () => performance.now(),
  sleep: (millis) => new Promise((resolve) => setTimeout(resolve, millis)),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};

/**
 * Loads a server and counts.
 *
 * @throws {NetworkError} If no socket can be opened.
 * @throws {RangeError} If something is to be verified without a key, or a number is out of
 *   range.
 */
export async function runLoad(options: LoadOptions): Promise<LoadMeasurement> {
  checkLoadOptions(options);
  const { clock = systemClock, signal, pace } = options;
  const judge = judgeFor(options);
  const tally = new LoadTally();
  const sockets: DatagramSocket[] = [];
  const listening: Promise<void>[] = [];
  let measured: Awaited<ReturnType<Run["measure"]>>;
  let overdue = 0;
  try {
    await openSockets(options, sockets);
    const lanes = lanesOf(options, sockets, tally, judge, clock);
    for (const lane of lanes) {
      listening.push(lane.listen().catch((error) => tally.fail(error)));
    }
    const run = new Run(options, lanes, tally, clock);
    measured = await run.measure();
    await run.drain();
    overdue = lanes.reduce((sum, lane) => sum + lane.overdue, 0);
  } finally {
    for (const socket of sockets) socket.close();
    await Promise.all(listening);
  }
  await judge?.finished();
  if (tally.failure !== undefined) throw tally.failure;
  const { sent, answered, lost } = tally;
  return {
    ...measured,
    interrupted: signal?.aborted ?? false,
    sent,
    answered,
    repliesWhileMeasuring: tally.repliesWhileMeasuring,
    lost,
    late: tally.late,
    unsent: tally.unsent,
    overdue,
    unfinished: sent - answered - lost,
    bad: tally.bad,
    matchedByOrder: tally.matchedByOrder,
    replyBytes: tally.replyBytes,
    pathLengths: tally.pathLengths,
    latencyNanos: tally.latencyNanos,
    sendDelayNanos: "window" in pace ? undefined : tally.sendDelayNanos,
    verified: judge?.verified ?? 0,
    rejected: judge?.rejected ?? 0,
    rejection: judge?.rejection,
  };
}

/** Who verifies, if anybody does. */
function judgeFor(
  { publicKey, verifyEvery }: LoadOptions,
): LoadJudge | undefined {
  if (verifyEvery === undefined) return undefined;
  if (publicKey === undefined) {
    throw new RangeError("Cannot verify replies without the public key");
  }
  return new LoadJudge(publicKey, verifyEvery);
}

async function openSockets(
  { hostname, port, pace, sockets: wanted, open = openUdp }: LoadOptions,
  sockets: DatagramSocket[],
): Promise<void> {
  const count = "window" in pace ? Math.min(wanted, pace.window) : wanted;
  try {
    for (let i = 0; i < count; i++) {
      sockets.push(
        await open({
          hostname: localAddress(hostname),
          port: 0,
          maxBatch: Math.max(LEAST_RECEIVES, Math.floor(RECEIVES / count)),
        }),
      );
    }
  } catch (cause) {
    const denied = isPermissionError(cause);
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new NetworkError(
      denied ? "denied" : "unreachable",
      `Cannot open socket ${sockets.length + 1} of ${count} to ${
        formatAddress(hostname, port)
      }: ${detail}`,
      { cause },
    );
  }
}

function lanesOf(
  options: LoadOptions,
  sockets: readonly DatagramSocket[],
  tally: LoadTally,
  judge: LoadJudge | undefined,
  clock: LoadClock,
): LoadLane[] {
  const { hostname, port, pace, timeoutMillis } = options;
  const count = sockets.length;
  const room = Math.max(LEAST_REMEMBERED, REMEMBERED / count);
  const capacity = 2 ** Math.floor(Math.log2(room));
  const startAt = clock.now();
  return sockets.map((socket, i) =>
    new LoadLane({
      socket,
      peer: socket.peer(hostname, port),
      packet: new LoadPacket({
        ...options,
        random: (length) => crypto.getRandomValues(new Uint8Array(length)),
      }),
      clock,
      tally,
      judge,
      capacity,
      timeoutMillis,
      pace: "window" in pace
        ? { window: Math.floor((pace.window + count - 1 - i) / count) }
        : {
          firstAt: startAt + i * 1000 / pace.ratePerSecond,
          everyMillis: count * 1000 / pace.ratePerSecond,
        },
    })
  );
}

/** The phases of one run. */
class Run {
  readonly #options: LoadOptions;
  readonly #lanes: readonly LoadLane[];
  readonly #tally: LoadTally;
  readonly #clock: LoadClock;
  #reportedAt = -Infinity;

  constructor(
    options: LoadOptions,
    lanes: readonly LoadLane[],
    tally: LoadTally,
    clock: LoadClock,
  ) {
    this.#options = options;
    this.#lanes = lanes;
    this.#tally = tally;
    this.#clock = clock;
  }

  async measure(): Promise<
    Pick<
      LoadMeasurement,
      "elapsedMillis" | "generatorCpuMicros" | "serverCpuMicros"
    >
  > {
    const { warmupMillis, durationMillis, sampleCpu } = this.#options;
    const tally = this.#tally;
    const measureAt = this.#clock.now() + warmupMillis;
    await this.#phase(measureAt, measureAt);
    const before = await sampleCpu?.();
    const from = this.#clock.now();
    tally.from = from;
    await this.#phase(from + durationMillis, from);
    tally.until = this.#clock.now();
    const after = await sampleCpu?.();
    const difference = (key: keyof CpuSample): number | undefined => {
      const [first, last] = [before?.[key], after?.[key]];
      return first === undefined || last === undefined
        ? undefined
        : last - first;
    };
    return {
      elapsedMillis: tally.until - from,
      generatorCpuMicros: difference("generatorMicros"),
      serverCpuMicros: difference("serverMicros"),
    };
  }

  /** Keeps the load up until a time. */
  async #phase(until: number, measureAt: number): Promise<void> {
    for (;;) {
      const now = this.#clock.now();
      if (now >= until || this.#isOver()) return;
      let nextAt = until;
      for (const lane of this.#lanes) {
        lane.sweep(now);
        lane.pump();
        nextAt = Math.min(nextAt, lane.nextAt);
      }
      this.#report(now, measureAt);
      const spare = Math.min(TICK_MILLIS, nextAt - now);
      if (spare > TIMER_SLACK_MILLIS) {
        await this.#clock.sleep(spare - TIMER_SLACK_MILLIS);
      } else await this.#clock.turn();
    }
  }

  #isOver(): boolean {
    return this.#options.signal?.aborted === true ||
      this.#tally.failure !== undefined;
  }

  #report(now: number, measureAt: number): void {
    if (now - this.#reportedAt < PROGRESS_MILLIS) return;
    this.#reportedAt = now;
    this.#options.onProgress?.({
      measuredMillis: now - measureAt,
      replies: this.#tally.repliesWhileMeasuring,
    });
  }

  /** Waits for what is under way to be answered or given up. */
  async drain(): Promise<void> {
    while (this.#lanes.some((lane) => lane.underWay > 0) && !this.#isOver()) {
      const now = this.#clock.now();
      for (const lane of this.#lanes) lane.sweep(now);
      await this.#clock.sleep(TIMER_SLACK_MILLIS);
    }
  }
}
