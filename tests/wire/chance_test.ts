import assert from "node:assert/strict";
import { noise, seeded } from "../../lib/wire/chance.ts";

const none = { permissions: "none" } as const;

Deno.test("seeded() gives the same numbers for the same seed", none, () => {
  const draw = (seed: number) => Array.from({ length: 100 }, seeded(seed));
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

Deno.test(
  "seeded() draws evenly from 0 up to but not including 1",
  none,
  () => {
    const random = seeded(1);
    const buckets = new Array<number>(10).fill(0);
    for (let i = 0; i < 10_000; i++) {
      const number = random();
      assert(number >= 0 && number < 1);
      const bucket = Math.floor(number * 10);
      buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    }
    for (const count of buckets) {
      assert(
        count > 800 && count < 1200,
        `${buckets}`,
      );
    }
  },
);

Deno.test(
  "noise() has the length asked for and depends on the seed",
  none,
  () => {
    assert.equal(noise(0, 1).length, 0);
    assert.equal(noise(33, 1).length, 33);
    assert.deepEqual(noise(64, 5), noise(64, 5));
    assert.notDeepEqual(noise(64, 5), noise(64, 6));
    // What was written down with a seed has to stay what it was.
    assert.equal(hex(noise(8, 1)), "a00087fbf7479cb8");
  },
);

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
