/**
 * What an edit is: a change to an exchange that knows its structure.
 *
 * @module
 */

import { type Entry, TAG } from "../../wire.ts";
import { drop, put } from "../_support/fixtures.ts";
import type { Dice } from "./dice.ts";
import type { Keys } from "./honest.ts";
import { type Parts, valueIn } from "./parts.ts";

/** What an edit may draw from. */
export interface Material {
  readonly dice: Dice;
  /** Another exchange, of any dialect, to borrow from. */
  readonly other: Parts;
  /** Every secret there is. */
  readonly keys: Keys;
}

/** Changes an exchange in place. */
export type Edit = (parts: Parts, material: Material) => void;

/** Edits by their names. */
export type Edits = Readonly<Record<string, Edit>>;

/** Gives every part that has a nonce this one. */
export function setNonce(parts: Parts, nonce: Uint8Array): void {
  const { entries } = parts;
  for (const name of ["request", "top", "srep"] as const) {
    if (valueIn(entries[name], TAG.NONC) === undefined) continue;
    entries[name] = put(entries[name], TAG.NONC, nonce);
  }
}

/** Sets a tag in a part, or takes it out, or gives it a size it should not have. */
export function vary(
  entries: Entry[],
  tag: number,
  good: Uint8Array,
  dice: Dice,
): Entry[] {
  switch (dice.int(5)) {
    case 0:
      return drop(entries, tag);
    case 1:
      return put(entries, tag, dice.bytes(dice.pick([0, 4, 8, 32, 64])));
    case 2:
      return put(entries, tag, new Uint8Array(4 * dice.int(4)));
    default:
      return put(entries, tag, good);
  }
}
