import assert from "node:assert/strict";
import { parseReport } from "../../../lib/verify/report.ts";
import { confirmMalfeasance, judgeReport } from "../../../lib/verify/judge.ts";
import { parseRequest } from "../../../lib/wire/request.ts";
import { equal } from "../../../lib/crypto/bytes.ts";
import type { Server } from "../../../lib/server/core.ts";
import {
  execute,
  fails,
  folder,
  json,
  run,
  target,
} from "../../_support/cli.ts";
import {
  Ahead,
  dead,
  entry,
  named,
  Once,
  threeOperators,
  writeList,
  wrongKey,
} from "../../_support/cli_many.ts";

const MALFEASANCE = ["ecosystem", "malfeasance"];

interface Case extends AsyncDisposable {
  /** The words of the command, without those that a test adds. */
  readonly words: string[];
  readonly path: string;
  /** Where the report is to go. */
  readonly report: string;
  readonly read: () => Promise<string>;
}

/** A list with an honest server and one of another kind, and where to write. */
async function withServers(kind?: typeof Server): Promise<Case> {
  const stack = new AsyncDisposableStack();
  const there = stack.use(await folder());
  const honest = stack.use(await target());
  const other = stack.use(await target({}, kind ? { kind } : {}));
  const list = await writeList(there.in("list.json"), [
    entry("honest", honest),
    entry("other", named(other)),
  ]);
  const report = there.in("report.json");
  return {
    words: [
      ...MALFEASANCE,
      `--ecosystem-path=${list}`,
      `--report-location=${report}`,
    ],
    path: there.path,
    report,
    read: () => Deno.readTextFile(report),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function isThere(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}

Deno.test("ecosystem malfeasance writes a report that proves who contradicts whom", async () => {
  await using given = await withServers(Ahead);
  const { code, out, err } = await run(...given.words);
  assert.equal(code, 5);
  assert.deepEqual(err, []);
  assert.equal(out[0], "Selected servers for malfeasance testing:");
  assert.deepEqual(out.slice(1, 3).sort(), ["- honest", "- other"]);
  assert.equal(
    out[3],
    `Malfeasance detected. Writing report to '${given.report}'.`,
  );
  assert.match(
    out[4] ?? "",
    /^Proven: other and then honest contradict each other by 359\d seconds, so one of the two lied\.$/,
  );
  assert.equal(
    out[5],
    "Opinion: none, since there is no majority to disagree.",
  );
  assert.match(out[6] ?? "", /^Consensus: none, /);
  assert.equal(out.length, 7);
  const verdict = await judgeReport(parseReport(await given.read()));
  assert(verdict.ok);
  assert.equal(verdict.entries.length, 4);
  assert(verdict.violations.length > 0);
  const judged = await run("report", "verify", given.report);
  assert.equal(judged.code, 5);
  assert.match(judged.out[0] ?? "", /^Malfeasance proven: /);
});

Deno.test("ecosystem malfeasance writes nothing if nobody lied, unless it is told to", async () => {
  await using given = await withServers();
  const words = [...given.words, "--min-servers=2"];
  const { code, out, err } = await run(...words);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.equal(out[3], "No malfeasance detected.");
  assert.match(out[4] ?? "", /^Consensus: true time .* 2 of 2 operators$/);
  assert.equal(out.length, 5);
  assert.equal(await isThere(given.report), false);

  const always = await run(...words, "--always-write");
  assert.equal(always.code, 0);
  assert.deepEqual(always.out.slice(3, 5), [
    "No malfeasance detected.",
    `Report saved to '${given.report}' (no malfeasance detected).`,
  ]);
  const judged = await run("report", "verify", given.report);
  assert.equal(judged.code, 0);
  assert.match(judged.out[0] ?? "", /^Consistent: all 4 replies /);
});

Deno.test("ecosystem malfeasance without a majority ends with 6 though nobody lied", async () => {
  await using given = await withServers();
  const { code, out } = await run(...given.words);
  assert.equal(code, 6);
  assert.equal(out[3], "No malfeasance detected.");
});

Deno.test({
  ...threeOperators("ecosystem malfeasance adds what the majority thinks"),
  fn: async () => {
    await using there = await folder();
    await using one = await target();
    await using two = await target();
    await using liar = await target({}, { kind: Ahead, hostname: "::1" });
    await using old = await target();
    const list = await writeList(there.in("list.json"), [
      entry("one", one),
      entry("liar\u001b[2J", liar),
      entry("two", named(two)),
      dead("gone"),
      wrongKey("stranger", old),
    ]);
    const words = [...MALFEASANCE, "--ecosystem-path", list, "--timeout=1"];
    const at = (name: string) => `--report-location=${there.in(name)}`;
    const { code, out, err } = await run(...words, at("a.json"));
    assert.equal(code, 5);
    assert.doesNotMatch([...out, ...err].join(""), /\p{C}/u);
    assert(
      out.includes("Opinion: the majority disagrees with liar\\u{1b}[2J."),
    );
    assert.match(out.at(-1) ?? "", /, say 2 of 3 operators$/);
    assert.deepEqual(err.map((line) => line.replace(/:\d+: .*/, "")).sort(), [
      "roughly: warning: gone: cannot reach 127.0.0.1",
      "roughly: warning: stranger: cannot trust response: the certificate was made with another key than the expected one, or was altered",
    ]);
    const result = json((await run(...words, at("b.json"), "--json")).out[0]);
    assert.deepEqual(result.disagrees, ["liar\u001b[2J"]);
  },
});

Deno.test("ecosystem malfeasance never overwrites a report", async () => {
  await using given = await withServers(Ahead);
  await Deno.writeTextFile(given.report, "evidence");
  const numbered = given.report.replace(".json", "-2.json");
  const first = await run(...given.words);
  assert.equal(first.code, 5);
  assert.equal(
    first.out[3],
    `Malfeasance detected. Writing report to '${numbered}'.`,
  );
  const { out: [line] } = await run(...given.words, "--json");
  assert.equal(json(line).report, given.report.replace(".json", "-3.json"));
  assert.equal(await given.read(), "evidence");
  assert(await confirmMalfeasance(await Deno.readTextFile(numbered)));
});

Deno.test("ecosystem malfeasance prints evidence that no file takes", async () => {
  await using given = await withServers(Ahead);
  const words = [...given.words, `--report-location=${given.report}/x/y`];
  const { code, out, err } = await run(...words);
  assert.equal(code, 5);
  assert.match(
    err[0] ?? "",
    /^roughly: error: cannot write .*\/x\/y: .*; the report follows$/,
  );
  assert(await confirmMalfeasance(err.slice(1).join("\n")));
  assert.equal(
    out[3],
    "Malfeasance detected. The report could not be written to a file.",
  );
  assert.match(out[4] ?? "", /^Proven: other and then honest /);

  const machine = await run(...words, "--json");
  assert.equal(machine.code, 5);
  assert(await confirmMalfeasance(machine.err.slice(1).join("\n")));
  const result = json(machine.out[0]);
  assert.equal(result.malfeasance, true);
  assert.equal(result.report, undefined);
  assert.equal(result.error.code, "usage");
});

Deno.test("ecosystem malfeasance fails if a report that was asked for cannot be written", async () => {
  await using given = await withServers();
  const words = [...given.words, "--min-servers=2", "--always-write"];
  const lost = await run(...words, `--report-location=${given.report}/x`);
  assert.equal(lost.code, 2);
  assert.equal(lost.out[3], "No malfeasance detected.");
  assert.equal(parseReport(lost.err.slice(1).join("\n")).entries.length, 4);

  const permissions = ["--allow-net", `--allow-read=${given.path}`];
  const denied = await execute([...words, "--json"], { permissions });
  assert.equal(denied.code, 8);
  assert.equal(json(denied.out[0]).ok, false);
  assert.equal(json(denied.out[0]).error.code, "denied");
  assert.equal(await isThere(given.report), false);
});

Deno.test("ecosystem malfeasance --report-form=bare-array is judged the same", async () => {
  await using given = await withServers(Ahead);
  const { code } = await run(...given.words, "--report-form=bare-array");
  assert.equal(code, 5);
  const text = await given.read();
  const entries = JSON.parse(text);
  assert(Array.isArray(entries));
  for (const entry of entries) {
    assert.deepEqual(
      Object.keys(entry),
      ["rand", "publicKey", "request", "response"],
    );
  }
  const report = parseReport(text);
  const [first] = report.entries;
  const request = parseRequest(first?.request as Uint8Array);
  assert(request.ok && first?.nonce);
  assert(equal(request.request.nonce, first.nonce));
  assert(await confirmMalfeasance(report));
  assert.equal((await run("report", "verify", given.report)).code, 5);
});

Deno.test("ecosystem malfeasance --json prints one object", async () => {
  await using given = await withServers(Ahead);
  const { code, out, err } = await run(...given.words, "--json");
  assert.equal(code, 5);
  assert.deepEqual(err, []);
  assert.equal(out.length, 1);
  const result = json(out[0]);
  assert.equal(result.schema, "roughly/ecosystem-malfeasance/1");
  assert.equal(result.ok, false);
  assert.equal(result.malfeasance, true);
  assert.equal(result.report, given.report);
  assert.equal(result.error, undefined);
  const names = result.servers.map(({ name }: { name: string }) => name);
  assert.deepEqual([...names].sort(), ["honest", "other"]);
  assert.deepEqual(result.chain, [...names, ...names]);
  for (const { status, answers } of result.servers) {
    assert.equal(status, "unjudged");
    assert.equal(answers.length, 2);
  }
  for (const { earlier, later, gapMicros } of result.violations) {
    assert.equal(result.chain[earlier], "other");
    assert.equal(result.chain[later], "honest");
    assert(BigInt(gapMicros) > 3_590_000_000n);
  }
  assert.deepEqual(result.disagrees, []);
  assert.equal(result.quorum.reason, "too-few");
});

Deno.test("ecosystem malfeasance goes on when a server dies between the passes", async () => {
  await using given = await withServers(Once);
  const { code, out, err } = await run(
    ...given.words,
    "--min-servers=2",
    "--always-write",
    "--transport=udp",
    "--timeout=1",
  );
  assert.equal(code, 0);
  assert.equal(out[3], "No malfeasance detected.");
  assert.match(out.at(-1) ?? "", /, say 2 of 2 operators$/);
  assert.equal(err.length, 1);
  assert.match(
    err[0] ?? "",
    /^roughly: warning: other: no answer from localhost port (\d+) within 1 s: UDP brought nothing \((127\.0\.0\.1|\[::1\]):\1.*\)$/,
  );
  const verdict = await judgeReport(parseReport(await given.read()));
  assert(verdict.ok);
  assert.equal(verdict.entries.length, 3);
});

Deno.test("ecosystem malfeasance ends with 3 and no report if nothing answers", async () => {
  await using there = await folder();
  const list = await writeList(there.in("list.json"), [dead("gone")]);
  const report = there.in("report.json");
  const { code, out, err } = await run(
    ...MALFEASANCE,
    "--always-write",
    `--ecosystem-path=${list}`,
    `--report-location=${report}`,
  );
  assert.equal(code, 3);
  assert.equal(
    out[2],
    "Nothing was tested for malfeasance: no server answered.",
  );
  assert.equal(err.length, 1);
  assert.match(
    err[0] ?? "",
    /^roughly: warning: gone: cannot reach 127\.0\.0\.1:\d+: connection refused$/,
  );
  assert.equal(await isThere(report), false);
  const machine = await run(...MALFEASANCE, "--list", list, "--json");
  assert.equal(machine.code, 3);
  const { ok, malfeasance, answered, servers: [gone] } = json(machine.out[0]);
  assert.deepEqual([ok, malfeasance, answered], [false, false, 0]);
  assert.equal(gone.error.reason, "refused");
  assert.match(gone.error.server, /^127\.0\.0\.1:\d+$/);
});

Deno.test("ecosystem malfeasance --count asks so many", async () => {
  await using given = await withServers();
  const { out } = await run(...given.words, "--count=1", "--json");
  assert.equal(json(out[0]).servers.length, 1);
});

Deno.test("ecosystem malfeasance refuses what makes no sense", async () => {
  await using there = await folder();
  const list = await writeList(there.in("list.json"), []);
  const cases: [words: string[], message: string | RegExp][] = [
    [["--ecosystem-path", list], /^the list has no usable server/],
    [["--ecosystem-path", there.in("none")], /^there is no file /],
    [[list], /^too many arguments/],
    [["--report-form=xml"], 'cannot use "xml" here (--report-form)'],
    [["--count=0"], /^cannot use "0"/],
  ];
  for (const [words, message] of cases) {
    await fails(2, message, ...MALFEASANCE, ...words);
  }
});

Deno.test("malfeasance refuses a second list, which it would not look at", async () => {
  const { err } = await fails(
    2,
    /^option '--ecosystem-path <file>' cannot be used with option '--list <list>'$/,
    ...["ecosystem", "malfeasance", "--ecosystem-path=a", "--list=b"],
  );
  assert.equal(err.length, 2);
});
