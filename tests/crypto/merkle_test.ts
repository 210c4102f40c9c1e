import assert from "node:assert/strict";
import { hex } from "@scure/base";
import fc from "fast-check";
import { concat, equal } from "../../lib/crypto/bytes.ts";
import { hashOf } from "../../lib/crypto/hash.ts";
import type { HashKind } from "../../lib/crypto/hash.ts";
import {
  buildTree,
  leafHash,
  MAX_PATH,
  nodeHash,
  rootFromPath,
} from "../../lib/crypto/merkle.ts";
import type { Hash } from "../../lib/crypto/hash.ts";

const KINDS: readonly HashKind[] = ["sha512", "sha512/32", "sha512/256"];
const SIZES: readonly number[] = [
  ...Array.from({ length: 64 }, (_, i) => i + 1),
  255,
  256,
  257,
];

/** Leaves over 32 bytes of 0, of 1, of 2 and so on. */
function leavesOf(hash: Hash, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const input = new Uint8Array(32).fill(i);
    input[31]! += i >> 8; // fill() keeps eight bits
    return leafHash(hash, input);
  });
}

Deno.test({
  name: "leafHash() hits the known values",
  permissions: "none",
  fn: () => {
    const leaf = (kind: HashKind, size: number) =>
      hex.encode(leafHash(hashOf(kind), new Uint8Array(size)));
    assert.equal(
      leaf("sha512", 64).slice(0, 64),
      "19dc6ae12de08b21b36c1ec7f353ce9e7cef73fa4d1354c436234167f0847bc9",
    );
    assert.match(leaf("sha512", 64), /33a1f8$/);
    assert.equal(leaf("sha512", 64).length, 128);
    assert.equal(
      leaf("sha512/32", 32),
      "3d4321d657903224b06051eb2fe69f0e1bd5b1e12f1976f09b39fa5ed2705228",
    );
    assert.equal(
      leaf("sha512/256", 32),
      "980baaefa11a71b7e4e9bf1d7f26874047a353f59e60eb78a464d2e0655ba93c",
    );
  },
});

Deno.test({
  name: "buildTree() hits the known roots of two and of three leaves",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const root = (count: number) =>
      hex.encode(buildTree(hash, leavesOf(hash, count)).root);
    assert.equal(
      root(2),
      "ba529f50b256b4e3fd99aff77ef57d7e00ceb468495746640d8547112b49bf7f",
    );
    assert.equal(
      root(3),
      "275086b9def0ddc294e4c9e51b24b716c5c98116c5ae388693b9a1113e552208",
    );
  },
});

Deno.test({
  name: "leafHash() and nodeHash() separate leaves from nodes (§5.3)",
  permissions: "none",
  fn: () => {
    for (const kind of KINDS) {
      const hash = hashOf(kind);
      const left = hash(Uint8Array.of(1));
      const right = hash(Uint8Array.of(2));
      assert.deepEqual(
        leafHash(hash, concat(left, right)),
        hash(concat(Uint8Array.of(0), left, right)),
      );
      assert.deepEqual(
        nodeHash(hash, left, right),
        hash(concat(Uint8Array.of(1), left, right)),
      );
    }
  },
});

Deno.test({
  name:
    "buildTree() takes a single leaf as the root, with an empty path (§5.3)",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const [leaf] = leavesOf(hash, 1) as [Uint8Array];
    const tree = buildTree(hash, [leaf]);
    assert.deepEqual(tree.root, leaf);
    assert.equal(tree.depth, 0);
    assert.equal(tree.path(0).length, 0);
    const none = new Uint8Array(0);
    for (const order of ["hash-first", "node-first"] as const) {
      assert.deepEqual(rootFromPath(hash, leaf, 0, none, order), leaf);
    }
  },
});

Deno.test({
  name: "buildTree() refuses no leaves and leaves its argument as it was",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    assert.throws(() => buildTree(hash, []), RangeError);
    const leaves = leavesOf(hash, 3);
    buildTree(hash, leaves);
    assert.equal(leaves.length, 3);
  },
});

for (const kind of KINDS) {
  Deno.test({
    name:
      `rootFromPath() reaches the root from every leaf, hash-first only, with ${kind} (§5.3.1)`,
    permissions: "none",
    fn: () => {
      const hash = hashOf(kind);
      for (const count of SIZES) {
        const leaves = leavesOf(hash, count);
        const tree = buildTree(hash, leaves);
        assert.equal(tree.depth, Math.ceil(Math.log2(count)));
        leaves.forEach((leaf, i) => {
          const path = tree.path(i);
          const name = `leaf ${i} of ${count}`;
          assert.equal(path.length, tree.depth * leaf.length, name);
          const root = rootFromPath(hash, leaf, i, path, "hash-first");
          assert(equal(root, tree.root), name);
          const mirrored = rootFromPath(hash, leaf, i, path, "node-first");
          assert.equal(equal(mirrored, tree.root), count === 1, name);
        });
      }
    },
  });
}

Deno.test({
  name: "rootFromPath() cannot tell the orders of a symmetric tree apart",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const [leaf] = leavesOf(hash, 1) as [Uint8Array];
    const tree = buildTree(hash, [leaf, leaf, leaf, leaf]);
    for (const order of ["hash-first", "node-first"] as const) {
      const root = rootFromPath(hash, leaf, 2, tree.path(2), order);
      assert.deepEqual(root, tree.root);
    }
  },
});

Deno.test({
  name: "rootFromPath() reads a mirrored tree node-first",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const [a, b, c, d] = leavesOf(hash, 4) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const ba = nodeHash(hash, b, a);
    const root = nodeHash(hash, nodeHash(hash, d, c), ba);
    const fromC = rootFromPath(hash, c, 2, concat(d, ba), "node-first");
    assert.deepEqual(fromC, root);
  },
});

Deno.test({
  name: "rootFromPath() takes all 32 bits of INDX (§5.2.4)",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const [leaf, ...nodes] = leavesOf(hash, MAX_PATH + 1) as [
      Uint8Array,
      ...Uint8Array[],
    ];
    assert.equal(nodes.length, 32);
    for (
      const index of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xa5a5a5a5]
    ) {
      const bits = index.toString(2).padStart(32, "0").split("").reverse();
      const expected = nodes.reduce(
        (current, node, i) =>
          bits[i] === "1"
            ? nodeHash(hash, node, current)
            : nodeHash(hash, current, node),
        leaf,
      );
      const path = concat(...nodes);
      const root = rootFromPath(hash, leaf, index, path, "hash-first");
      assert.deepEqual(root, expected, `${index}`);
    }
  },
});

Deno.test({
  name: "rootFromPath() reaches no root with another index",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    for (const count of [2, 4, 8, 16]) {
      const leaves = leavesOf(hash, count);
      const tree = buildTree(hash, leaves);
      leaves.forEach((leaf, i) => {
        const path = tree.path(i);
        for (let other = 0; other < count; other++) {
          const root = rootFromPath(hash, leaf, other, path, "hash-first");
          assert.equal(equal(root, tree.root), other === i);
        }
      });
    }
  },
});

Deno.test({
  name: "rootFromPath() reaches no root with a changed leaf or path",
  permissions: "none",
  fn: () => {
    const hash = hashOf("sha512/32");
    const position = fc.integer({ min: 2, max: 40 }).chain((count) =>
      fc.record({
        count: fc.constant(count),
        index: fc.nat(count - 1),
        at: fc.nat(),
        mask: fc.integer({ min: 1, max: 255 }),
      })
    );
    fc.assert(fc.property(position, ({ count, index, at, mask }) => {
      const leaves = leavesOf(hash, count);
      const tree = buildTree(hash, leaves);
      const leaf = leaves[index] as Uint8Array;
      const path = tree.path(index);
      const flipped = (bytes: Uint8Array) => {
        const copy = bytes.slice();
        copy[at % copy.length]! ^= mask;
        return copy;
      };
      for (const order of ["hash-first", "node-first"] as const) {
        for (
          const [changedLeaf, changedPath] of [
            [flipped(leaf), path],
            [leaf, flipped(path)],
            [leaf, path.subarray(0, -32)],
            [leaf, concat(path, leaf)],
          ] as const
        ) {
          const root = rootFromPath(
            hash,
            changedLeaf,
            index,
            changedPath,
            order,
          );
          assert(!equal(root, tree.root));
        }
      }
    }));
  },
});
