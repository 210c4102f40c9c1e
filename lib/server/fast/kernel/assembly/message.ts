// Messages cut into padded blocks, and one, two or three of them hashed at once.

import { ivOf, K, Kind, ONE, sizeOf, TWO } from "./constants.ts";
import { blockOne, roundsOne } from "./one.ts";
import { extend } from "./scalar.ts";
import { blockThree, roundsThree } from "./three.ts";
import { blockTwo, roundsTwo } from "./two.ts";
import * as v from "./vector.ts";

/** No prefix before the message. */
export const BARE: i32 = -1;

/** A message: its first block if that begins with a prefix, its padded end, and where what is. */
@unmanaged
export class Message {
  /** Where the message begins. With a prefix it is the byte before, whatever that holds. */
  start: usize;
  /** Blocks without padding. */
  full: usize;
  /** All blocks. */
  blocks: usize;
  /** What stands for the last block in `keyOf`. */
  tailKey: usize;
  /** Does the first block lie in `head`? */
  isHeadCopied: bool;
}

/** The copied blocks lie behind the fields, in lines of their own. */
const HEAD: usize = 64;
const TAIL: usize = HEAD + 128;

export const M0: Message = changetype<Message>(memory.data(448, 64));
export const M1: Message = changetype<Message>(memory.data(448, 64));
export const M2: Message = changetype<Message>(memory.data(448, 64));

/** 16 bytes from here less n: n bytes of ones, then zeros. */
const KEEP: usize = memory.data<u64>([-1, -1, 0, 0], 16) + 16;

/** 16 bytes from here less n: n zeros, then the bit that ends a message. */
const END: usize = memory.data<u64>([0, 0, 0x80, 0], 16) + 16;

/** Schedules of last blocks that hold nothing but zeros and padding, for some lengths. */
const TABLES: usize = 8;
const TABLE: usize = memory.data(8 * 640, 64);
const TABLE_OF: usize = memory.data(8 * 4, 64);

function expand(block: usize, table: usize): void {
  for (let i: usize = 0; i < 128; i += 8) store<u64>(table + i, bswap(load<u64>(block + i)));
  for (let i: usize = 0; i < 512; i += 8) {
    const w = table + i;
    store<u64>(w, extend(load<u64>(w), load<u64>(w, 8), load<u64>(w, 72), load<u64>(w, 112)), 128);
  }
  for (let i: usize = 0; i < 640; i += 8) {
    store<u64>(table + i, load<u64>(table + i) + load<u64>(K + i));
  }
}

/** Key of a block of zeros. */
const ZEROS: usize = 1;

/** Key of a last block of zeros and padding, given the message's length; there is no other. */
// @ts-ignore: decorator
@inline
function tailKeyOf(length: usize): usize {
  return length + ZEROS + 1;
}

/**
 * The schedule of a block with a key, constants added. It stays until another key needs its
 * place, so keys are compared and never these. Requests are almost all of a few lengths and
 * end with zeros: it is nearly always there.
 */
function tableOf(key: usize, block: usize): usize {
  if (key == ZEROS) return K;
  const place = (key >> 2) % TABLES;
  const table = TABLE + place * 640;
  if (load<u32>(TABLE_OF + place * 4) != key) {
    expand(block, table);
    store<u32>(TABLE_OF + place * 4, <u32> key);
  }
  return table;
}

/** Takes a message in: `prefix` is a byte put before it, or BARE. */
export function take(m: Message, pointer: usize, length: usize, prefix: i32): void {
  const start = prefix == BARE ? pointer : pointer - 1;
  if (prefix != BARE) length++;
  const full = length >> 7;
  const rest = length & 127;
  const blocks = full + (rest < 112 ? 1 : 2);
  m.start = start;
  m.full = full;
  m.blocks = blocks;
  m.isHeadCopied = prefix != BARE && full > 0;

  const tail = changetype<usize>(m) + TAIL;
  const from = start + (full << 7);
  const cut = rest & ~15;
  let any = i64x2.splat(0);
  for (let i: usize = 0; i < cut; i += 16) {
    let x = v128.load(from + i);
    if (i == 0 && full == 0 && prefix != BARE) x = i8x16.replace_lane(x, 0, <i8> prefix);
    any = v128.or(any, x);
    v128.store(tail + i, x);
  }
  // The partial vector: what lies behind the message is read but not kept.
  let x = v128.and(v128.load(from + cut), v128.load(KEEP - (rest & 15)));
  if (cut == 0 && full == 0 && prefix != BARE) x = i8x16.replace_lane(x, 0, <i8> prefix);
  any = v128.or(any, x);
  v128.store(tail + cut, v128.or(x, v128.load(END - (rest & 15))));
  const end = tail + ((blocks - full) << 7);
  for (let at = tail + cut + 16; at < end; at += 16) v128.store(at, i64x2.splat(0));
  // In bits. The upper half of the 16 bytes for it is never needed.
  store<u64>(end - 8, bswap((<u64> length) << 3));
  m.tailKey = blocks == full + 1 && !v128.any_true(any) ? tailKeyOf(length) : 0;

  if (m.isHeadCopied) {
    const head = changetype<usize>(m) + HEAD;
    v128.store(head, i8x16.replace_lane(v128.load(start), 0, <i8> prefix));
    for (let i: usize = 16; i < 128; i += 16) v128.store(head + i, v128.load(start + i));
  }
}

// @ts-ignore: decorator
@inline
function blockOf(m: Message, i: usize): usize {
  if (i >= m.full) return changetype<usize>(m) + TAIL + ((i - m.full) << 7);
  if (i == 0 && m.isHeadCopied) return changetype<usize>(m) + HEAD;
  return m.start + (i << 7);
}

/** Blocks with the same key have the same schedule, which need not be made; 0 is no key. */
// @ts-ignore: decorator
@inline
function keyOf(m: Message, i: usize, block: usize): usize {
  if (i >= m.full) return m.tailKey;
  let any = v128.load(block);
  // A block that is not all zeros mostly shows it at once.
  if (v128.any_true(any)) return 0;
  for (let j: usize = 16; j < 128; j += 16) any = v128.or(any, v128.load(block + j));
  return v128.any_true(any) ? 0 : ZEROS;
}

export function startOne(kind: Kind): void {
  const iv = ivOf(kind);
  for (let i: usize = 0; i < 64; i += 16) v128.store(ONE + i, v128.load(iv + i));
}

export function startTwo(kind: Kind): void {
  const iv = ivOf(kind);
  for (let i: usize = 0; i < 64; i += 8) v128.store(TWO + 2 * i, v128.load64_splat(iv + i));
}

/** Writes the digest of the single message. */
export function finishOne(kind: Kind, out: usize): void {
  const size = sizeOf(kind);
  for (let i: usize = 0; i < size; i += 16) v128.store(out + i, v.swap(v128.load(ONE + i)));
}

/** Writes the digests of the two messages in vectors. */
export function finishTwo(kind: Kind, left: usize, right: usize): void {
  const size = sizeOf(kind);
  for (let i: usize = 0; i < size; i += 16) {
    const a = v128.load(TWO + 2 * i), b = v128.load(TWO + 2 * i, 16);
    v128.store(left + i, v.swap(v.lower(a, b)));
    v128.store(right + i, v.swap(v.upper(a, b)));
  }
}

/** Hashes M0. */
export function hashOne(kind: Kind, out: usize): void {
  startOne(kind);
  for (let i: usize = 0; i < M0.blocks; i++) {
    const block = blockOf(M0, i);
    const key = keyOf(M0, i, block);
    if (key != 0) roundsOne(tableOf(key, block));
    else blockOne(block);
  }
  finishOne(kind, out);
}

/** Hashes M0 and M1, which have the same number of blocks. */
export function hashTwo(kind: Kind, out0: usize, out1: usize): void {
  startTwo(kind);
  for (let i: usize = 0; i < M0.blocks; i++) {
    const b0 = blockOf(M0, i), b1 = blockOf(M1, i);
    const key = keyOf(M0, i, b0);
    if (key != 0 && key == keyOf(M1, i, b1)) roundsTwo(tableOf(key, b0));
    else blockTwo(b0, b1);
  }
  finishTwo(kind, out0, out1);
}

/** Hashes M0, M1 and M2, which have the same number of blocks. */
export function hashThree(kind: Kind, out0: usize, out1: usize, out2: usize): void {
  startTwo(kind);
  startOne(kind);
  for (let i: usize = 0; i < M0.blocks; i++) {
    const b0 = blockOf(M0, i), b1 = blockOf(M1, i), b2 = blockOf(M2, i);
    const key = keyOf(M0, i, b0);
    if (key != 0 && key == keyOf(M1, i, b1) && key == keyOf(M2, i, b2)) {
      roundsThree(tableOf(key, b0));
    } else blockThree(b0, b1, b2);
  }
  finishTwo(kind, out0, out1);
  finishOne(kind, out2);
}
