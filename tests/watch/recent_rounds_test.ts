import assert from "node:assert/strict";
import { RecentRounds } from "../../lib/watch/recent_rounds.ts";
import { farm, madeUpRecord, recorded } from "../_support/watch.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "the last round is there, and evidence waits until it is written",
  none,
  async () => {
    const recent = new RecentRounds();
    const proof = await recorded(farm({ liars: [1] }));
    recent.add(proof);
    const later = Array.from({ length: 40 }, (_, i) => madeUpRecord(i + 2));
    later.forEach((record) => recent.add(record));
    assert.equal(recent.round()?.id, 41);
    assert.equal(recent.round(1)?.id, 1);
    assert.equal(recent.round(2), undefined);
    assert.deepEqual(recent.unwritten(), [proof, later.at(-1)]);
    assert.equal(recent.report(1), proof.contradiction?.text);
    assert.deepEqual(recent.reports().map(({ id, round }) => [id, round]), [[
      1,
      1,
    ]]);
    const second = recent.exchange(2);
    assert.equal(second?.previous, 1);
    assert.equal(atob(second?.request ?? "").length, 1024);
    assert.equal(recent.exchange(1)?.rand, null);
    recent.wrote(proof);
    assert.equal(recent.round(1), undefined);
    assert.equal(recent.report(1), undefined);
    recent.wrote(later.at(-1) as typeof proof);
    assert.equal(recent.round()?.id, 41);
  },
);

Deno.test("evidence in memory has an end", none, async () => {
  const recent = new RecentRounds();
  const proof = await recorded(farm({ liars: [1] }));
  for (let i = 0; i < 100; i++) recent.add({ ...proof });
  assert(recent.unwritten().length < 20);
});
