/**
 * What those who ask the API write, read with limits.
 *
 * @module
 */

import { DEFAULT_POINTS, layBuckets, MAX_POINTS } from "./downsample.ts";

/** Something in a query is of no use. */
export interface BadQuery {
  readonly problem: string;
}

const DAY_MS = 86_400_000;

/** Longest stretch of time that is looked at. */
const MAX_SPAN_MS = 3660 * DAY_MS;

/** No later than what a `Date` holds. */
const MAX_MS = 8_640_000_000_000_000;

/**
 * Reads `from`, `to` and `points`.
 *
 * @param query The parameters.
 * @param nowMs Milliseconds since 1970; without `to` it ends then, and without `from` it
 *   begins a day before the end.
 */
export function readStretch(
  query: URLSearchParams,
  nowMs: number,
): ReturnType<typeof layBuckets> | BadQuery {
  const toMs = readNumber(query, "to", nowMs + 1, MAX_MS);
  if (typeof toMs !== "number") return toMs;
  const fromMs = readNumber(query, "from", Math.max(0, toMs - DAY_MS), MAX_MS);
  if (typeof fromMs !== "number") return fromMs;
  const points = readNumber(query, "points", DEFAULT_POINTS, MAX_POINTS);
  if (typeof points !== "number") return points;
  if (fromMs >= toMs) return { problem: '"from" is not before "to"' };
  if (toMs - fromMs > MAX_SPAN_MS) {
    return { problem: '"from" is more than ten years before "to"' };
  }
  if (points === 0) return { problem: '"points" is 0' };
  return layBuckets(fromMs, toMs, points);
}

function readNumber(
  query: URLSearchParams,
  name: string,
  otherwise: number,
  most: number,
): number | BadQuery {
  const values = query.getAll(name);
  const [text] = values;
  if (text === undefined) return otherwise;
  const value = Number(text);
  return values.length === 1 && /^\d{1,16}$/.test(text) && value <= most
    ? value
    : { problem: `"${name}" is not one whole number from 0 to ${most}` };
}

/** Reads the number of a round, an exchange or a report; `undefined` if it is none. */
export function readId(text: string): number | undefined {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}
