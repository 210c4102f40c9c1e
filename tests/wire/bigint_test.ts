import assert from "node:assert/strict";
import { max } from "../../lib/wire/bigint.ts";

Deno.test(
  "max() is the larger, also beyond 2^53",
  { permissions: "none" },
  () => {
    const large = 1n << 64n;
    for (const [a, b] of [[0n, 1n], [-2n, -1n], [large, large + 1n]] as const) {
      assert.equal(max(a, b), b);
      assert.equal(max(b, a), b);
      assert.equal(max(b, b), b);
    }
  },
);
