/**
 * The past of a server in so many buckets: least, most and mean of each, by SQLite.
 *
 * @module
 */

import type { HistoryPoint, MinMaxMean } from "./api.ts";
import { WATCH_STATUSES } from "./server_state.ts";

/** Most buckets of one answer. */
export const MAX_POINTS = 2000;

/** Buckets where nobody says how many. */
export const DEFAULT_POINTS = 300;

/** Which past, in how much detail. */
export interface HistoryQuery {
  /** The server's name. */
  readonly name: string;
  /** Milliseconds since 1970; a multiple of `bucketMs`. */
  readonly fromMs: number;
  /** Milliseconds since 1970, not included; a multiple of `bucketMs`. */
  readonly toMs: number;
  /** Milliseconds. */
  readonly bucketMs: number;
}

/**
 * Lays buckets over a stretch of time. They begin at multiples of their width, so that whoever
 * asks a little later asks for the same ones.
 *
 * @param fromMs Milliseconds since 1970.
 * @param toMs Later than that.
 * @param points Buckets at most, but for one.
 */
export function layBuckets(
  fromMs: number,
  toMs: number,
  points: number,
): Omit<HistoryQuery, "name"> {
  const bucketMs = Math.max(1000, niceWidth((toMs - fromMs) / points));
  return {
    fromMs: Math.floor(fromMs / bucketMs) * bucketMs,
    toMs: Math.ceil(toMs / bucketMs) * bucketMs,
    bucketMs,
  };
}

/** Whole seconds, and no more than two digits of them that are not zero. */
function niceWidth(ms: number): number {
  const seconds = Math.ceil(ms / 1000);
  const unit = 10 ** Math.max(0, Math.ceil(Math.log10(seconds)) - 2);
  return Math.ceil(seconds / unit) * unit * 1000;
}

const aggregates = (name: string, column: string) =>
  ["min", "max", "avg"].map((how) => `${how}(${column}) AS ${name}_${how}`)
    .join(", ");

/**
 * Takes where the buckets begin, their width, the name, and from when to when. Runtimes hand
 * numbers over as floating point, which does not divide into whole buckets.
 */
export const DOWNSAMPLE: string = `
  SELECT (at_ms - CAST(? AS INTEGER)) / CAST(? AS INTEGER) AS bucket, count(*) AS rounds,
    count(offset_micros) AS answered,
    ${
  WATCH_STATUSES.map((status, i) => `sum(status = ${i}) AS "${status}"`)
    .join(", ")
},
    ${aggregates("offset", "offset_micros")},
    ${aggregates("radius", "radius_micros")},
    ${aggregates("rtt", "rtt_micros")}
  FROM sample
  WHERE server IN (SELECT id FROM server WHERE name = ?)
    AND at_ms >= ? AND at_ms < ?
  GROUP BY bucket ORDER BY bucket`;

/** A row of it. */
export function toPoint(
  row: Readonly<Record<string, unknown>>,
  { fromMs, bucketMs }: HistoryQuery,
): HistoryPoint {
  const number = (name: string) => Number(row[name]);
  const three = (name: string): MinMaxMean | null =>
    row[`${name}_min`] === null ? null : {
      min: number(`${name}_min`),
      max: number(`${name}_max`),
      mean: number(`${name}_avg`),
    };
  return {
    atMs: fromMs + number("bucket") * bucketMs,
    rounds: number("rounds"),
    answered: number("answered"),
    statuses: WATCH_STATUSES.map(number) as unknown as HistoryPoint["statuses"],
    offsetMicros: three("offset"),
    radiusMicros: three("radius"),
    rttMicros: three("rtt"),
  };
}
