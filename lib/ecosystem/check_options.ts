/**
 * What may stand in the options of those who ask several servers. Checked before anybody is
 * asked: a number that makes no sense must not look like a fault of the servers.
 *
 * @module
 */

import {
  COUNT,
  PATIENCE_MS,
  requireBigInRange,
  requireInRange,
  requireOneOf,
  type Unchecked,
} from "../wire/range.ts";
import { DRIFT_RANGE } from "./quorum.ts";

/** More passes than that only bother people. */
const MAX_PASSES = 1000;

type MeasureOption =
  | "passes"
  | "count"
  | "timeout"
  | "transport"
  | "minVoters"
  | "maxRadiusMicros"
  | "driftPpm";

/**
 * Holds everything about a measurement, or a part of it, to its range.
 *
 * @throws {RangeError} Names the option and the value.
 */
export function checkMeasureOptions(options: Unchecked<MeasureOption>): void {
  const { passes, count, timeout, transport } = options;
  requireInRange("passes", passes, { min: 1, max: MAX_PASSES, integer: true });
  requireInRange("count", count, COUNT);
  requireInRange("timeout", timeout, PATIENCE_MS);
  requireOneOf("transport", transport, ["auto", "udp", "tcp"]);
  requireInRange("minVoters", options.minVoters, COUNT);
  requireBigInRange("maxRadiusMicros", options.maxRadiusMicros, { min: 0n });
  requireInRange("driftPpm", options.driftPpm, DRIFT_RANGE);
}
