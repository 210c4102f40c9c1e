import assert from "node:assert/strict";
import fc from "fast-check";
import { readId, readStretch } from "../../lib/watch/query.ts";
import { MAX_POINTS } from "../../lib/watch/downsample.ts";

const none = { permissions: "none" } as const;
const NOW = 1_796_000_000_000;
const read = (text: string) => readStretch(new URLSearchParams(text), NOW);

Deno.test("a query without words is about the last day", none, () => {
  const stretch = read("");
  assert(!("problem" in stretch));
  assert(stretch.toMs > NOW && stretch.toMs - NOW <= stretch.bucketMs);
  assert(stretch.fromMs <= NOW - 86_400_000);
});

Deno.test(
  "hostile queries are refused with the word that is wrong",
  none,
  () => {
    const bad: [string, RegExp][] = [
      ["from=x", /"from"/],
      ["from=-1", /"from"/],
      ["from=1e9", /"from"/],
      ["from=1.5", /"from"/],
      ["from=99999999999999999999", /"from"/],
      ["from=1&from=2", /"from"/],
      ["to=", /"to"/],
      ["to=8640000000000001", /"to"/],
      ["points=0", /"points"/],
      ["points=2001", /"points"/],
      ["points=1;DROP TABLE round", /"points"/],
      ["from=5&to=5", /not before/],
      ["from=0", /ten years/],
    ];
    for (const [text, problem] of bad) {
      const answer = read(text);
      assert("problem" in answer, text);
      assert.match(answer.problem, problem);
    }
  },
);

Deno.test(
  "whatever is asked for, there are no more buckets than allowed",
  none,
  () => {
    fc.assert(fc.property(
      fc.integer({ min: 0, max: NOW }),
      fc.integer({ min: 1, max: 3660 * 86_400_000 }),
      fc.integer({ min: 1, max: MAX_POINTS }),
      (from, span, points) => {
        const stretch = read(`from=${from}&to=${from + span}&points=${points}`);
        assert(!("problem" in stretch));
        const { fromMs, toMs, bucketMs } = stretch;
        assert(fromMs <= from && toMs >= from + span);
        assert.equal(fromMs % bucketMs, 0);
        assert.equal((toMs - fromMs) % bucketMs, 0);
        assert((toMs - fromMs) / bucketMs <= points + 2);
      },
    ));
  },
);

Deno.test("readId() takes whole numbers from 1 up", none, () => {
  assert.equal(readId("17"), 17);
  for (const text of ["0", "-1", "1.5", "1e3", "", " 1", "9".repeat(16), "١"]) {
    assert.equal(readId(text), undefined, text);
  }
});
