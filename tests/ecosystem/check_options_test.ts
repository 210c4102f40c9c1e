import assert from "node:assert/strict";
import { checkMeasureOptions } from "../../lib/ecosystem/check_options.ts";

Deno.test("a measurement's options are taken as they may be", {
  permissions: "none",
}, () => {
  checkMeasureOptions({});
  checkMeasureOptions({
    passes: 1,
    count: 1e9,
    timeout: 0.5,
    transport: "auto",
    minVoters: 1,
    maxRadiusMicros: 0n,
    driftPpm: 999_999,
  });
});

Deno.test("no passes are no measurement", { permissions: "none" }, () => {
  assert.throws(() => checkMeasureOptions({ passes: 0 }), {
    name: "RangeError",
    message: "Cannot use passes of 0: a whole number from 1 to 1000 is needed",
  });
});
