import assert from "node:assert/strict";
import fc from "fast-check";
import {
  parseHttpDate,
  retryAfterMs,
} from "../../lib/ecosystem/retry_after.ts";

const none = { permissions: "none" } as const;
const NOW_MS = Date.UTC(2026, 10, 3, 12);

function after(retryAfter: string, date?: string): number | undefined {
  const headers = new Headers({ "retry-after": retryAfter });
  if (date !== undefined) headers.set("date", date);
  return retryAfterMs(headers, NOW_MS);
}

Deno.test(
  "parseHttpDate() reads the three forms of RFC 9110, section 5.6.7",
  none,
  () => {
    for (
      const text of [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
      ]
    ) assert.equal(parseHttpDate(text, NOW_MS), 784_111_777_000, text);
    fc.assert(fc.property(
      fc.date({
        min: new Date("0001-01-01T00:00:00Z"),
        max: new Date("9999-12-31T23:59:59Z"),
        noInvalidDate: true,
      }),
      (date) => {
        const ms = Math.floor(date.getTime() / 1000) * 1000;
        assert.equal(parseHttpDate(new Date(ms).toUTCString(), NOW_MS), ms);
      },
    ));
  },
);

Deno.test(
  "parseHttpDate() puts two digits no further than 50 years ahead",
  none,
  () => {
    const yearOf = (digits: string) =>
      new Date(
        parseHttpDate(`Monday, 01-Jan-${digits} 00:00:00 GMT`, NOW_MS) ?? NaN,
      ).getUTCFullYear();
    assert.deepEqual(["26", "76", "77", "99"].map(yearOf), [
      2026,
      2076,
      1977,
      1999,
    ]);
  },
);

Deno.test("parseHttpDate() refuses what is no date", none, () => {
  for (
    const text of [
      "",
      "now",
      "2026-11-03T12:00:00Z",
      "Tue, 3 Nov 2026 12:00:00 GMT",
      "Tue, 03 Nov 2026 12:00:00 +0100",
      "Tue, 03 Nov 2026 12:00:00",
      "Tue, 31 Nov 2026 12:00:00 GMT",
      "Tue, 00 Nov 2026 12:00:00 GMT",
      "Tue, 03 Abc 2026 12:00:00 GMT",
      "Tue, 03 Anf 2026 12:00:00 GMT",
      "Tue, 03 Nov 2026 24:00:00 GMT",
      "Tue, 03 Nov 2026 12:60:00 GMT",
      "Tue, 03 Nov 2026 12:00:61 GMT",
      "Tue, 03 Nov 2026 12:00:00 GMT, Tue, 03 Nov 2026 12:00:00 GMT",
    ]
  ) assert.equal(parseHttpDate(text, NOW_MS), undefined, text);
});

Deno.test(
  "retryAfterMs() takes seconds and dates, and nothing from the past",
  none,
  () => {
    assert.equal(after("0"), 0);
    assert.equal(after(" 120 "), 120_000);
    assert.equal(after("Tue, 03 Nov 2026 12:01:00 GMT"), 60_000);
    assert.equal(after("Tue, 03 Nov 2026 11:00:00 GMT"), 0);
    const theirs = "Mon, 02 Nov 2026 00:00:00 GMT";
    assert.equal(after("Mon, 02 Nov 2026 00:00:30 GMT", theirs), 30_000);
    assert.equal(after("120", theirs), 120_000);
    assert.equal(after("Tue, 03 Nov 2026 12:01:00 GMT", "today"), 60_000);
    assert.equal(retryAfterMs(new Headers(), NOW_MS), undefined);
  },
);

Deno.test(
  "retryAfterMs() gives a moment that a date can hold, or nothing, for any text",
  none,
  () => {
    for (const text of ["", "-5", "1.5", "1e3", "0x10", "soon", "60, 120"]) {
      assert.equal(after(text), undefined, text);
    }
    assert(
      !Number.isNaN(
        new Date(NOW_MS + (after("9".repeat(500)) ?? NaN)).getTime(),
      ),
    );
    fc.assert(fc.property(
      fc.stringMatching(/^[ -~]*$/),
      fc.stringMatching(/^[ -~]*$/),
      (text, date) => {
        const ms = after(text, date);
        assert(ms === undefined || ms >= 0);
      },
    ));
  },
);
