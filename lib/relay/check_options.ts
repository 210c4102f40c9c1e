/**
 * What may stand in the options of a relay.
 *
 * @module
 */

import {
  COUNT,
  DURATION_MS,
  requireInRange,
  type Unchecked,
} from "../wire/range.ts";

/**
 * Holds every number to its range.
 *
 * @throws {RangeError} Names the option and the value.
 */
export function checkRelayOptions(
  options: Unchecked<"timeout" | "perMinute" | "perMinuteInAll" | "maxPending">,
): void {
  requireInRange("timeout", options.timeout, DURATION_MS);
  requireInRange("perMinute", options.perMinute, COUNT);
  requireInRange("perMinuteInAll", options.perMinuteInAll, COUNT);
  requireInRange("maxPending", options.maxPending, COUNT);
}
