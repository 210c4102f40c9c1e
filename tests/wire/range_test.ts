import assert from "node:assert/strict";
import fc from "fast-check";
import {
  COUNT,
  describeRange,
  DURATION_MS,
  FRACTION,
  isInRange,
  LISTEN_PORT,
  PORT,
  type Range,
  requireBigInRange,
  requireInRange,
  requireOneOf,
  SEED,
  TIME_MICROS,
} from "../../lib/wire/range.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function refuses(message: string, check: () => void): void {
  assert.throws(check, { name: "RangeError", message });
}

test("a range holds at both of its ends, and not beyond", () => {
  const cases: [range: Range, good: number[], bad: number[]][] = [
    [PORT, [1, 65535], [0, 65536, 1.5]],
    [LISTEN_PORT, [0, 65535], [-1, 65536]],
    [DURATION_MS, [5e-324, 1.5, 2 ** 31 - 1], [0, -0, 2 ** 31, Infinity]],
    [COUNT, [1, 2 ** 53 - 1], [0, 2 ** 53, 1e308]],
    [FRACTION, [0, -0, 0.5, 1], [-1e-9, 1.0000001]],
    [SEED, [-1, 0, 2 ** 53 - 1], [2 ** 53, 0.5]],
    [{ min: 0, below: 10 }, [0, 9.99], [10]],
    [{ min: 1, infinite: true }, [1, 1e308, Infinity], [0, -Infinity]],
  ];
  for (const [range, good, bad] of cases) {
    for (const value of good) assert(isInRange(value, range), `${value}`);
    for (const value of [...bad, NaN]) {
      assert(!isInRange(value, range), `${value}`);
    }
  }
});

test("a refusal names the option, the value and the range", () => {
  refuses(
    "Cannot use passes of 0: a whole number from 1 to 9 is needed",
    () => requireInRange("passes", 0, { min: 1, max: 9, integer: true }),
  );
  refuses(
    'Cannot use count of "3": a whole number from 1 up is needed',
    () => requireInRange("count", "3", COUNT),
  );
  refuses(
    "Cannot use timeout of NaN: a number above 0 and up to 2147483647 is needed",
    () => requireInRange("timeout", NaN, DURATION_MS),
  );
  refuses(
    "Cannot use radius of 0 seconds: a number from 1 up is needed",
    () => requireInRange("radius", 0, { min: 1, unit: "seconds" }),
  );
  refuses(
    "Cannot use nowMicros of -1n: a bigint from 0 up is needed",
    () => requireBigInRange("nowMicros", -1n, { min: 0n }),
  );
  refuses(
    "Cannot use io of an object: possible are a, b",
    () => requireOneOf("io", {}, ["a", "b"]),
  );
});

test("what is not given is the default, unless there is none", () => {
  requireInRange("x", undefined, PORT);
  requireBigInRange("x", undefined, TIME_MICROS);
  requireOneOf("x", undefined, ["a"]);
  refuses(
    "Cannot use x of undefined: a whole number from 1 to 65535 is needed",
    () => requireInRange("x", undefined, { ...PORT, required: true }),
  );
  assert.throws(
    () => requireBigInRange("x", undefined, { ...TIME_MICROS, required: true }),
    RangeError,
  );
});

test("a range is told in words that fit", () => {
  assert.equal(describeRange(SEED), "a whole number");
  assert.equal(
    describeRange({ min: 0, below: 9 }),
    "a number from 0 up and below 9",
  );
  assert.equal(
    describeRange({ min: 1, infinite: true }),
    "a number from 1 up or Infinity",
  );
});

test("whatever is given, it is taken or refused with one line", () => {
  fc.assert(fc.property(fc.anything(), (value) => {
    try {
      requireInRange("x", value, COUNT);
      assert(value === undefined || Number.isSafeInteger(value));
    } catch (error) {
      assert(error instanceof RangeError);
      assert(error.message.length < 120 && !error.message.includes("\n"));
    }
  }));
});
