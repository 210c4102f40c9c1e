/**
 * Options that are numbers: what they may be, and one wording for what they may not. A
 * number out of range that is let in comes back as a fault of somebody else, such as of the
 * servers that were asked no times.
 *
 * @module
 */

/** Options before anybody has looked at them: callers may be in JavaScript. */
export type Unchecked<K extends string> = {
  readonly [name in K]?: unknown;
};

/** What a number may be. */
export interface Range {
  /** The least. */
  readonly min?: number;
  /** The most. */
  readonly max?: number;
  /** Whole numbers only? */
  readonly integer?: boolean;
  /** More than this, for numbers that have no least one. */
  readonly above?: number;
  /** Less than this. */
  readonly below?: number;
  /** Is `Infinity` one of them, for what has no end? */
  readonly infinite?: boolean;
  /** Is there no default? */
  readonly required?: boolean;
  /** What is counted, where the name does not say it. */
  readonly unit?: string;
}

/** Timers of the runtimes take no more milliseconds: beyond this they fire at once. */
export const MAX_TIMER_MS = 0x7fffffff;

/** A port to listen on; 0 for any. */
export const LISTEN_PORT: Range = { min: 0, max: 65535, integer: true };

/** A port to send to. */
export const PORT: Range = { min: 1, max: 65535, integer: true };

/** How long something may take, in milliseconds. */
export const DURATION_MS: Range = { above: 0, max: MAX_TIMER_MS };

/** The same where whoever waits does so in several steps, and perhaps for ever. */
export const PATIENCE_MS: Range = { above: 0, infinite: true };

/** How many of something. */
export const COUNT: Range = {
  min: 1,
  max: Number.MAX_SAFE_INTEGER,
  integer: true,
};

/** What chance may depend on. */
export const SEED: Range = {
  min: Number.MIN_SAFE_INTEGER,
  max: Number.MAX_SAFE_INTEGER,
  integer: true,
};

/** A part of a whole. */
export const FRACTION: Range = { min: 0, max: 1 };

/**
 * Holds a number to its range.
 *
 * @param name As whoever gave it calls it.
 * @param value What was given, of whatever type; `undefined` stands for the default.
 * @param range What it may be.
 * @throws {RangeError} Names the option, the value and the range.
 */
export function requireInRange(
  name: string,
  value: unknown,
  range: Range,
): void {
  if (value === undefined && !range.required) return;
  if (isInRange(value, range)) return;
  const given = show(value) + (range.unit ? ` ${range.unit}` : "");
  throw new RangeError(
    `Cannot use ${name} of ${given}: ${describeRange(range)} is needed`,
  );
}

/** Is it a number within the range? */
export function isInRange(value: unknown, range: Range): value is number {
  if (typeof value !== "number" || Number.isNaN(value)) return false;
  if (value === Infinity && range.infinite) return true;
  if (!Number.isFinite(value)) return false;
  const { min = -Infinity, max = Infinity } = range;
  const { above = -Infinity, below = Infinity } = range;
  return value >= min && value <= max && value > above && value < below &&
    (!range.integer || Number.isSafeInteger(value));
}

/** A range in words. */
export function describeRange(range: Range): string {
  const { min, max, integer, above, below, infinite } = range;
  const last = max === Number.MAX_SAFE_INTEGER ? undefined : max;
  const parts = [
    min === Number.MIN_SAFE_INTEGER
      ? undefined
      : min !== undefined && last !== undefined
      ? `from ${min} to ${last}`
      : min !== undefined
      ? `from ${min} up`
      : undefined,
    above === undefined ? undefined : `above ${above}`,
    below === undefined ? undefined : `below ${below}`,
    min === undefined && last !== undefined ? `up to ${last}` : undefined,
  ].filter((part) => part !== undefined);
  return [
    integer ? "a whole number" : "a number",
    parts.join(" and "),
    infinite ? "or Infinity" : "",
  ].filter(Boolean).join(" ");
}

/** What a bigint may be; both ends included. */
export interface BigRange {
  /** The least. */
  readonly min: bigint;
  /** The most. */
  readonly max?: bigint;
  /** Is there no default? */
  readonly required?: boolean;
}

/** No time that a reply can tell is further away. */
const MAX_MICROS = (1n << 64n) * 1_000_000n;

/** A time, in microseconds since 1970. */
export const TIME_MICROS: BigRange = { min: 0n, max: MAX_MICROS };

/**
 * The same for bigints, such as microseconds.
 *
 * @throws {RangeError} Names the option, the value and the range.
 */
export function requireBigInRange(
  name: string,
  value: unknown,
  { min, max, required = false }: BigRange,
): void {
  if (value === undefined && !required) return;
  if (
    typeof value === "bigint" && value >= min &&
    (max === undefined || value <= max)
  ) return;
  const upTo = max === undefined ? "up" : `to ${max}`;
  throw new RangeError(
    `Cannot use ${name} of ${
      show(value)
    }: a bigint from ${min} ${upTo} is needed`,
  );
}

/**
 * The same for a word out of a few.
 *
 * @throws {RangeError} Names the option, the value and the words.
 */
export function requireOneOf(
  name: string,
  value: unknown,
  words: readonly string[],
): void {
  if (value === undefined || words.some((word) => word === value)) return;
  throw new RangeError(
    `Cannot use ${name} of ${show(value)}: possible are ${words.join(", ")}`,
  );
}

/** A value on one line, and not too much of it. */
function show(value: unknown): string {
  switch (typeof value) {
    case "string":
      return JSON.stringify(
        value.length > 40 ? `${value.slice(0, 40)}...` : value,
      );
    case "number":
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    default:
      return value === null
        ? "null"
        : Array.isArray(value)
        ? "an array"
        : typeof value === "object"
        ? "an object"
        : `a ${typeof value}`;
  }
}
