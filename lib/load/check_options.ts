/**
 * What may stand in the options of a load.
 *
 * @module
 */

import {
  COUNT,
  DURATION_MS,
  MAX_TIMER_MS,
  PORT,
  type Range,
  requireInRange,
  type Unchecked,
} from "../wire/range.ts";

/** So many packets on their way can only be lost. */
export const MAX_WINDOW = 65_536;

/** More sockets than this only cost memory. */
export const MAX_SOCKETS = 1024;

/** Requests per second. */
export const RATE: Range = { min: 0.001, max: 1e7 };

interface CheckedLoadOptions extends
  Unchecked<
    | "port"
    | "sockets"
    | "durationMillis"
    | "warmupMillis"
    | "timeoutMillis"
    | "verifyEvery"
  > {
  readonly pace: Unchecked<"window" | "ratePerSecond">;
}

/**
 * Holds the numbers of a load to their ranges.
 *
 * @throws {RangeError} Names the option and the value.
 */
export function checkLoadOptions(options: CheckedLoadOptions): void {
  const { pace } = options;
  requireInRange("port", options.port, { ...PORT, required: true });
  requireInRange("sockets", options.sockets, {
    ...COUNT,
    max: MAX_SOCKETS,
    required: true,
  });
  requireInRange("durationMillis", options.durationMillis, {
    ...DURATION_MS,
    required: true,
  });
  requireInRange("warmupMillis", options.warmupMillis, {
    min: 0,
    max: MAX_TIMER_MS,
    required: true,
  });
  requireInRange("timeoutMillis", options.timeoutMillis, {
    ...DURATION_MS,
    required: true,
  });
  requireInRange("verifyEvery", options.verifyEvery, COUNT);
  if ("window" in pace) {
    requireInRange("window", pace.window, {
      ...COUNT,
      max: MAX_WINDOW,
      required: true,
    });
  } else {requireInRange("ratePerSecond", pace.ratePerSecond, {
      ...RATE,
      required: true,
    });}
}
