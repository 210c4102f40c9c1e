import assert from "node:assert/strict";
import { DIALECTS } from "../../../lib/wire/dialect.ts";
import { Server } from "../../../lib/server/core.ts";
import { TAG } from "../../../lib/wire/tag.ts";
import {
  command,
  echo,
  execute,
  fails,
  json,
  Lines,
  run,
  silence,
  STRANGER,
  target,
} from "../../_support/cli.ts";
import { drop, edit } from "../../_support/fixtures.ts";

const WINDOWS = Deno.build.os === "windows";

/** As short as it can be; what happens in it is for the machine to say. */
const SHORT = ["--duration=0.2", "--warmup=0.05", "--timeout=5"];

const GIVES_UP = ["--duration=0.2", "--warmup=0", "--timeout=0.05"];

Deno.test("bench measures with a window", async () => {
  await using server = await target();
  const { code, out, err } = await run("bench", server.at, ...SHORT);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  const text = out.join("\n");
  assert.match(
    out[0] ?? "",
    /^Load: +64 requests under way from 16 sockets to 127\.0\.0\.1:\d+, drafts 14-19 \(0x8000000c\), after 0\.05 s$/,
  );
  assert.match(
    text,
    /^Requests: +(\d+) sent, \1 answered, 0 lost, 0 late, 0 bad/m,
  );
  for (const label of ["Rate", "Latency", "Reply size", "Batches", "Own CPU"]) {
    assert.match(text, new RegExp(`^${label}: +\\S`, "m"));
  }
  assert.doesNotMatch(text, /Sent late|Verified|Server CPU|NaN|undefined/);
});

Deno.test("bench --json prints one line, whose numbers add up", async () => {
  await using server = await target();
  const { code, out } = await run(
    ...["bench", server.at, server.key, "--json", "--window=8", "--verify=3"],
    ...["--sockets=3", "--offer=1", ...SHORT],
  );
  assert.equal(code, 0);
  assert.equal(out.length, 1);
  const line = json(out[0]);
  assert.equal(line.schema, "roughly/bench/1");
  assert.equal(line.ok, true);
  assert.equal(line.address, "127.0.0.1");
  assert.equal(line.port, server.port);
  assert.equal(line.version, "1");
  assert.equal(line.dialect, "rfc-10049");
  assert.deepEqual(line.pace, { window: 8 });
  assert.equal(line.sockets, 3);
  assert(line.sent > 0);
  assert.equal(line.answered, line.sent);
  assert.deepEqual([line.lost, line.bad, line.unfinished], [0, 0, 0]);
  assert.equal(line.verified, Math.ceil(line.answered / 3));
  assert.equal(line.rejected, 0);
  const replies = line.batches.map((one: { replies: number }) => one.replies);
  assert.equal(replies.reduce((a: number, b: number) => a + b), line.answered);
  const { min, p50, p90, p99, p999, max, mean } = line.latencyMicros;
  const times = [min, p50, p90, p99, p999, max];
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
  assert(mean >= min && mean <= max);
  assert.equal(line.sendDelayMicros, undefined);
  assert.equal(line.error, undefined);
});

Deno.test("bench --rate sends what it was told to, and not with a window", async () => {
  await using server = await target();
  const { code, out } = await run(
    ...["bench", server.at, "--json", "--rate=200", "--duration=0.25"],
    ...["--warmup=0", "--timeout=5"],
  );
  assert.equal(code, 0);
  const line = json(out[0]);
  assert.deepEqual(line.pace, { ratePerSecond: 200 });
  assert.equal(line.sockets, 16);
  assert.equal(line.answered, line.sent);
  // The end comes when it comes, but nothing planned before it is left out.
  const planned = line.sent + line.overdue;
  assert(planned >= 50 && planned <= 200 * line.elapsedSeconds + 1);
  assert.equal(typeof line.sendDelayMicros.p99, "number");
  await fails(
    2,
    "option '--rate <n>' cannot be used with option '--window <n>'",
    ...["bench", server.at, "--rate=5", "--window=5"],
  );
});

Deno.test("bench works in every dialect", async () => {
  await using server = await target();
  for (const { id } of Object.values(DIALECTS)) {
    const { code, out } = await run(
      ...["bench", server.at, server.key, "--verify", "--json"],
      ...["--offer", id, "--window=4", "--duration=0.05", "--warmup=0"],
    );
    assert.equal(code, 0, id);
    const line = json(out[0]);
    assert.equal(line.dialect, id);
    assert.equal(line.verified, line.answered);
  }
});

Deno.test("bench matches by order where replies do not repeat the nonce, and says so", async () => {
  class Curt extends Server {
    override rewriteReply(reply: Uint8Array): Uint8Array {
      return edit(reply, (entries) => drop(entries, TAG.NONC));
    }
  }
  await using server = await target({}, { kind: Curt });
  const words = ["bench", server.at, server.key, "--verify", ...SHORT];
  const { code, out } = await run(...words, "--json", "--offer=google");
  assert.equal(code, 0);
  const line = json(out[0]);
  assert(line.answered > 0);
  assert.equal(line.matchedByOrder, line.answered);
  assert.equal(line.rejected, 0);
  const { out: text } = await run(...words, "--offer=google");
  assert.match(text.at(-1) ?? "", /^Note: .* matched by their order/);
});

Deno.test("bench of a silent server ends with 3, whatever it prints", async () => {
  await using server = silence();
  const { code, out, err } = await run("bench", server.at, ...GIVES_UP);
  assert.equal(code, 3);
  assert.match(out.join("\n"), / sent, 0 answered, \d+ lost/);
  assert.deepEqual(err, [
    "roughly: error: no answer within 0.05 s",
    "roughly: hint: a server that has another key or version, or does not trust its own clock, stays silent; 'roughly probe' shows more",
  ]);
  const line = json(
    (await run("bench", server.at, "--json", ...GIVES_UP)).out[0],
  );
  assert.equal(line.ok, false);
  assert.equal(line.error.code, "timeout");
  assert.equal(line.answered, 0);
  assert.equal(line.lost, line.sent);
  assert.equal(line.latencyMicros, undefined);
});

Deno.test("bench counts what answers nothing", async () => {
  await using server = echo(() => new Uint8Array(100));
  const { code, out } = await run("bench", server.at, "--json", ...GIVES_UP);
  assert.equal(code, 3);
  const line = json(out[0]);
  assert(line.bad > 0);
  assert.equal(line.answered, 0);
});

Deno.test("bench --verify ends with 4 if replies are rejected, and says why", async () => {
  await using server = await target();
  // Versions without SRV are answered whatever key is expected.
  const words = ["bench", server.at, STRANGER, "--verify", "--offer=draft-08"];
  const { code, out, err } = await run(...words, ...SHORT);
  assert.equal(code, 4);
  assert.match(out.join("\n"), /^Verified: +(\d+) replies, \1 rejected$/m);
  assert.match(
    err[0] ?? "",
    /^roughly: error: cannot trust (\d+) of \1 verified replies, the first because the certificate /,
  );
  assert.equal(err.length, 2);
  const line = json((await run(...words, ...SHORT, "--json")).out[0]);
  assert.equal(line.ok, false);
  assert.equal(line.error.code, "certificate-signature");
  assert.deepEqual(line.rejection, { code: "certificate-signature" });
});

Deno.test("bench --verify wants a key", async () => {
  const { err } = await fails(
    2,
    "no public key given, so nothing could be verified",
    ...["bench", "127.0.0.1:1", "--verify"],
  );
  assert.match(err[1] ?? "", /hint: add the server's/);
});

Deno.test("bench puts no load on a public address by a slip", async () => {
  for (const at of ["192.0.2.1:2002", "[2001:db8::1]:2002", "0.0.0.0"]) {
    const { out, err } = await fails(
      2,
      /^will not load [\d.a-f:]+: it is a public address$/,
      ...["bench", at, ...SHORT],
    );
    assert.deepEqual(out, []);
    assert.match(err[1] ?? "", /attack; .* --i-operate-this-server$/);
  }
});

Deno.test("bench refuses what it cannot do", async () => {
  const at = "127.0.0.1:1";
  const cases: [message: string | RegExp, ...words: string[]][] = [
    [
      'cannot use "0" as a count: 1 to 1000000000 are allowed (--window)',
      "--window=0",
    ],
    [
      'cannot use "65537" requests under way: 65536 at most (--window)',
      "--window=65537",
    ],
    [
      'cannot use "1025" sockets: 1024 at most (--sockets)',
      "--sockets=1025",
    ],
    [/^cannot use "0" as a rate: 0\.001 to /, "--rate=0"],
    [/^cannot use "x" as a positive number of seconds/, "--duration=x"],
    [
      'cannot use "1,draft-08": a load offers one version (--offer)',
      "--offer=1,draft-08",
    ],
    [/^cannot use "7" as a version/, "--offer=7"],
    [
      'cannot use "x" as a count: 1 to 1000000000 are allowed (--pid)',
      "--pid=1,x",
    ],
    [
      'cannot use "KEY" as a count: 1 to 1000000000 are allowed (--verify)',
      "--verify=KEY",
    ],
  ];
  for (const [message, ...words] of cases) {
    await fails(2, message, "bench", at, ...words);
  }
});

Deno.test("bench --pid reads the server's CPU time", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  await using server = await target();
  const words = ["bench", server.at, "--json", ...SHORT];
  const line = json((await run(...words, `--pid=${Deno.pid}`)).out[0]);
  // It is this very process, so both are the same but for the kernel's unit.
  assert(line.server.coresBusy > 0);
  assert(line.server.cpuMicrosPerResponse > 0);
  assert(line.generator.coresBusy > 0);
  const { err } = await fails(
    2,
    "there is no process 536870912",
    ...words.filter((word) => word !== "--json"),
    `--pid=${2 ** 29}`,
  );
  assert.match(err[1] ?? "", /hint: --pid takes/);
});

Deno.test("bench ends at SIGINT and SIGTERM with what it has measured", {
  ignore: WINDOWS,
}, async () => {
  for (
    const [signal, expected] of [["SIGINT", 130], ["SIGTERM", 143]] as const
  ) {
    const asked = Promise.withResolvers<void>();
    await using server = echo(() => {
      asked.resolve();
      return undefined;
    });
    const words = [
      "bench",
      server.at,
      "--json",
      "--duration=600",
      "--warmup=0",
    ];
    const child = command(words).spawn();
    const [out, err] = [new Lines(child.stdout), new Lines(child.stderr)];
    await asked.promise;
    child.kill(signal);
    const { code } = await child.status;
    await Promise.all([out.finished, err.finished]);
    assert.equal(code, expected);
    assert.deepEqual(err.all, []);
    const line = json(out.all[0]);
    assert.equal(line.interrupted, true);
    assert.equal(line.ok, false);
    assert.equal(line.sent, line.answered + line.lost + line.unfinished);
  }
});

Deno.test("bench runs as a program with no more than it needs", async () => {
  await using server = await target();
  const { code, out, err } = await execute(
    ["bench", server.at, ...SHORT],
    { permissions: ["--allow-net=127.0.0.1"] },
  );
  assert.deepEqual(err, []);
  assert.equal(code, 0);
  assert.match(out.join("\n"), /^Rate: +\d+ responses\/s$/m);
});
