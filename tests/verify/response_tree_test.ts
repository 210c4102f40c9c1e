import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { concat } from "../../lib/crypto/bytes.ts";
import { rootFromPath } from "../../lib/crypto/merkle.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  edit,
  entriesOf,
  exchangeFor,
  forge,
  type Grow,
  messageOf,
  midpointIn,
  put,
  requestFor,
} from "../_support/fixtures.ts";
import { batchOfFive, rejects, verified } from "../_support/verdict.ts";

const none = { permissions: "none" } as const;

// ---------------------------------------------------------------------------
// One change at a time.
// ---------------------------------------------------------------------------

for (const dialect of ALL) {
  const { id } = dialect;
  Deno.test(
    `verifyResponse() takes PATH of 32 and not of 33 entries in ${id} (section 5.2.4)`,
    none,
    async () => {
      const grown = (depth: number, index: number): Grow => (hash, leaf) => {
        const path = bytes(depth * leaf.length, depth);
        const root = rootFromPath(hash, leaf, index, path, "hash-first");
        return { root, path, index };
      };
      const deep = await forge({ dialect: id, tree: grown(32, 0xdeadbeef) });
      const verdict = verified(await verifyResponse(deep));
      assert.equal(verdict.pathLength, 32);
      assert.equal(verdict.index, 0xdeadbeef);
      await rejects(
        await forge({ dialect: id, tree: grown(33, 0) }),
        "path-too-long",
      );
    },
  );

  Deno.test(
    `verifyResponse() rejects INDX with bits left over in ${id} (section 5.3.1)`,
    none,
    async () => {
      for (const index of [1, 0x80000000, 0xdeadbeef, 0xffffffff]) {
        const exchange = await forge({
          dialect: id,
          tree: (_, leaf) => ({ root: leaf, path: new Uint8Array(0), index }),
        });
        await rejects(exchange, "index-bits");
      }
      for (
        const [depth, index] of [[1, 2], [3, 8], [31, 0x80000000]] as const
      ) {
        const exchange = await forge({
          dialect: id,
          tree: (hash, leaf) => {
            const path = bytes(depth * leaf.length, depth);
            // The tree itself would fit: only the unused bits are wrong.
            const root = rootFromPath(hash, leaf, index, path, "hash-first");
            return { root, path, index };
          },
        });
        await rejects(exchange, "index-bits");
      }
    },
  );

  Deno.test(
    `verifyResponse() ${
      dialect.pathOrder === "either" ? "accepts" : "rejects"
    } a node-first tree in ${id}`,
    none,
    async () => {
      const exchange = await forge({
        dialect: id,
        // Four leaves by hand, ours the third, each pair joined right before left.
        tree: (hash, leaf) => {
          const node = Uint8Array.of(1);
          const [a, b, d] = [1, 2, 3].map((seed) => bytes(leaf.length, seed));
          const ab = hash(node, b as Uint8Array, a as Uint8Array);
          const cd = hash(node, d as Uint8Array, leaf);
          const path = concat(d as Uint8Array, ab);
          return { root: hash(node, cd, ab), path, index: 2 };
        },
      });
      if (dialect.pathOrder === "hash-first") {
        return await rejects(exchange, "merkle-root");
      }
      const verdict = verified(await verifyResponse(exchange));
      assert.equal(verdict.pathOrder, "node-first");
      assert.equal(verdict.index, 2);
      assert.equal(verdict.midpointMicros, midpointIn(dialect));
    },
  );

  Deno.test(
    `verifyResponse() accepts a hash-first tree built by hand in ${id} (section 5.3)`,
    none,
    async () => {
      const exchange = await forge({
        dialect: id,
        tree: (hash, leaf) => {
          const node = Uint8Array.of(1);
          const [a, b, d] = [1, 2, 3].map((seed) => bytes(leaf.length, seed));
          const ab = hash(node, a as Uint8Array, b as Uint8Array);
          const cd = hash(node, leaf, d as Uint8Array);
          const path = concat(d as Uint8Array, ab);
          return { root: hash(node, ab, cd), path, index: 2 };
        },
      });
      const verdict = verified(await verifyResponse(exchange));
      assert.equal(verdict.pathOrder, "hash-first");
      assert.equal(verdict.index, 2);
      assert.equal(verdict.pathLength, 2);
    },
  );

  Deno.test(
    `verifyResponse() tells leaves from nodes in ${id} (section 5.3)`,
    none,
    async () => {
      // A leaf without its 0x00 must not pass, nor a node without its 0x01.
      const request = requestFor(id);
      const input = dialect.leaf === "packet"
        ? request
        : entriesOf(messageOf(request)).find(([t]) => t === TAG.NONC)?.[1];
      const naked = await forge({
        dialect: id,
        request,
        tree: (hash) => ({
          root: hash(input as Uint8Array),
          path: new Uint8Array(0),
          index: 0,
        }),
      });
      await rejects(naked, "merkle-root");
      const untweaked = await forge({
        dialect: id,
        tree: (hash, leaf) => {
          const path = bytes(leaf.length, 9);
          return { root: hash(leaf, path), path, index: 0 };
        },
      });
      await rejects(untweaked, "merkle-root");
    },
  );
}

Deno.test(
  "verifyResponse() reads a complemented INDX of 05-13 as the other order, same time",
  none,
  async () => {
    // Two orders are tried there, and the mirror of a place in one is a place in the other.
    for (const dialect of ALL) {
      const exchange = await batchOfFive(dialect);
      const honest = verified(await verifyResponse(exchange));
      const mirrored = edit(
        exchange.response,
        (e) =>
          put(
            e,
            TAG.INDX,
            encodeUint32s([~honest.index & (2 ** honest.pathLength - 1)]),
          ),
      );
      const verdict = await verifyResponse({ ...exchange, response: mirrored });
      if (dialect.batches === "one") continue;
      if (dialect.pathOrder === "hash-first") {
        assert(!verdict.ok && verdict.rejection.code === "merkle-root");
      } else {
        const read = verified(verdict);
        assert.equal(read.pathOrder, "node-first");
        assert.equal(read.midpointMicros, honest.midpointMicros);
        assert.equal(read.radiusMicros, honest.radiusMicros);
      }
    }
  },
);

Deno.test(
  "a single leaf is the root, made of what the dialect says (section 5.3)",
  none,
  async () => {
    for (const dialect of ALL) {
      const { request, response } = await exchangeFor(dialect.id, 1);
      const srep = entriesOf(messageOf(response))
        .find(([t]) => t === TAG.SREP)?.[1] as Uint8Array;
      const root = entriesOf(srep).find(([t]) => t === TAG.ROOT)?.[1];
      const nonce = entriesOf(messageOf(request))
        .find(([t]) => t === TAG.NONC)?.[1] as Uint8Array;
      const modern = ["draft-12", "draft-14", "rfc-10049"].includes(dialect.id);
      const fips = ["draft-02", "draft-07"].includes(dialect.id);
      const leaf = createHash(fips ? "sha512-256" : "sha512")
        .update(Uint8Array.of(0)).update(modern ? request : nonce).digest()
        .subarray(0, dialect.id === "google" ? 64 : 32);
      assert.deepEqual(Uint8Array.from(root ?? []), Uint8Array.from(leaf));
    }
  },
);
