import assert from "node:assert/strict";
import { HistoryReader } from "../../lib/watch/history_reader.ts";
import { HistoryWriter } from "../../lib/watch/history.ts";
import { cutoffsAfter } from "../../lib/watch/retention.ts";
import type { RoundRecord } from "../../lib/watch/record.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { confirmMalfeasance } from "../../lib/verify/judge.ts";
import { exchangeOf } from "../_support/cli.ts";
import { farm, madeUp, madeUpRecord, recorded } from "../_support/watch.ts";

async function reading(...records: readonly RoundRecord[]) {
  const { database, close } = await openDatabase(":memory:");
  const writer = new HistoryWriter(database);
  const keep = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };
  for (const record of records) {
    writer.append(record, cutoffsAfter(record.round, keep));
  }
  return Object.assign(new HistoryReader(database), {
    [Symbol.dispose]: close,
  });
}

Deno.test("a round is read as it was told, to the last digit", async () => {
  const record = await recorded(farm({ liars: [2], dead: [1] }));
  using reader = await reading(record);
  assert.deepEqual(reader.round(1), record.round);
  assert.deepEqual(reader.round(), record.round);
  assert.equal(reader.round(2), undefined);
});

Deno.test("a round without a majority, with times beyond all bounds and hostile names", async () => {
  const most = String((1n << 64n) - 1n);
  const offsetMicros = {
    earliest: String((1n << 64n) - 2n),
    latest: String((1n << 64n) + 4n),
  };
  const hostile = {
    name: "<script>\u202e'; DROP TABLE round; --\u001b[2J",
    midpointMicros: most,
    radiusMicros: "3",
    rttMicros: "0",
    offsetMicros,
  };
  const record = madeUpRecord(1, {
    quorumOffsetMicros: null,
    noQuorumReason: "Of 3 operators 1 agree, and it takes 2.",
    clockJumped: true,
    servers: [madeUp(0, hostile), madeUp(1, { operator: "" })],
  });
  using reader = await reading(record);
  assert.deepEqual(reader.round(1), record.round);
});

Deno.test("packets are read byte for byte, zeros included", async () => {
  const record = await recorded(farm({ liars: [1] }));
  using reader = await reading(record);
  for (const [i, { id, exchange, rand }] of record.exchanges.entries()) {
    const read = reader.exchange(id);
    assert(read);
    assert.deepEqual(exchangeOf(read), exchange);
    assert.equal(read.previous, i === 0 ? null : id - 1);
    assert.equal(read.rand === null, rand === undefined);
  }
  assert.equal(reader.exchange(99), undefined);
});

Deno.test("reports are made from the packets", async () => {
  const record = await recorded(farm({ liars: [1] }));
  using reader = await reading(record);
  const text = reader.report(1) ?? "";
  assert.equal(text, record.contradiction?.text);
  assert(await confirmMalfeasance(text));
  assert.equal(reader.report(2), undefined);
  assert.equal(reader.contradictions(), 1);
  assert.deepEqual(reader.reports(), [{
    id: 1,
    round: 1,
    atMs: record.round.endedAtMs,
    pairs: record.contradiction?.pairs,
  }]);
});

Deno.test("the past of a server goes on under its name when its key changes", async () => {
  const other = madeUp(0, { publicKey: madeUp(5).publicKey });
  using reader = await reading(
    madeUpRecord(1),
    madeUpRecord(2, { servers: [other] }),
  );
  const stretch = { fromMs: 0, toMs: 4e12, bucketMs: 4e12 };
  const past = reader.history({ name: "op0.example", ...stretch });
  assert.equal(past?.points[0]?.rounds, 2);
  assert.equal(reader.history({ name: "nobody", ...stretch }), undefined);
});
