/**
 * A clock for applications: measured with several servers in the background, and honest
 * about how far it may be off.
 *
 * ```ts
 * import { TrustedClock } from "@roughly/roughly/clock";
 *
 * async function isTokenAlive(token: { exp: number }): Promise<boolean> {
 *   using clock = await TrustedClock.create();
 *   const expiry = new Date(token.exp * 1000);
 *   return clock.compare(expiry) === "future"; // neither "past" nor "unknown"
 * }
 * ```
 *
 * Limitations: it cannot change the clock that the runtime checks TLS certificates with.
 * A majority of lying operators is believed, as in every vote.
 *
 * @module
 */

export {
  type ClockReading,
  type Instant,
  TrustedClock,
  type TrustedClockOptions,
} from "./lib/clock/trusted_clock.ts";
export {
  ClockError,
  type ClockErrorCode,
  type ClockOutcome,
} from "./lib/wire/errors.ts";
export {
  measure,
  type Measurement,
  type MeasureOptions,
} from "./lib/ecosystem/measure.ts";
export type { Interval } from "./lib/ecosystem/quorum.ts";
export type { ListedServer } from "./lib/ecosystem/list.ts";
