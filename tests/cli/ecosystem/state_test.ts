import assert from "node:assert/strict";
import { Server } from "../../../lib/server/core.ts";
import {
  execute,
  fails,
  folder,
  json,
  run,
  silence,
  target,
} from "../../_support/cli.ts";
import {
  Ahead,
  dead,
  entry,
  named,
  threeOperators,
  writeList,
  wrongKey,
} from "../../_support/cli_many.ts";

const STATE = ["ecosystem", "state"];
const HEAD = [
  "NAME",
  "ADDRESS",
  "VERSION",
  "MIDPOINT",
  "RADIUS",
  "RTT",
  "LOCAL CLOCK",
  "STATUS",
];

/** The cells of the table between the first line and the consensus. */
function rowsOf(out: readonly string[]): Record<string, string>[] {
  const [, head = "", ...rest] = out;
  const starts = HEAD.map((name) => head.indexOf(name));
  assert(!starts.includes(-1), head);
  const end = rest.findIndex((line) => line.startsWith("Consensus: "));
  return rest.slice(0, end).map((row) =>
    Object.fromEntries(
      HEAD.map((name, i) => [name, row.slice(starts[i], starts[i + 1]).trim()]),
    )
  );
}

function statuses(out: readonly string[]): Record<string, string | undefined> {
  return Object.fromEntries(
    rowsOf(out).map(({ NAME = "", STATUS }) => [NAME, STATUS]),
  );
}

Deno.test({
  ...threeOperators(
    "ecosystem state shows servers that agree, and what they agree on",
  ),
  fn: async () => {
    await using there = await folder();
    await using one = await target();
    await using two = await target();
    await using three = await target({}, { hostname: "::1" });
    const list = await writeList(there.in("list.json"), [
      entry("one", one),
      entry("two", named(two)),
      entry("three", three),
    ]);
    const { code, out, err } = await run(...STATE, list);
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    assert.equal(out[0], "Out of 3 servers, 3 yielded proper responses.");
    const rows = rowsOf(out);
    assert.deepEqual(rows.map(({ NAME }) => NAME), ["one", "two", "three"]);
    assert.deepEqual(
      rows.map(({ ADDRESS }) => ADDRESS),
      [one, two, three].map(({ at }) => at),
    );
    for (const row of rows) {
      assert.match(row.VERSION ?? "", /^(1|0x8000000c)$/);
      assert.match(row.MIDPOINT ?? "", /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.equal(row.RADIUS, "3 s");
      assert.match(row.RTT ?? "", /^[\d.]+ ms$/);
      assert.match(row["LOCAL CLOCK"] ?? "", /^[+-]\d\.\d s$/);
      assert.equal(row.STATUS, "ok");
    }
    const [consensus = "", local, ...more] = out.slice(5);
    assert.match(
      consensus,
      /^Consensus: true time is between \d{4}-.*Z and \d{4}-.*Z, say 3 of 3 operators$/,
    );
    assert.equal(local, "Local clock: within these bounds");
    assert.deepEqual(more, []);
  },
});

Deno.test({
  ...threeOperators(
    "ecosystem state names who is wrong, and nobody else suffers",
  ),
  fn: async () => {
    await using there = await folder();
    await using one = await target();
    await using two = await target();
    await using liar = await target({}, { kind: Ahead, hostname: "::1" });
    await using old = await target();
    const list = await writeList(there.in("list.json"), [
      dead("gone"),
      wrongKey("stranger", old),
      entry("liar", liar),
      entry("one\u001b[2J\n", one),
      entry("two", named(two)),
    ]);
    const { code, out, err } = await run(...STATE, list, "--timeout=1");
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    assert.equal(out[0], "Out of 5 servers, 3 yielded proper responses.");
    assert.deepEqual(statuses(out), {
      "gone": "no answer: unreachable",
      "stranger": "rejected: certificate-signature",
      "liar": "falseticker",
      "one\\u{1b}[2J\\u{a}": "ok",
      "two": "ok",
    });
    const liars = rowsOf(out).find(({ NAME }) => NAME === "liar");
    assert.match(liars?.["LOCAL CLOCK"] ?? "", /^-3(599|600)\.\d s$/);
    assert.match(out.at(-2) ?? "", /, say 2 of 3 operators$/);
    assert.equal(out.at(-1), "Local clock: within these bounds");
  },
});

Deno.test("ecosystem state says how far the local clock is off", async () => {
  await using there = await folder();
  await using server = await target({}, { kind: Ahead });
  const list = await writeList(there.in("list.json"), [entry("one", server)]);
  const words = [...STATE, list, "--min-servers=1"];
  const { code, out } = await run(...words);
  assert.equal(code, 0);
  assert.match(
    out.at(-1) ?? "",
    /^Local clock: at least 359\d(\.\d+)? s slow$/,
  );
  const summary = json((await run(...words, "--json")).out.at(-1));
  const off = BigInt(summary.localClock.outsideBoundsMicros);
  assert(off < -3_590_000_000n && off > -3_600_000_000n);
});

Deno.test("ecosystem state without a majority ends with 6", async () => {
  await using there = await folder();
  await using one = await target();
  await using liar = await target({}, { kind: Ahead });
  const list = await writeList(there.in("list.json"), [
    entry("one", one),
    entry("liar", named(liar)),
  ]);
  const few = await run(...STATE, list);
  assert.equal(few.code, 6);
  assert.deepEqual(statuses(few.out), { one: "unjudged", liar: "unjudged" });
  assert.equal(
    few.out.at(-1),
    "Consensus: none, answers that count came from 2 of the 3 operators needed",
  );
  const split = await run(...STATE, list, "--min-servers=2");
  assert.equal(split.code, 6);
  assert.equal(
    split.out.at(-1),
    "Consensus: none, 1 of 2 operators agree and 2 are needed",
  );
  const { code, out } = await run(...STATE, list, "--json");
  assert.equal(code, 6);
  const summary = json(out.at(-1));
  assert.equal(summary.ok, false);
  assert.deepEqual(summary.quorum, {
    ok: false,
    reason: "too-few",
    voters: 2,
    agreeing: 1,
    needed: 3,
  });
  assert.equal(summary.localClock, undefined);
});

Deno.test("ecosystem state counts the servers of one operator once", async () => {
  await using there = await folder();
  await using stack = new AsyncDisposableStack();
  const entries = [];
  for (const name of ["one", "two", "three"]) {
    entries.push(entry(name, stack.use(await target())));
  }
  const list = await writeList(there.in("list.json"), entries);
  const { code, out } = await run(...STATE, list);
  assert.equal(code, 6);
  assert.equal(out[0], "Out of 3 servers, 3 yielded proper responses.");
  assert.match(out.at(-1) ?? "", /came from 1 of the 3 operators/);
});

Deno.test("ecosystem state ends with 3 if nothing answers", async () => {
  await using there = await folder();
  await using mute = silence();
  const list = await writeList(there.in("list.json"), [
    entry("mute", mute),
    dead("gone"),
  ]);
  const { code, out, err } = await run(...STATE, list, "--timeout=0.3");
  assert.equal(code, 3);
  const [silent = "", refused = "", ...more] = err;
  assert.match(
    silent,
    /^roughly: warning: mute: no answer from 127\.0\.0\.1 port \d+ within 0\.3 s/,
  );
  assert.match(
    refused,
    /^roughly: warning: gone: cannot reach 127\.0\.0\.1:\d+: connection refused$/,
  );
  assert.deepEqual(more, []);
  assert.equal(out[0], "Out of 2 servers, 0 yielded proper responses.");
  assert.deepEqual(statuses(out), {
    mute: "no answer: timeout",
    gone: "no answer: unreachable",
  });
  assert.match(out.at(-1) ?? "", /came from 0 of the 3 operators/);
});

Deno.test("ecosystem state ends with 4 if all that came was rejected", async () => {
  await using there = await folder();
  await using server = await target();
  const list = await writeList(there.in("list.json"), [
    wrongKey("stranger", server),
    dead("gone"),
  ]);
  const { code, out } = await run(...STATE, list, "--timeout=1");
  assert.equal(code, 4);
  assert.deepEqual(statuses(out), {
    stranger: "rejected: certificate-signature",
    gone: "no answer: unreachable",
  });
});

Deno.test("ecosystem state --json prints a line for each server and one for all", async () => {
  await using there = await folder();
  await using one = await target();
  await using other = await target();
  const list = await writeList(there.in("list.json"), [
    entry("one\u009b", one),
    wrongKey("stranger", other),
    dead("gone"),
  ]);
  const { code, out, err } = await run(
    ...STATE,
    list,
    "--json",
    "--min-servers=1",
    "--timeout=1",
  );
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.doesNotMatch(out.join(""), /\p{C}/u);
  const [good, rejected, gone, summary, ...more] = out.map(json);
  assert.deepEqual(more, []);
  for (const line of [good, rejected, gone]) {
    assert.equal(line.schema, "roughly/ecosystem-server/1");
    assert.equal(line.operator, "127.0.0.1");
  }
  assert.equal(good.name, "one\u009b");
  assert.equal(good.publicKey, one.key);
  assert.equal(good.status, "ok");
  assert.equal(good.error, undefined);
  const [answer] = good.answers;
  assert.equal(answer.address, one.at);
  assert.equal(answer.transport, "udp");
  assert.equal(answer.radiusMicros, "3000000");
  assert.equal(
    Date.parse(answer.midpoint.time),
    Number(BigInt(answer.midpoint.micros) / 1000n),
  );
  assert(
    BigInt(good.bounds.earliest.micros) < BigInt(good.bounds.latest.micros),
  );
  assert.equal(rejected.status, "rejected");
  assert.deepEqual(rejected.answers, []);
  assert.equal(rejected.error.code, "certificate-signature");
  assert.equal(gone.status, "no-answer");
  assert.equal(gone.error.code, "unreachable");
  assert.equal(summary.schema, "roughly/ecosystem-state/1");
  assert.equal(summary.ok, true);
  assert.equal(summary.servers, 3);
  assert.equal(summary.answered, 1);
  assert.equal(summary.quorum.voters, 1);
  assert.deepEqual(summary.quorum.bounds, good.bounds);
  assert.equal(summary.localClock.outsideBoundsMicros, "0");
});

Deno.test("ecosystem state takes the transport that it is told", async () => {
  await using there = await folder();
  await using server = await target();
  const list = await writeList(there.in("list.json"), [entry("one", server)]);
  for (const transport of ["udp", "tcp"]) {
    const { out } = await run(
      ...[...STATE, list, "--json", `--transport=${transport}`],
    );
    assert.equal(json(out[0]).answers[0].transport, transport);
  }
});

Deno.test("ecosystem state refuses what is no list of servers to ask", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await writeList(file, []);
  const { out, err } = await fails(
    2,
    "the list has no usable server: it is empty",
    ...STATE,
    file,
  );
  assert.deepEqual(out, []);
  assert.equal(
    err[1],
    "roughly: hint: 'roughly ecosystem lint' shows what is wrong with it",
  );
  await writeList(file, [{ name: "odd", publicKeyType: "ml-dsa-44" }]);
  const skipped = await run(...STATE, file, "--json");
  assert.equal(skipped.code, 2);
  assert.equal(
    skipped.err[0],
    "roughly: warning: odd is not used: its type of key is not known here",
  );
  assert.equal(json(skipped.out[0]).schema, "roughly/ecosystem-state/1");
  assert.equal(json(skipped.out[0]).error.code, "usage");
  assert.equal(
    json(skipped.out[0]).error.message,
    "the list has no usable server: odd: its type of key is not known here",
  );
  await fails(2, /^there is no file .*none$/, ...STATE, there.in("none"));
  await fails(
    2,
    "http://lists.example/ is no server list: only https: and file: will do",
    ...STATE,
    "http://lists.example/",
  );
  await fails(2, /^cannot use "0"/, ...STATE, file, "--min-servers=0");
});

Deno.test("ecosystem state as a process needs no more than network and list", async () => {
  await using there = await folder();
  await using server = await target({}, { kind: Server });
  const list = await writeList(there.in("list.json"), [entry("one", server)]);
  const permissions = ["--allow-net=127.0.0.1", `--allow-read=${there.path}`];
  const { code, out, err } = await execute(
    [...STATE, list, "--min-servers=1"],
    { permissions },
  );
  assert.equal(code, 0, err.join("\n"));
  assert.deepEqual(err, []);
  assert.deepEqual(statuses(out), { one: "ok" });
});
