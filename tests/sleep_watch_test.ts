import assert from "node:assert/strict";
import fc from "fast-check";
import { elapsedMs, SleepWatch } from "../lib/sleep_watch.ts";

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
    assert.equal(watch.missedMs(), 0);
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
    assert.equal(watch.missedMs(), 300);
    clocks.sleep(200);
    clocks.sleep(100);
    assert.equal(watch.missedMs(), 600);
  },
);

Deno.test(
  "SleepWatch is not fooled by a clock that is set back before or after a sleep",
  none,
  () => {
    const before = new Clocks();
    const one = new SleepWatch(before);
    before.set(-4000);
    one.missedMs();
    before.sleep(9000);
    assert.equal(one.missedMs(), 9000);
    const after = new Clocks();
    const two = new SleepWatch(after);
    after.sleep(3000);
    two.missedMs();
    after.set(-3000);
    assert.equal(two.missedMs(), 3000);
  },
);

Deno.test(
  "SleepWatch never says less than one sleep, whatever the clock is set to around it",
  none,
  () => {
    const step = fc.integer({ min: -10_000, max: 10_000 });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 8 }),
        fc.nat(20_000),
        fc.array(step, { maxLength: 8 }),
        (before, sleep, after) => {
          const clocks = new Clocks();
          const watch = new SleepWatch(clocks);
          for (const ms of before) {
            clocks.set(ms);
            watch.missedMs();
          }
          clocks.sleep(sleep);
          watch.missedMs();
          for (const ms of after) {
            clocks.set(ms);
            assert(watch.missedMs() >= sleep);
          }
          assert(watch.missedMs() >= sleep);
        },
      ),
    );
  },
);

Deno.test(
  "elapsedMs() is the longer, but for the wall clock's grain",
  none,
  () => {
    assert.equal(elapsedMs(20, 20), 20);
    assert.equal(elapsedMs(20.25, 21), 20.25);
    assert.equal(elapsedMs(20, 60_020), 60_020);
    assert.equal(elapsedMs(20, -60_000), 20);
  },
);
