/**
 * Changes to packets that know nothing of what is in them.
 *
 * @module
 */

import type { Dice } from "./dice.ts";
import { joined } from "./parts.ts";

/** Changes a packet; the other one is there to be copied from. */
export type Scramble = (
  packet: Uint8Array,
  other: Uint8Array,
  dice: Dice,
) => Uint8Array;

/** Where in a packet the interesting part begins: most changes go to its start. */
function place(packet: Uint8Array, dice: Dice): number {
  const reach = dice.chance(0.4) ? Math.min(packet.length, 80) : packet.length;
  return dice.int(Math.max(1, reach));
}

function word(packet: Uint8Array, dice: Dice): number {
  return place(packet, dice) & ~3;
}

function withWord(packet: Uint8Array, at: number, value: number): Uint8Array {
  const copy = packet.slice();
  if (at + 4 <= copy.length) {
    new DataView(copy.buffer).setUint32(at, value, true);
  }
  return copy;
}

function readWord(packet: Uint8Array, at: number): number {
  if (at + 4 > packet.length) return 0;
  return new DataView(packet.buffer, packet.byteOffset).getUint32(at, true);
}

/** Every change by its name. */
export const SCRAMBLES: Readonly<Record<string, Scramble>> = {
  "flip a bit": (packet, _other, dice) => {
    const copy = packet.slice();
    const at = place(packet, dice);
    copy[at] = (copy[at] ?? 0) ^ (1 << dice.int(8));
    return copy;
  },
  "overwrite bytes": (packet, _other, dice) => {
    const copy = packet.slice();
    const at = place(packet, dice);
    copy.set(dice.bytes(1 + dice.int(8)).subarray(0, copy.length - at), at);
    return copy;
  },
  "splice": (packet, other, dice) => {
    const at = word(packet, dice);
    const length = 4 * (1 + dice.int(20));
    const piece = other.subarray(at, at + length);
    return joined(packet.subarray(0, at), piece, packet.subarray(at + length));
  },
  "truncate": (packet, _other, dice) =>
    packet.slice(
      0,
      dice.chance(0.5)
        ? dice.int(packet.length + 1)
        : Math.max(0, packet.length - 1 - dice.int(8)),
    ),
  "append": (packet, _other, dice) =>
    joined(packet, dice.bytes(dice.pick([1, 2, 4, 8, 32]))),
  "insert bytes": (packet, _other, dice) => {
    const at = word(packet, dice);
    const more = dice.bytes(dice.pick([1, 4, 4, 8]));
    return joined(packet.subarray(0, at), more, packet.subarray(at));
  },
  "delete bytes": (packet, _other, dice) => {
    const at = word(packet, dice);
    return joined(
      packet.subarray(0, at),
      packet.subarray(at + dice.pick([1, 4, 4, 8])),
    );
  },
  // A count, an offset, a tag or a length: all are words.
  "edit a word": (packet, _other, dice) => {
    const at = word(packet, dice);
    const old = readWord(packet, at);
    const value = dice.pick([
      ...[old + 1, old - 1, old + 4, old - 4, 2 * old, old + packet.length],
      ...[0, 1, 64, 65, 0x7fffffff, 0xffffffff, dice.int(0x100000000)],
    ]);
    return withWord(packet, at, value);
  },
  "swap words": (packet, _other, dice) => {
    const [a, b] = [word(packet, dice), word(packet, dice)];
    const [left, right] = [readWord(packet, a), readWord(packet, b)];
    return withWord(withWord(packet, a, right), b, left);
  },
  "another magic": (packet, _other, dice) =>
    joined(
      new TextEncoder().encode(
        dice.pick(["ROUGHTIM", "roughtim", "ROUGHTIN", "", "ROUG"]),
      ),
      packet.subarray(dice.pick([0, 8, 12])),
    ),
};
