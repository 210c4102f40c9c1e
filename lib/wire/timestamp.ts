/**
 * Timestamps in every layout that a version has used, from and to microseconds
 * since the Unix epoch (a bigint, with 86,400 seconds in every day).
 *
 * @module
 */

import { encodeUint64, readUint64 } from "./uint.ts";
import type { TimeUnit } from "./dialect.ts";

const MICROS_PER_SECOND = 1_000_000n;
const MICROS_PER_DAY = 86_400n * MICROS_PER_SECOND;
const MJD_OF_EPOCH = 40587n;
const MJD_MICROS_BITS = 40n;
const MJD_MAX = (1n << 24n) - 1n;
const UINT64_MAX = (1n << 64n) - 1n;

/**
 * Decodes MIDP, MINT or MAXT. Values are unsigned and may be as large as 2^64-1
 * (a real server's MAXT), so the result does not always fit a `Date`.
 *
 * @param unit Layout, from the dialect.
 * @param bytes Eight bytes.
 * @returns Microseconds since 1970, or `undefined` if a modified Julian date comes
 *   with more microseconds than even a day with a leap second has.
 */
export function decodeTimestamp(
  unit: TimeUnit,
  bytes: Uint8Array,
): bigint | undefined {
  const value = readUint64(bytes, 0);
  switch (unit) {
    case "unix-seconds":
      return value * MICROS_PER_SECOND;
    case "unix-micros":
      return value;
    case "mjd-micros": {
      const microsOfDay = value & ((1n << MJD_MICROS_BITS) - 1n);
      if (microsOfDay >= MICROS_PER_DAY + MICROS_PER_SECOND) return undefined;
      return ((value >> MJD_MICROS_BITS) - MJD_OF_EPOCH) * MICROS_PER_DAY +
        microsOfDay;
    }
  }
}

/**
 * Encodes a time, rounding down to what the layout can hold.
 *
 * @param unit Layout, from the dialect.
 * @param micros Microseconds since 1970; clamped to what eight bytes can say.
 */
export function encodeTimestamp(
  unit: TimeUnit,
  micros: bigint,
): Uint8Array<ArrayBuffer> {
  const known = micros < 0n ? 0n : micros;
  let value: bigint;
  switch (unit) {
    case "unix-seconds":
      value = known / MICROS_PER_SECOND;
      break;
    case "unix-micros":
      value = known;
      break;
    case "mjd-micros": {
      const day = known / MICROS_PER_DAY + MJD_OF_EPOCH;
      // Clamped to a day that can be read back: all ones is not a time of day.
      value = day > MJD_MAX
        ? (MJD_MAX << MJD_MICROS_BITS) | (MICROS_PER_DAY - 1n)
        : (day << MJD_MICROS_BITS) | (known % MICROS_PER_DAY);
      break;
    }
  }
  return encodeUint64(value > UINT64_MAX ? UINT64_MAX : value);
}

/**
 * Times that a server can mean, whatever the layout: from 1970 on, and below this.
 *
 * Up to draft 11 nobody signs which layout a reply uses, so the signed number has to tell.
 * It does: read as a modified Julian date, what is below 2^40 as a number of seconds lies on
 * one day of 1858, and read as seconds, the modified Julian date of any time since 1970 lies
 * a thousand million years ahead. No number is plausible in both layouts.
 */
const PLAUSIBLE_END_MICROS = (1n << 40n) * MICROS_PER_SECOND;

/** Is this a time that a server can mean, or is it more likely one of another layout? */
export function isPlausible(micros: bigint): boolean {
  return micros >= 0n && micros < PLAUSIBLE_END_MICROS;
}

/** Can the layout hold a time as it is, but for what is below its unit? */
export function fits(unit: TimeUnit, micros: bigint): boolean {
  if (micros < 0n) return false;
  switch (unit) {
    case "unix-seconds":
      return micros / MICROS_PER_SECOND <= UINT64_MAX;
    case "unix-micros":
      return micros <= UINT64_MAX;
    case "mjd-micros":
      return micros / MICROS_PER_DAY + MJD_OF_EPOCH <= MJD_MAX;
  }
}

/** Decodes RADI, which is in seconds exactly where timestamps are. */
export function radiusToMicros(unit: TimeUnit, radius: number): bigint {
  return unit === "unix-seconds"
    ? BigInt(radius) * MICROS_PER_SECOND
    : BigInt(radius);
}

/** Encodes RADI, rounding up, as far as a uint32 goes. */
export function radiusFromMicros(unit: TimeUnit, micros: bigint): number {
  const value = unit === "unix-seconds"
    ? (micros + MICROS_PER_SECOND - 1n) / MICROS_PER_SECOND
    : micros;
  if (value < 0n) return 0;
  return value > 0xffffffffn ? 0xffffffff : Number(value);
}

/**
 * Writes a time as RFC 3339 in UTC, or `undefined` where that ends: its years have four
 * digits.
 */
export function formatTime(micros: bigint): string | undefined {
  const date = new Date(Number(micros / 1000n));
  const year = date.getUTCFullYear();
  return year >= 0 && year <= 9999 ? date.toISOString() : undefined;
}
