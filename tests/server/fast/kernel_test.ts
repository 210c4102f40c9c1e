import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sha512, sha512_256 } from "@noble/hashes/sha2.js";
import { base64 } from "@scure/base";
import { concat, equal } from "../../../lib/crypto/bytes.ts";
import type { HashKind } from "../../../lib/crypto/hash.ts";
import {
  createKernel,
  KERNEL_KINDS,
} from "../../../lib/server/fast/kernel/instance.ts";
import {
  INPUT_BYTES,
  INPUT_STRIDE,
  inputOffset,
  MAX_LEAVES,
  OUTPUT_BYTES,
  outputOffset,
  OWN_BYTES,
  ROOT_OFFSET,
  SCRATCH_BYTES,
  SCRATCH_OFFSET,
  SLOTS,
  TREE_OFFSET,
} from "../../../lib/server/fast/kernel/layout.ts";
import { KERNEL_WASM } from "../../../lib/server/fast/kernel/wasm.ts";
import { buildTree } from "../../../lib/crypto/merkle.ts";
import type { Hash } from "../../../lib/crypto/hash.ts";

/** noble, not what the library hashes with: that may be the platform's. */
const REFERENCE: Readonly<Record<HashKind, Hash>> = {
  "sha512": (...parts) => sha512(concat(...parts)) as Uint8Array<ArrayBuffer>,
  "sha512/32": (...parts) =>
    sha512(concat(...parts)).slice(0, 32) as Uint8Array<ArrayBuffer>,
  "sha512/256": (...parts) =>
    sha512_256(concat(...parts)) as Uint8Array<ArrayBuffer>,
};
const KINDS = Object.keys(REFERENCE) as HashKind[];
const SIZE: Readonly<Record<HashKind, number>> = {
  "sha512": 64,
  "sha512/32": 32,
  "sha512/256": 32,
};
const LEAF = Uint8Array.of(0);

const kernel = createKernel();
const { bytes } = kernel;

/** Bytes that are no zeros and do not repeat with the block. */
function noise(length: number, seed: number): Uint8Array<ArrayBuffer> {
  let state = seed + 1;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 1103515245) + 12345 | 0;
    bytes[i] = (state >>> 16) % 255 + 1;
  }
  return bytes;
}

function read(offset: number, length: number): Uint8Array {
  return bytes.subarray(offset, offset + length);
}

function hashed(kind: HashKind, offset: number, length: number): Uint8Array {
  kernel.hash(KERNEL_KINDS[kind], offset, length, SCRATCH_OFFSET);
  return read(SCRATCH_OFFSET, SIZE[kind]);
}

function leafAt(kind: HashKind, index: number): Uint8Array {
  return read(TREE_OFFSET + index * SIZE[kind], SIZE[kind]);
}

/** The leaf of what lies somewhere, by itself. */
function leaf(kind: HashKind, offset: number, length: number): Uint8Array {
  kernel.leaf(KERNEL_KINDS[kind], offset, length, 0);
  return leafAt(kind, 0);
}

/** The leaves of what lies in places, all in one call. */
function leaves(
  kind: HashKind,
  places: readonly (readonly [offset: number, length: number])[],
): Uint8Array[] {
  const list = new Uint32Array(kernel.memory.buffer, SCRATCH_OFFSET, 1024);
  list.set(places.flat());
  kernel.leaves(KERNEL_KINDS[kind], SCRATCH_OFFSET, places.length);
  return places.map((_, i) => leafAt(kind, i));
}

/** Puts messages into input slots, each followed by bytes that do not belong to it. */
function place(
  messages: readonly Uint8Array[],
): (readonly [offset: number, length: number])[] {
  return messages.map((message, i) => {
    const offset = inputOffset(i);
    bytes.fill(0xee, offset - 1, offset - 1 + INPUT_STRIDE);
    bytes.set(message, offset);
    return [offset, message.length];
  });
}

for (const kind of KINDS) {
  const reference = REFERENCE[kind];

  Deno.test({
    name: `hash() and leaf() agree with noble at every length, with ${kind}`,
    permissions: "none",
    fn: () => {
      for (let length = 0; length <= INPUT_BYTES; length++) {
        const message = noise(length, length);
        const [[offset]] = place([message]) as [readonly [number, number]];
        const name = `${length} bytes`;
        assert(equal(hashed(kind, offset, length), reference(message)), name);
        const expected = reference(LEAF, message);
        assert(equal(leaf(kind, offset, length), expected), name);
      }
    },
  });

  Deno.test({
    name: `leaf() does not care how its input is aligned, with ${kind}`,
    permissions: "none",
    fn: () => {
      for (const length of [64, 127, 1024]) {
        const message = noise(length, 1);
        const expected = reference(LEAF, message);
        for (let shift = 0; shift < 128; shift++) {
          const offset = inputOffset(0) + shift;
          bytes.set(message, offset);
          for (const before of [0, 0xff]) {
            bytes[offset - 1] = before;
            const name = `${length} bytes at ${shift}`;
            assert(equal(leaf(kind, offset, length), expected), name);
            assert.equal(bytes[offset - 1], before, name);
          }
        }
      }
    },
  });

  Deno.test({
    name: `leaf() and leaves() know a block of zeros anywhere, with ${kind}`,
    permissions: "none",
    fn: () => {
      // All sixteen ways to have four blocks of zeros or not, behind a first byte's prefix.
      for (let zeros = 0; zeros < 32; zeros++) {
        const messages = [495, 511, 512, 520, 600].map((length) => {
          const message = noise(length, zeros);
          for (let block = 0; block < 5; block++) {
            if ((zeros >> block) & 1) {
              message.fill(0, Math.max(0, block * 128 - 1), block * 128 + 127);
            }
          }
          return message;
        });
        const expected = messages.map((message) => reference(LEAF, message));
        const places = place(messages);
        const bulk = leaves(kind, places);
        bulk.forEach((actual, i) => assert(equal(actual, expected[i]!)));
        places.forEach(([offset, length], i) => {
          assert(equal(leaf(kind, offset, length), expected[i]!));
        });
      }
    },
  });

  Deno.test({
    name: `one bit anywhere is not lost among zeros, with ${kind}`,
    permissions: "none",
    fn: () => {
      const zeros = new Uint8Array(384);
      const [[a], [b], [c]] = place([zeros, zeros, zeros]) as [
        readonly [number, number],
        readonly [number, number],
        readonly [number, number],
      ];
      const untouched = reference(LEAF, zeros);
      for (
        let bit = 0;
        bit < zeros.length * 8;
        bit++
      ) {
        const at = bit >> 3;
        bytes[a + at] = 1 << (bit & 7);
        const expected = reference(LEAF, read(a, zeros.length));
        const name = `bit ${bit}`;
        assert(equal(leaf(kind, a, zeros.length), expected), name);
        // In each lane, beside messages that are all zeros.
        for (const order of [[a, b, c], [b, a, c], [b, c, a], [a, b], [b, a]]) {
          const bulk = leaves(
            kind,
            order.map((offset) => [offset, zeros.length]),
          );
          bulk.forEach((actual, i) => {
            const right = order[i] === a ? expected : untouched;
            assert(equal(actual, right), `${name} in ${i} of ${order.length}`);
          });
        }
        bytes[a + at] = 0;
      }
    },
  });

  Deno.test({
    name: `zeros of every length are padded by their own length, with ${kind}`,
    permissions: "none",
    fn: () => {
      // Upwards and downwards: what was worked out for one length must not serve another.
      const lengths = Array.from({ length: 400 }, (_, i) => i);
      for (const length of [...lengths, ...lengths.toReversed(), 1024, 1056]) {
        const message = new Uint8Array(length);
        const [[offset]] = place([message]) as [readonly [number, number]];
        const expected = reference(LEAF, message);
        assert(equal(leaf(kind, offset, length), expected), `${length} bytes`);
        assert(
          equal(hashed(kind, offset, length), reference(message)),
          `${length} bytes, bare`,
        );
      }
    },
  });

  Deno.test({
    name: `zeros of unequal lengths are not taken for each other, with ${kind}`,
    permissions: "none",
    fn: () => {
      // One number of blocks, so that they are hashed together.
      const lengths = Array.from({ length: 111 }, (_, i) => 128 + i);
      const digests = lengths.map((length) =>
        reference(LEAF, new Uint8Array(length))
      );
      place([0, 1, 2].map(() => new Uint8Array(INPUT_BYTES)));
      for (let i = 0; i < lengths.length; i++) {
        for (let j = 0; j < lengths.length; j++) {
          for (const order of [[i, j], [i, i, j], [i, j, i], [j, i, i]]) {
            const bulk = leaves(
              kind,
              order.map((at, lane) => [inputOffset(lane), lengths[at]!]),
            );
            bulk.forEach((actual, lane) => {
              const name = `${lane} of ${order.map((at) => lengths[at])}`;
              assert(equal(actual, digests[order[lane]!]!), name);
            });
          }
        }
      }
    },
  });

  Deno.test({
    name: `leaves() sorts out unequal lengths in any number, with ${kind}`,
    permissions: "none",
    fn: () => {
      for (let count = 0; count <= 40; count++) {
        const messages = Array.from({ length: count }, (_, i) => {
          const length = [1024, 64, 1036, 1500, 2048, 0, 111, 112][
            (i * i + count) % 8
          ]!;
          const message = noise(length, i);
          return message.fill(0, i % 3 === 0 ? length : 100);
        });
        const bulk = leaves(kind, place(messages));
        messages.forEach((message, i) => {
          const name = `leaf ${i} of ${count}`;
          assert(equal(bulk[i]!, reference(LEAF, message)), name);
        });
      }
    },
  });

  Deno.test({
    name: `leaves() takes inputs that touch, repeat or are long, with ${kind}`,
    permissions: "none",
    fn: () => {
      const from = inputOffset(0);
      const input = noise(20_000, 3);
      bytes.set(input, from);
      const places = [
        [0, 64],
        [64, 64],
        [128, 64],
        [64, 64],
        [0, 20_000],
        [
          5,
          4093,
        ],
        [5, 4093],
        [0, 3950],
        [1, 3951],
        [2, 3952],
      ] as const;
      const bulk = leaves(
        kind,
        places.map(([offset, length]) => [from + offset, length]),
      );
      places.forEach(([offset, length], i) => {
        const message = input.subarray(offset, offset + length);
        assert(equal(bulk[i]!, reference(LEAF, message)), `leaf ${i}`);
      });
    },
  });

  Deno.test({
    name: `tree() and path() do what buildTree() does, with ${kind} (§5.3)`,
    permissions: "none",
    fn: () => {
      const size = SIZE[kind];
      const all = noise(MAX_LEAVES * size, 9);
      const leaves = Array.from(
        { length: MAX_LEAVES },
        (_, i) => all.subarray(i * size, (i + 1) * size),
      );
      // Nodes are hashed once each; the trees of neighbouring sizes share most of them. What
      // is below a node is known by its place in memory: each value stands in one alone.
      type Nodes = Map<Uint8Array, Uint8Array<ArrayBuffer>>;
      const known = new Map<Uint8Array, Nodes>();
      const remembered: Hash = (...parts) => {
        const [, left, right] = parts as [Uint8Array, Uint8Array, Uint8Array];
        const nodes: Nodes = known.get(left) ?? new Map();
        known.set(left, nodes);
        const found = nodes.get(right) ?? reference(...parts);
        nodes.set(right, found);
        return found;
      };
      const counts = Array.from({ length: 300 }, (_, i) => i + 1);
      for (const count of [...counts, 511, 512]) {
        bytes.set(all, TREE_OFFSET);
        const depth = kernel.tree(KERNEL_KINDS[kind], count);
        const expected = buildTree(remembered, leaves.slice(0, count));
        assert.equal(depth, expected.depth, `${count}`);
        assert(equal(read(ROOT_OFFSET, size), expected.root), `${count}`);
        for (let i = 0; i < count; i++) {
          const out = outputOffset(i % SLOTS);
          const written = kernel.path(KERNEL_KINDS[kind], i, depth, out);
          const name = `leaf ${i} of ${count}`;
          assert.equal(written, depth * size, name);
          assert(equal(read(out, written), expected.path(i)), name);
        }
      }
    },
  });
}

Deno.test({
  name: "the regions lie apart, are aligned and end before the memory does",
  permissions: "none",
  fn: () => {
    const regions = [
      [0, OWN_BYTES],
      ...Array.from(
        { length: SLOTS },
        (_, i) => [inputOffset(i) - 64, inputOffset(i) + INPUT_BYTES],
      ),
      ...Array.from(
        { length: SLOTS },
        (_, i) => [outputOffset(i), outputOffset(i) + OUTPUT_BYTES],
      ),
      [TREE_OFFSET, ROOT_OFFSET],
      [ROOT_OFFSET, ROOT_OFFSET + 64],
      [SCRATCH_OFFSET, SCRATCH_OFFSET + SCRATCH_BYTES],
      [bytes.length - 16, bytes.length],
    ] as [number, number][];
    regions.forEach(([start, end], i) => {
      assert(start < end);
      if (i + 1 < regions.length) assert(end <= regions[i + 1]![0], `${i}`);
    });
    assert.equal(inputOffset(1) - inputOffset(0), INPUT_STRIDE);
    for (const offset of [inputOffset(7), outputOffset(7), SCRATCH_OFFSET]) {
      assert.equal(offset % 64, 0);
    }
    assert(SCRATCH_BYTES >= 65_536);
  },
});

Deno.test({
  name: "nothing is written but what was asked for",
  permissions: "none",
  fn: () => {
    for (const kind of KINDS) {
      const size = SIZE[kind];
      for (const count of [1, 2, 3, 5, 128, MAX_LEAVES]) {
        crypto.getRandomValues(bytes.subarray(OWN_BYTES, OWN_BYTES + 65_536));
        const list = new Uint32Array(
          kernel.memory.buffer,
          SCRATCH_OFFSET,
          2 * count,
        );
        list.forEach((_, i) =>
          list[i] = i % 2 === 0 ? inputOffset((i / 2) % SLOTS) : 1024
        );
        bytes.fill(0xdd, TREE_OFFSET, SCRATCH_OFFSET);
        const before = bytes.slice();
        const number = KERNEL_KINDS[kind];
        kernel.leaves(number, SCRATCH_OFFSET, count);
        const leavesEnd = TREE_OFFSET + count * size;
        same(before, OWN_BYTES, TREE_OFFSET);
        same(before, leavesEnd, bytes.length);
        const depth = kernel.tree(number, count);
        same(before, OWN_BYTES, TREE_OFFSET);
        // All levels of the largest tree have room; past this there is only the root.
        same(before, TREE_OFFSET + 2 * MAX_LEAVES * size, ROOT_OFFSET);
        same(before, ROOT_OFFSET + size, bytes.length);
        const out = outputOffset(3) + 5;
        const written = kernel.path(number, count - 1, depth, out);
        same(before, OWN_BYTES, out);
        same(before, out + written, TREE_OFFSET);
        kernel.hash(number, inputOffset(0), 1024, out);
        same(before, OWN_BYTES, out);
        same(before, out + Math.max(written, size), TREE_OFFSET);
        same(before, ROOT_OFFSET + size, bytes.length);
      }
    }
  },
});

/** Is a stretch of memory as it was? */
function same(before: Uint8Array, start: number, end: number): void {
  const [was, is] = [before, bytes].map((one) => one.subarray(start, end));
  assert.equal(Buffer.compare(was!, is!), 0);
}

Deno.test({
  name: "hashing works up to the end of the scratch space",
  permissions: "none",
  fn: () => {
    const end = SCRATCH_OFFSET + SCRATCH_BYTES;
    for (let length = 1; length < 300; length++) {
      const message = noise(length, length);
      bytes.set(message, end - length);
      const actual = leaf("sha512", end - length, length);
      assert(equal(actual, REFERENCE["sha512"](LEAF, message)), `${length}`);
    }
  },
});

Deno.test({
  name: "more leaves than there is room for, and none, throw",
  permissions: "none",
  fn: () => {
    const { RuntimeError } = WebAssembly;
    const offset = inputOffset(0);
    assert.throws(() => kernel.leaf(0, offset, 64, MAX_LEAVES), RuntimeError);
    assert.throws(() => kernel.leaf(0, offset, 64, -1), RuntimeError);
    const tooMany = MAX_LEAVES + 1;
    assert.throws(() => kernel.leaves(0, offset, tooMany), RuntimeError);
    assert.throws(() => kernel.tree(0, tooMany), RuntimeError);
    assert.throws(() => kernel.tree(0, 0), RuntimeError);
  },
});

Deno.test({
  name: "a call that threw leaves nothing behind for the next",
  permissions: "none",
  fn: () => {
    const message = noise(64, 1);
    const [first] = place([message]) as [readonly [number, number]];
    const outside = [bytes.length, 64] as const;
    assert.throws(
      () => leaves("sha512", [first, first, outside]),
      WebAssembly.RuntimeError,
    );
    const [actual] = leaves("sha512", [first]);
    assert.deepEqual(actual, REFERENCE["sha512"](LEAF, message));
  },
});

Deno.test({
  name: "the memory cannot grow, and kernels do not share it",
  permissions: "none",
  fn: () => {
    assert.throws(() => kernel.memory.grow(1), RangeError);
    assert.equal(bytes.buffer, kernel.memory.buffer);
    const other = createKernel();
    bytes[SCRATCH_OFFSET] = 1;
    assert.equal(other.bytes[SCRATCH_OFFSET], 0);
  },
});

Deno.test({
  name: "isZero() sees one bit anywhere and nothing outside",
  permissions: "none",
  fn: () => {
    const around = bytes.subarray(SCRATCH_OFFSET, SCRATCH_OFFSET + 200);
    for (let length = 0; length <= 70; length++) {
      for (const shift of [16, 21]) {
        around.fill(0xff).fill(0, shift, shift + length);
        const offset = SCRATCH_OFFSET + shift;
        assert.equal(kernel.isZero(offset, length), 1);
        for (let bit = 0; bit < 8 * length; bit++) {
          around[shift + (bit >> 3)] = 1 << (bit & 7);
          assert.equal(kernel.isZero(offset, length), 0, `${bit} of ${length}`);
          around[shift + (bit >> 3)] = 0;
        }
      }
    }
  },
});

Deno.test({
  name: "copy() copies just that",
  permissions: "none",
  fn: () => {
    const to = SCRATCH_OFFSET + 33;
    for (let length = 0; length <= 300; length++) {
      const message = noise(length, length);
      bytes.set(message, inputOffset(0) + 3);
      bytes.fill(0, SCRATCH_OFFSET, SCRATCH_OFFSET + 400);
      kernel.copy(to, inputOffset(0) + 3, length);
      const expected = new Uint8Array(400);
      expected.set(message, 33);
      assert(equal(read(SCRATCH_OFFSET, 400), expected), `${length}`);
    }
  },
});

Deno.test({
  name: "the embedded module is kernel.wasm",
  permissions: { read: true },
  fn: async () => {
    const file = new URL(
      "../../../lib/server/fast/kernel/kernel.wasm",
      import.meta.url,
    );
    assert.deepEqual(base64.decode(KERNEL_WASM), await Deno.readFile(file));
  },
});
