import assert from "node:assert/strict";
import { HistoryReader } from "../../lib/watch/history_reader.ts";
import { HistoryWriter } from "../../lib/watch/history.ts";
import { cutoffsAfter } from "../../lib/watch/retention.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import {
  DAY_MS,
  farm,
  madeUp,
  madeUpRecord,
  NOW_MS,
  recorded,
} from "../_support/watch.ts";

const KEEP = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 86_400 };

async function history() {
  const { database, close } = await openDatabase(":memory:");
  const writer = new HistoryWriter(database);
  const keep = (record: Parameters<HistoryWriter["append"]>[0]) =>
    writer.append(record, cutoffsAfter(record.round, KEEP));
  const count = (table: string) =>
    Number(database.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n);
  const reader = new HistoryReader(database);
  return { writer, reader, keep, count, database, [Symbol.dispose]: close };
}

Deno.test("what is too old goes; evidence stays for ever", async () => {
  using it = await history();
  const proof = await recorded(farm({ liars: [1] }));
  it.keep(proof);
  const plain = await recorded(farm(), {
    ids: { round: 2, exchange: 9, report: 2 },
  });
  it.keep(plain);
  assert.equal(it.count("exchange"), 16);
  it.keep(madeUpRecord(3, { atMs: NOW_MS + 8 * DAY_MS }));
  assert.equal(it.count("round"), 3);
  assert.equal(it.count("exchange"), 4);
  it.keep(madeUpRecord(4, { atMs: NOW_MS + 91 * DAY_MS }));
  assert.equal(it.count("round"), 2);
  assert.equal(it.count("sample"), 6);
  assert.equal(it.reader.report(1), proof.contradiction?.text);
  assert.equal(it.reader.exchange(2)?.server, "op1.example");
});

Deno.test("a clock that leaps by years without a majority takes nothing with it", async () => {
  using it = await history();
  for (let id = 1; id <= 5; id++) it.keep(madeUpRecord(id));
  const leap = { atMs: NOW_MS + 9000 * DAY_MS, quorumOffsetMicros: null };
  it.keep(madeUpRecord(6, leap));
  it.keep(madeUpRecord(7, leap));
  assert.equal(it.count("round"), 7);
});

Deno.test("a round that cannot be written leaves no trace", async () => {
  using it = await history();
  it.keep(madeUpRecord(1));
  const twice = madeUpRecord(1, { servers: [madeUp(7)] });
  assert.throws(() => it.keep(twice), /UNIQUE/);
  assert.equal(it.count("sample"), 3);
  assert.equal(it.count("server"), 3);
  it.keep(madeUpRecord(2));
});

Deno.test("names and sentences are written once, and go when nothing speaks of them", async () => {
  using it = await history();
  const reason = "It is an hour ahead, says the majority.";
  const servers = [madeUp(0, { status: "falseticker", reason })];
  for (let id = 1; id <= 10; id++) it.keep(madeUpRecord(id, { servers }));
  assert.deepEqual([it.count("server"), it.count("phrase")], [1, 1]);
  it.writer.tidy();
  assert.deepEqual([it.count("server"), it.count("phrase")], [1, 1]);
  it.database.exec("DELETE FROM sample; DELETE FROM round");
  it.writer.tidy();
  assert.deepEqual([it.count("server"), it.count("phrase")], [0, 0]);
});

Deno.test("numbers go on where they were", async () => {
  using it = await history();
  assert.deepEqual(it.writer.nextIds(), { round: 1, exchange: 1, report: 1 });
  it.keep(await recorded(farm({ liars: [1] })));
  assert.deepEqual(it.writer.nextIds(), { round: 2, exchange: 9, report: 2 });
});
