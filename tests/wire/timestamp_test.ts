import assert from "node:assert/strict";
import { hex } from "@scure/base";
import fc from "fast-check";
import { encodeUint64 } from "../../lib/wire/uint.ts";
import type { TimeUnit } from "../../lib/wire/dialect.ts";
import {
  decodeTimestamp,
  encodeTimestamp,
  fits,
  formatTime,
  isPlausible,
  radiusFits,
  radiusFromMicros,
  radiusToMicros,
  toPlausible,
} from "../../lib/wire/timestamp.ts";

const SECOND = 1_000_000n;
const DAY = 86_400n * SECOND;
const UINT64_MAX = (1n << 64n) - 1n;
const UNITS: readonly TimeUnit[] = [
  "unix-seconds",
  "unix-micros",
  "mjd-micros",
];

/** Microseconds since 1970 of an RFC 3339 time with up to six decimals. */
function micros(text: string): bigint {
  const [, whole, fraction = ""] = /^(.*?)(?:\.(\d+))?Z$/.exec(text) ?? [];
  return BigInt(Date.parse(`${whole}Z`)) * 1000n +
    BigInt(fraction.padEnd(6, "0"));
}

function mjd(day: bigint, microsOfDay: bigint): Uint8Array {
  return encodeUint64((day << 40n) | microsOfDay);
}

Deno.test({
  name:
    "timestamps hit the known values of a modified Julian date (drafts 01-07)",
  permissions: "none",
  fn: () => {
    for (
      const [text, bytes] of [
        ["2017-01-01T00:00:00Z", "00000000009ae100"],
        ["2017-01-01T12:34:56.789012Z", "1426e68b0a9ae100"],
      ] as const
    ) {
      const time = micros(text);
      assert.equal(hex.encode(encodeTimestamp("mjd-micros", time)), bytes);
      assert.equal(decodeTimestamp("mjd-micros", hex.decode(bytes)), time);
    }
    assert.equal(decodeTimestamp("mjd-micros", mjd(40587n, 0n)), 0n);
    assert.equal(decodeTimestamp("mjd-micros", mjd(40588n, 1n)), DAY + 1n);
    assert.equal(decodeTimestamp("mjd-micros", mjd(40586n, 0n)), -DAY);
  },
});

Deno.test({
  name: "timestamps count seconds or microseconds since 1970 elsewhere",
  permissions: "none",
  fn: () => {
    const time = micros("2026-10-05T12:00:01Z");
    const seconds = encodeUint64(time / SECOND);
    assert.deepEqual(encodeTimestamp("unix-seconds", time), seconds);
    assert.deepEqual(encodeTimestamp("unix-micros", time), encodeUint64(time));
    assert.equal(decodeTimestamp("unix-seconds", seconds), time);
    assert.equal(decodeTimestamp("unix-micros", encodeUint64(time)), time);
  },
});

Deno.test({
  name: "decodeTimestamp() keeps a MAXT of 2^64-1 exact",
  permissions: "none",
  fn: () => {
    const largest = new Uint8Array(8).fill(255);
    assert.equal(
      decodeTimestamp("unix-seconds", largest),
      UINT64_MAX * SECOND,
    );
    assert.equal(decodeTimestamp("unix-micros", largest), UINT64_MAX);
    assert.deepEqual(
      encodeTimestamp("unix-seconds", UINT64_MAX * SECOND),
      largest,
    );
    assert.deepEqual(encodeTimestamp("unix-micros", UINT64_MAX), largest);
  },
});

Deno.test({
  name: "decodeTimestamp() takes the 86,401st second of a day and no more",
  permissions: "none",
  fn: () => {
    // 2016-12-31 ended with a leap second.
    const next = micros("2017-01-01T00:00:00Z");
    const decode = (microsOfDay: bigint) =>
      decodeTimestamp("mjd-micros", mjd(57753n, microsOfDay));
    assert.equal(decode(DAY - 1n), next - 1n);
    assert.equal(decode(DAY), next);
    assert.equal(decode(DAY + SECOND - 1n), next + SECOND - 1n);
    assert.equal(decode(DAY + SECOND), undefined);
    assert.equal(decode((1n << 40n) - 1n), undefined);
    const largest = new Uint8Array(8).fill(255);
    assert.equal(decodeTimestamp("mjd-micros", largest), undefined);
  },
});

Deno.test({
  name: "encodeTimestamp() rounds down, never into the future",
  permissions: "none",
  fn: () => {
    const round = (time: bigint) =>
      decodeTimestamp("unix-seconds", encodeTimestamp("unix-seconds", time));
    assert.equal(round(0n), 0n);
    assert.equal(round(SECOND - 1n), 0n);
    assert.equal(round(SECOND), SECOND);
    assert.equal(round(2n * SECOND - 1n), SECOND);
  },
});

Deno.test({
  name:
    "encodeTimestamp() refuses what the layout cannot say, and nothing else",
  permissions: "none",
  fn: () => {
    const anything = fc.oneof(
      fc.bigInt({ min: -(1n << 90n), max: 1n << 90n }),
      fc.bigInt({ min: -3n, max: 3n }),
      fc.bigInt({ min: -3n, max: 3n }).map((near) => near + UINT64_MAX),
      fc.bigInt({ min: -3n, max: 3n }).map((near) =>
        near + ((1n << 24n) - 40587n) * DAY
      ),
      fc.bigInt({ min: -3n, max: 3n }).map((near) =>
        near + (UINT64_MAX + 1n) * SECOND
      ),
    );
    fc.assert(fc.property(anything, (time) => {
      for (const unit of UNITS) {
        if (!fits(unit, time)) {
          assert.throws(
            () => encodeTimestamp(unit, time),
            (error) =>
              error instanceof RangeError &&
              error.message.includes(String(time)) &&
              error.message.includes(unit),
          );
          continue;
        }
        const back = decodeTimestamp(unit, encodeTimestamp(unit, time));
        assert(back !== undefined && back <= time && time < back + SECOND);
      }
    }));
    for (const unit of UNITS) {
      assert(!fits(unit, -1n));
      assert(!fits(unit, (UINT64_MAX + 1n) * SECOND));
    }
  },
});

Deno.test({
  name:
    "toPlausible() gives what every layout can hold, and plausible times as they are",
  permissions: "none",
  fn: () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(1n << 90n), max: 1n << 90n }),
        (time) => {
          const near = toPlausible(time);
          assert(isPlausible(near));
          assert(UNITS.every((unit) => fits(unit, near)));
          if (isPlausible(time)) assert.equal(near, time);
        },
      ),
    );
    assert.equal(toPlausible(-1n), 0n);
  },
});

Deno.test({
  name: "decodeTimestamp() gives back what encodeTimestamp() could hold",
  permissions: "none",
  fn: () => {
    const time = fc.bigInt({ min: 0n, max: micros("9999-12-31T00:00:00Z") });
    fc.assert(fc.property(time, (given) => {
      for (const unit of UNITS) {
        const expected = unit === "unix-seconds"
          ? given - given % SECOND
          : given;
        const bytes = encodeTimestamp(unit, given);
        assert.equal(bytes.length, 8);
        assert.equal(decodeTimestamp(unit, bytes), expected, unit);
      }
    }));
  },
});

Deno.test({
  name: "encodeTimestamp() gives back every value that decodeTimestamp() reads",
  permissions: "none",
  fn: () => {
    const uint64 = fc.bigInt({ min: 0n, max: UINT64_MAX });
    fc.assert(fc.property(uint64, (value) => {
      const bytes = encodeUint64(value);
      for (const unit of ["unix-seconds", "unix-micros"] as const) {
        const time = decodeTimestamp(unit, bytes) as bigint;
        assert.deepEqual(encodeTimestamp(unit, time), bytes, unit);
      }
    }));
    const day = fc.bigInt({ min: 40587n, max: (1n << 24n) - 1n });
    const microsOfDay = fc.bigInt({ min: 0n, max: DAY - 1n });
    fc.assert(fc.property(day, microsOfDay, (whole, part) => {
      const bytes = mjd(whole, part);
      const time = decodeTimestamp("mjd-micros", bytes) as bigint;
      assert.deepEqual(encodeTimestamp("mjd-micros", time), bytes);
    }));
  },
});

Deno.test({
  name: "decodeTimestamp() never throws",
  permissions: "none",
  fn: () => {
    const eight = fc.uint8Array({ minLength: 8, maxLength: 8 });
    fc.assert(fc.property(eight, (bytes) => {
      for (const unit of UNITS) decodeTimestamp(unit, bytes);
    }));
  },
});

Deno.test({
  name: "radiusToMicros() reads seconds exactly where timestamps are seconds",
  permissions: "none",
  fn: () => {
    assert.equal(radiusToMicros("unix-seconds", 3), 3n * SECOND);
    assert.equal(radiusToMicros("unix-micros", 3), 3n);
    assert.equal(radiusToMicros("mjd-micros", 22), 22n);
    assert.equal(
      radiusToMicros("unix-seconds", 0xffffffff),
      0xffffffffn * SECOND,
    );
  },
});

Deno.test({
  name: "radiusFromMicros() rounds up, never to a narrower claim",
  permissions: "none",
  fn: () => {
    assert.equal(radiusFromMicros("unix-seconds", 0n), 0);
    assert.equal(radiusFromMicros("unix-seconds", 1n), 1);
    assert.equal(radiusFromMicros("unix-seconds", SECOND), 1);
    assert.equal(radiusFromMicros("unix-seconds", SECOND + 1n), 2);
    assert.equal(radiusFromMicros("unix-micros", SECOND + 1n), 1_000_001);
    assert.equal(radiusFromMicros("mjd-micros", 22n), 22);
    for (const unit of UNITS) {
      const largest = radiusToMicros(unit, 0xffffffff);
      assert.equal(radiusFromMicros(unit, largest), 0xffffffff);
      const out = [largest + 1n, UINT64_MAX * SECOND, -1n, -SECOND];
      for (const radius of out) {
        assert(!radiusFits(unit, radius), `${unit} ${radius}`);
        assert.throws(() => radiusFromMicros(unit, radius), RangeError);
      }
    }
    const given = fc.bigInt({ min: 0n, max: 0xffffffffn });
    fc.assert(fc.property(given, (radius) => {
      for (const unit of UNITS) {
        const back = radiusToMicros(unit, radiusFromMicros(unit, radius));
        assert(back >= radius && back < radius + SECOND, unit);
      }
    }));
  },
});

Deno.test({
  name: "formatTime() writes RFC 3339 in UTC",
  permissions: "none",
  fn: () => {
    assert.equal(formatTime(0n), "1970-01-01T00:00:00.000Z");
    assert.equal(
      formatTime(micros("2026-10-05T12:34:56.789012Z")),
      "2026-10-05T12:34:56.789Z",
    );
    assert.equal(
      formatTime(micros("9999-12-31T23:59:59.999Z")),
      "9999-12-31T23:59:59.999Z",
    );
  },
});

Deno.test({
  name: "formatTime() gives nothing for what RFC 3339 cannot say",
  permissions: "none",
  fn: () => {
    assert.equal(formatTime(UINT64_MAX * SECOND), undefined);
    // Four digits are all that a year has in RFC 3339, section 5.6.
    const any = fc.bigInt({ min: -(1n << 90n), max: 1n << 90n });
    const near = fc.bigInt({ min: 0n, max: 8_640_000_000_000_000_000n });
    fc.assert(fc.property(fc.oneof(any, near), (time) => {
      const text = formatTime(time);
      if (text === undefined) return;
      assert.match(text, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    }));
  },
});
