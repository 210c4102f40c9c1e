import assert from "node:assert/strict";
import { Archive, type HistoryEvent } from "../../lib/watch/archive.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { folder } from "../_support/cli.ts";
import { farm, madeUpRecord, recorded } from "../_support/watch.ts";

const retention = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };

/** A disk of so many pages, which the test makes larger and smaller. */
function smallDisk() {
  const disk = { pages: 1 << 20 };
  const open = async (path: string) => {
    const opened = await openDatabase(path);
    const limit = () =>
      opened.database.exec(`PRAGMA max_page_count = ${disk.pages}`);
    limit();
    return Object.assign(opened, { limit });
  };
  let last: Awaited<ReturnType<typeof open>> | undefined;
  return {
    open: async (path: string) => last = await open(path),
    resize: (pages: number) => {
      disk.pages = pages;
      last?.limit();
    },
  };
}

Deno.test("a full disk: the watcher goes on, says so once, keeps evidence, and resumes", async () => {
  await using dir = await folder();
  const disk = smallDisk();
  const events: HistoryEvent[] = [];
  const archive = await Archive.open({
    path: dir.in("watch.db"),
    retention,
    open: disk.open,
    onEvent: (event) => events.push(event),
  });
  const keep = async (liars: number[] = []) => {
    const record = await recorded(farm({ liars }), { ids: archive.ids });
    await archive.keep(record);
    return record;
  };
  await keep();
  assert.equal(events.length, 0);
  disk.resize(1);
  const proof = await keep([1]);
  await keep();
  const last = await keep();
  assert.deepEqual(events.map(({ writing }) => writing), [false]);
  assert.match(events[0]?.problem ?? "", /full/);
  assert.deepEqual(archive.status, {
    writing: false,
    problem: events[0]?.problem ?? null,
  });
  assert.equal(archive.round()?.id, last.round.id);
  assert.equal(archive.report(1), proof.contradiction?.text);
  assert.equal(archive.contradictions(), 1);
  const [exchange] = last.exchanges;
  assert.equal(archive.exchange(exchange?.id ?? 0)?.round, last.round.id);
  disk.resize(1 << 20);
  await keep();
  assert.deepEqual(events.map(({ writing }) => writing), [false, true]);
  assert(archive.status.writing);
  archive.close();
  const again = await Archive.open({ path: dir.in("watch.db"), retention });
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((id) => again.round(id)?.id),
    [1, 2, undefined, undefined, 5],
  );
  assert.equal(again.report(1), proof.contradiction?.text);
  assert.equal(again.ids.round, 6);
  again.close();
});

Deno.test("a disk that is full at the start is no reason not to start", async () => {
  await using dir = await folder();
  let isFull = true;
  const events: HistoryEvent[] = [];
  const archive = await Archive.open({
    path: dir.in("watch.db"),
    retention,
    open: (path) => {
      if (isFull) throw new Error("database or disk is full");
      return openDatabase(path);
    },
    onEvent: (event) => events.push(event),
  });
  await archive.keep(madeUpRecord(1));
  assert.equal(archive.round()?.id, 1);
  isFull = false;
  await archive.keep(madeUpRecord(2));
  assert.deepEqual(events.map(({ writing }) => writing), [false, true]);
  archive.close();
});

Deno.test("damage while it runs: the file is moved aside, a new one begun, numbers go on", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  const events: HistoryEvent[] = [];
  let broken = false;
  const archive = await Archive.open({
    path,
    retention,
    open: async (path) => {
      if (broken) await Deno.writeTextFile(path, "junk".repeat(3000));
      broken = false;
      const opened = await openDatabase(path);
      return opened;
    },
    onEvent: (event) => events.push(event),
  });
  await archive.keep(madeUpRecord(1));
  // As SQLite says it when it meets a damaged page.
  const spoilt = {
    ...madeUpRecord(2),
    exchanges: [],
    get contradiction(): undefined {
      if (broken) return undefined;
      broken = true;
      throw new Error("database disk image is malformed");
    },
  };
  await archive.keep(spoilt);
  assert.equal(archive.status.writing, false);
  await archive.keep(madeUpRecord(3));
  assert(archive.status.writing);
  assert.equal(
    events.find(({ movedTo }) => movedTo)?.movedTo,
    `${path}.damaged`,
  );
  assert.equal(archive.round(3)?.id, 3);
  assert.equal(archive.round(1), undefined);
  assert.equal(archive.ids.round, 4);
  archive.close();
});

Deno.test("without a file there is the last round, and no history", async () => {
  const archive = await Archive.open({ path: undefined, retention });
  const record = await recorded(farm());
  await archive.keep(record);
  assert.deepEqual(archive.round(), record.round);
  assert.equal(archive.exchange(1)?.round, 1);
  assert.deepEqual(archive.status, {
    writing: false,
    problem: "No history is kept.",
  });
  const stretch = { fromMs: 0, toMs: 1000, bucketMs: 1000 };
  assert.equal(archive.history({ name: "op0.example", ...stretch }), undefined);
});

Deno.test("who is refused at the start is told", async () => {
  await using dir = await folder();
  const first = await Archive.open({ path: dir.in("watch.db"), retention });
  await assert.rejects(
    Archive.open({ path: dir.in("watch.db"), retention }),
    { code: "locked" },
  );
  first.close();
});

Deno.test("a round that cannot be written for ever keeps no other one out", async () => {
  await using dir = await folder();
  const archive = await Archive.open({ path: dir.in("watch.db"), retention });
  await archive.keep(madeUpRecord(1));
  const proof = await recorded(farm({ liars: [1] }));
  await archive.keep(proof); // has the number 1 too
  assert.match(archive.status.problem ?? "", /UNIQUE/);
  await archive.keep(madeUpRecord(2));
  assert(archive.status.writing);
  archive.close();
});

Deno.test("what cannot be read is told, and nothing falls over it", async () => {
  await using dir = await folder();
  const events: HistoryEvent[] = [];
  let drop = () => {};
  const archive = await Archive.open({
    path: dir.in("watch.db"),
    retention,
    onEvent: (event) => events.push(event),
    open: async (path) => {
      const opened = await openDatabase(path);
      drop = () => opened.database.exec("DROP TABLE report; DROP TABLE round");
      return opened;
    },
  });
  await archive.keep(madeUpRecord(1));
  drop();
  assert.equal(archive.contradictions(), 0);
  assert.deepEqual(archive.reports(), []);
  assert.equal(archive.round(7), undefined);
  assert.equal(archive.round()?.id, 1);
  assert.equal(archive.status.writing, false);
  assert(events.some(({ problem }) => /no such table/.test(problem ?? "")));
  archive.close();
});
