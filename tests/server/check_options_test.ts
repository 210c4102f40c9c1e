import assert from "node:assert/strict";
import {
  asConfig,
  checkResponderOptions,
  checkServeOptions,
  checkServerOptions,
} from "../../lib/server/check_options.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("a server's options are taken as they may be", () => {
  checkServerOptions({ v1Context: "draft", soloBudget: 0 });
  checkResponderOptions({ singleBudget: Infinity, greaseProbability: 1 });
  checkServeOptions({});
  checkServeOptions({
    port: 0,
    workers: 0,
    maxBatch: 1024,
    io: "portable",
    listen: [{ port: 65535 }],
    tcpLimits: { maxConnections: 1, idleMs: 0.5 },
  });
});

test("what a server refuses is a fault of its configuration, with the reason", () => {
  assert.throws(() => checkServeOptions({ workers: 1e308 }), {
    name: "ServerError",
    code: "config",
    message:
      "Cannot use workers of 1e+308: a whole number from 0 to 1024 is needed",
  });
  assert.throws(() => checkResponderOptions({ maxBatch: 0 }), RangeError);
});

test("other faults stay what they are", () => {
  const fault = new TypeError("other");
  assert.throws(() =>
    asConfig(() => {
      throw fault;
    }), fault);
  assert.equal(asConfig(() => 1), 1);
});
