/**
 * Edits of the nonce, and of the tree that ties the reply to the request.
 *
 * @module
 */

import { TAG } from "../../wire.ts";
import { put } from "../_support/fixtures.ts";
import type { Dice } from "./dice.ts";
import { type Edits, setNonce, vary } from "./edit.ts";
import { type Parts, uint32, uint32sOf, valueIn } from "./parts.ts";

function randomPath(parts: Parts, dice: Dice): void {
  const { entries, dialect } = parts;
  const count = dice.pick([0, 1, 2, 3, 7, 31, 32, 33]);
  const size = dice.chance(0.9) ? (dialect.hash === "sha512" ? 64 : 32) : 16;
  const below = 2 ** Math.min(count, 32);
  const index = dice.chance(0.8)
    ? dice.int(below)
    : Math.min(0xffffffff, below + dice.int(3));
  entries.top = put(entries.top, TAG.PATH, dice.bytes(count * size));
  entries.top = put(entries.top, TAG.INDX, uint32(index));
}

/** Edits of nonces and trees. */
export const TREE_EDITS: Edits = {
  "another nonce": (parts, { dice }) => {
    setNonce(parts, dice.bytes(dice.pick([32, 64, 32, 64, 0, 28, 36, 60, 68])));
  },
  "NONC of the reply": (parts, { dice }) => {
    const name = dice.pick(["top", "srep"] as const);
    const nonce = valueIn(parts.entries.request, TAG.NONC) ?? dice.bytes(32);
    parts.entries[name] = vary(parts.entries[name], TAG.NONC, nonce, dice);
  },
  "another tree": (parts, { dice }) => {
    randomPath(parts, dice);
    if (dice.chance(0.5)) parts.pathOrder = "node-first";
  },
  "node-first": (parts) => {
    parts.pathOrder = "node-first";
  },
  "INDX": ({ entries }, { dice }) => {
    const index = uint32sOf(valueIn(entries.top, TAG.INDX) ?? uint32())[0] ?? 0;
    const other = (index ^ (1 << dice.int(32))) >>> 0;
    entries.top = put(entries.top, TAG.INDX, uint32(other));
  },
};
