import assert from "node:assert/strict";
import { cutoffsAfter } from "../../lib/watch/retention.ts";
import { DAY_MS, madeUpRound, NOW_MS } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const KEEP = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };

Deno.test("what is old goes by a clock that a majority confirms", none, () => {
  const { rounds, packets } = cutoffsAfter(madeUpRound(9), KEEP);
  assert.equal(rounds.beforeMs, NOW_MS - 90 * DAY_MS);
  assert.equal(packets.beforeMs, NOW_MS - 7 * DAY_MS);
  const short = cutoffsAfter(madeUpRound(9), { ...KEEP, keepDays: 3 });
  assert.equal(short.packets.beforeMs, NOW_MS - 3 * DAY_MS);
});

Deno.test(
  "a clock that nobody confirms makes nothing old, but numbers do in the end",
  none,
  () => {
    const far = { earliest: "-90000000000", latest: "-80000000000" };
    for (
      const doubt of [
        { quorumOffsetMicros: null },
        { quorumOffsetMicros: far },
        { clockJumped: true },
      ]
    ) {
      const round = madeUpRound(100_000, doubt);
      const { rounds, packets } = cutoffsAfter(round, KEEP);
      assert(rounds.beforeMs < -8.64e15 && packets.beforeMs < -8.64e15);
      assert.equal(rounds.beforeId, 100_000 - 2 * 90 * 288);
      assert.equal(packets.beforeId, 100_000 - 2 * 7 * 288);
    }
  },
);
