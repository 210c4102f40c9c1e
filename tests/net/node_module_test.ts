import assert from "node:assert/strict";
import { nodeModule, NoNodeModuleError } from "../../lib/net/node_module.ts";

Deno.test("a module of Node's is there where there is Node", () => {
  assert.equal(typeof nodeModule("node:net").connect, "function");
  assert.equal(typeof nodeModule("node:dns/promises").lookup, "function");
});

Deno.test("without Node it is said what to do", { permissions: "none" }, () => {
  // A browser, and what bundlers put in its place.
  for (const runtime of [{}, { process: { env: {} } }]) {
    assert.throws(
      () => nodeModule("node:dgram", runtime),
      (error) =>
        error instanceof NoNodeModuleError &&
        /no node:dgram.*relay/.test(error.message),
    );
  }
});
