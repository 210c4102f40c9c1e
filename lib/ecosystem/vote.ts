/**
 * What several servers say together: their answers taken to one moment, one vote for each
 * operator, and what is thought of each server then.
 *
 * @module
 */

import { VerificationError } from "../wire/errors.ts";
import { leapSlackMicros } from "../verify/leap_second.ts";
import { operatorOf } from "./operator.ts";
import type { Answer } from "./pick.ts";
import {
  advance,
  driftSlack,
  extremes,
  findQuorum,
  type Interval,
  type Quorum,
  type QuorumOptions,
} from "./quorum.ts";
import type { ListedServer } from "./list.ts";
import {
  MACHINE_CLOCKS,
  missedMicros,
  SleepWatch,
} from "../client/sleep_watch.ts";

/** Options of everything that lets several servers vote. */
export interface VoteOptions extends QuorumOptions {
  /**
   * A server that claims a wider radius, in microseconds, knows too little to vote.
   *
   * @default {60000000n}
   */
  readonly maxRadiusMicros?: bigint | undefined;
  /**
   * How many microseconds the local monotonic clock gains or loses in a second, at most.
   *
   * @default {100}
   */
  readonly driftPpm?: number | undefined;
  /** The monotonic clock of the answers' `receivedAt`, in milliseconds; for tests. */
  readonly now?: (() => number) | undefined;
  /**
   * The wall clock, in milliseconds since 1970; only to notice that the machine slept.
   *
   * @default {Date.now, or nothing if `now` is another clock than this machine's}
   */
  readonly wall?: (() => number) | undefined;
}

/** What is thought of a server after a measurement. */
export type ServerStatus =
  /** Agrees with the majority. */
  | "ok"
  /** Proven to have said what the majority holds impossible. */
  | "falseticker"
  /** Claims too wide a radius to have a say. */
  | "vague"
  /** Answered, but there is no majority to compare with, or the machine slept meanwhile. */
  | "unjudged"
  /** Answers came and none could be verified. */
  | "rejected"
  /** Nothing came. */
  | "no-answer";

/** What became of one server. */
export interface ServerOutcome {
  /** Which. */
  readonly server: ListedServer;
  /** Who runs it. */
  readonly operator: string;
  /** What is thought of it. That is an opinion; a contradiction is a proof. */
  readonly status: ServerStatus;
  /** Its verified answers. */
  readonly answers: readonly Answer[];
  /** Where it puts true time at the end; ends before it begins if its answers contradict. */
  readonly bounds: Interval | undefined;
  /** What the last question that failed threw. */
  readonly error: unknown;
}

/** The default of `maxRadiusMicros`. */
export const MAX_RADIUS_MICROS = 60_000_000n;

/** What good quartz keeps, and bad quartz in bad weather. */
export const DRIFT_PPM = 100;

/** What came from one server. */
export interface Gathered {
  readonly server: ListedServer;
  readonly answers: Answer[];
  error: unknown;
}

/**
 * If the clocks part by more milliseconds than this, the machine has slept or one of them was
 * set. What is missed below this makes the bounds wider.
 */
export const SLEEP_MS = 1000;

/**
 * Begins to watch for sleep, which answers that are carried on by the monotonic clock do not
 * survive.
 *
 * @returns Nothing if the clocks are not of one machine, and so cannot be compared.
 */
export function watchFor({ now, wall }: VoteOptions): SleepWatch | undefined {
  if (wall === undefined && now !== undefined) return undefined;
  return new SleepWatch({
    ...MACHINE_CLOCKS,
    ...now && { now },
    ...wall && { wall },
  });
}

/** What a vote comes to. */
export interface Voted {
  /** One for each server, in the order asked. */
  readonly outcomes: readonly ServerOutcome[];
  /** What a majority says, at `takenAt`. */
  readonly quorum: Quorum;
  /** The moment of all bounds, by the monotonic clock, in milliseconds. */
  readonly takenAt: number;
}

/** Takes all answers to one moment and lets the servers vote. */
export function vote(
  gathered: readonly Gathered[],
  options: VoteOptions,
  watch: SleepWatch | undefined,
): Voted {
  const { now = () => performance.now(), driftPpm = DRIFT_PPM } = options;
  const { maxRadiusMicros = MAX_RADIUS_MICROS } = options;
  const takenAt = now();
  const { missedMs, partedMs } = watch?.look() ?? { missedMs: 0, partedMs: 0 };
  const judged = gathered.map(({ server, answers, error }) => {
    const all = answers.map((one) =>
      boundsAt(one, takenAt, driftPpm, missedMs)
    );
    const isVague = answers.some(({ verdict }) =>
      verdict.radiusMicros > maxRadiusMicros
    );
    return {
      server,
      answers,
      error,
      isVague,
      operator: operatorOf(server),
      bounds: all.length === 0 ? undefined : common(all),
    };
  });
  // Whoever holds a key is one voter, under however many names the key is listed.
  const holders = new Map<string, string>();
  const votes = judged.flatMap(
    ({ server, operator, bounds, isVague }, index) => {
      if (bounds === undefined || isVague) return [];
      const key = server.publicKey.join();
      const voter = holders.get(key) ?? operator;
      holders.set(key, voter);
      return [{ ...bounds, voter, index }];
    },
  );
  const found = findQuorum(votes, options);
  const quorum: Quorum = partedMs <= SLEEP_MS ? found : {
    ok: false,
    reason: "suspended",
    voters: found.voters,
    agreeing: 0,
    needed: Math.floor(found.voters / 2) + 1,
  };
  const agrees = new Map(
    votes.map(({ index }, i) => [index, quorum.ok && quorum.agrees[i]]),
  );
  return {
    takenAt,
    quorum,
    outcomes: judged.map(({ isVague, ...one }, index) => ({
      ...one,
      status: one.bounds === undefined
        ? one.error instanceof VerificationError ? "rejected" : "no-answer"
        : isVague
        ? "vague"
        : !quorum.ok
        ? "unjudged"
        : agrees.get(index)
        ? "ok"
        : "falseticker",
    })),
  };
}

/**
 * Where an answer puts true time at a later moment, if the server is honest.
 *
 * @param missedMs What the monotonic clock may have missed since.
 */
function boundsAt(
  { verdict, rttMicros, receivedAt }: Answer,
  at: number,
  driftPpm: number,
  missedMs: number,
): Interval {
  const { midpointMicros } = verdict;
  const radiusMicros = verdict.radiusMicros + leapSlackMicros(verdict);
  const atReceipt = {
    earliestMicros: midpointMicros - radiusMicros,
    // Signed at some moment of the round trip, which the local clock has measured.
    latestMicros: midpointMicros + radiusMicros + rttMicros +
      driftSlack(rttMicros, driftPpm) + missedMicros(missedMs),
  };
  const elapsed = BigInt(Math.round(Math.max(0, at - receivedAt) * 1000));
  return advance(atReceipt, elapsed, driftPpm);
}

/** What a server's answers have in common; if that is nothing, it ends before it begins. */
function common(intervals: readonly Interval[]): Interval {
  const [earliestMicros, latestMicros] = extremes(intervals);
  return { earliestMicros, latestMicros };
}
