import assert from "node:assert/strict";
import type { ClockError } from "../../lib/wire/errors.ts";
import { SECOND } from "../_support/fixtures.ts";
import { codeOf, test, tooFew } from "../_support/clock.ts";

const HOUR = 3600n * SECOND;

test(
  "it measures again in the background, without keeping the program alive",
  async (stage, timers) => {
    using clock = await stage.create({ refreshSeconds: 600 });
    assert.deepEqual(timers.delays, [600_000]);
    assert(timers.areUnrefed);
    stage.world.pass(600n * SECOND);
    await timers.fire();
    assert.equal(stage.measured.length, 2);
    assert.equal(clock.now().ageMicros, 0n);
    assert.deepEqual(timers.delays, [600_000]);
  },
);

test(
  "a timer is never longer than the runtime can count",
  async (stage, timers) => {
    // A longer one fires at once, and the servers would be asked without end.
    for (const refreshSeconds of [30 * 86_400, Infinity]) {
      using _clock = await stage.create({ refreshSeconds });
      const [delayMs] = timers.delays as [number];
      assert(delayMs > 86_400_000 && delayMs < 2 ** 31, `${delayMs} ms`);
    }
  },
);

test(
  "after failures it tries again soon, then later and later",
  async (stage, timers) => {
    using clock = await stage.create({ refreshSeconds: 30 });
    stage.outcome = new Error("no network");
    const delays: number[] = [];
    for (let n = 0; n < 7; n++) {
      await timers.fire();
      delays.push(...timers.delays);
    }
    assert.deepEqual(delays.slice(0, 3), [5000, 7500, 11_250]);
    assert.equal(Math.max(...delays), 30_000);
    assert.equal(stage.errors.length, 7);
    assert.match(String(stage.errors[0]), /no network/);
    assert.equal(codeOf(clock), "ok");
    stage.outcome = 0n;
    await timers.fire();
    assert.deepEqual(timers.delays, [30_000]);
    stage.outcome = new Error("no network");
    await timers.fire();
    assert.deepEqual(timers.delays, [5000]);
  },
);

test(
  "whoever reads a stale clock makes it measure, once",
  async (stage, timers) => {
    using clock = await stage.create({ maxAgeSeconds: 60 });
    stage.world.pass(61n * SECOND);
    for (let n = 0; n < 5; n++) assert.equal(codeOf(clock), "stale");
    assert.deepEqual(timers.delays, [0]);
    await timers.fire();
    assert.equal(codeOf(clock), "ok");
    assert.equal(stage.measured.length, 2);
  },
);

test(
  "whoever reads a stale clock does not hurry a failing measurement",
  async (stage, timers) => {
    using clock = await stage.create({ maxAgeSeconds: 60 });
    stage.world.pass(61n * SECOND);
    stage.outcome = tooFew(0);
    assert.equal(codeOf(clock), "stale");
    await timers.fire();
    assert.equal((stage.errors[0] as ClockError).code, "no-answer");
    // Whoever reads the clock then learns why there is nothing newer.
    assert.throws(
      () => clock.now(),
      (error) => (error as ClockError).cause === stage.errors[0],
    );
    for (let n = 0; n < 5; n++) assert.equal(codeOf(clock), "stale");
    assert.deepEqual(timers.delays, [5000]);
  },
);

test(
  "two measurements that contradict each other silence it until a third decides",
  async (stage, timers) => {
    using clock = await stage.create();
    stage.outcome = HOUR;
    await assert.rejects(clock.refresh(), { code: "contradiction" });
    assert.equal(codeOf(clock), "contradiction");
    assert.deepEqual(timers.delays, [5000]);
    stage.outcome = 0n;
    await timers.fire();
    assert.equal(codeOf(clock), "ok");
  },
);

test(
  "a clock that has told a wrong time waits for it without asking again and again",
  async (stage, timers) => {
    stage.outcome = HOUR;
    using clock = await stage.create();
    assert.equal(codeOf(clock), "ok");
    stage.outcome = 0n;
    await assert.rejects(clock.refresh(), { code: "contradiction" });
    await clock.refresh();
    const { length } = stage.measured;
    for (let n = 0; n < 5; n++) {
      assert.equal(codeOf(clock), "contradiction");
      assert.deepEqual(timers.delays, [3_600_000]);
    }
    assert.equal(stage.measured.length, length);
    // An hour later the time that was told is true.
    stage.world.pass(HOUR);
    assert.equal(codeOf(clock), "ok");
  },
);

test(
  "a machine that slept makes it refuse and measure again",
  async (stage, timers) => {
    using clock = await stage.create();
    stage.wallAheadMs = 4000;
    assert.equal(codeOf(clock), "ok");
    // The monotonic clock stood still for an hour.
    stage.wallAheadMs = 3_600_000;
    assert.equal(codeOf(clock), "suspended");
    assert.equal(clock.compare(0n), "unknown");
    assert.deepEqual(timers.delays, [0]);
    stage.outcome = HOUR;
    await timers.fire();
    assert.equal(codeOf(clock), "ok");
    assert(
      clock.now().earliestMicros > stage.world.truthMicros + HOUR - 2n * SECOND,
    );
  },
);

test("a measurement during which the machine slept is thrown away", async (stage) => {
  stage.meanwhile = () => {
    stage.wallAheadMs += 60_000;
  };
  await assert.rejects(stage.create(), { code: "suspended" });
  stage.meanwhile = () => {};
  using clock = await stage.create();
  stage.meanwhile = () => {
    stage.wallAheadMs -= 60_000;
  };
  await assert.rejects(clock.refresh(), { code: "suspended" });
});

test("refresh() is one measurement however many ask for it", async (stage) => {
  using clock = await stage.create();
  await Promise.all([clock.refresh(), clock.refresh(), clock.refresh()]);
  assert.equal(stage.measured.length, 2);
});

test("close() ends the measuring, not the telling", async (stage, timers) => {
  const clock = await stage.create({ maxAgeSeconds: 60 });
  clock.close();
  assert.deepEqual(timers.delays, []);
  assert.equal(codeOf(clock), "ok");
  stage.world.pass(61n * SECOND);
  assert.equal(codeOf(clock), "stale");
  assert.deepEqual(timers.delays, []);
});

test(
  "close() while it measures leaves no timer either",
  async (stage, timers) => {
    const clock = await stage.create();
    const measuring = clock.refresh();
    clock.close();
    await measuring;
    assert.deepEqual(timers.delays, []);
  },
);

test("using ends it", async (stage, timers) => {
  {
    using _clock = await stage.create();
    assert.equal(timers.delays.length, 1);
  }
  assert.deepEqual(timers.delays, []);
});

test(
  "without onError a failure in the background is no unhandled one",
  async (stage, timers) => {
    using clock = await stage.create({ onError: undefined });
    stage.outcome = new Error("no network");
    await timers.fire();
    assert.equal(codeOf(clock), "ok");
  },
);

test("no option makes it ask without a pause", async (stage, timers) => {
  for (const seconds of [0, -1, 0.001, NaN]) {
    for (const name of ["refreshSeconds", "maxAgeSeconds"]) {
      await assert.rejects(stage.create({ [name]: seconds }), RangeError);
    }
  }
  assert.deepEqual([stage.measured.length, timers.delays], [0, []]);
});

test("a system's clock that was set back hides no sleep", async (stage) => {
  using clock = await stage.create();
  stage.wallAheadMs = -3_600_000;
  assert.equal(codeOf(clock), "suspended");
  // The monotonic clock stood still for half an hour.
  stage.wallAheadMs += 1_800_000;
  assert.equal(codeOf(clock), "suspended");
});

test("naps count, whatever the system's clock is set back by in between", async (stage) => {
  using clock = await stage.create();
  const { truthMicros } = stage.world;
  let sleptMicros = 0n;
  for (const [setMs, sleepMs] of [[-2000, 2000], [-1500, 1500], [0, 1000]]) {
    stage.wallAheadMs += setMs as number;
    codeOf(clock);
    stage.wallAheadMs += sleepMs as number;
    sleptMicros += BigInt(sleepMs as number) * 1000n;
    const { earliestMicros, latestMicros } = clock.now();
    assert(earliestMicros <= truthMicros + sleptMicros);
    assert(latestMicros >= truthMicros + sleptMicros);
  }
  stage.wallAheadMs -= 4000;
  codeOf(clock);
  stage.wallAheadMs += 4000;
  assert.equal(codeOf(clock), "suspended");
});

test("a short sleep while it measures makes it no less true", async (stage) => {
  const { truthMicros } = stage.world;
  stage.meanwhile = () => {
    stage.wallAheadMs += 4000;
  };
  using clock = await stage.create();
  const { earliestMicros, latestMicros } = clock.now();
  assert(earliestMicros <= truthMicros);
  assert(latestMicros >= truthMicros + 4n * SECOND);
});

test("a nap between two measurements makes neither of them wrong", async (stage) => {
  for (const napMs of [100, 1000, 4900]) {
    stage.outcome = 0n;
    stage.radiusMicros = 1000n;
    using clock = await stage.create();
    const truthMicros = stage.world.truthMicros + BigInt(napMs) * 1000n;
    stage.wallAheadMs += napMs;
    stage.outcome = BigInt(napMs) * 1000n;
    await clock.refresh();
    const { earliestMicros, latestMicros } = clock.now();
    assert(earliestMicros <= truthMicros && latestMicros >= truthMicros);
    // What no nap explains is a contradiction as before.
    stage.outcome += SECOND;
    await assert.rejects(clock.refresh(), { code: "contradiction" });
  }
});

test("close() ends a measurement, and onError is not told", async (stage) => {
  using _clock = await stage.create();
  const ended = (): Promise<never> => {
    const { signal } = stage.measured.at(-1)!.options;
    return new Promise((_, reject) => {
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  };
  let isHanging = false;
  const clock = await stage.create({
    measure: async (servers, options) => {
      const measured = await stage.options.measure!(servers, options);
      return isHanging ? await ended() : measured;
    },
  });
  isHanging = true;
  const measuring = clock.refresh();
  await Promise.resolve();
  clock.close();
  await assert.rejects(measuring, { name: "AbortError" });
  assert.deepEqual(stage.errors, []);
  assert.equal(codeOf(clock), "ok");
});

test("an aborted signal ends the measuring", async (stage, timers) => {
  const outer = new AbortController();
  using clock = await stage.create({ signal: outer.signal });
  outer.abort();
  await timers.fire();
  assert.deepEqual(timers.delays, []);
  assert.equal(codeOf(clock), "ok");
});
