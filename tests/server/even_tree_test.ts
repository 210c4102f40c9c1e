import assert from "node:assert/strict";
import fc from "fast-check";
import { buildTree } from "../../lib/crypto/merkle.ts";
import { leavesFor } from "../../lib/server/even_tree.ts";
import type { Responder } from "../../lib/server/responder.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import {
  ALL,
  bytes,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
  requestFor,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "the tree of any batch of clients without TYPE has an even number of levels",
  none,
  () => {
    // Whatever the nodes are, the levels are as many.
    const leaf = bytes(32, 1);
    const hash = () => leaf;
    fc.assert(fc.property(fc.integer({ min: 1, max: 256 }), (count) => {
      for (const dialect of ALL) {
        const leaves = leavesFor(dialect, count);
        assert(leaves >= count && leaves <= 2 * count + 1);
        if (dialect.type === "required") return assert.equal(leaves, count);
        const { depth } = buildTree(hash, Array(leaves).fill(leaf));
        assert.equal(depth % 2, 0, `${count} requests`);
      }
    }));
  },
);

Deno.test("so have the replies, which verify all the same", none, async () => {
  for (
    const id of [
      "draft-12",
      "draft-11",
      "draft-07",
      "google",
      "draft-14",
    ] as const
  ) {
    const responder: Responder = await makeResponder({ soloBudget: 0 });
    for (const count of [1, 2, 3, 5, 8, 9, 40, 100]) {
      const requests = Array.from(
        { length: count },
        (_, n) => requestFor(id, n),
      );
      const outcomes = await responder.respond(requests, MOMENT);
      for (const [i, outcome] of outcomes.entries()) {
        assert("reply" in outcome, `${id} ${count}`);
        const exchange = {
          request: requests[i]!,
          response: outcome.reply,
          publicKey: PUBLIC_KEY,
        };
        const verdict = await verifyResponse(exchange);
        assert(verdict.ok, `${id} ${count}`);
        assert.equal(verdict.index, i);
        const { type } = DIALECTS[id];
        const least = Math.ceil(Math.log2(count));
        const levels = type === "none" ? least + least % 2 : least;
        assert.equal(verdict.pathLength, levels);
      }
    }
  }
});
