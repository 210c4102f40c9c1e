import assert from "node:assert/strict";
import { clockSet, type SetOptions } from "../../../lib/cli/clock/set.ts";
import { classify } from "../../../lib/cli/terminal/exit_code.ts";
import { NetworkError } from "../../../lib/wire/errors.ts";
import { fails, json } from "../../_support/cli.ts";
import {
  COMMON,
  FakeWorld,
  type Finding,
  isUsage,
  NAMES,
  runIn,
} from "../../_support/clock_world.ts";

const DEFAULTS: SetOptions = { ...COMMON, threshold: 1 };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

test("clock set steps the clock to the middle of the bounds, and says so", async () => {
  for (const [off, said] of [[60, "59 s fast"], [-60, "59 s slow"]] as const) {
    const world = new FakeWorld(off);
    const { code, out, err } = await runIn(clockSet, DEFAULTS, world);
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    assert.deepEqual(world.sets, [world.trueMicros]);
    assert.equal(out[0], `Local clock: at least ${said}`);
    assert.match(out[1] ?? "", /^Consensus: true time is between /);
    const time = new Date(Number(world.trueMicros / 1000n)).toISOString();
    assert.equal(
      out[2],
      `Clock set to ${time}, a step of ${off < 0 ? "+" : "-"}60.0 s.`,
    );
    assert.equal(out.length, 3);
  }
});

test("clock set never leaves a clock further off than it was", async () => {
  const second = 1_000_000n;
  // True time may be at either end of bounds that are two minutes wide.
  for (const [off, end] of [[-1.5, 0n], [1.5, 120n * second]] as const) {
    const world = new FakeWorld(off);
    world.boundsAround = [end, 120n * second - end];
    await runIn(clockSet, DEFAULTS, world);
    const [set = 0n] = world.sets;
    const error = set - world.trueMicros;
    assert.equal(error, off < 0 ? 1_500_000n : -1_500_000n);
  }
});

test("clock set measures again if the machine slept meanwhile", async () => {
  for (const jumpMs of [3_600_000, -3_600_000]) {
    const world = new FakeWorld(0);
    world.jumpsMs = [jumpMs, -jumpMs];
    const { code } = await runIn(clockSet, DEFAULTS, world);
    assert.equal(code, 0);
    assert.deepEqual([world.asked.length, world.sets], [3, []]);
    world.jumpsMs = [jumpMs, jumpMs, jumpMs];
    await assert.rejects(runIn(clockSet, DEFAULTS, world), (error) => {
      assert.deepEqual(classify(error), { exitCode: 6, code: "suspended" });
      return true;
    });
    assert.deepEqual(world.sets, []);
  }
});

test("clock set says if servers contradict each other", async () => {
  const world = new FakeWorld(0);
  world.violations = [{ earlier: 0, later: 1, gapMicros: 1n }];
  const { code, err } = await runIn(clockSet, DEFAULTS, world);
  assert.equal(code, 0);
  assert.equal(err.length, 1);
  assert.match(err[0] ?? "", /^roughly: warning: servers contradict each /);
});

test("clock set adds what has passed since the measurement", async () => {
  const world = new FakeWorld(-60);
  world.lateMs = 1234.5;
  const { out } = await runIn(clockSet, { ...DEFAULTS, json: true }, world);
  assert.deepEqual(world.sets, [world.trueMicros]);
  const { target, stepMicros, quorum } = json(out[0]);
  const { earliest, latest } = quorum.bounds;
  const middle = (BigInt(earliest.micros) + BigInt(latest.micros)) / 2n;
  assert.equal(BigInt(target.micros), middle + 1_234_500n);
  assert.equal(stepMicros, "60000000");
});

test("clock set leaves a clock alone that is not certainly off by more", async () => {
  const cases: [off: number, threshold: number, sets: number][] = [
    [0, 1, 0],
    [2, 1, 0],
    [-2, 1, 0],
    [2.000001, 1, 1],
    [-2.000001, 1, 1],
    [60, 59, 0],
    [60, 58.9, 1],
    [1, 0, 0],
    [1.000001, 0, 1],
  ];
  for (const [off, threshold, sets] of cases) {
    const world = new FakeWorld(off);
    const { code, out } = await runIn(
      clockSet,
      { ...DEFAULTS, threshold },
      world,
    );
    assert.equal(code, 0);
    assert.equal(world.sets.length, sets, `${off} ${threshold}`);
    if (sets > 0) continue;
    assert.equal(
      out[2],
      `Clock not set: it is not certainly off by more than ${threshold} s.`,
    );
  }
});

test("clock set does nothing without a majority", async () => {
  const cases: [finding: Finding, code: number][] = [
    ["too-few", 6],
    ["no-majority", 6],
    ["rejected", 4],
    ["no-answer", 3],
  ];
  for (const [finding, expected] of cases) {
    for (const dryRun of [false, true]) {
      const world = new FakeWorld(finding);
      const options = { ...DEFAULTS, dryRun };
      const { code, out, err } = await runIn(clockSet, options, world);
      assert.equal(code, expected, finding as string);
      assert.deepEqual(world.sets, []);
      const why = {
        "rejected":
          "cannot trust response: the signature over the time does not verify",
        "no-answer": "cannot reach it",
      }[finding as string];
      assert.deepEqual(
        err,
        why === undefined
          ? []
          : NAMES.map((name) => `roughly: warning: ${name}: ${why}`),
      );
      assert.match(out[0] ?? "", /^Consensus: none, /);
      assert.deepEqual(out.slice(1), [
        "Clock not set: there is no majority to set it by.",
      ]);
      const machine = await runIn(
        clockSet,
        { ...options, json: true },
        world,
      );
      assert.equal(machine.code, expected);
      const result = json(machine.out[0]);
      assert.equal(result.ok, false);
      assert.equal(result.set, false);
      assert.equal(result.target, undefined);
      assert.equal(result.localClock, undefined);
      assert.deepEqual(world.sets, []);
    }
  }
});

test("clock set --dry-run only says what would be done", async () => {
  const world = new FakeWorld(3600);
  const options = { ...DEFAULTS, dryRun: true };
  const { code, out } = await runIn(clockSet, options, world);
  assert.equal(code, 0);
  assert.match(
    out[2] ?? "",
    /^Clock would be set to \d{4}-.*Z, a step of -3600\.0 s\.$/,
  );
  const machine = await runIn(clockSet, { ...options, json: true }, world);
  const result = json(machine.out[0]);
  assert.equal(result.ok, true);
  assert.equal(result.set, false);
  assert.equal(result.target.micros, String(world.trueMicros));
  assert.deepEqual(world.sets, []);
});

test("clock set --json prints one object", async () => {
  const world = new FakeWorld(60);
  const { code, out, err } = await runIn(
    clockSet,
    { ...DEFAULTS, json: true },
    world,
  );
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.equal(out.length, 1);
  const result = json(out[0]);
  assert.equal(result.schema, "roughly/clock-set/1");
  assert.equal(result.ok, true);
  assert.equal(result.set, true);
  assert.equal(result.target.micros, String(world.sets[0]));
  assert.equal(
    Date.parse(result.target.time),
    Number(BigInt(result.target.micros) / 1000n),
  );
  assert.equal(result.stepMicros, "-60000000");
  assert.equal(result.localClock.outsideBoundsMicros, "59000000");
  assert.equal(result.quorum.agreeing, 3);
  assert.deepEqual(
    result.servers.map(({ name }: { name: string }) => name),
    NAMES,
  );
  const right = await runIn(
    clockSet,
    { ...DEFAULTS, json: true },
    new FakeWorld(0),
  );
  const { ok, set, target, stepMicros } = json(right.out[0]);
  assert.deepEqual([ok, set, target, stepMicros], [
    true,
    false,
    undefined,
    undefined,
  ]);
});

test("clock set claims nothing if the system refuses, and ends with 8", async () => {
  for (const asJson of [false, true]) {
    const world = new FakeWorld(60);
    const refusal = new NetworkError("denied", "Cannot set the clock: no");
    world.refusal = refusal;
    const lines: string[] = [];
    const output = {
      out: (line: string) => void lines.push(line),
      err: (line: string) => assert.fail(line),
      progress: () => {},
    };
    await assert.rejects(
      clockSet({ ...DEFAULTS, json: asJson }, output, world),
      (error) => {
        assert.equal(error, refusal);
        assert.deepEqual(classify(error), { exitCode: 8, code: "denied" });
        return true;
      },
    );
    assert.doesNotMatch(lines.join("\n"), /Clock set|"set":true/);
  }
});

test("clock set refuses what makes no sense, and asks nobody", async () => {
  const world = new FakeWorld(60);
  await assert.rejects(
    runIn(clockSet, { ...DEFAULTS, count: 1 }, world),
    isUsage(/^--count must not be below --min-servers$/),
  );
  assert.deepEqual([world.asked, world.sets], [[], []]);
  // Should one of these lines be taken after all, it must not get anywhere.
  const set = ["clock", "set", "--dry-run", "--list=/nowhere"];
  await fails(2, /^cannot use "x"/, ...set, "--threshold=x");
  await fails(2, /^too many arguments/, ...set, "2026-01-01");
});
