/**
 * Leap seconds: how far apart honest servers may be around one.
 *
 * @module
 */

import { type DialectId, DIALECTS } from "../wire/dialect.ts";

/** What is claimed, and how it was said. */
export interface DatedClaim {
  /** MIDP in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** RADI in microseconds. */
  readonly radiusMicros: bigint;
  /** How the server spoke; without it the claim is taken at its word. */
  readonly dialect?: DialectId | undefined;
}

const SECOND_MICROS = 1_000_000n;
const DAY_MICROS = 86_400n * SECOND_MICROS;

/** Beyond this `Date` has no calendar, and nobody a leap second. */
const LAST_DAY = 100_000_000n;

/**
 * By how much an honest server may be off on top of its radius, because its version does not
 * say what becomes of a leap second, or the layout cannot.
 *
 * - Modified Julian dates can say 23:59:60, which counts here as 00:00:00 of the next day, so
 *   that the second after it counts the same once more.
 * - Drafts 08 and 09 have Unix seconds and no word about leap seconds; clocks repeat the one
 *   before midnight or the one after it.
 * - Google's protocol spreads the second over the day from noon to noon, by which it is up to
 *   half a second off at midnight; other servers that speak it do not spread anything.
 * - From draft 10 on the radius has to cover it (RFC 10049, section 5.2.5). In 10 and 11 the
 *   version is not signed, so what passes for one of them may have been said in 08 or 09.
 *
 * A leap second comes at the end of a month. A server may have its own idea of when, so the
 * second around midnight is conceded every day; half a day of smear is not.
 *
 * @param claim A verified reply, or what is claimed in one.
 * @returns Microseconds, 0 wherever no leap second can matter.
 */
export function leapSlackMicros(claim: DatedClaim): bigint {
  const { midpointMicros, radiusMicros, dialect } = claim;
  if (dialect === undefined) return 0n;
  const day = (midpointMicros + DAY_MICROS / 2n) / DAY_MICROS;
  const fromMidnight = midpointMicros - day * DAY_MICROS;
  const distance = fromMidnight < 0n ? -fromMidnight : fromMidnight;
  const isAtMidnight = distance <= radiusMicros + SECOND_MICROS;
  const { leapSecond, versionEcho } = DIALECTS[dialect];
  switch (leapSecond) {
    case "in-radius":
      return isAtMidnight && versionEcho === "top" ? SECOND_MICROS : 0n;
    case "repeated":
    case "unsaid":
      return isAtMidnight ? SECOND_MICROS : 0n;
    case "smeared":
      if (isAtMidnight) return SECOND_MICROS;
      return beginsMonth(day) ? SECOND_MICROS / 2n : 0n;
  }
}

/** Is this the first day of a month, counted from 1970? */
function beginsMonth(day: bigint): boolean {
  return day >= 0n && day <= LAST_DAY &&
    new Date(Number(day) * 86_400_000).getUTCDate() === 1;
}
