/**
 * Numbers for people: spans, offsets, moments. Always the same number of digits for the same
 * size, so that a column can be read downwards.
 *
 * @module
 */

const SECOND = 1_000_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.25 * DAY;

/** A decimal string of microseconds as a number, exact up to 2^53, which is 285 years. */
export function toNumber(micros: string): number {
  return Number(micros);
}

/** How long, in one or two units: `12 µs`, `3.4 ms`, `1.20 s`, `59 min 58 s`, `2 d 3 h`. */
export function formatSpan(micros: number): string {
  let size = Math.abs(micros);
  // Rounded before a unit is chosen, so that nothing is ever 60 min.
  if (size >= MINUTE - SECOND / 20) size = Math.round(size / SECOND) * SECOND;
  if (size >= DAY) size = Math.round(size / HOUR) * HOUR;
  else if (size >= HOUR) size = Math.round(size / MINUTE) * MINUTE;
  if (size < 1000) return `${Math.round(size)} µs`;
  if (size < 100_000) return `${(size / 1000).toFixed(1)} ms`;
  if (size < SECOND) return `${Math.round(size / 1000)} ms`;
  if (size < 10 * SECOND) return `${(size / SECOND).toFixed(2)} s`;
  if (size < MINUTE) return `${(size / SECOND).toFixed(1)} s`;
  if (size < HOUR) return two(size, MINUTE, "min", SECOND, "s");
  if (size < DAY) return two(size, HOUR, "h", MINUTE, "min");
  if (size < YEAR) return two(size, DAY, "d", HOUR, "h");
  return `${(size / YEAR).toFixed(1)} years`;
}

function two(
  size: number,
  big: number,
  bigName: string,
  small: number,
  smallName: string,
): string {
  const rest = Math.round((size % big) / small);
  const whole = `${Math.floor(size / big)} ${bigName}`;
  return rest === 0 ? whole : `${whole} ${rest} ${smallName}`;
}

/** With its sign: ahead is `+`, behind is `−`. */
export function formatOffset(micros: number): string {
  if (Math.abs(micros) < 0.5) return "0 µs";
  return `${micros < 0 ? "−" : "+"}${formatSpan(micros)}`;
}

/** A round number for an axis: no more digits than it has. */
export function formatTick(micros: number): string {
  const size = Math.abs(micros);
  if (size === 0) return "0";
  const [unit, name] = size < 1000
    ? [1, "µs"] as const
    : size < SECOND
    ? [1000, "ms"] as const
    : size < MINUTE
    ? [SECOND, "s"] as const
    : size < HOUR
    ? [MINUTE, "min"] as const
    : size < DAY
    ? [HOUR, "h"] as const
    : [DAY, "d"] as const;
  const value = Number((size / unit).toPrecision(3));
  return `${micros < 0 ? "−" : "+"}${value} ${name}`;
}

/** A moment in UTC to the millisecond; microseconds since 1970. */
export function formatMoment(micros: number): string {
  const date = new Date(micros / 1000);
  if (Number.isNaN(date.getTime())) return "beyond the calendar";
  return date.toISOString().replace("T", " ").replace("Z", " UTC");
}

/** A moment in UTC to the second; milliseconds since 1970. */
export function formatClock(ms: number): string {
  return formatMoment(ms * 1000).replace(/\.\d+ UTC$/, " UTC");
}

/** How long ago or until, coarsely. */
export function formatAgo(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000);
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** `1 server`, `2 servers`. */
export function count(n: number, noun: string, plural = `${noun}s`): string {
  return `${n} ${n === 1 ? noun : plural}`;
}
