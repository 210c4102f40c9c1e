import assert from "node:assert/strict";
import { ClockError } from "../../lib/wire/errors.ts";
import { SECOND } from "../_support/fixtures.ts";
import { claim, serverNumber } from "../_support/many.ts";
import { codeOf, type Stage, test, tooFew } from "../_support/clock.ts";

const HOUR = 3600n * SECOND;

test("now() says between which moments it is", async (stage) => {
  using clock = await stage.create();
  stage.world.pass(HOUR);
  const reading = clock.now();
  const { truthMicros } = stage.world;
  assert(reading.earliestMicros <= truthMicros);
  assert(reading.latestMicros >= truthMicros);
  assert(reading.latestMicros - reading.earliestMicros < 3n * SECOND);
  assert.equal(reading.ageMicros, HOUR);
  // The dates are rounded away from the middle.
  assert(BigInt(reading.earliest.getTime()) * 1000n <= reading.earliestMicros);
  assert(BigInt(reading.latest.getTime()) * 1000n >= reading.latestMicros);
  assert(reading.latest.getTime() - reading.earliest.getTime() < 3000);
});

test("create() measures with the servers given and five of them by default", async (stage) => {
  const outer = new AbortController();
  const { signal } = outer;
  using _clock = await stage.create({ signal, timeout: 77, minVoters: 4 });
  const [{ servers, options }] = stage.measured as [Stage["measured"][0]];
  assert.equal(servers, stage.options.servers);
  assert.equal(options.count, 5);
  assert.deepEqual([options.timeout, options.minVoters], [77, 4]);
  outer.abort("enough");
  assert.equal(options.signal?.reason, "enough");
  using _other = await stage.create({ count: 9 });
  assert.equal(stage.measured[1]?.options.count, 9);
  using _third = await stage.create({ count: undefined });
  assert.equal(stage.measured[2]?.options.count, 5);
});

test("create() measures for real with what asks servers", async (stage) => {
  const { world } = stage;
  using clock = await stage.create({
    measure: undefined,
    ask: (question) => {
      const sentAt = world.monoMicros;
      world.pass(20_000n);
      const lie = serverNumber(question) === 0 ? HOUR : 0n;
      return Promise.resolve(claim(question, world, sentAt, {
        midpointMicros: world.truthMicros + lie,
        radiusMicros: SECOND,
      }));
    },
  });
  const { earliestMicros, latestMicros } = clock.now();
  assert(earliestMicros <= world.truthMicros);
  assert(latestMicros >= world.truthMicros);
  assert(latestMicros - earliestMicros < 3n * SECOND);
});

test(
  "create() fails without an answer or a majority, and leaves no timer",
  async (stage, timers) => {
    const cases = [
      [tooFew(0), "no-answer"],
      [tooFew(2), "no-quorum"],
      [{ ...tooFew(3), reason: "no-majority" } as const, "no-quorum"],
    ] as const;
    for (const [outcome, code] of cases) {
      stage.outcome = outcome;
      await assert.rejects(stage.create(), (error) => {
        assert(error instanceof ClockError);
        assert.equal(error.code, code);
        return true;
      });
      assert.deepEqual(timers.delays, []);
    }
    stage.outcome = new Error("odd");
    await assert.rejects(stage.create(), /odd/);
    assert.deepEqual(timers.delays, []);
  },
);

test("compare() has three answers, and moments within the bounds are unknown", async (stage) => {
  using clock = await stage.create({ driftPpm: 0 });
  const { earliestMicros, latestMicros, earliest, latest } = clock.now();
  assert.equal(clock.compare(earliestMicros - 1n), "past");
  assert.equal(clock.compare(earliestMicros), "unknown");
  assert.equal(clock.compare(latestMicros), "unknown");
  assert.equal(clock.compare(latestMicros + 1n), "future");
  assert.equal(clock.compare(new Date(earliest.getTime() - 1)), "past");
  assert.equal(clock.compare(new Date(latest.getTime() + 1)), "future");
  assert.equal(clock.compare(new Date(earliest.getTime() + 500)), "unknown");
  for (const date of [earliest, latest]) {
    const micros = BigInt(date.getTime()) * 1000n;
    assert.equal(clock.compare(date), clock.compare(micros));
  }
  assert.throws(() => clock.compare(new Date(NaN)), RangeError);
});

test("checkWindow() never says what a moment within the bounds would deny", async (stage) => {
  using clock = await stage.create({ driftPpm: 0 });
  const { earliestMicros: a, latestMicros: b } = clock.now();
  const far = 1000n * HOUR;
  const cases: readonly [bigint | undefined, bigint | undefined, string][] = [
    [undefined, undefined, "valid"],
    [a - far, b + far, "valid"],
    [a - 1n, b + 1n, "valid"],
    [undefined, b + 1n, "valid"],
    [a - 1n, undefined, "valid"],
    [a - far, a - 1n, "expired"],
    [undefined, a - 1n, "expired"],
    [b + 1n, b + far, "not-yet-valid"],
    [b + 1n, undefined, "not-yet-valid"],
    // Now may be any moment from a to b, and both ends belong to the window.
    [a - far, a, "unknown"],
    [a - far, b - 1n, "unknown"],
    [b, b + far, "unknown"],
    [a + 1n, b + far, "unknown"],
    [a + 1n, b - 1n, "unknown"],
  ];
  for (const [notBefore, notAfter, expected] of cases) {
    assert.equal(
      clock.checkWindow({ notBefore, notAfter }),
      expected,
      `${notBefore === undefined ? "" : notBefore - a} to ${
        notAfter === undefined ? "" : notAfter - b
      }`,
    );
  }
});

test("a clock with nothing to say calls everything unknown", async (stage) => {
  using clock = await stage.create({ maxAgeSeconds: 60 });
  stage.world.pass(61n * SECOND);
  assert.equal(codeOf(clock), "stale");
  assert.equal(clock.compare(0n), "unknown");
  assert.equal(clock.checkWindow({ notAfter: 0n }), "unknown");
  assert.equal(clock.checkWindow({}), "unknown");
});
