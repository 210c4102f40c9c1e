import assert from "node:assert/strict";
import {
  processCpuMicros,
  readKernelClock,
} from "../../../lib/net/linux/libc.ts";
import { withLibc } from "../../_support/libc.ts";

Deno.test("without permission nothing is known", {
  permissions: "none",
}, () => {
  assert.equal(readKernelClock(), undefined);
  assert.equal(processCpuMicros(Deno.pid), undefined);
});

Deno.test({
  name: "on other systems than Linux nothing is known",
  ignore: Deno.build.os === "linux",
  fn: () => {
    assert.equal(readKernelClock(), undefined);
    assert.equal(processCpuMicros(Deno.pid), undefined);
  },
});

withLibc("readKernelClock() gives plausible values", () => {
  const clock = readKernelClock();
  // A sandbox may forbid even to ask.
  if (clock === undefined) return;
  assert.deepEqual(
    Object.keys(clock).sort(),
    ["leap", "maxErrorMicros", "synchronised"],
  );
  assert.equal(typeof clock.synchronised, "boolean");
  assert.equal(typeof clock.leap, "boolean");
  const { maxErrorMicros } = clock;
  // The kernel counts to 16 s and then calls the clock unsynchronised.
  assert(maxErrorMicros >= 0n && maxErrorMicros <= 16_000_000n);
  if (clock.synchronised) assert(maxErrorMicros < 16_000_000n);
});

withLibc("readKernelClock() can be asked again and again", () => {
  const first = readKernelClock();
  for (let i = 0; i < 100; i++) {
    assert.equal(typeof readKernelClock(), typeof first);
  }
});

withLibc("processCpuMicros() grows, and knows who is gone", () => {
  const before = processCpuMicros(Deno.pid);
  assert(typeof before === "number" && before > 0);
  const after = processCpuMicros(Deno.pid);
  assert(typeof after === "number" && after > before);
  assert.equal(processCpuMicros(2 ** 29), "gone");
});
