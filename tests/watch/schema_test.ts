import assert from "node:assert/strict";
import { MIGRATIONS, SCHEMA_VERSION } from "../../lib/watch/schema.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";

Deno.test("each form follows from the one before", async () => {
  const { database, close } = await openDatabase(":memory:");
  const value = (name: string) =>
    database.prepare(`PRAGMA ${name}`).get()?.[name];
  assert.equal(SCHEMA_VERSION, MIGRATIONS.length);
  assert.equal(value("user_version"), SCHEMA_VERSION);
  assert.equal(value("application_id"), 0x52547768);
  assert.deepEqual(database.prepare("PRAGMA foreign_key_check").all(), []);
  close();
});
