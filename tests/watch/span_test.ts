import assert from "node:assert/strict";
import { describeSpan, giveOrTake } from "../../lib/watch/span.ts";

const SECOND = 1_000_000n;

Deno.test("describeSpan() speaks as people do", { permissions: "none" }, () => {
  const said: [bigint, string][] = [
    [1n, "0.1 s"],
    [2_340_000n, "2.3 s"],
    [30n * SECOND, "30 s"],
    [60n * SECOND, "a minute"],
    [89n * SECOND, "a minute"],
    [180n * SECOND, "3 minutes"],
    [3594n * SECOND, "an hour"],
    [7200n * SECOND, "2 hours"],
    [86_400n * SECOND, "a day"],
    [5n * 86_400n * SECOND, "5 days"],
    [3652n * 86_400n * SECOND, "10 years"],
    [1n << 64n, "584542 years"],
  ];
  for (const [micros, text] of said) assert.equal(describeSpan(micros), text);
});

Deno.test("giveOrTake() never claims to know better", {
  permissions: "none",
}, () => {
  assert.equal(giveOrTake(1n), "0.1 s");
  assert.equal(giveOrTake(620_000n), "0.4 s");
  assert.equal(giveOrTake(4n * SECOND), "2 s");
  assert.equal(giveOrTake(4n * SECOND + 1n), "3 s");
  assert.equal(giveOrTake(20n * 60n * SECOND), "10 minutes");
});
