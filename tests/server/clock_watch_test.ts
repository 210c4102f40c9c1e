import assert from "node:assert/strict";
import type { KernelClock } from "../../lib/net/kernel_clock.ts";
import { ClockWatch, monotonicMicros } from "../../lib/server/clock_watch.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const LIMITS = { radiusMicros: 3n * SECOND, maxRadiusMicros: 30n * SECOND };

/** A watch on a clock that the test sets, and everything it tells and asks. */
function watched(): {
  watch: ClockWatch;
  events: ServerEvent[];
  clock: { state: KernelClock | undefined; asked: number };
} {
  const events: ServerEvent[] = [];
  const clock: { state: KernelClock | undefined; asked: number } = {
    state: { synchronised: true, maxErrorMicros: 1000n, leap: false },
    asked: 0,
  };
  const read = () => {
    clock.asked++;
    return clock.state;
  };
  const watch = new ClockWatch(read, (event) => void events.push(event));
  return { watch, events, clock };
}

function withError(maxErrorMicros: bigint): KernelClock {
  return { synchronised: true, maxErrorMicros, leap: false };
}

Deno.test("monotonicMicros() does not go back", none, () => {
  let last = monotonicMicros();
  for (let i = 0; i < 1000; i++) {
    const next = monotonicMicros();
    assert(next >= last);
    last = next;
  }
});

Deno.test("ClockWatch knows nothing before it is asked", none, () => {
  const { watch, events, clock } = watched();
  assert.equal(watch.status, "unknown");
  assert.deepEqual(events, []);
  assert.equal(clock.asked, 0);
});

Deno.test("ClockWatch asks the system once a second", none, () => {
  const { watch, clock } = watched();
  const start = 12_345_678n;
  watch.judge(LIMITS, start);
  assert.equal(clock.asked, 1);
  clock.state = withError(5n * SECOND);
  assert.equal(watch.judge(LIMITS, start + SECOND - 1n).status, "ok");
  assert.equal(clock.asked, 1);
  assert.deepEqual(watch.judge(LIMITS, start + SECOND), {
    status: "widened",
    radiusMicros: 6n * SECOND,
  });
  assert.equal(clock.asked, 2);
  watch.judge(LIMITS, start + SECOND + SECOND / 2n);
  assert.equal(clock.asked, 2);
});

Deno.test(
  "ClockWatch asks once a second also where it gets no answer",
  none,
  () => {
    const { watch, events, clock } = watched();
    clock.state = undefined;
    for (let i = 0n; i < 10n; i++) watch.judge(LIMITS, i * SECOND / 5n);
    assert.equal(clock.asked, 2);
    assert.equal(watch.status, "unknown");
    assert.deepEqual(events, []);
  },
);

Deno.test("ClockWatch follows the radius between two questions", none, () => {
  const { watch, clock } = watched();
  watch.judge(LIMITS, 0n);
  const wide = { ...LIMITS, radiusMicros: 9n * SECOND };
  assert.equal(watch.judge(wide, 1n).radiusMicros, 9n * SECOND);
  assert.equal(clock.asked, 1);
});

Deno.test("ClockWatch tells each change of status once", none, () => {
  const { watch, events, clock } = watched();
  const states: readonly (KernelClock | undefined)[] = [
    withError(0n),
    withError(1n),
    withError(4n * SECOND),
    withError(5n * SECOND),
    withError(60n * SECOND),
    withError(61n * SECOND),
    { ...withError(0n), synchronised: false },
    withError(0n),
    undefined,
  ];
  states.forEach((state, i) => {
    clock.state = state;
    const verdict = watch.judge(LIMITS, BigInt(i) * SECOND);
    assert.equal(watch.status, verdict.status);
  });
  const kind = "clock-status";
  assert.deepEqual(events, [
    { kind, status: "ok", radiusMicros: 3n * SECOND },
    {
      kind,
      status: "widened",
      radiusMicros: 5n * SECOND,
      cause: "error-bound",
      maxErrorMicros: 4n * SECOND,
    },
    {
      kind,
      status: "stopped",
      radiusMicros: 61n * SECOND,
      cause: "error-bound",
      maxErrorMicros: 60n * SECOND,
    },
    {
      kind,
      status: "widened",
      radiusMicros: 16n * SECOND,
      cause: "unsynchronised",
      maxErrorMicros: 0n,
    },
    { kind, status: "ok", radiusMicros: 3n * SECOND },
    { kind, status: "unknown", radiusMicros: 3n * SECOND },
  ]);
});

Deno.test(
  "ClockWatch knows why at any time, not only at a change",
  none,
  () => {
    const { watch, clock } = watched();
    const causes = [
      withError(1n),
      { ...withError(60n * SECOND), synchronised: false },
      withError(60n * SECOND),
      undefined,
    ].map((state, i) => {
      clock.state = state;
      watch.judge(LIMITS, BigInt(i) * SECOND);
      return watch.cause;
    });
    assert.deepEqual(
      causes,
      [undefined, "unsynchronised", "error-bound", undefined],
    );
  },
);

Deno.test("ClockWatch tells of jumps", none, () => {
  const { watch, events } = watched();
  assert.equal(watch.checkSteps(NOW_MICROS, 0n), false);
  assert.equal(watch.checkSteps(NOW_MICROS + SECOND, SECOND), false);
  assert.equal(watch.checkSteps(NOW_MICROS - SECOND, 2n * SECOND), true);
  assert.equal(watch.checkSteps(NOW_MICROS, 3n * SECOND), false);
  assert.equal(watch.checkSteps(NOW_MICROS + 2n * SECOND, 4n * SECOND), true);
  assert.deepEqual(events, [
    { kind: "clock-step", stepMicros: -3n * SECOND },
    { kind: "clock-step", stepMicros: SECOND },
  ]);
});

Deno.test("ClockWatch asks the system anew after a jump", none, () => {
  const { watch, clock } = watched();
  watch.checkSteps(NOW_MICROS, 0n);
  assert.equal(watch.judge(LIMITS, 0n).status, "ok");
  // Whoever sets the clock makes the kernel call it unsynchronised.
  clock.state = { ...withError(16n * SECOND), synchronised: false };
  watch.checkSteps(NOW_MICROS + 1n, 1n);
  assert.equal(watch.judge(LIMITS, 1n).status, "ok");
  watch.checkSteps(NOW_MICROS + 5n * SECOND, 2n);
  assert.equal(watch.judge(LIMITS, 2n).status, "widened");
  assert.equal(clock.asked, 2);
});

Deno.test("ClockWatch asks again after a failure", none, () => {
  let fails = true;
  const watch = new ClockWatch(() => {
    if (fails) throw new Error("no such call");
    return withError(0n);
  }, () => {});
  assert.throws(() => watch.judge(LIMITS, 0n), /no such call/);
  fails = false;
  assert.equal(watch.judge(LIMITS, 1n).status, "ok");
});
