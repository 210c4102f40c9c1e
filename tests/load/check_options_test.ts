import assert from "node:assert/strict";
import { checkLoadOptions } from "../../lib/load/check_options.ts";

const GOOD = {
  port: 1,
  sockets: 1024,
  durationMillis: 1,
  warmupMillis: 0,
  timeoutMillis: 1,
  pace: { window: 65_536 },
};

Deno.test("a load's options are taken as they may be", {
  permissions: "none",
}, () => {
  checkLoadOptions(GOOD);
  checkLoadOptions({ ...GOOD, pace: { ratePerSecond: 0.001 }, verifyEvery: 1 });
});

Deno.test("a load needs a pace", { permissions: "none" }, () => {
  assert.throws(() => checkLoadOptions({ ...GOOD, pace: {} }), {
    name: "RangeError",
    message:
      "Cannot use ratePerSecond of undefined: a number from 0.001 to 10000000 is needed",
  });
});
