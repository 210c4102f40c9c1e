import assert from "node:assert/strict";
import { judgeReport } from "../../lib/verify/judge.ts";
import { parseReport } from "../../lib/verify/report.ts";
import { findContradiction } from "../../lib/watch/contradiction.ts";
import { farm, measured } from "../_support/watch.ts";

const none = { permissions: "none" } as const;

Deno.test("honest servers give no evidence", none, async () => {
  assert.equal(await findContradiction(await measured(farm())), undefined);
});

Deno.test(
  "evidence is as much of the chain as it takes, each pair once, and a stranger confirms it",
  none,
  async () => {
    const one = farm({ liars: [1] });
    const measurement = await measured(one);
    const found = await findContradiction(measurement);
    assert(found);
    // Asked 0 1 2 3 0 1 2 3, and 1 is ahead: 1 before 2, 3 and 0.
    assert.deepEqual([found.first, found.last], [1, 4]);
    assert.deepEqual(
      found.pairs.map(({ before, after }) => [before, after]).sort(),
      [["op1.example", "op0.example"], ["op1.example", "op2.example"], [
        "op1.example",
        "op3.example",
      ]],
    );
    assert(
      found.pairs.every(({ byMicros }) => BigInt(byMicros) > 3_500_000_000n),
    );
    const verdict = await judgeReport(parseReport(found.text));
    assert(verdict.ok && verdict.violations.length === 3);
    assert.equal(verdict.entries.length, 4);
    const again = await findContradiction(await measured(one));
    assert.deepEqual(new Set(again?.marks), new Set(found.marks));
  },
);

Deno.test(
  "what no stranger would call proven is no evidence",
  none,
  async () => {
    const measurement = await measured(farm({ liars: [1] }));
    const chain = measurement.chain.map((link) => ({
      ...link,
      rand: link.rand && new Uint8Array(32),
    }));
    assert.equal(await findContradiction({ ...measurement, chain }), undefined);
  },
);
