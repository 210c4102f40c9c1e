import assert from "node:assert/strict";
import type { Outcome } from "../../lib/server/responder.ts";
import { type DialectId, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import {
  ALL,
  makeResponder,
  MOMENT,
  requestFor,
} from "../_support/fixtures.ts";
import { isOld, levelsIn, verified } from "../_support/responder.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "respond() gives old clients an empty PATH until the budget is used up",
  none,
  async () => {
    for (const dialect of ALL) {
      const { id } = dialect;
      const requests = Array.from({ length: 20 }, (_, i) => requestFor(id, i));
      for (const [soloBudget, alone] of [[undefined, 8], [0, 0], [3, 3]]) {
        const sizes: number[] = [];
        const responder = await makeResponder({
          soloBudget,
          singleBudget: Infinity,
          onBatch: (_, size) => sizes.push(size),
        });
        // The budget is for one call: the next has it again.
        for (let call = 0; call < 2; call++) {
          sizes.length = 0;
          const outcomes = await responder.respond(requests, MOMENT);
          const depths: number[] = [];
          for (const [i, request] of requests.entries()) {
            depths.push((await verified(request, outcomes[i])).pathLength);
          }
          const solos = dialect.batches === "one"
            ? 20
            : isOld(dialect)
            ? alone as number
            : 0;
          const rest = 20 - solos;
          const depth = levelsIn(dialect, rest);
          assert.deepEqual(
            depths,
            requests.map((_, i) => i < solos ? 0 : depth),
            id,
          );
          assert.deepEqual(sizes, [
            ...Array(solos).fill(1),
            ...(rest > 0 ? [rest] : []),
          ]);
        }
      }
    }
  },
);

const SINGLE: readonly DialectId[] = ["draft-01", "draft-02"];

Deno.test(
  "respond() signs one by one only until the budget is used up",
  none,
  async () => {
    assert.deepEqual(
      ALL.filter(({ batches }) => batches === "one").map(({ id }) => id),
      SINGLE,
    );
    // Among others, who are answered all the same.
    const ids: DialectId[] = ["draft-01", "rfc-10049", "draft-02", "google"];
    const requests = Array.from(
      { length: 120 },
      (_, i) => requestFor(ids[i % 4] as DialectId, i),
    );
    for (const [singleBudget, answered] of [[undefined, 8], [0, 0], [3, 3]]) {
      const sizes: number[] = [];
      const responder = await makeResponder({
        singleBudget,
        soloBudget: 0,
        onBatch: (_, size) => sizes.push(size),
      });
      // The budget is for one call: the next has it again.
      for (let call = 0; call < 2; call++) {
        sizes.length = 0;
        const outcomes = await responder.respond(requests, MOMENT);
        let singles = 0;
        for (const [i, request] of requests.entries()) {
          const outcome = outcomes[i] as Outcome;
          if (i % 2 === 0 && singles++ >= (answered as number)) {
            assert.deepEqual(outcome, { drop: "budget" });
          } else await verified(request, outcome);
        }
        assert.deepEqual(sizes.filter((size) => size > 1), [30, 30]);
        assert.equal(sizes.length, (answered as number) + 2);
      }
    }
  },
);

Deno.test(
  "respond() spends nothing on what would not be answered anyhow",
  none,
  async () => {
    const responder = await makeResponder({ singleBudget: 1 });
    const requests = [0, 1, 2].map((n) => requestFor("draft-02", n));
    const outcomes = await responder.respond(requests, MOMENT, {
      accept: (_, i) => i > 0,
    });
    assert.deepEqual(outcomes[0], { drop: "refused" });
    await verified(requests[1] as Uint8Array, outcomes[1]);
    assert.deepEqual(outcomes[2], { drop: "budget" });
  },
);

Deno.test(
  "respond() shares the budget among old dialects and spends none on new ones",
  none,
  async () => {
    const ids: DialectId[] = ["rfc-10049", "draft-14", "draft-11", "google"];
    const requests = Array.from(
      { length: 40 },
      (_, i) => requestFor(ids[i % 4] as DialectId, i),
    );
    const groups: [number, number][] = [];
    const responder = await makeResponder({
      soloBudget: 12,
      onBatch: (version, size) => groups.push([version, size]),
    });
    await responder.respond(requests, MOMENT);
    assert.deepEqual(groups, [
      [1, 10],
      [0x8000000c, 10],
      ...Array(10).fill([0x8000000b, 1]),
      ...Array(2).fill([GOOGLE_VERSION, 1]),
      [GOOGLE_VERSION, 8],
    ]);
  },
);
