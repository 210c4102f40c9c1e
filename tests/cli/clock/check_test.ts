import assert from "node:assert/strict";
import { type CheckOptions, clockCheck } from "../../../lib/cli/clock/check.ts";
import {
  type Ended,
  fails,
  folder,
  json,
  run,
  target,
} from "../../_support/cli.ts";
import {
  COMMON,
  FakeWorld,
  type Finding,
  isUsage,
  NAMES,
  runIn,
} from "../../_support/clock_world.ts";
import { Ahead, Behind, entry, writeList } from "../../_support/cli_many.ts";

const DEFAULTS: CheckOptions = { ...COMMON, warn: 5, crit: 30 };

function check(
  finding: Finding,
  options: Partial<CheckOptions> = {},
): Promise<Ended> {
  const world = new FakeWorld(finding);
  return runIn(clockCheck, { ...DEFAULTS, ...options }, world);
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

test("clock check says that the clock is right, and who says so", async () => {
  for (const off of [0, 0.9, -0.9]) {
    const { code, out, err } = await check(off);
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    const [state, local, consensus = "", ...more] = out;
    assert.equal(state, "Clock: ok");
    assert.equal(local, "Local clock: within these bounds");
    assert.match(
      consensus,
      /^Consensus: true time is between .*Z and .*Z, say 3 of 3 operators$/,
    );
    assert.deepEqual(more, []);
  }
});

test("clock check counts only what is certain, whichever way the clock is off", async () => {
  // The bounds reach a second to each side.
  const cases: [off: number, code: number, state: string, local: string][] = [
    [6, 0, "ok", "at least 5 s fast"],
    [6.5, 0, "warning, off by more than 5 s", "at least 5.5 s fast"],
    [-6.5, 0, "warning, off by more than 5 s", "at least 5.5 s slow"],
    [31, 0, "warning, off by more than 5 s", "at least 30 s fast"],
    [31.5, 7, "critical, off by more than 30 s", "at least 30.5 s fast"],
    [-86401, 7, "critical, off by more than 30 s", "at least 86400 s slow"],
  ];
  for (const [off, expected, state, local] of cases) {
    const { code, out } = await check(off);
    assert.equal(code, expected, String(off));
    assert.equal(out[0], `Clock: ${state}`);
    assert.equal(out[1], `Local clock: ${local}`);
  }
});

test("clock check takes its limits from the command line", async () => {
  assert.equal((await check(3, { warn: 0.5, crit: 1 })).code, 7);
  assert.equal((await check(100, { warn: 120, crit: 120 })).code, 0);
  const zero = await check(1.000001, { warn: 0, crit: 0 });
  assert.equal(zero.code, 7);
  assert.equal(zero.out[1], "Local clock: at least 0.000001 s fast");
});

const UNKNOWN: [finding: Finding, code: number, consensus: RegExp][] = [
  ["too-few", 6, /^consensus: none, .* from 2 of the 3 operators/],
  ["no-majority", 6, /^consensus: none, 1 of 3 operators agree/],
  ["rejected", 4, /^consensus: none, .* from 0 of the 3 operators/],
  ["no-answer", 3, /^consensus: none, .* from 0 of the 3 operators/],
];

test("clock check knows nothing without a majority", async () => {
  for (const [finding, expected, consensus] of UNKNOWN) {
    const { code, out } = await check(finding);
    assert.equal(code, expected, String(finding));
    assert.equal(out[0], "Clock: unknown");
    assert.match(out[1]?.toLowerCase() ?? "", consensus);
    assert.equal(out.length, 2);
  }
});

test("clock check names each server that has no say, and why", async () => {
  const cases: [finding: Finding, code: string, why: string][] = [
    [
      "rejected",
      "response-signature",
      "cannot trust response: the signature over the time does not verify",
    ],
    ["no-answer", "unreachable", "cannot reach it"],
  ];
  for (const [finding, code, why] of cases) {
    const { err } = await check(finding);
    assert.deepEqual(
      err,
      NAMES.map((name) => `roughly: warning: ${name}: ${why}`),
    );
    const nagios = await check(finding, { nagios: true });
    for (const name of NAMES) {
      assert(nagios.out[0]?.includes(`; ${name}: ${why}`), nagios.out[0]);
    }
    const machine = await check(finding, { json: true });
    for (const { error } of json(machine.out[0]).servers) {
      assert.equal(error.code, code);
      assert.equal(error.message.toLowerCase(), why);
    }
  }
});

test("clock check --json prints one object", async () => {
  const cases: [finding: Finding, code: number, state: string][] = [
    [0, 0, "ok"],
    [-10, 0, "warning"],
    [100, 7, "critical"],
    ["too-few", 6, "unknown"],
    ["rejected", 4, "unknown"],
    ["no-answer", 3, "unknown"],
  ];
  for (const [finding, expected, state] of cases) {
    const { code, out, err } = await check(finding, { json: true });
    assert.equal(code, expected);
    assert.deepEqual(err, []);
    assert.equal(out.length, 1);
    const result = json(out[0]);
    assert.equal(result.schema, "roughly/clock-check/1");
    assert.equal(result.ok, state === "ok");
    assert.equal(result.state, state);
    assert.equal(result.quorum.ok, typeof finding === "number");
    assert.deepEqual(
      result.servers.map(({ name }: { name: string }) => name),
      NAMES,
    );
    assert.equal(result.localClock === undefined, state === "unknown");
  }
  const { out: [line] } = await check(-10, { json: true });
  const { quorum, localClock } = json(line);
  assert.equal(localClock.outsideBoundsMicros, "-9000000");
  const { earliest, latest } = quorum.bounds;
  assert.equal(BigInt(latest.micros) - BigInt(earliest.micros), 2_000_000n);
  assert.equal(
    BigInt(localClock.micros),
    BigInt(earliest.micros) - 9_000_000n,
  );
  assert.equal(
    Date.parse(localClock.time),
    Number(BigInt(localClock.micros) / 1000n),
  );
});

test("clock check --nagios prints one line and ends with 0 to 3", async () => {
  const cases: [finding: Finding, code: number, line: string][] = [
    [
      0,
      0,
      "ROUGHTIME OK: local clock: within these bounds | offset=0s;-5:5;-30:30 operators=3 agreeing=3 contradictions=0",
    ],
    [
      -7.25,
      1,
      "ROUGHTIME WARNING: local clock: at least 6.25 s slow | offset=-6.25s;-5:5;-30:30 operators=3 agreeing=3 contradictions=0",
    ],
    [
      61,
      2,
      "ROUGHTIME CRITICAL: local clock: at least 60 s fast | offset=60s;-5:5;-30:30 operators=3 agreeing=3 contradictions=0",
    ],
  ];
  for (const [finding, expected, line] of cases) {
    const { code, out, err } = await check(finding, { nagios: true });
    assert.equal(code, expected);
    assert.deepEqual(out, [line]);
    assert.deepEqual(err, []);
  }
  for (const [finding, , consensus] of UNKNOWN) {
    const { code, out, err } = await check(finding, { nagios: true });
    assert.equal(code, 3);
    assert.equal(out.length, 1);
    const [start, said = ""] = out[0]?.split(": none") ?? [];
    assert.equal(start, "ROUGHTIME UNKNOWN: consensus");
    assert.match(`consensus: none${said}`, consensus);
    assert.deepEqual(err, []);
  }
});

Deno.test("clock check --nagios is unknown, on one line, whatever else goes wrong", async () => {
  await using there = await folder();
  const words = ["clock", "check", "--nagios", "--list", there.in("none")];
  const cases: [more: string[], why: RegExp][] = [
    [["--list", there.in("a|b")], /there is no file .*a\/b$/],
    [["--list", there.path], /cannot read /],
    [["--warn=31"], /--warn must not be above --crit$/],
    [["--count=2"], /--count must not be below --min-servers$/],
  ];
  for (const [more, why] of cases) {
    const { code, out, err } = await run(...words, ...more);
    assert.equal(code, 3);
    assert.deepEqual(err, []);
    assert.equal(out.length, 1);
    assert.match(out[0] ?? "", /^ROUGHTIME UNKNOWN: [^|]*$/);
    assert.match(out[0] ?? "", why);
  }
});

test("clock check refuses limits that make no sense, and asks nobody", async () => {
  const world = new FakeWorld(0);
  await assert.rejects(
    runIn(clockCheck, { ...DEFAULTS, warn: 31 }, world),
    isUsage(/^--warn must not be above --crit$/),
  );
  await assert.rejects(
    runIn(clockCheck, { ...DEFAULTS, count: 2 }, world),
    isUsage(/^--count must not be below --min-servers$/),
  );
  assert.deepEqual(world.asked, []);
  const check = ["clock", "check", "--list=/nowhere"];
  await fails(2, "--warn must not be above --crit", ...check, "--warn=31");
  await fails(2, /^cannot use "-1"/, ...check, "--warn=-1");
  await fails(2, /^cannot use "x"/, ...check, "--crit=x");
  await fails(2, /cannot be used with/, ...check, "--nagios", "--json");
  const { out } = await fails(2, /./, ...check, "--warn=31", "--json");
  assert.equal(json(out[0]).schema, "roughly/clock-check/1");
  assert.equal(json(out[0]).error.code, "usage");
});

test("clock check asks as it is told", async () => {
  const world = new FakeWorld(0);
  const options = { timeout: 1.5, minServers: 4, count: 7, transport: "tcp" };
  await runIn(clockCheck, { ...DEFAULTS, ...options } as CheckOptions, world);
  const [asked] = world.asked;
  assert.equal(asked?.timeout, 1500);
  assert.equal(asked?.minVoters, 4);
  assert.equal(asked?.count, 7);
  assert.equal(asked?.transport, "tcp");
});

Deno.test("clock check finds out with servers on loopback", async () => {
  await using there = await folder();
  const words = ["clock", "check", "--min-servers=1"];
  for (const [kind, word] of [[Ahead, "slow"], [Behind, "fast"]] as const) {
    await using server = await target({}, { kind });
    const list = await writeList(there.in("list.json"), [
      entry("one", server),
    ]);
    const { code, out, err } = await run(...words, "--list", list);
    assert.equal(code, 7);
    assert.deepEqual(err, []);
    assert.equal(out[0], "Clock: critical, off by more than 30 s");
    assert.match(
      out[1] ?? "",
      new RegExp(`^Local clock: at least 359\\d(\\.\\d+)? s ${word}$`),
    );
  }
  await using server = await target();
  const list = await writeList(there.in("list.json"), [entry("one", server)]);
  const { code, out } = await run(...words, "--list", list, "--json");
  assert.equal(code, 0);
  assert.equal(json(out[0]).state, "ok");
  assert.deepEqual(json(out[0]).servers, [{ name: "one", status: "ok" }]);
});
