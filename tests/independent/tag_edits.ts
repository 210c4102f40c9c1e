/**
 * Edits of tags, whatever they mean, of frames and of padding.
 *
 * @module
 */

import { TAG } from "../../wire.ts";
import { ALL, contextsOf, drop, put } from "../_support/fixtures.ts";
import type { Edits } from "./edit.ts";
import { PART_NAMES, valueIn } from "./parts.ts";

const UNKNOWN_TAGS = [
  0,
  0x41414141,
  0x58585858,
  0xffffffff,
  0x31545544,
  0x49415444,
  0x5041454c,
  0x50415344,
];

/** Tags whose values are swapped between two exchanges. */
const SWAPPED = ["SREP", "CERT", "SIG", "INDX", "PATH", "NONC", "VER", "TYPE"];

/** Edits of tags. */
export const TAG_EDITS: Edits = {
  "swap a tag": ({ entries }, { dice, other }) => {
    const tag = TAG[dice.pick(SWAPPED) as keyof typeof TAG];
    const value = valueIn(other.entries.top, tag);
    entries.top = value ? put(entries.top, tag, value) : drop(entries.top, tag);
    if (tag === TAG.SREP) entries.srep = [...other.entries.srep];
    if (tag !== TAG.CERT) return;
    entries.cert = [...other.entries.cert];
    entries.dele = [...other.entries.dele];
  },
  "swap a tag inside": ({ entries }, { dice, other }) => {
    const name = dice.pick(PART_NAMES);
    const [tag, value] = dice.pick(other.entries[name]);
    entries[name] = put(entries[name], tag, value);
  },
  "swap the request": (parts, { other }) => {
    parts.entries.request = [...other.entries.request];
    parts.framed.request = other.framed.request;
  },
  "strip a tag": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    if (entries[name].length === 0) return;
    entries[name] = drop(entries[name], dice.pick(entries[name])[0]);
  },
  "add an unknown tag": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    const value = dice.bytes(4 * dice.int(10));
    entries[name] = put(entries[name], dice.pick(UNKNOWN_TAGS), value);
  },
  "add a known tag": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    const tag = dice.pick(Object.values(TAG));
    if (valueIn(entries[name], tag)) return;
    const value = dice.bytes(dice.pick([0, 4, 8, 32, 64]));
    entries[name] = put(entries[name], tag, value);
  },
  // Between two tags that nobody reads, so that only the layout can be what is wrong.
  "shift an offset": ({ entries, shifted }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    const [before, tag] = [0x58585801, 0x58585802];
    entries[name] = put(entries[name], before, dice.bytes(8));
    entries[name] = put(entries[name], tag, dice.bytes(8));
    const by = dice.pick([-12, -8, -4, -2, -1, 1, 2, 4, 8, 12]);
    shifted.set(name, { tag, by });
  },
  "many tags": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    const target = 63 + dice.int(4);
    for (let tag = 0x60000001; entries[name].length < target; tag++) {
      entries[name] = put(entries[name], tag, new Uint8Array(0));
    }
  },
  "repeat a tag": (parts, { dice }) => {
    const name = dice.pick(PART_NAMES);
    const list = parts.entries[name];
    if (list.length === 0) return;
    parts.entries[name] = [...list, dice.pick(list)];
  },
  "reorder tags": (parts, { dice }) => {
    const name = dice.pick(PART_NAMES);
    parts.entries[name] = dice.shuffle(parts.entries[name]);
    parts.unsorted.add(name);
  },
  "resize a value": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    if (entries[name].length === 0) return;
    const [tag, value] = dice.pick(entries[name]);
    const resized = dice.chance(0.5)
      ? value.slice(0, Math.max(0, value.length - dice.pick([1, 2, 4, 8, 32])))
      : Uint8Array.from([...value, ...dice.bytes(dice.pick([1, 4, 8, 32]))]);
    entries[name] = put(entries[name], tag, resized);
  },
  "scramble a value": ({ entries }, { dice }) => {
    const name = dice.pick(PART_NAMES);
    if (entries[name].length === 0) return;
    const [tag, value] = dice.pick(entries[name]);
    entries[name] = put(entries[name], tag, dice.bytes(value.length));
  },
  "frame on or off": ({ framed }, { dice }) => {
    if (dice.chance(0.7)) framed.request = !framed.request;
    if (dice.chance(0.7)) framed.reply = !framed.reply;
  },
  "another padding": ({ entries }, { dice }) => {
    const size = dice.chance(0.02)
      ? dice.pick([64_000, 65_400, 65_535, 65_600])
      : dice.pick([0, 4, 100, 900, 1400]);
    const filler = dice.chance(0.5) ? dice.bytes(size) : new Uint8Array(size);
    const tag = dice.pick([TAG.PAD0, TAG.PADFF, TAG.ZZZZ]);
    entries.request = put(entries.request, tag, filler);
  },
  "another context": (parts, { dice }) => {
    const others = dice.pick(ALL);
    const { delegation, response } = contextsOf(others);
    if (dice.chance(0.6)) parts.contexts = { ...parts.contexts, delegation };
    if (dice.chance(0.6)) parts.contexts = { ...parts.contexts, response };
  },
};
