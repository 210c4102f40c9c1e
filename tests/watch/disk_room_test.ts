import assert from "node:assert/strict";
import { Archive } from "../../lib/watch/archive.ts";
import { ensureRoom } from "../../lib/watch/disk_room.ts";
import { HistoryError } from "../../lib/watch/history_error.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { folder } from "../_support/cli.ts";
import { madeUpRecord } from "../_support/watch.ts";

Deno.test("ensureRoom() leaves nothing behind, and says when the disk is full", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  await ensureRoom(path);
  const full = Object.assign(new Error("ENOSPC: no space left on device"), {
    code: "ENOSPC",
  });
  const half = async (file: string) => {
    await Deno.writeTextFile(file, "half");
    throw full;
  };
  await assert.rejects(ensureRoom(path, half), {
    name: "HistoryError",
    code: "system",
    message: `Cannot write history ${path}: the disk is full`,
  });
  assert.deepEqual(await Array.fromAsync(Deno.readDir(dir.in("."))), []);
  const other = new Error("EIO: i/o error");
  await assert.rejects(
    ensureRoom(path, () => Promise.reject(other)),
    (error) => error === other,
  );
});

Deno.test("an archive leaves SQLite alone where there is no room", async () => {
  await using dir = await folder();
  let isFull = false;
  const archive = await Archive.open({
    path: dir.in("watch.db"),
    retention: { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 },
    open: async (path) => ({
      ...await openDatabase(path),
      ensureRoom: () =>
        isFull
          ? Promise.reject(new HistoryError("system", "the disk is full"))
          : Promise.resolve(),
    }),
  });
  isFull = true;
  await archive.keep(madeUpRecord(1));
  assert.deepEqual(archive.status, {
    writing: false,
    problem: "the disk is full",
  });
  isFull = false;
  await archive.keep(madeUpRecord(2));
  assert(archive.status.writing);
  archive.close();
  const again = await openDatabase(dir.in("watch.db"));
  assert.equal(
    again.database.prepare("SELECT count(*) AS n FROM round").get()?.n,
    1,
  );
  again.close();
});
