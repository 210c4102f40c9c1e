/**
 * What a majority says: intervals that should all contain true time, and where more than
 * half of those who gave them agree (after Marzullo).
 *
 * The result is not the most popular spot but everything that a majority holds possible.
 * The most popular spot may owe its popularity to liars; of the honest majority's
 * intervals each contains true time, so a majority covers it, and the result contains it.
 *
 * @module
 */

import { COUNT, type Range, requireInRange } from "../wire/range.ts";

/** How far a clock may drift, in microseconds per second. */
export const DRIFT_RANGE: Range = { min: 0, below: 1_000_000 };

/** True time lies between these, it is claimed; both ends included. */
export interface Interval {
  /** Microseconds since 1970. */
  readonly earliestMicros: bigint;
  /** Microseconds since 1970. */
  readonly latestMicros: bigint;
}

/** What one server says, and on whose behalf. */
export interface Vote extends Interval {
  /** Who runs the server. However many servers one operator has, it counts once. */
  readonly voter: string;
}

/** Options of {@linkcode findQuorum}. */
export interface QuorumOptions {
  /**
   * Fewest voters with which a majority means something.
   *
   * @default {3}
   */
  readonly minVoters?: number | undefined;
}

/** What {@linkcode findQuorum} gives. */
export type Quorum =
  | {
    readonly ok: true;
    /** True time lies in here if more than half of the voters are honest. */
    readonly bounds: Interval;
    /** Which votes have a part in what a majority says, in order; the others are false. */
    readonly agrees: readonly boolean[];
    /** How many voted. */
    readonly voters: number;
    /** Most voters that agree on one moment. */
    readonly agreeing: number;
  }
  | {
    readonly ok: false;
    /**
     * Too few voters; no moment that more than half of them hold possible; or the machine
     * slept, or its clock was set, while they were asked, so that answers cannot be compared.
     */
    readonly reason: "too-few" | "no-majority" | "suspended";
    /** How many voted. */
    readonly voters: number;
    /** Most voters that agree on one moment. */
    readonly agreeing: number;
    /** How many would have had to. */
    readonly needed: number;
  };

/** Fewest servers and operators for a measurement (RFC 10049, section 8.2). */
export const MIN_VOTERS = 3;

/**
 * Finds what more than half of the voters agree on.
 *
 * An interval that ends before it begins, as that of a server which contradicts itself,
 * counts as a voter who agrees with nobody.
 *
 * @example
 * ```ts
 * import { findQuorum } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const quorum = findQuorum([
 *   { voter: "a.example", earliestMicros: 0n, latestMicros: 10n },
 *   { voter: "b.example", earliestMicros: 4n, latestMicros: 14n },
 *   { voter: "c.example", earliestMicros: 90n, latestMicros: 99n },
 * ]);
 * assert(quorum.ok);
 * assert.deepEqual(quorum.bounds, { earliestMicros: 4n, latestMicros: 10n });
 * assert.deepEqual(quorum.agrees, [true, true, false]);
 * ```
 *
 * @param votes All taken to the same moment.
 * @param options How many it takes.
 * @throws {RangeError} If `minVoters` is not a whole number.
 */
export function findQuorum(
  votes: readonly Vote[],
  { minVoters = MIN_VOTERS }: QuorumOptions = {},
): Quorum {
  requireInRange("minVoters", minVoters, { ...COUNT, min: 0 });
  const voters = new Set(votes.map(({ voter }) => voter)).size;
  const needed = Math.max(Math.floor(voters / 2) + 1, 1);
  const { regions, agreeing } = sweep(votes, needed);
  const [first] = regions;
  const last = regions.at(-1);
  const tooFew = !(voters >= minVoters);
  if (tooFew || first === undefined || last === undefined) {
    return tooFew
      ? { ok: false, reason: "too-few", voters, agreeing, needed: minVoters }
      : { ok: false, reason: "no-majority", voters, agreeing, needed };
  }
  return {
    ok: true,
    // Two majorities share a voter. If its votes lie apart, as those of an operator with a
    // broken server may, there is a gap in between; truth is on one side or the other, and
    // nothing here can tell on which.
    bounds: {
      earliestMicros: first.earliestMicros,
      latestMicros: last.latestMicros,
    },
    agrees: votes.map((vote) =>
      regions.some((region) => intersect([vote, region]) !== undefined)
    ),
    voters,
    agreeing,
  };
}

/** The stretches that at least `needed` voters cover, in order, and the most that ever do. */
function sweep(
  votes: readonly Vote[],
  needed: number,
): { regions: Interval[]; agreeing: number } {
  const ends = votes
    .filter((vote) => vote.earliestMicros <= vote.latestMicros)
    .flatMap(({ voter, earliestMicros, latestMicros }) => [
      { at: earliestMicros, voter, step: 1 },
      { at: latestMicros, voter, step: -1 },
    ])
    // At one moment intervals begin before others end: both ends belong to them.
    .sort((a, b) => a.at === b.at ? b.step - a.step : a.at < b.at ? -1 : 1);
  const open = new Map<string, number>();
  const regions: Interval[] = [];
  let covering = 0;
  let agreeing = 0;
  let since: bigint | undefined;
  for (const { at, voter, step } of ends) {
    const before = open.get(voter) ?? 0;
    open.set(voter, before + step);
    if (before === 0) covering++;
    if (before + step === 0) covering--;
    agreeing = Math.max(agreeing, covering);
    if (since === undefined && covering >= needed) since = at;
    if (since !== undefined && covering < needed) {
      regions.push({ earliestMicros: since, latestMicros: at });
      since = undefined;
    }
  }
  return { regions, agreeing };
}

/**
 * What all intervals have in common.
 *
 * @param intervals One at least.
 * @returns `undefined` if there is nothing that all of them contain.
 */
export function intersect(
  intervals: readonly Interval[],
): Interval | undefined {
  const [earliestMicros, latestMicros] = extremes(intervals);
  return earliestMicros <= latestMicros
    ? { earliestMicros, latestMicros }
    : undefined;
}

/** The latest beginning and the earliest end, whichever comes first. */
export function extremes(
  intervals: readonly Interval[],
): [latestBeginning: bigint, earliestEnd: bigint] {
  return [
    intervals.map((one) => one.earliestMicros).reduce((a, b) => a > b ? a : b),
    intervals.map((one) => one.latestMicros).reduce((a, b) => a < b ? a : b),
  ];
}

/**
 * How far a clock that drifts may be off after a while.
 *
 * @param elapsedMicros By that clock, not negative.
 * @param driftPpm Microseconds that it gains or loses in a second, at most.
 * @throws {RangeError} If the drift is not from 0 to below 1,000,000.
 * @returns Microseconds, rounded up, with one for each of the two readings that was cut off.
 */
export function driftSlack(elapsedMicros: bigint, driftPpm: number): bigint {
  requireInRange("driftPpm", driftPpm, DRIFT_RANGE);
  if (elapsedMicros <= 0n) return 0n;
  const ppm = BigInt(Math.ceil(driftPpm));
  // Over the slow clock's own second: right whichever of the two clocks the rate refers to.
  return elapsedMicros * ppm / (1_000_000n - ppm) + 3n;
}

/**
 * Where an interval has got to after some time by a clock that drifts.
 *
 * @param interval Contained true time in the beginning.
 * @param elapsedMicros By the local monotonic clock, not negative.
 * @param driftPpm Microseconds that it gains or loses in a second, at most.
 * @returns Contains true time now.
 */
export function advance(
  interval: Interval,
  elapsedMicros: bigint,
  driftPpm: number,
): Interval {
  const slack = driftSlack(elapsedMicros, driftPpm);
  return {
    earliestMicros: interval.earliestMicros + elapsedMicros - slack,
    latestMicros: interval.latestMicros + elapsedMicros + slack,
  };
}
