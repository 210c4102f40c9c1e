import assert from "node:assert/strict";
import type { ServerList } from "../../lib/ecosystem/list.ts";
import { ListCare } from "../../lib/watch/list_care.ts";
import { listed } from "../_support/many.ts";

Deno.test("a list that disappears stays as it was, and what is wrong is told", {
  permissions: "none",
}, async () => {
  let list: ServerList | undefined = {
    servers: [listed(0, { name: "a" }), listed(1, { name: "a" })],
    skipped: [{ index: 2, name: "b", reason: "key" }],
    sources: [],
    reports: undefined,
  };
  const care = new ListCare("list.json", () => {
    if (list === undefined) throw new Error("there is no file list.json");
    return Promise.resolve(list);
  });
  assert.equal(care.servers.length, 0);
  await care.read();
  assert.deepEqual(care.servers.map(({ name }) => name), ["a", "a (2)"]);
  const source = "list.json";
  assert.deepEqual(care.state, {
    source,
    servers: 2,
    skipped: 1,
    problem: null,
  });
  list = undefined;
  await care.read();
  assert.equal(care.servers.length, 2);
  assert.equal(care.state.problem, "there is no file list.json");
  assert(care.error instanceof Error);
  list = { servers: [listed(3)], skipped: [], sources: [], reports: undefined };
  await care.read();
  assert.deepEqual(care.state, {
    source,
    servers: 1,
    skipped: 0,
    problem: null,
  });
  assert.equal(care.error, undefined);
});
