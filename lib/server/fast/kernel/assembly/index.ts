// What the kernel exports; lib/server/fast/kernel/instance.ts says what each does.

import { Kind } from "./constants.ts";
import { leafOf, leavesOf } from "./leaves.ts";
import { BARE, hashOne, M0, take } from "./message.ts";
import { pathOf, prepareNodes, treeOf } from "./tree.ts";

// Its own space ends where the callers' begins.
if (__heap_base > <usize> OWN_BYTES) unreachable();
prepareNodes();

export function hash(kind: Kind, pointer: usize, length: usize, out: usize): void {
  take(M0, pointer, length, BARE);
  hashOne(kind, out);
}

export function leaf(kind: Kind, pointer: usize, length: usize, index: usize): void {
  if (index >= <usize> MAX_LEAVES) unreachable();
  leafOf(kind, pointer, length, index);
}

export function leaves(kind: Kind, list: usize, count: usize): void {
  if (count > <usize> MAX_LEAVES) unreachable();
  leavesOf(kind, list, count);
}

export function tree(kind: Kind, count: usize): usize {
  if (count == 0 || count > <usize> MAX_LEAVES) unreachable();
  return treeOf(kind, count);
}

export function path(kind: Kind, index: usize, depth: usize, out: usize): usize {
  return pathOf(kind, index, depth, out);
}

export function isZero(pointer: usize, length: usize): bool {
  const end = pointer + length;
  if (length < 16) {
    for (; pointer < end; pointer++) if (load<u8>(pointer) != 0) return false;
    return true;
  }
  const last = end - 16;
  for (; pointer < last; pointer += 16) if (v128.any_true(v128.load(pointer))) return false;
  return !v128.any_true(v128.load(last));
}

export function copy(to: usize, from: usize, length: usize): void {
  if (length < 16) {
    for (let i: usize = 0; i < length; i++) store<u8>(to + i, load<u8>(from + i));
    return;
  }
  const last = length - 16;
  for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
  // Ends with the last 16 bytes, some of them for a second time.
  v128.store(to + last, v128.load(from + last));
}
