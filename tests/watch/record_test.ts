import assert from "node:assert/strict";
import { confirmMalfeasance } from "../../lib/verify/judge.ts";
import { idsAfter } from "../../lib/watch/record.ts";
import { farm, recorded } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const IDS = { round: 5, exchange: 100, report: 7 };

Deno.test(
  "a round keeps the list's order, and the order asked in its chain",
  none,
  async () => {
    const one = farm({ dead: [1] });
    const { round, exchanges, contradiction } = await recorded(one, {
      ids: IDS,
    });
    assert.equal(round.id, 5);
    assert.deepEqual(round.servers.map(({ status }) => status), [
      ...["ok", "silent", "ok", "ok"],
    ]);
    assert.deepEqual([round.voters, round.agreeing], [3, 3]);
    assert.deepEqual(exchanges.map(({ id }) => id), [
      100,
      101,
      102,
      103,
      104,
      105,
    ]);
    assert.deepEqual(round.chain.map(({ server }) => server), [
      0,
      2,
      3,
      0,
      2,
      3,
    ]);
    assert.deepEqual(round.servers[2]?.exchanges, [101, 104]);
    assert.deepEqual(round.servers[1]?.exchanges, []);
    assert.equal(exchanges[0]?.rand, undefined);
    assert.equal(exchanges[1]?.rand?.length, 32);
    assert.equal(contradiction, undefined);
    assert.deepEqual(round.reports, []);
    const { earliest, latest } = round.quorumOffsetMicros ?? {};
    assert(Number(earliest) < 0 && Number(latest) > 0);
  },
);

Deno.test(
  "a round with a liar has a report, and numbers go on after it",
  none,
  async () => {
    const record = await recorded(farm({ liars: [2] }), { ids: IDS });
    const { round, contradiction } = record;
    assert.deepEqual(round.reports, [7]);
    assert(await confirmMalfeasance(contradiction?.text ?? ""));
    assert.deepEqual(idsAfter(record, IDS), {
      round: 6,
      exchange: 108,
      report: 8,
    });
  },
);

Deno.test("a round says how far the local clock is off", none, async () => {
  const { round } = await recorded(farm(), { offMicros: 10_000_000n });
  assert(Number(round.quorumOffsetMicros?.latest) < -6_000_000);
  assert(Number(round.quorumOffsetMicros?.earliest) > -14_000_000);
});

Deno.test(
  "a round without a majority judges nobody, and says why",
  none,
  async () => {
    const { round } = await recorded(farm({ count: 2 }));
    assert.equal(round.quorumOffsetMicros, null);
    assert.match(round.noQuorumReason ?? "", /from 2 of the 3 operators/);
    assert.deepEqual(round.servers.map(({ status }) => status), [
      ...["unjudged", "unjudged"],
    ]);
  },
);
