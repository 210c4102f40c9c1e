import assert from "node:assert/strict";
import { toSql } from "../../lib/watch/sql_value.ts";

Deno.test("toSql() keeps every digit of every number", {
  permissions: "none",
}, () => {
  const most = (1n << 63n) - 1n;
  assert.equal(toSql(null), null);
  assert.equal(toSql(undefined), null);
  assert.equal(toSql("-5"), -5n);
  assert.equal(toSql(String(most)), most);
  assert.equal(toSql(String(most + 1n)), String(most + 1n));
  assert.equal(toSql(String(-most - 2n)), String(-most - 2n));
});
