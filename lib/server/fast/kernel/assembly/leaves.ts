// Many leaves at once, three at a time where their numbers of blocks agree.

import { Kind, sizeOf } from "./constants.ts";
import { hashOne, hashThree, hashTwo, M0, M1, M2, take } from "./message.ts";

/** The prefix of a leaf (RFC 10049, section 5.3). */
const LEAF: i32 = 0;

/** Leaves of more blocks than this are hashed alone. */
const MAX_BLOCKS: usize = 31;

/** For each number of blocks: how many leaves wait, and the indices of two. */
const WAITING: usize = memory.data(32 * 12, 64);

// @ts-ignore: decorator
@inline
function pointerAt(list: usize, index: usize): usize {
  return load<u32>(list + 8 * index);
}

// @ts-ignore: decorator
@inline
function lengthAt(list: usize, index: usize): usize {
  return load<u32>(list + 8 * index, 4);
}

// @ts-ignore: decorator
@inline
function leafAt(kind: Kind, index: usize): usize {
  return TREE_OFFSET + index * sizeOf(kind);
}

export function leafOf(kind: Kind, pointer: usize, length: usize, index: usize): void {
  take(M0, pointer, length, LEAF);
  hashOne(kind, leafAt(kind, index));
}

export function leavesOf(kind: Kind, list: usize, count: usize): void {
  // Not left to the end of the last call: that may have trapped half-way.
  for (let at = WAITING; at < WAITING + 32 * 12; at += 12) store<u32>(at, 0);
  for (let i: usize = 0; i < count; i++) {
    const length = lengthAt(list, i);
    // With the prefix, the bit that ends a message and 16 bytes for its length.
    const blocks = (length + 1 + 1 + 16 + 127) >> 7;
    if (blocks > MAX_BLOCKS) {
      leafOf(kind, pointerAt(list, i), length, i);
      continue;
    }
    const waiting = WAITING + blocks * 12;
    const waits = load<u32>(waiting);
    if (waits < 2) {
      store<u32>(waiting + 4 * waits, <u32> i, 4);
      store<u32>(waiting, <u32> waits + 1);
      continue;
    }
    const first = load<u32>(waiting, 4), second = load<u32>(waiting, 8);
    store<u32>(waiting, 0);
    take(M0, pointerAt(list, first), lengthAt(list, first), LEAF);
    take(M1, pointerAt(list, second), lengthAt(list, second), LEAF);
    take(M2, pointerAt(list, i), length, LEAF);
    hashThree(kind, leafAt(kind, first), leafAt(kind, second), leafAt(kind, i));
  }
  for (let blocks: usize = 1; blocks <= MAX_BLOCKS; blocks++) {
    const waiting = WAITING + blocks * 12;
    const waits = load<u32>(waiting);
    if (waits == 0) continue;
    const first = load<u32>(waiting, 4), second = load<u32>(waiting, 8);
    take(M0, pointerAt(list, first), lengthAt(list, first), LEAF);
    if (waits == 1) hashOne(kind, leafAt(kind, first));
    else {
      take(M1, pointerAt(list, second), lengthAt(list, second), LEAF);
      hashTwo(kind, leafAt(kind, first), leafAt(kind, second));
    }
  }
}
