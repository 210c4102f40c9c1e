import assert from "node:assert/strict";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { folder } from "../_support/cli.ts";

async function names(path: string): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(path), ({ name }) => name);
  return found.sort();
}

Deno.test("a second writer is refused while the first is there, in words", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  const first = await openDatabase(path);
  await assert.rejects(openDatabase(path), {
    name: "HistoryError",
    code: "locked",
    message: /another watcher/,
  });
  first.close();
  (await openDatabase(path)).close();
});

Deno.test("a damaged file is moved aside, and never over another", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  for (
    const [n, junk] of ["junk".repeat(2000), "other".repeat(2000)].entries()
  ) {
    await Deno.writeTextFile(path, junk);
    const { movedTo = "", database, close } = await openDatabase(path);
    assert.equal(movedTo, `${path}.damaged${n === 0 ? "" : "-2"}`);
    assert.equal(await Deno.readTextFile(movedTo), junk);
    database.exec("SELECT * FROM round");
    close();
  }
});

Deno.test("damage in the middle is found when the file is opened", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  const { database, close } = await openDatabase(path);
  database.exec("BEGIN");
  for (let id = 1; id < 500; id++) {
    database.exec(`INSERT INTO report VALUES (${id}, 1, 1, 'x')`);
  }
  database.exec("COMMIT");
  close();
  const bytes = await Deno.readFile(path);
  bytes.fill(0xff, 4096, bytes.length);
  await Deno.writeFile(path, bytes);
  const again = await openDatabase(path);
  assert(again.movedTo !== undefined);
  again.close();
  assert((await names(dir.path)).includes("watch.db.damaged"));
});

Deno.test("a history of a newer program, and a database of another one, stay as they are", async () => {
  await using dir = await folder();
  const path = dir.in("watch.db");
  const { database, close } = await openDatabase(path);
  database.exec("PRAGMA user_version = 99");
  close();
  const before = await Deno.readFile(path);
  await assert.rejects(openDatabase(path), {
    code: "newer",
    message: /newer version .*\(form 99/,
  });
  assert.deepEqual(await Deno.readFile(path), before);
  const { DatabaseSync } = await import("node:sqlite");
  const other = dir.in("other.db");
  const foreign = new DatabaseSync(other);
  foreign.exec("CREATE TABLE bookmarks (id INTEGER)");
  foreign.close();
  await assert.rejects(openDatabase(other), { code: "foreign" });
});

Deno.test("a folder that is not there is said", async () => {
  await using dir = await folder();
  await assert.rejects(openDatabase(dir.in("none/watch.db")), {
    code: "system",
    message: /Cannot use history .*none\/watch\.db: unable to open/,
  });
});
