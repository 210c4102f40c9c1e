import assert from "node:assert/strict";
import fc from "fast-check";
import {
  elapsedMs,
  missedMicros,
  SleepWatch,
} from "../../lib/client/sleep_watch.ts";

const none = { permissions: "none" } as const;

/** Clocks that a test drives. */
class Clocks {
  monotonic = 1000;
  offset = 5_000_000;
  readonly now = (): number => this.monotonic;
  readonly wall = (): number => this.monotonic + this.offset;
  /** True time passes and both clocks run. */
  run(ms: number): void {
    this.monotonic += ms;
  }
  /** True time passes and only the wall clock runs. */
  sleep(ms: number): void {
    this.offset += ms;
  }
  set(ms: number): void {
    this.offset += ms;
  }
}

Deno.test("SleepWatch sees nothing while both clocks run", none, () => {
  const clocks = new Clocks();
  const watch = new SleepWatch(clocks);
  for (let i = 0; i < 100; i++) {
    clocks.run(86_400_000);
    assert.equal(watch.look().missedMs, 0);
  }
});

Deno.test(
  "SleepWatch adds up naps, also those it did not look at",
  none,
  () => {
    const clocks = new Clocks();
    const watch = new SleepWatch(clocks);
    clocks.sleep(300);
    clocks.run(10);
    assert.equal(watch.look().missedMs, 300);
    clocks.sleep(200);
    clocks.sleep(100);
    assert.equal(watch.look().missedMs, 600);
  },
);

Deno.test(
  "SleepWatch is not fooled by a clock that is set back before or after a sleep",
  none,
  () => {
    const before = new Clocks();
    const one = new SleepWatch(before);
    before.set(-4000);
    one.look().missedMs;
    before.sleep(9000);
    assert.equal(one.look().missedMs, 9000);
    const after = new Clocks();
    const two = new SleepWatch(after);
    after.sleep(3000);
    two.look().missedMs;
    after.set(-3000);
    assert.equal(two.look().missedMs, 3000);
    after.set(-3000);
    assert.equal(two.look().missedMs, 3000);
  },
);

Deno.test(
  "SleepWatch says how far the clocks have parted, either way",
  none,
  () => {
    const clocks = new Clocks();
    const watch = new SleepWatch(clocks);
    clocks.set(-700);
    assert.deepEqual(watch.look(), { missedMs: 0, partedMs: 700 });
    clocks.set(200);
    assert.deepEqual(watch.look(), { missedMs: 200, partedMs: 700 });
    clocks.set(2000);
    assert.deepEqual(watch.look(), { missedMs: 2200, partedMs: 2200 });
  },
);

Deno.test(
  "SleepWatch adds up sleeps between which the clock is set back again and again",
  none,
  () => {
    const clocks = new Clocks();
    const watch = new SleepWatch(clocks);
    for (let n = 1; n <= 10; n++) {
      clocks.set(-3000);
      watch.look().missedMs;
      clocks.sleep(3000);
      assert.equal(watch.look().missedMs, 3000 * n);
    }
  },
);

Deno.test(
  "SleepWatch never says less than was slept, whatever the clock is set to in between",
  none,
  () => {
    const event = fc.record({
      sets: fc.integer({ min: -10_000, max: 10_000 }),
      sleeps: fc.nat(20_000),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        const clocks = new Clocks();
        const watch = new SleepWatch(clocks);
        let sleptMs = 0;
        for (const [n, { sets, sleeps }] of events.entries()) {
          clocks.set(sets);
          watch.look().missedMs;
          clocks.sleep(sleeps);
          sleptMs += sleeps;
          // A clock that is set back by next to nothing cannot be told from one that is read.
          assert(watch.look().missedMs >= sleptMs - 50 * (n + 1));
        }
      }),
    );
  },
);

Deno.test(
  "SleepWatch is not moved by clocks that are read in steps",
  none,
  () => {
    const clocks = new Clocks();
    const stepped = (ms: number) => () =>
      Math.floor((clocks.now() + 5_000_000) / ms) * ms;
    for (const stepMs of [1, 16]) {
      const watch = new SleepWatch({ now: clocks.now, wall: stepped(stepMs) });
      for (let i = 0; i < 10_000; i++) {
        clocks.run(0.37);
        assert(watch.look().missedMs <= stepMs);
      }
    }
  },
);

Deno.test(
  "elapsedMs() is the longer, but for the wall clock's grain",
  none,
  () => {
    assert.equal(elapsedMs(20, 20), 20);
    assert.equal(elapsedMs(20.25, 21), 20.25);
    assert.equal(elapsedMs(20, 60_020), 60_021);
    assert.equal(elapsedMs(20, -60_000), 20);
  },
);

Deno.test(
  "a nap counts in full though the wall clock tells whole milliseconds",
  none,
  () => {
    const clocks = new Clocks();
    const wall = () => Math.floor(clocks.wall());
    for (const beganMs of [0, 0.001, 0.5, 0.999]) {
      for (const napMs of [10.001, 100.5, 3000.999]) {
        clocks.offset = 5_000_000 + beganMs;
        const watch = new SleepWatch({ now: clocks.now, wall });
        const wallMs = wall();
        clocks.sleep(napMs);
        const { missedMs } = watch.look();
        assert(Number(missedMicros(missedMs)) >= napMs * 1000);
        assert(elapsedMs(0, wall() - wallMs) >= napMs);
      }
    }
    // Without a nap nothing is made up for.
    assert.equal(missedMicros(0.25), 250n);
  },
);
