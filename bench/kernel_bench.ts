/**
 * The kernel next to node:crypto, which the portable server hashes with, and to noble. The
 * compiler needs some thousand calls before it has optimized the kernel; they come first.
 *
 * @module
 */

import { sha512 } from "@noble/hashes/sha2.js";
import { concat } from "../lib/crypto/bytes.ts";
import { hashOf } from "../lib/crypto/hash.ts";
import {
  createKernel,
  KERNEL_KINDS,
} from "../lib/server/fast/kernel/instance.ts";
import {
  inputOffset,
  outputOffset,
  SCRATCH_OFFSET,
  TREE_OFFSET,
} from "../lib/server/fast/kernel/layout.ts";
import { buildTree, leafHash, nodeHash } from "../lib/crypto/merkle.ts";
import type { Hash } from "../lib/crypto/hash.ts";
import { buildRequest } from "../lib/wire/request.ts";

const LEAVES = 64;

const kind = KERNEL_KINDS["sha512/32"];
const platform = hashOf("sha512/32");
const noble: Hash = (...parts) =>
  sha512(concat(...parts)).subarray(0, 32) as Uint8Array<ArrayBuffer>;

const kernel = createKernel();
const { bytes } = kernel;

const requests = Array.from({ length: LEAVES }, () =>
  buildRequest({
    versions: [1],
    nonce: crypto.getRandomValues(new Uint8Array(32)),
    publicKey: crypto.getRandomValues(new Uint8Array(32)),
  }));
const [request] = requests as [Uint8Array];
const list = new Uint32Array(kernel.memory.buffer, SCRATCH_OFFSET, 2 * LEAVES);
requests.forEach((packet, i) => {
  bytes.set(packet, inputOffset(i));
  list.set([inputOffset(i), packet.length], 2 * i);
});
const leaves = requests.map((packet) => leafHash(platform, packet));
const [left, right] = leaves as [Uint8Array, Uint8Array];

for (let i = 0; i < 2000; i++) {
  kernel.leaves(kind, SCRATCH_OFFSET, LEAVES);
  kernel.leaves(kind, SCRATCH_OFFSET, 2);
  for (let j = 0; j < 10; j++) kernel.leaf(kind, inputOffset(0), 1024, 0);
  leaves.forEach((leaf, j) => bytes.set(leaf, TREE_OFFSET + 32 * j));
  kernel.tree(kind, LEAVES);
  kernel.tree(kind, 2);
  kernel.path(kind, 0, 6, outputOffset(0));
}

function compare(
  group: string,
  contenders: Readonly<Record<string, () => void>>,
): void {
  Object.entries(contenders).forEach(([name, fn], i) => {
    Deno.bench({
      name: `${group}: ${name}`,
      group,
      baseline: i === 0,
      permissions: "none",
      fn,
    });
  });
}

compare(`leaf of a request of ${request.length} bytes`, {
  "kernel": () => kernel.leaf(kind, inputOffset(0), request.length, 0),
  "node:crypto": () => void leafHash(platform, request),
  "noble": () => void leafHash(noble, request),
});

compare(`${LEAVES} such leaves`, {
  "kernel, together": () => kernel.leaves(kind, SCRATCH_OFFSET, LEAVES),
  "kernel, one by one": () => {
    for (let i = 0; i < LEAVES; i++) {
      kernel.leaf(kind, inputOffset(i), request.length, i);
    }
  },
  "node:crypto": () => {
    for (const packet of requests) leafHash(platform, packet);
  },
});

compare("one node", {
  "kernel": () => void kernel.tree(kind, 2),
  "node:crypto": () => void nodeHash(platform, left, right),
  "noble": () => void nodeHash(noble, left, right),
});

compare(`tree of ${LEAVES}`, {
  "kernel": () => void kernel.tree(kind, LEAVES),
  "node:crypto": () => void buildTree(platform, leaves),
  "noble": () => void buildTree(noble, leaves),
});

const [from, to] = [inputOffset(0), outputOffset(0)];
for (const length of [32, 64, 128]) {
  compare(`copy of ${length} bytes`, {
    "kernel": () => kernel.copy(to, from, length),
    "copyWithin": () => void bytes.copyWithin(to, from, from + length),
    "set": () => bytes.set(bytes.subarray(from, from + length), to),
  });
}
