import assert from "node:assert/strict";
import { withUniqueNames } from "../../lib/watch/unique_names.ts";
import { listed } from "../_support/many.ts";

Deno.test("withUniqueNames() numbers those that share a name", {
  permissions: "none",
}, () => {
  const names = ["a", "b", "a", "a (2)", "a"];
  const servers = names.map((name, n) => listed(n, { name }));
  const unique = withUniqueNames(servers);
  assert.deepEqual(unique.map(({ name }) => name), [
    "a",
    "b",
    "a (3)",
    "a (2)",
    "a (4)",
  ]);
  assert.deepEqual(
    unique.map(({ publicKey }) => publicKey),
    servers.map(({ publicKey }) => publicKey),
  );
});

Deno.test("withUniqueNames() gives names that a database gives back", {
  permissions: "none",
}, () => {
  const servers = ["a\0b", "a\ufffdb", "\ud800"].map((name, n) =>
    listed(n, { name })
  );
  assert.deepEqual(withUniqueNames(servers).map(({ name }) => name), [
    "a\ufffdb",
    "a\ufffdb (2)",
    "\ufffd",
  ]);
});
