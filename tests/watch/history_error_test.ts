import assert from "node:assert/strict";
import {
  HistoryError,
  isDamage,
  isLocked,
} from "../../lib/watch/history_error.ts";

Deno.test("what SQLite says is told apart", { permissions: "none" }, () => {
  assert(isDamage(new Error("database disk image is malformed")));
  assert(isDamage(new Error("file is not a database")));
  assert(!isDamage(new Error("database or disk is full")));
  assert(!isDamage("file is not a database"));
  assert(isLocked(new Error("database is locked")));
  assert(!isLocked(new HistoryError("newer", "made by a newer version")));
});
