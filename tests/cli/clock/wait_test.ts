import assert from "node:assert/strict";
import { clockWait, type WaitOptions } from "../../../lib/cli/clock/wait.ts";
import { fails, folder, json, run, target } from "../../_support/cli.ts";
import {
  COMMON,
  FakeWorld,
  type Finding,
  isUsage,
  NAMES,
  runIn,
} from "../../_support/clock_world.ts";
import { entry, writeList } from "../../_support/cli_many.ts";

const DEFAULTS: WaitOptions = { ...COMMON, limit: 1, maxWait: 0 };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

test("clock wait ends at once if the clock is right", async () => {
  const world = new FakeWorld(0);
  const { code, out, err } = await runIn(clockWait, DEFAULTS, world);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.equal(out[0], "Local clock: within these bounds");
  assert.match(out[1] ?? "", /^Consensus: true time is between /);
  assert.equal(out.length, 2);
  assert.deepEqual(world.pauses, []);
});

test("clock wait goes on until the clock is within the limit, and says why", async () => {
  const world = new FakeWorld("no-answer", "too-few", 60, -60, 2);
  const { code, out, err } = await runIn(clockWait, DEFAULTS, world);
  assert.equal(code, 0);
  assert.deepEqual(err, [
    "roughly: waiting: consensus: none, answers that count came from 0 of the 3 operators needed",
    ...NAMES.map((name) => `roughly: warning: ${name}: cannot reach it`),
    "roughly: waiting: consensus: none, answers that count came from 2 of the 3 operators needed",
    "roughly: waiting: local clock: at least 59 s fast",
    "roughly: waiting: local clock: at least 59 s slow",
  ]);
  assert.equal(out[0], "Local clock: at least 1 s fast");
  assert.equal(world.asked.length, 5);
});

test("clock wait takes its limit from the command line", async () => {
  const patient = await runIn(
    clockWait,
    { ...DEFAULTS, limit: 100 },
    new FakeWorld(-101),
  );
  assert.equal(patient.code, 0);
  const world = new FakeWorld(1.5, 0.5);
  await runIn(clockWait, { ...DEFAULTS, limit: 0 }, world);
  assert.equal(world.asked.length, 2);
});

test("clock wait asks less and less often", async () => {
  const findings = Array.from({ length: 20 }, () => 60);
  const world = new FakeWorld(...findings, 0);
  await runIn(clockWait, DEFAULTS, world);
  assert.deepEqual(world.pauses.slice(0, 4), [2000, 3000, 4500, 6750]);
  assert.equal(world.pauses.length, 20);
  world.pauses.reduce((before, pause) => {
    assert(pause > before || pause === 120_000);
    return pause;
  });
  assert.equal(world.pauses.at(-1), 120_000);
});

test("clock wait gives up in the end, and its exit code says why", async () => {
  const cases: [finding: Finding, code: number][] = [
    [60, 7],
    [-60, 7],
    ["too-few", 6],
    ["no-majority", 6],
    ["rejected", 4],
    ["no-answer", 3],
  ];
  for (const [finding, expected] of cases) {
    const world = new FakeWorld(finding);
    const { code, out, err } = await runIn(
      clockWait,
      { ...DEFAULTS, maxWait: 10 },
      world,
    );
    assert.equal(code, expected, String(finding));
    // The last pause ends with the patience, so that nothing is missed.
    assert.deepEqual(world.pauses, [2000, 3000, 4500, 500]);
    assert.equal(world.asked.length, 5);
    // Who fails in the same way again and again is named once.
    const warnings = err.filter((line) => line.startsWith("roughly: warning:"));
    const failed = finding === "rejected" || finding === "no-answer";
    assert.equal(warnings.length, failed ? 3 : 0);
    assert.equal(err.length - warnings.length, 4);
    assert.equal(out.length, typeof finding === "number" ? 2 : 1);
    assert.match(out.at(-1) ?? "", /^Consensus: /);
  }
});

test("clock wait takes a clock that comes right at the last moment", async () => {
  const world = new FakeWorld(60, 0);
  const { code } = await runIn(
    clockWait,
    { ...DEFAULTS, maxWait: 0.5 },
    world,
  );
  assert.equal(code, 0);
  assert.deepEqual(world.pauses, [500]);
});

test("clock wait --json prints one object at the end", async () => {
  const cases: [findings: Finding[], code: number][] = [
    [[60, 0], 0],
    [[60, 60], 7],
    [["no-majority"], 6],
  ];
  for (const [findings, expected] of cases) {
    const { code, out, err } = await runIn(
      clockWait,
      { ...DEFAULTS, maxWait: 1, json: true },
      new FakeWorld(...findings),
    );
    assert.equal(code, expected);
    assert.equal(err.length, 1);
    assert.equal(out.length, 1);
    const result = json(out[0]);
    assert.equal(result.schema, "roughly/clock-wait/1");
    assert.equal(result.ok, expected === 0);
    assert.equal(result.quorum.ok, expected !== 6);
    assert.equal(
      result.localClock?.outsideBoundsMicros,
      expected === 0 ? "0" : expected === 7 ? "59000000" : undefined,
    );
    assert.deepEqual(
      result.servers.map(({ name }: { name: string }) => name),
      NAMES,
    );
  }
});

test("clock wait never sets the clock", async () => {
  const world = new FakeWorld(60, 60, 0);
  await runIn(clockWait, DEFAULTS, world);
  assert.deepEqual(world.sets, []);
});

test("clock wait refuses what could never come true, and asks nobody", async () => {
  const world = new FakeWorld(0);
  await assert.rejects(
    runIn(clockWait, { ...DEFAULTS, count: 2 }, world),
    isUsage(/^--count must not be below --min-servers$/),
  );
  assert.deepEqual(world.asked, []);
  const wait = ["clock", "wait", "--list=/nowhere"];
  await fails(2, /^cannot use "soon"/, ...wait, "--max-wait=soon");
  await fails(2, /^cannot use "-1"/, ...wait, "--limit=-1");
});

Deno.test("clock wait believes servers on loopback", async () => {
  await using there = await folder();
  await using server = await target();
  const list = await writeList(there.in("list.json"), [entry("one", server)]);
  const words = ["clock", "wait", "--min-servers=1", "--list", list];
  const { code, out, err } = await run(...words);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.equal(out[0], "Local clock: within these bounds");
});
