import assert from "node:assert/strict";
import fc from "fast-check";
import {
  causeOf,
  type ClockLimits,
  type ClockStatus,
  judgeClock,
  StepDetector,
} from "../../lib/server/clock_guard.ts";
import type { KernelClock } from "../../lib/net/kernel_clock.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const LIMITS: ClockLimits = {
  radiusMicros: 3n * SECOND,
  maxRadiusMicros: 30n * SECOND,
};

const GOOD: KernelClock = {
  synchronised: true,
  maxErrorMicros: 20_000n,
  leap: false,
};

const CASES: readonly [
  what: string,
  clock: KernelClock | undefined,
  limits: Partial<ClockLimits>,
  status: ClockStatus,
  radiusMicros: bigint,
][] = [
  ["nothing is known", undefined, {}, "unknown", 3n * SECOND],
  ["all is well", GOOD, {}, "ok", 3n * SECOND],
  ["no error at all", { ...GOOD, maxErrorMicros: 0n }, {}, "ok", 3n * SECOND],
  [
    "an error that just fits, with the second cut off",
    { ...GOOD, maxErrorMicros: 2n * SECOND },
    {},
    "ok",
    3n * SECOND,
  ],
  [
    "an error that just does not fit",
    { ...GOOD, maxErrorMicros: 2n * SECOND + 1n },
    {},
    "widened",
    3n * SECOND + 1n,
  ],
  [
    "the largest error that may be told",
    { ...GOOD, maxErrorMicros: 29n * SECOND },
    {},
    "widened",
    30n * SECOND,
  ],
  [
    "an error beyond that",
    { ...GOOD, maxErrorMicros: 29n * SECOND + 1n },
    {},
    "stopped",
    30n * SECOND + 1n,
  ],
  [
    "nobody keeps it in step",
    { ...GOOD, synchronised: false },
    {},
    "widened",
    16n * SECOND,
  ],
  [
    "nobody keeps it in step, for long",
    { ...GOOD, synchronised: false, maxErrorMicros: 16n * SECOND },
    {},
    "widened",
    17n * SECOND,
  ],
  [
    "nobody keeps it in step, and that is too much",
    { ...GOOD, synchronised: false },
    { maxRadiusMicros: 10n * SECOND },
    "stopped",
    16n * SECOND,
  ],
  [
    "nobody keeps it in step, and that was configured",
    { ...GOOD, synchronised: false },
    { radiusMicros: 60n * SECOND },
    "ok",
    60n * SECOND,
  ],
  [
    "a leap second (section 5.2.5)",
    { ...GOOD, leap: true },
    { radiusMicros: SECOND },
    "widened",
    3n * SECOND,
  ],
  [
    "a leap second within the radius",
    { ...GOOD, leap: true },
    {},
    "ok",
    3n * SECOND,
  ],
  [
    "a leap second and a larger error",
    { ...GOOD, leap: true, maxErrorMicros: 4n * SECOND },
    { radiusMicros: SECOND },
    "widened",
    5n * SECOND,
  ],
  [
    "a leap second that must not be told",
    { ...GOOD, leap: true },
    { radiusMicros: SECOND, maxRadiusMicros: 2n * SECOND },
    "stopped",
    3n * SECOND,
  ],
  [
    "a configured radius above the largest",
    GOOD,
    { radiusMicros: 60n * SECOND },
    "ok",
    60n * SECOND,
  ],
];

for (const [what, clock, limits, status, radiusMicros] of CASES) {
  Deno.test(`judgeClock(): ${what} is ${status}`, none, () => {
    assert.deepEqual(
      judgeClock(clock, { ...LIMITS, ...limits }),
      { status, radiusMicros },
    );
  });
}

const anyMicros = fc.bigInt({ min: 0n, max: 100n * SECOND });
const anyClock: fc.Arbitrary<KernelClock> = fc.record({
  synchronised: fc.boolean(),
  maxErrorMicros: anyMicros,
  leap: fc.boolean(),
});
const anyLimits: fc.Arbitrary<ClockLimits> = fc.record({
  radiusMicros: anyMicros,
  maxRadiusMicros: anyMicros,
});

Deno.test("judgeClock() never claims less than it should", none, () => {
  fc.assert(fc.property(anyClock, anyLimits, (clock, limits) => {
    const { radiusMicros } = judgeClock(clock, limits);
    assert(radiusMicros >= limits.radiusMicros);
    assert(radiusMicros >= clock.maxErrorMicros + SECOND);
    if (clock.leap) assert(radiusMicros >= 3n * SECOND);
    if (!clock.synchronised) assert(radiusMicros >= 16n * SECOND);
  }));
});

Deno.test(
  "judgeClock() stops where more is needed than is configured and allowed, and only there",
  none,
  () => {
    fc.assert(fc.property(anyClock, anyLimits, (clock, limits) => {
      const { status, radiusMicros } = judgeClock(clock, limits);
      const isConfigured = radiusMicros === limits.radiusMicros;
      assert.equal(
        status,
        isConfigured
          ? "ok"
          : radiusMicros > limits.maxRadiusMicros
          ? "stopped"
          : "widened",
      );
    }));
  },
);

Deno.test("judgeClock() claims no more for a better clock", none, () => {
  fc.assert(fc.property(anyClock, anyLimits, (clock, limits) => {
    const { radiusMicros } = judgeClock(clock, limits);
    for (
      const better of [
        { ...clock, synchronised: true },
        { ...clock, leap: false },
        { ...clock, maxErrorMicros: clock.maxErrorMicros / 2n },
      ]
    ) assert(judgeClock(better, limits).radiusMicros <= radiusMicros);
  }));
});

Deno.test("StepDetector has nothing to say at first", none, () => {
  assert.equal(new StepDetector().check(NOW_MICROS, 0n), 0n);
  assert.equal(new StepDetector().check(0n, NOW_MICROS), 0n);
  assert.equal(new StepDetector().check(-NOW_MICROS, 5n), 0n);
});

Deno.test("StepDetector sees no step where both clocks go on", none, () => {
  const progress = fc.bigInt({ min: 0n, max: 10n ** 15n });
  fc.assert(
    fc.property(
      fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n }),
      progress,
      fc.array(progress),
      (start, monotonicStart, steps) => {
        const detector = new StepDetector();
        let wall = start;
        let monotonic = monotonicStart;
        detector.check(wall, monotonic);
        for (const step of steps) {
          wall += step;
          monotonic += step;
          assert.equal(detector.check(wall, monotonic), 0n);
        }
      },
    ),
  );
});

Deno.test("StepDetector takes slewing for what it is", none, () => {
  // However much it comes to: what counts is the difference from one look to the next.
  const slew = fc.bigInt({ min: -SECOND + 1n, max: SECOND - 1n });
  fc.assert(fc.property(fc.array(slew), (slews) => {
    const detector = new StepDetector();
    let wall = NOW_MICROS;
    let monotonic = 0n;
    detector.check(wall, monotonic);
    for (const micros of slews) {
      wall += SECOND + micros;
      monotonic += SECOND;
      assert.equal(detector.check(wall, monotonic), 0n);
    }
  }));
});

Deno.test("StepDetector tells each step once, in both directions", none, () => {
  const size = fc.bigInt({ min: SECOND, max: 10n ** 17n });
  fc.assert(
    fc.property(size, fc.boolean(), fc.nat(), (micros, back, passed) => {
      const step = back ? -micros : micros;
      const detector = new StepDetector();
      detector.check(NOW_MICROS, 7n);
      const monotonic = 7n + BigInt(passed);
      const wall = NOW_MICROS + BigInt(passed) + step;
      assert.equal(detector.check(wall, monotonic), step);
      assert.equal(detector.check(wall, monotonic), 0n);
      assert.equal(detector.check(wall + 9n, monotonic + 9n), 0n);
      // And back again.
      assert.equal(detector.check(wall + 9n - step, monotonic + 9n), -step);
    }),
  );
});

Deno.test("causeOf() says why, wherever judgeClock() claims more", none, () => {
  const limits = { radiusMicros: 1_000_000n, maxRadiusMicros: 10_000_000n };
  const well = { synchronised: true, maxErrorMicros: 0n, leap: false };
  const bad = 5_000_000n;
  const cases = [
    [undefined, undefined],
    [well, undefined],
    [{ ...well, maxErrorMicros: bad }, "error-bound"],
    [{ ...well, synchronised: false }, "unsynchronised"],
    [{ ...well, synchronised: false, maxErrorMicros: bad }, "unsynchronised"],
    [{ ...well, leap: true }, "leap-second"],
    [{ ...well, leap: true, maxErrorMicros: 1_500_000n }, "leap-second"],
    [{ ...well, leap: true, maxErrorMicros: bad }, "error-bound"],
  ] as const;
  for (const [clock, cause] of cases) {
    assert.equal(causeOf(clock, limits), cause);
    const { status } = judgeClock(clock, limits);
    assert.equal(
      cause !== undefined,
      status === "widened" || status === "stopped",
    );
  }
});
