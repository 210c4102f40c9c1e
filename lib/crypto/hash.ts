/**
 * The hashes of leaves, nodes and chains.
 *
 * @module
 */

import { sha512 as nobleSha512, sha512_256 } from "@noble/hashes/sha2.js";
import { nodeCrypto } from "./platform.ts";

/** Hashes the parts one after the other. */
export type Hash = (...parts: Uint8Array[]) => Uint8Array<ArrayBuffer>;

/** Hash of leaves, nodes, ROOT and PATH: SHA-512, its first half, or FIPS 180-4's SHA-512/256. */
export type HashKind = "sha512" | "sha512/32" | "sha512/256";

function sha512(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  if (nodeCrypto === undefined) return nobleHash(nobleSha512, parts);
  const hash = nodeCrypto.createHash("sha512");
  for (const part of parts) hash.update(part);
  const digest = hash.digest();
  return new Uint8Array(
    digest.buffer as ArrayBuffer,
    digest.byteOffset,
    digest.length,
  );
}

function nobleHash(
  hash: typeof nobleSha512,
  parts: Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const state = hash.create();
  for (const part of parts) state.update(part);
  return state.digest() as Uint8Array<ArrayBuffer>;
}

const HASHES: Readonly<Record<HashKind, Hash>> = {
  "sha512": sha512,
  // Not FIPS 180-4's SHA-512/256: the same initial values as SHA-512, cut in half.
  "sha512/32": (...parts) => sha512(...parts).subarray(0, 32),
  "sha512/256": (...parts) => nobleHash(sha512_256, parts),
};

/** The hash a dialect names. */
export function hashOf(kind: HashKind): Hash {
  return HASHES[kind];
}

/** How many bytes each hash gives. */
export const HASH_BYTES: Readonly<Record<HashKind, number>> = {
  "sha512": 64,
  "sha512/32": 32,
  "sha512/256": 32,
};
