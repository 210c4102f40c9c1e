/**
 * What may stand in the options of chaos. A behaviour with a number that makes no sense would
 * do something else than the test believes.
 *
 * @module
 */

import {
  type BigRange,
  COUNT,
  FRACTION,
  MAX_TIMER_MS,
  requireBigInRange,
  requireInRange,
} from "../wire/range.ts";
import type { Behaviour } from "./behaviour.ts";

/** As far as a reply can tell, either way. */
export const OFFSET_MICROS: BigRange = {
  min: -(1n << 63n),
  max: 1n << 63n,
};

/** What a uint32 of seconds holds. */
const RADIUS_MICROS: BigRange = { min: 0n, max: 0xffffffffn * 1_000_000n };

/** More copies of a reply would flood whoever tests. */
const MAX_COPIES = 1024;

/** No datagram is longer. */
const MAX_BYTES = 65_535;

/**
 * Holds the numbers of behaviours to their ranges.
 *
 * @throws {RangeError} Names the behaviour, the number and its value.
 */
export function checkBehaviours(behaviours: readonly Behaviour[]): void {
  for (const one of behaviours) {
    const name = (field: string) => `${one.kind}.${field}`;
    requireInRange(name("share"), one.share, FRACTION);
    requireInRange(name("from"), one.from, { ...COUNT, min: 0 });
    switch (one.kind) {
      case "delay":
        requireInRange(name("delayMs"), one.delayMs, {
          min: 0,
          max: MAX_TIMER_MS,
          required: true,
        });
        break;
      case "duplicate":
        requireInRange(name("copies"), one.copies, {
          ...COUNT,
          max: MAX_COPIES,
        });
        break;
      case "truncate":
      case "append":
        requireInRange(name("bytes"), one.bytes, {
          min: 0,
          max: MAX_BYTES,
          integer: true,
        });
        break;
      case "type":
        requireInRange(name("type"), one.type, {
          min: 0,
          max: 0xffffffff,
          integer: true,
          required: true,
        });
        break;
      case "lie":
        requireBigInRange(name("offsetMicros"), one.offsetMicros, {
          ...OFFSET_MICROS,
          required: true,
        });
        break;
      case "radius":
        requireBigInRange(
          name("radiusMicros"),
          one.radiusMicros,
          { ...RADIUS_MICROS, required: true },
        );
        break;
    }
  }
}
