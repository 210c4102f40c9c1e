import assert from "node:assert/strict";
import {
  formatMoment,
  formatOffset,
  formatSpan,
  formatTick,
} from "../../web/format.ts";
import { fit, percent, ticks } from "../../web/scale.ts";

const none = { permissions: "none" } as const;
const SECOND = 1e6;
const HOUR = 3600 * SECOND;

Deno.test("spans and offsets are said in the units that fit them", none, () => {
  const spans: [number, string][] = [
    [0, "0 µs"],
    [412, "412 µs"],
    [3_400, "3.4 ms"],
    [250_000, "250 ms"],
    [1_000_000, "1.00 s"],
    [59.96 * SECOND, "1 min"],
    [61 * SECOND, "1 min 1 s"],
    [HOUR - SECOND, "59 min 59 s"],
    [HOUR - 1, "1 h"],
    [HOUR + 59.7 * 60 * SECOND, "2 h"],
    [26 * HOUR, "1 d 2 h"],
    [24 * HOUR - 1, "1 d"],
    [4 * 365.25 * 24 * HOUR, "4.0 years"],
  ];
  for (const [micros, text] of spans) assert.equal(formatSpan(micros), text);
  assert.equal(formatOffset(-HOUR), "−1 h");
  assert.equal(formatOffset(250_000), "+250 ms");
});

Deno.test("a time that no calendar has is said to be that", none, () => {
  assert.equal(formatMoment(0), "1970-01-01 00:00:00.000 UTC");
  assert.equal(formatMoment(2 ** 64), "beyond the calendar");
});

Deno.test("the axis shows those who agree, whoever else is there", none, () => {
  const agreeing = [-1, 0, 1].map((at) => ({
    from: (at - 1) * SECOND,
    to: (at + 1) * SECOND,
  }));
  const vague = { from: -9 * HOUR, to: 9 * HOUR };
  const band = { from: -SECOND, to: SECOND };
  const axis = fit([...agreeing, vague], band, [{ from: HOUR, to: HOUR + 1 }]);
  assert(axis.from < -2 * SECOND && axis.from > -4 * SECOND);
  assert(axis.to > 2 * SECOND && axis.to < 4 * SECOND);
  for (const { from, to } of agreeing) {
    assert(percent(from, axis) > 0 && percent(to, axis) < 100);
  }
});

Deno.test(
  "the axis has a width where there is nothing, and the clock if it is near",
  none,
  () => {
    const nothing = fit([], undefined, []);
    assert(nothing.from < 0 && nothing.to > 0);
    const near = fit([{ from: SECOND, to: 2 * SECOND }], undefined, []);
    assert(near.from < 0);
    const far = fit([{ from: HOUR, to: HOUR + SECOND }], undefined, []);
    assert(far.from > 0);
  },
);

Deno.test(
  "ticks are round numbers, no more than there is room for",
  none,
  () => {
    const axis = { from: -2.3 * SECOND, to: 2.9 * SECOND };
    assert.deepEqual(ticks(axis, 6).map(formatTick), [
      ...["−2 s", "−1 s", "0", "+1 s", "+2 s"],
    ]);
    for (let width = 1; width < 1e17; width *= 3) {
      const found = ticks({ from: -width, to: width * 1.1 }, 7);
      assert(found.length >= 1 && found.length <= 8, `${width}`);
      assert(found.every((at) => at >= -width && at <= width * 1.1));
    }
  },
);
