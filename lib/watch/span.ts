/**
 * Spans of time in words.
 *
 * @module
 */

const SECOND = 1e6;
const UNITS: readonly (readonly [micros: number, one: string, many: string])[] =
  [
    [365.25 * 86_400 * SECOND, "a year", "years"],
    [86_400 * SECOND, "a day", "days"],
    [3600 * SECOND, "an hour", "hours"],
    [60 * SECOND, "a minute", "minutes"],
  ];

/**
 * Says how long, in the largest unit that there is at least one and a half of, or nearly one.
 *
 * @param micros Not negative.
 */
export function describeSpan(micros: bigint): string {
  const span = Number(micros);
  for (const [unit, one, many] of UNITS) {
    const count = Math.round(span / unit);
    if (span >= unit * 0.95 && span < unit * 1.5) return one;
    if (span >= unit * 1.5) return `${count} ${many}`;
  }
  const seconds = span / SECOND;
  if (seconds >= 9.95) return `${Math.round(seconds)} s`;
  return `${Math.max(0.1, Math.round(seconds * 10) / 10)} s`;
}

/** Half of an interval, rounded up so that it stays true: `2 s`, or `0.3 s` below a second. */
export function giveOrTake(widthMicros: bigint): string {
  const half = Number(widthMicros) / 2;
  const seconds = half < SECOND
    ? Math.ceil(half / 1e5) / 10
    : Math.ceil(half / SECOND);
  return seconds < 120 ? `${seconds} s` : describeSpan(BigInt(Math.ceil(half)));
}
