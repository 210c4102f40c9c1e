/**
 * What of a history is too old to be kept. A clock that is wrong by years must not make all
 * of it look old, so the clock is believed only where a majority of servers confirms it.
 *
 * @module
 */

import type { RoundState } from "./api.ts";

/** How long things are kept. */
export interface Retention {
  /** Rounds. */
  readonly keepDays: number;
  /** Packets that are no evidence; no longer than rounds. */
  readonly keepPacketsDays: number;
  /** Between rounds. */
  readonly intervalSeconds: number;
}

/** What goes: all before a time, and all before a number. */
export interface Cutoff {
  /** Milliseconds since 1970. */
  readonly beforeMs: number;
  readonly beforeId: number;
}

/** What goes of rounds and of their packets. */
export interface Cutoffs {
  readonly rounds: Cutoff;
  readonly packets: Cutoff;
}

const DAY_MS = 86_400_000;

/** A clock that is off by less is good enough to tell days. */
const TRUSTED_OFF_MICROS = 3_600_000_000n;

/** Rounds beyond so many times their usual number go whatever the clock says. */
const EXCESS = 2;

/** What is too old after a round. */
export function cutoffsAfter(
  round: RoundState,
  { keepDays, keepPacketsDays, intervalSeconds }: Retention,
): Cutoffs {
  const cutoff = (days: number): Cutoff => ({
    beforeMs: isClockConfirmed(round)
      ? Math.floor(round.startedAtMs - days * DAY_MS)
      : Number.MIN_SAFE_INTEGER,
    beforeId: round.id -
      Math.ceil(EXCESS * days * DAY_MS / 1000 / intervalSeconds),
  });
  return {
    rounds: cutoff(keepDays),
    packets: cutoff(Math.min(keepDays, keepPacketsDays)),
  };
}

function isClockConfirmed(
  { quorumOffsetMicros, clockJumped }: RoundState,
): boolean {
  if (quorumOffsetMicros === null || clockJumped) return false;
  const { earliest, latest } = quorumOffsetMicros;
  return BigInt(earliest) > -TRUSTED_OFF_MICROS &&
    BigInt(latest) < TRUSTED_OFF_MICROS;
}
