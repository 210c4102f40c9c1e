/**
 * The Merkle tree (RFC 10049, section 5.3): leaves are H(0x00 || input), nodes
 * H(0x01 || left || right), numbered from the left beginning with 0.
 *
 * @module
 */

import type { Hash } from "./hash.ts";

/** On which side the running hash goes when a bit of INDX is 0: `hash-first` is the left. */
export type PathOrder = "hash-first" | "node-first";

/** The most entries that PATH may have (RFC 10049, section 5.2.4). */
export const MAX_PATH = 32;

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** Hashes what a leaf stands for. */
export function leafHash(
  hash: Hash,
  input: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return hash(LEAF, input);
}

/** Hashes two children. */
export function nodeHash(
  hash: Hash,
  left: Uint8Array,
  right: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return hash(NODE, left, right);
}

/** A tree over some leaves. */
export interface Tree {
  /** The value that is signed. */
  readonly root: Uint8Array;
  /** Entries in every PATH. */
  readonly depth: number;
  /**
   * The siblings from a leaf up to below the root, joined.
   *
   * @param index Number of the leaf.
   */
  path(index: number): Uint8Array<ArrayBuffer>;
}

/**
 * Builds a tree. No specification says how to fill odd levels and no client can
 * tell; the last node is repeated, so all paths are equally long.
 *
 * @param hash The dialect's hash.
 * @param leaves Hashed leaves, one at least.
 */
export function buildTree(hash: Hash, leaves: readonly Uint8Array[]): Tree {
  let level = [...leaves];
  if (level.length === 0) throw new RangeError("Cannot build tree: no leaves");
  const levels: Uint8Array[][] = [];
  while (level.length > 1) {
    if (level.length % 2 === 1) {
      level.push(level[level.length - 1] as Uint8Array);
    }
    levels.push(level);
    const above: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] as Uint8Array;
      const right = level[i + 1] as Uint8Array;
      above.push(nodeHash(hash, left, right));
    }
    level = above;
  }
  const root = level[0] as Uint8Array;
  return {
    root,
    depth: levels.length,
    path(index: number): Uint8Array<ArrayBuffer> {
      const path = new Uint8Array(levels.length * root.length);
      levels.forEach((nodes, i) => {
        path.set(nodes[(index >> i) ^ 1] as Uint8Array, i * root.length);
      });
      return path;
    },
  };
}

/**
 * Recomputes the root from one leaf (RFC 10049, section 5.3.1). The caller checks
 * that PATH is a multiple of the hash's size and that INDX has no bits left over.
 *
 * @param hash The dialect's hash.
 * @param leaf The hashed leaf.
 * @param index INDX.
 * @param path PATH.
 * @param order Which way round; see the dialect's `pathOrder`.
 */
export function rootFromPath(
  hash: Hash,
  leaf: Uint8Array,
  index: number,
  path: Uint8Array,
  order: PathOrder,
): Uint8Array {
  let current = leaf;
  const size = leaf.length;
  for (let i = 0; i * size < path.length; i++) {
    const node = path.subarray(i * size, (i + 1) * size);
    const isRight = ((index >>> i) & 1) === 1;
    current = isRight === (order === "hash-first")
      ? nodeHash(hash, node, current)
      : nodeHash(hash, current, node);
  }
  return current;
}
