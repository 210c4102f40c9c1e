/**
 * Where everything lies in the kernel's memory. This side decides: the build hands these
 * numbers to the compiler, so a change here takes effect after `deno task kernel`.
 *
 * The memory has one size for ever. It never moves, so a pointer into it may be given to a
 * system call and stays good as long as the kernel is referred to.
 *
 * @module
 */

/** Requests that can be held at once, and as many replies. */
export const SLOTS = 128;

/** Bytes of an input slot that hold a packet. */
export const INPUT_BYTES = 2048;

/**
 * From one input slot to the next. The 64 bytes between them keep slots from lying a power
 * of two apart, where the same line of all of them would compete for one place in the cache.
 */
export const INPUT_STRIDE: number = 64 + INPUT_BYTES;

/** Bytes of an output slot, also from one to the next. */
export const OUTPUT_BYTES = 1472;

/** The most leaves of a tree. */
export const MAX_LEAVES = 512;

/** Below this the kernel keeps its tables and working space. Not for callers. */
export const OWN_BYTES = 16_384;

const INPUT = OWN_BYTES;
const OUTPUT = INPUT + SLOTS * INPUT_STRIDE;

/** The tree's nodes: leaves first, then half as many, and so on. */
export const TREE_OFFSET: number = OUTPUT + SLOTS * OUTPUT_BYTES;

/** The root of the tree last built, 32 or 64 bytes. */
export const ROOT_OFFSET: number = TREE_OFFSET + 2 * MAX_LEAVES * 64;

/** Space that the kernel does not use. */
export const SCRATCH_OFFSET: number = ROOT_OFFSET + 64;

/** WebAssembly's unit of memory. */
const PAGE_BYTES = 65_536;

/** The kernel reads up to 15 bytes past the end of what it hashes; here they are. */
const GUARD_BYTES = 64;

/** Size of the memory in pages of 64 KiB. */
export const MEMORY_PAGES: number = Math.ceil(
  (SCRATCH_OFFSET + PAGE_BYTES + GUARD_BYTES) / PAGE_BYTES,
);

/** Bytes of scratch space, at least 64 KiB. */
export const SCRATCH_BYTES: number = MEMORY_PAGES * PAGE_BYTES - GUARD_BYTES -
  SCRATCH_OFFSET;

/** Where an input slot's packet begins; a multiple of 64. */
export function inputOffset(slot: number): number {
  return INPUT + 64 + slot * INPUT_STRIDE;
}

/** Where an output slot begins; a multiple of 64. */
export function outputOffset(slot: number): number {
  return OUTPUT + slot * OUTPUT_BYTES;
}
