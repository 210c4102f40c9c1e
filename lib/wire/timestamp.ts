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
const RADIUS_MAX = 0xffffffffn;

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
 * Encodes a time, rounding down to the layout's unit.
 *
 * @param unit Layout, from the dialect.
 * @param micros Microseconds since 1970.
 * @throws {RangeError} If the layout cannot hold it, see {@linkcode fits}: a time nearby would
 *   be signed as if it were meant.
 */
export function encodeTimestamp(
  unit: TimeUnit,
  micros: bigint,
): Uint8Array<ArrayBuffer> {
  if (!fits(unit, micros)) {
    throw new RangeError(
      `Cannot encode time: ${micros} us since 1970 is out of range in ${unit}`,
    );
  }
  switch (unit) {
    case "unix-seconds":
      return encodeUint64(micros / MICROS_PER_SECOND);
    case "unix-micros":
      return encodeUint64(micros);
    case "mjd-micros": {
      const day = micros / MICROS_PER_DAY + MJD_OF_EPOCH;
      return encodeUint64((day << MJD_MICROS_BITS) | (micros % MICROS_PER_DAY));
    }
  }
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

/** The plausible time that is nearest: every layout can hold it. */
export function toPlausible(micros: bigint): bigint {
  if (micros < 0n) return 0n;
  return isPlausible(micros) ? micros : PLAUSIBLE_END_MICROS - 1n;
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

/** Can the layout hold a radius, rounded up to its unit? */
export function radiusFits(unit: TimeUnit, micros: bigint): boolean {
  return micros >= 0n && radiusIn(unit, micros) <= RADIUS_MAX;
}

/**
 * Encodes RADI, rounding up to the layout's unit.
 *
 * @throws {RangeError} If it is negative or more than RADI can hold, see
 *   {@linkcode radiusFits}: a smaller one would claim more than is known.
 */
export function radiusFromMicros(unit: TimeUnit, micros: bigint): number {
  if (!radiusFits(unit, micros)) {
    throw new RangeError(
      `Cannot encode radius: ${micros} us is out of range in ${unit}`,
    );
  }
  return Number(radiusIn(unit, micros));
}

function radiusIn(unit: TimeUnit, micros: bigint): bigint {
  return unit === "unix-seconds"
    ? (micros + MICROS_PER_SECOND - 1n) / MICROS_PER_SECOND
    : micros;
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
