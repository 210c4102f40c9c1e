/**
 * Edits of the time, its radius and the window it has to lie in.
 *
 * @module
 */

import { TAG } from "../../wire.ts";
import { put } from "../_support/fixtures.ts";
import type { Dice } from "./dice.ts";
import type { Edits } from "./edit.ts";
import { type Parts, uint32, uint64, uint64Of, valueIn } from "./parts.ts";

const MJD_1970 = 40587n << 40n;
const PLAUSIBLE_SECONDS = 1n << 40n;
const MICROS = 1_000_000n;
/** Values on both sides of every limit that a layout has. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  PLAUSIBLE_SECONDS,
  PLAUSIBLE_SECONDS * MICROS,
  MJD_1970,
  MJD_1970 + 86_400_000_000n,
  MJD_1970 + 86_401_000_000n,
  MJD_1970 + (1n << 40n),
  // The last day that a plausible midpoint can be on, and its microsecond.
  ((40587n + PLAUSIBLE_SECONDS / 86_400n) << 40n) +
  PLAUSIBLE_SECONDS % 86_400n * MICROS,
  (61_000n << 40n) + 86_400_000_000n,
  (61_000n << 40n) + 86_401_000_000n,
  1n << 63n,
  1n << 64n,
];

function edge(dice: Dice): bigint {
  return BigInt.asUintN(64, dice.pick(EDGES) + BigInt(dice.int(3) - 1));
}

/** The longest delegation that the layout can express. */
export function openWindow(parts: Parts): void {
  const last = parts.dialect.time === "mjd-micros"
    ? (((1n << 24n) - 1n) << 40n) + 86_400_999_999n
    : (1n << 64n) - 1n;
  const { entries } = parts;
  entries.dele = put(entries.dele, TAG.MINT, uint64(0n));
  entries.dele = put(entries.dele, TAG.MAXT, uint64(last));
}

/** A midpoint on one side of a limit, usually in a window that does not matter. */
export function moveMidpoint(parts: Parts, dice: Dice): void {
  parts.entries.srep = put(parts.entries.srep, TAG.MIDP, uint64(edge(dice)));
  if (dice.chance(0.85)) openWindow(parts);
}

/** Edits of times. */
export const TIME_EDITS: Edits = {
  "RADI": ({ entries }, { dice }) => {
    const radius = dice.pick([
      0,
      0,
      1,
      2,
      3,
      0x7fffffff,
      0x80000000,
      0xffffffff,
    ]);
    entries.srep = put(entries.srep, TAG.RADI, uint32(radius));
  },
  "MIDP at an edge": (parts, { dice }) => moveMidpoint(parts, dice),
  "MINT or MAXT at an edge": ({ entries }, { dice }) => {
    const tag = dice.pick([TAG.MINT, TAG.MAXT]);
    entries.dele = put(entries.dele, tag, uint64(edge(dice)));
  },
  "the window ends at MIDP": ({ entries }, { dice }) => {
    const midpoint = uint64Of(valueIn(entries.srep, TAG.MIDP));
    const tag = dice.pick([TAG.MINT, TAG.MAXT]);
    const end = BigInt.asUintN(64, midpoint + BigInt(dice.int(3) - 1));
    entries.dele = put(entries.dele, tag, uint64(end));
    if (dice.chance(0.3)) {
      const both = tag === TAG.MINT ? TAG.MAXT : TAG.MINT;
      entries.dele = put(entries.dele, both, uint64(midpoint));
    }
  },
  // 23:59:60.5 is the same instant as 00:00:00.5 of the day after, which is a larger number.
  "across a leap second": (parts, { dice }) => {
    const { entries } = parts;
    const day = BigInt(61_000 + dice.int(100));
    const moment = () =>
      dice.chance(0.5)
        ? (day << 40n) + 86_400_000_000n + BigInt(dice.int(1_000_000))
        : ((day + 1n) << 40n) + BigInt(dice.int(1_000_000));
    openWindow(parts);
    entries.srep = put(entries.srep, TAG.MIDP, uint64(moment()));
    if (dice.chance(0.7)) {
      const tag = dice.pick([TAG.MINT, TAG.MAXT]);
      entries.dele = put(entries.dele, tag, uint64(moment()));
    }
  },
};
