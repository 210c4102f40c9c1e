import assert from "node:assert/strict";
import fc from "fast-check";
import { ClockModel, type ClockModelReading } from "../../lib/clock/model.ts";
import type { Interval } from "../../lib/ecosystem/quorum.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;
const DAY = 86_400n * SECOND;

function model(driftPpm = 100, maxAgeMicros = DAY): ClockModel {
  return new ClockModel({ driftPpm, maxAgeMicros });
}

/** So many seconds after now, give or take some. */
function around(seconds: number, radius = 1): Interval {
  const middle = NOW_MICROS + BigInt(seconds) * SECOND;
  const margin = BigInt(radius) * SECOND;
  return { earliestMicros: middle - margin, latestMicros: middle + margin };
}

const at = (seconds: number): bigint => BigInt(seconds) * SECOND;

function word(reading: ClockModelReading): string {
  return reading.ok ? "ok" : reading.refusal;
}

Deno.test("a clock that nobody has set says nothing", none, () => {
  assert.deepEqual(model().read(at(5)), { ok: false, refusal: "unmeasured" });
});

Deno.test(
  "the clock says what was measured, and widens as time goes by",
  none,
  () => {
    const clock = model();
    assert.equal(clock.accept(around(0), at(10)), true);
    const first = clock.read(at(10));
    assert(first.ok);
    assert.deepEqual(first.bounds, around(0));
    assert.equal(first.ageMicros, 0n);
    const later = clock.read(at(10 + 3600));
    assert(later.ok);
    assert.equal(later.ageMicros, at(3600));
    const { earliestMicros, latestMicros } = later.bounds;
    const width = latestMicros - earliestMicros;
    // 100 ppm of an hour to either side.
    assert(width >= 2n * SECOND + 720_000n && width < 2n * SECOND + 721_000n);
    assert(earliestMicros < around(3600).earliestMicros);
    assert(latestMicros > around(3600).latestMicros);
  },
);

Deno.test(
  "a measurement speaks until it is too old, and not a moment longer",
  none,
  () => {
    const clock = model(100, at(60));
    clock.accept(around(0), at(10));
    assert.equal(word(clock.read(at(70))), "ok");
    assert.equal(word(clock.read(at(70) + 1n)), "stale");
    assert.equal(clock.accept(around(100), at(110)), true);
    assert.equal(word(clock.read(at(110))), "ok");
  },
);

Deno.test("what is too old contradicts nothing", none, () => {
  const clock = model(100, at(60));
  clock.accept(around(0), at(10));
  assert.equal(clock.accept(around(5000), at(71)), true);
  assert.equal(word(clock.read(at(71))), "ok");
});

Deno.test(
  "of two measurements that contradict each other neither is believed, until a third decides",
  none,
  () => {
    for (
      const [third, believed] of [[0, true], [100, true], [50, false]] as const
    ) {
      const clock = model();
      clock.accept(around(0), at(0));
      assert.equal(clock.accept(around(110), at(10)), false);
      assert.equal(word(clock.read(at(10))), "contradiction");
      assert.equal(clock.accept(around(third + 20), at(20)), believed);
      assert.equal(
        word(clock.read(at(20))),
        believed ? "ok" : "contradiction",
        `${third}`,
      );
    }
  },
);

Deno.test("measurements that touch do not contradict each other", none, () => {
  const clock = model(0);
  clock.accept(around(0), at(0));
  assert.equal(clock.accept(around(2), at(0)), true);
  const other = model(0);
  other.accept(around(0), at(0));
  const { earliestMicros, latestMicros } = around(2);
  const beyond = { earliestMicros: earliestMicros + 1n, latestMicros };
  assert.equal(other.accept(beyond, at(0)), false);
});

Deno.test(
  "of three measurements that all contradict each other the clock says nothing",
  none,
  () => {
    const clock = model();
    clock.accept(around(0), at(0));
    clock.accept(around(1000), at(0));
    assert.equal(clock.accept(around(2000), at(0)), false);
    assert.equal(word(clock.read(at(0))), "contradiction");
    assert.equal(clock.accept(around(2000), at(1)), true);
  },
);

Deno.test("forget() makes it say nothing, but not go back", none, () => {
  const clock = model();
  clock.accept(around(0), at(0));
  const before = clock.read(at(0));
  assert(before.ok);
  clock.forget();
  assert.equal(word(clock.read(at(1))), "unmeasured");
  // The monotonic clock stood still for an hour.
  assert.equal(clock.accept(around(3600), at(2)), true);
  assert.equal(word(clock.read(at(2))), "ok");
  clock.forget();
  // A measurement that lies wholly before what was said cannot be told without going back.
  clock.accept(around(0), at(3));
  assert.equal(word(clock.read(at(3))), "contradiction");
});

Deno.test(
  "what is conceded makes room for later measurements only",
  none,
  () => {
    for (
      const [seconds, agrees] of [[4, true], [6, false], [-4, false]] as const
    ) {
      const clock = model();
      clock.accept(around(0), at(0));
      clock.concede(3n * SECOND);
      assert.equal(clock.accept(around(seconds), at(0)), agrees);
    }
    const clock = model();
    clock.accept(around(0), at(0));
    clock.accept(around(500), at(1));
    clock.concede(3n * SECOND);
    // The rival may be the right one, and has missed the same.
    assert.equal(clock.accept(around(505), at(1)), true);
  },
);

Deno.test("forget() ends a contradiction", none, () => {
  const clock = model();
  clock.accept(around(0), at(0));
  clock.accept(around(500), at(1));
  clock.forget();
  assert.equal(clock.accept(around(500), at(2)), true);
  assert.equal(word(clock.read(at(2))), "ok");
});

Deno.test("a monotonic clock that goes back is taken to stand", none, () => {
  const clock = model();
  clock.accept(around(0), at(100));
  const before = clock.read(at(200));
  assert.deepEqual(clock.read(at(150)), before);
  assert.deepEqual(clock.read(at(0)), before);
  const after = clock.read(at(201));
  assert(after.ok && before.ok);
  assert(after.bounds.earliestMicros > before.bounds.earliestMicros);
});

Deno.test("neither end goes back when a better measurement comes", none, () => {
  const clock = model();
  clock.accept(around(0, 60), at(0));
  const wide = clock.read(at(0));
  clock.accept(around(1), at(1));
  const narrow = clock.read(at(1));
  assert(wide.ok && narrow.ok);
  assert.equal(narrow.bounds.latestMicros, wide.bounds.latestMicros);
  assert.equal(narrow.bounds.earliestMicros, around(1).earliestMicros);
});

/** What happens to a clock, one thing after the other. */
type Event =
  | { readonly kind: "pass"; readonly micros: bigint; readonly share: number }
  | {
    readonly kind: "measure";
    readonly before: bigint;
    readonly after: bigint;
    /** How far off it is; 0 is the truth. */
    readonly off: bigint;
  }
  | { readonly kind: "back"; readonly micros: bigint }
  | { readonly kind: "forget" }
  | { readonly kind: "read" };

const margin = fc.bigInt({ min: 0n, max: 5n * SECOND });
const pass: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("pass" as const),
  micros: fc.oneof(
    fc.bigInt({ min: 0n, max: 3n }),
    fc.bigInt({ min: 0n, max: 7200n * SECOND }),
  ),
  share: fc.integer({ min: -1000, max: 1000 }),
});
const honest: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("measure" as const),
  before: margin,
  after: margin,
  off: fc.constant(0n),
});
const dishonest: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("measure" as const),
  before: margin,
  after: margin,
  off: fc.bigInt({ min: -7200n * SECOND, max: 7200n * SECOND }),
});
const read: fc.Arbitrary<Event> = fc.constant({ kind: "read" });
const forget: fc.Arbitrary<Event> = fc.constant({ kind: "forget" });
const back: fc.Arbitrary<Event> = fc.record({
  kind: fc.constant("back" as const),
  micros: fc.bigInt({ min: 0n, max: 3600n * SECOND }),
});

const PPM = 100;

/** Plays events and tells what each reading was next to the truth. */
function play(
  events: readonly Event[],
  check: (bounds: Interval, truthMicros: bigint) => void,
): ClockModelReading[] {
  const clock = model(PPM);
  const readings: ClockModelReading[] = [];
  let mono = 0n;
  // In billionths of a microsecond, so that drift adds up without being cut off.
  const unit = 1_000_000_000n;
  let truth = NOW_MICROS * unit;
  for (const event of events) {
    switch (event.kind) {
      case "pass":
        mono += event.micros;
        truth += event.micros * (unit + BigInt(PPM * event.share));
        break;
      case "back":
        mono = mono > event.micros ? mono - event.micros : 0n;
        break;
      case "measure":
        clock.accept({
          earliestMicros: truth / unit + event.off - event.before,
          latestMicros: truth / unit + event.off + event.after,
        }, mono);
        break;
      case "forget":
        clock.forget();
        break;
      case "read": {
        const reading = clock.read(mono);
        readings.push(reading);
        if (reading.ok) check(reading.bounds, truth / unit);
      }
    }
  }
  return readings;
}

Deno.test(
  "while measurements are right and drift keeps its bound, the truth is always inside",
  none,
  () => {
    let told = 0;
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pass, honest, read, forget), { maxLength: 40 }),
        (events) => {
          const readings = play(events, (bounds, truthMicros) => {
            assert(bounds.earliestMicros <= truthMicros);
            assert(truthMicros <= bounds.latestMicros);
            told++;
          });
          // And it refuses only what it has to.
          assert(readings.every((one) => word(one) !== "contradiction"));
        },
      ),
      { numRuns: 3000 },
    );
    assert(told > 1000);
  },
);

Deno.test(
  "whatever is measured and whatever the monotonic clock does, neither end goes back",
  none,
  () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(pass, honest, dishonest, back, read, forget), {
          maxLength: 40,
        }),
        (events) => {
          let last: Interval | undefined;
          play(events, (bounds) => {
            assert(bounds.earliestMicros <= bounds.latestMicros);
            if (last !== undefined) {
              assert(bounds.earliestMicros >= last.earliestMicros);
              assert(bounds.latestMicros >= last.latestMicros);
            }
            last = bounds;
          });
        },
      ),
      { numRuns: 3000 },
    );
  },
);
