// Nodes, up to three at a time, and paths. Children lie next to each other, so a node's
// message is one run of bytes; each level has the room that MAX_LEAVES would need.

import { Kind, sizeOf } from "./constants.ts";
import { finishOne, finishTwo, startOne, startTwo } from "./message.ts";
import { blockOne } from "./one.ts";
import { blockThree } from "./three.ts";
import { blockTwo } from "./two.ts";

/** The prefix of a node (RFC 10049, section 5.3). */
const NODE: i8 = 1;

/** Padded messages of three nodes: one block over two halves, and two blocks over two wholes. */
const SHORT: usize = memory.data(3 * 128, 64);
const LONG: usize = memory.data(3 * 256, 64);

/** Writes the padding, which stays. */
export function prepareNodes(): void {
  for (let i: usize = 0; i < 3; i++) {
    store<u8>(SHORT + i * 128, 0x80, 65);
    store<u64>(SHORT + i * 128, bswap<u64>(65 * 8), 120);
    store<u8>(LONG + i * 256, 0x80, 129);
    store<u64>(LONG + i * 256, bswap<u64>(129 * 8), 248);
  }
}

/** Copies two children behind the prefix, without a gap: byte for byte one to the right. */
// @ts-ignore: decorator
@inline
function fill(block: usize, children: usize, bytes: usize): void {
  const from = children - 1;
  v128.store(block, i8x16.replace_lane(v128.load(from), 0, NODE));
  for (let i: usize = 16; i < bytes; i += 16) v128.store(block + i, v128.load(from + i));
  // With the bit behind it, as one store: a block is loaded in vectors.
  v128.store(block + bytes, i64x2(0x8000 | <i64> load<u8>(from + bytes), 0));
}

// @ts-ignore: decorator
@inline
function levelOf(kind: Kind, level: usize): usize {
  return TREE_OFFSET + <usize> (2 * MAX_LEAVES - ((2 * MAX_LEAVES) >> <i32> level)) * sizeOf(kind);
}

/** Hashes `count` nodes, 1 to 3, over children one after the other. */
function nodes(kind: Kind, children: usize, out: usize, count: usize): void {
  const size = sizeOf(kind);
  const isLong = size == 64;
  const messages = isLong ? LONG : SHORT;
  const stride: usize = isLong ? 256 : 128;
  for (let i: usize = 0; i < count; i++) {
    if (isLong) fill(messages + i * stride, children + i * 128, 128);
    else fill(messages + i * stride, children + i * 64, 64);
  }
  const end = messages + stride;
  if (count == 3) {
    startTwo(kind);
    startOne(kind);
    for (let m = messages; m < end; m += 128) blockThree(m, m + stride, m + 2 * stride);
    finishTwo(kind, out, out + size);
    finishOne(kind, out + 2 * size);
  } else if (count == 2) {
    startTwo(kind);
    for (let m = messages; m < end; m += 128) blockTwo(m, m + stride);
    finishTwo(kind, out, out + size);
  } else {
    startOne(kind);
    for (let m = messages; m < end; m += 128) blockOne(m);
    finishOne(kind, out);
  }
}

function move(to: usize, from: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(to + i, v128.load(from + i));
}

export function treeOf(kind: Kind, count: usize): usize {
  const size = sizeOf(kind);
  let depth: usize = 0;
  while (count > 1) {
    const from = levelOf(kind, depth), to = levelOf(kind, depth + 1);
    if (count & 1) {
      move(from + count * size, from + (count - 1) * size, size);
      count++;
    }
    count >>= 1;
    for (let i: usize = 0; i < count; i += 3) {
      nodes(kind, from + 2 * i * size, to + i * size, min(count - i, 3));
    }
    depth++;
  }
  move(ROOT_OFFSET, levelOf(kind, depth), size);
  return depth;
}

export function pathOf(kind: Kind, index: usize, depth: usize, out: usize): usize {
  const size = sizeOf(kind);
  for (let level: usize = 0; level < depth; level++) {
    move(out + level * size, levelOf(kind, level) + ((index >> level) ^ 1) * size, size);
  }
  return depth * size;
}
