/**
 * SHA-512 over Merkle leaves and trees, in WebAssembly: the part of a server that costs most
 * after the signature, without an object or a copy per packet.
 *
 * Everything goes by offsets into one memory (see `layout.ts`). Whether an offset lies where
 * it should is the caller's business: a wrong one at worst spoils this kernel's memory, but
 * nothing tells. Outside the memory the call throws.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { HashKind } from "../../../crypto/hash.ts";
import { KERNEL_WASM } from "./wasm.ts";

/** A hash by the number that the kernel knows it by. */
export type KernelKind = 0 | 1 | 2;

/** The kernel's numbers for the hashes. */
export const KERNEL_KINDS: Readonly<Record<HashKind, KernelKind>> = {
  "sha512": 0,
  "sha512/32": 1,
  "sha512/256": 2,
};

/**
 * One instance with its own memory. Nothing is copied in or out, and no call keeps what it
 * is given: offsets may be reused as soon as it returns.
 */
export interface Kernel {
  /** The memory. It never grows, so its `buffer` stays the same. */
  readonly memory: WebAssembly.Memory;
  /** All of the memory. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * Hashes bytes.
   *
   * @param kind Which hash.
   * @param offset Where the bytes begin.
   * @param length How many they are.
   * @param out Where the 32 or 64 bytes of the digest go.
   */
  hash(kind: KernelKind, offset: number, length: number, out: number): void;
  /**
   * Hashes one leaf into the tree.
   *
   * @param kind Which hash.
   * @param offset Where the bytes begin; not 0, since the byte before is read, if not used.
   * @param length How many they are.
   * @param index Number of the leaf, below `MAX_LEAVES`.
   */
  leaf(kind: KernelKind, offset: number, length: number, index: number): void;
  /**
   * Hashes leaves 0, 1 and so on into the tree. Leaves of equally many blocks of 128 bytes
   * are taken three at a time, which is a good deal faster than one by one.
   *
   * @param kind Which hash.
   * @param list Where, for each leaf, its offset and its length stand as uint32s.
   * @param count How many leaves there are, at most `MAX_LEAVES`.
   */
  leaves(kind: KernelKind, list: number, count: number): void;
  /**
   * Builds the tree over the leaves and writes its root to `ROOT_OFFSET`. An odd level is
   * filled by repeating its last node, as `buildTree` does.
   *
   * @param kind Which hash, the same as for the leaves.
   * @param count How many leaves there are, 1 to `MAX_LEAVES`.
   * @returns Entries in every PATH.
   */
  tree(kind: KernelKind, count: number): number;
  /**
   * Writes the siblings from a leaf up to below the root.
   *
   * @param kind Which hash, the same as for the tree.
   * @param index Number of the leaf.
   * @param depth What `tree` returned.
   * @param out Where they go.
   * @returns Bytes written.
   */
  path(kind: KernelKind, index: number, depth: number, out: number): number;
  /**
   * Are all these bytes zero?
   *
   * @param offset Where they begin.
   * @param length How many they are.
   * @returns 1 if so, otherwise 0.
   */
  isZero(offset: number, length: number): 0 | 1;
  /**
   * Copies bytes within the memory; the two places do not overlap. For the 32 to 128 bytes
   * of a field this beats `copyWithin` and `set`.
   *
   * @param to Where they go.
   * @param from Where they are.
   * @param length How many they are.
   */
  copy(to: number, from: number, length: number): void;
}

let compiled: WebAssembly.Module | undefined;

/**
 * Makes a kernel. The module is compiled once for all of them, synchronously, which takes
 * some milliseconds.
 */
export function createKernel(): Kernel {
  compiled ??= new WebAssembly.Module(
    base64.decode(KERNEL_WASM) as Uint8Array<ArrayBuffer>,
  );
  const { exports } = new WebAssembly.Instance(compiled);
  const kernel = exports as unknown as Omit<Kernel, "bytes">;
  return {
    memory: kernel.memory,
    bytes: new Uint8Array(kernel.memory.buffer as ArrayBuffer),
    hash: kernel.hash,
    leaf: kernel.leaf,
    leaves: kernel.leaves,
    tree: kernel.tree,
    path: kernel.path,
    isZero: kernel.isZero,
    copy: kernel.copy,
  };
}
