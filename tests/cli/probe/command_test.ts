import assert from "node:assert/strict";
import { ALIASES, DIALECTS, formatVersion } from "../../../lib/wire/dialect.ts";
import { frame } from "../../../lib/wire/frame.ts";
import { encodeMessage } from "../../../lib/wire/message.ts";
import { parseRequest } from "../../../lib/wire/request.ts";
import type { Outcome } from "../../../lib/server/responder.ts";
import { serve } from "../../../lib/server/serve.ts";
import { Server } from "../../../lib/server/core.ts";
import { verifyResponse } from "../../../lib/verify/response.ts";
import {
  assertFailure,
  command,
  echo,
  exchangeOf,
  execute,
  fails,
  json,
  linesOf,
  run,
  silence,
  STRANGER,
  target,
} from "../../_support/cli.ts";
import { ALL } from "../../_support/fixtures.ts";

const QUICK = ["--timeout", "0.7"];

/** The newest first, as the table shows them. */
const NEWEST_FIRST = [...ALL].reverse();

/** The cells of the table, without its head. */
function rowsOf(lines: readonly string[]): string[][] {
  const [head = "", ...rest] = lines;
  const end = rest.indexOf("");
  const rows = end < 0 ? rest : rest.slice(0, end);
  assert.match(head, /^VERSION +SPECIFICATION +ANSWER +DETAIL$/);
  const starts = ["VERSION", "SPECIFICATION", "ANSWER", "DETAIL"]
    .map((name) => head.indexOf(name));
  return rows.map((row) =>
    starts.map((start, i) => row.slice(start, starts[i + 1]).trim())
  );
}

Deno.test("probe lists every dialect that there is", async () => {
  await using server = await target();
  const { code, out, err } = await run("probe", server.at, server.key, "--all");
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  const rows = rowsOf(out);
  assert.deepEqual(
    rows.map(([version, title]) => [version, title]),
    NEWEST_FIRST.map(({ code, title }) => [formatVersion(code), title]),
  );
  for (const [version, , answer, detail = ""] of rows) {
    assert.equal(answer, "yes", version);
    assert.match(detail, /^\d{4}-.*Z ± 3 s, in [\d.]+ ms over UDP$/);
  }
});

Deno.test("probe without a key says that nothing is verified", async () => {
  await using server = await target();
  const { code, out, err } = await run("probe", server.at, "--all");
  assert.equal(code, 0);
  assert.deepEqual(err, [
    "roughly: hint: add the server's public key to have answers verified",
  ]);
  const rows = rowsOf(out);
  assert.equal(rows.length, ALL.length);
  for (const [, , answer, detail = ""] of rows) {
    assert.equal(answer, "unverified");
    assert.match(detail, /^answers in .* over UDP; not verified/);
    // Nobody shall take a time from here.
    assert.doesNotMatch(detail, /\d{4}-/);
  }
});

Deno.test("probe says what the server's own list says about the rest", async () => {
  const spoken = ["rfc-10049", "draft-14", "draft-12"];
  await using server = await target({
    versions: [DIALECTS["rfc-10049"].code, DIALECTS["draft-14"].code],
  });
  const words = ["probe", server.at, server.key, ...QUICK, "--all"];
  const { code, out } = await run(...words);
  assert.equal(code, 0);
  rowsOf(out).forEach(([, , answer, detail], i) => {
    const { id, framed } = NEWEST_FIRST[i] as typeof NEWEST_FIRST[0];
    assert.equal(answer, spoken.includes(id) ? "yes" : "no", id);
    if (answer === "yes") return;
    assert.equal(
      detail,
      framed
        ? "no answer within 0.7 s; the server does not list this version"
        : "no answer within 0.7 s",
    );
  });
});

Deno.test("probe notices a version that is listed but not answered", async () => {
  const mute = DIALECTS["draft-08"];
  class Mute extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
    ): Promise<Outcome[]> {
      const outcomes = await super.handleBatch(packets);
      return outcomes.map((outcome, i) => {
        const asked = parseRequest(packets[i] as Uint8Array);
        return asked.ok && asked.request.versions.includes(mute.code)
          ? { drop: "version" }
          : outcome;
      });
    }
  }
  await using server = await target({}, { kind: Mute });
  const { code, out } = await run(
    "probe",
    server.at,
    server.key,
    ...QUICK,
    "--offer=draft-08,draft-14",
  );
  assert.equal(code, 0);
  const [[, , answer, detail] = []] = rowsOf(out);
  assert.equal(answer, "no");
  assert.equal(
    detail,
    "no answer within 0.7 s, though the server lists this version",
  );
});

Deno.test("probe with the wrong key ends with 4 and says what may be wrong", async () => {
  await using server = await target();
  const { code, out, err } = await run("probe", server.at, STRANGER, ...QUICK);
  assert.equal(code, 4);
  assert.equal(err.length, 1);
  assert.match(err[0] ?? "", /^roughly: hint: the key may be wrong/);
  rowsOf(out).forEach(([, , answer, detail = ""], i) => {
    const { srv, id } = NEWEST_FIRST[i] as typeof NEWEST_FIRST[0];
    if (srv === "heeded") {
      assert.equal(answer, "no", id);
      assert.equal(detail, "no answer within 0.7 s");
    } else {
      assert.equal(answer, "rejected", id);
      assert.match(detail, /^certificate-signature: the certificate /);
    }
  });
});

Deno.test("probe of a silent server ends with 3", async () => {
  await using server = silence();
  const { code, out, err } = await run("probe", server.at, STRANGER, ...QUICK);
  assert.equal(code, 3);
  for (const [, title, answer, detail = ""] of rowsOf(out)) {
    assert.equal(answer, "no");
    // Google's protocol is not asked for over TCP.
    const expected = title === DIALECTS.google.title
      ? /^no answer within 0\.7 s$/
      : /^no answer within 0\.7 s; TCP failed: connection refused /;
    assert.match(detail, expected);
  }
  assert.match(
    err.join("\n"),
    /^roughly: hint: TCP fails there as well: check the address .* without the key$/,
  );
  const bare = await run("probe", server.at, ...QUICK);
  assert.equal(bare.code, 3);
  assert.match(bare.err.join("\n"), /^roughly: hint: add the .* key/);
});

Deno.test("probe --json prints a line for each version, with evidence", async () => {
  await using server = await target({
    versions: [DIALECTS["draft-08"].code, DIALECTS["draft-14"].code],
  });
  const { code, out } = await run(
    "probe",
    server.at,
    server.key,
    "--json",
    ...QUICK,
    "--offer=draft-14,draft-08,draft-07",
  );
  assert.equal(code, 0);
  const [good, older, silent, sum, ...more] = out.map(json);
  assert.deepEqual(more, []);
  assert.deepEqual(sum, {
    schema: "roughly/probe-verdict/1",
    ok: true,
    host: "127.0.0.1",
    port: server.port,
    versions: ["0x8000000c", "0x80000008"],
    verified: true,
    udp: "yes",
    tcp: "yes",
    localClockOutsideMicros: "0",
  });
  for (const line of [good, older, silent]) {
    assert.equal(line.schema, "roughly/probe/1");
    assert.equal(line.host, "127.0.0.1");
    assert.equal(line.port, server.port);
    assert.equal(line.decoded, undefined);
  }
  for (const line of [good, older]) {
    assert.equal(line.ok, true);
    assert.equal(line.verified, true);
    assert.equal(line.status, "verified");
    const verdict = await verifyResponse(
      exchangeOf({ ...line, publicKey: server.key }),
    );
    assert(verdict.ok);
    assert.equal(String(verdict.midpointMicros), line.midpoint.micros);
    assert.equal(verdict.dialect, line.dialect);
  }
  assert.deepEqual(good.versions, ["0x80000008", "0x8000000c"]);
  assert.equal(silent.ok, false);
  assert.equal(silent.verified, false);
  assert.equal(silent.status, "failed");
  assert.equal(silent.error.code, "timeout");
  assert.equal(silent.request, undefined);
});

Deno.test("probe --json without a key claims no verification", async () => {
  await using server = await target();
  const { code, out } = await run("probe", server.at, "--json", "--offer=1");
  assert.equal(code, 0);
  const line = json(out[0]);
  assert.equal(line.ok, true);
  assert.equal(line.verified, false);
  assert.equal(line.status, "unverified");
  assert.equal(line.midpoint, undefined);
});

Deno.test("probe --json has the reason where an answer is rejected", async () => {
  await using server = await target();
  const { code, out } = await run(
    "probe",
    server.at,
    STRANGER,
    "--json",
    ...QUICK,
    "--offer=draft-08",
  );
  assert.equal(code, 4);
  const { ok, status, error, request, response } = json(out[0]);
  assert.equal(ok, false);
  assert.equal(status, "rejected");
  assert.equal(error.code, "certificate-signature");
  assert.deepEqual(error.rejection, { code: "certificate-signature" });
  const verdict = await verifyResponse(
    exchangeOf({ request, response, publicKey: server.key }),
  );
  assert(verdict.ok, "the evidence is whole: with the right key it verifies");
});

Deno.test("probe --dump decodes requests and replies", async () => {
  await using server = await target();
  const words = ["probe", server.at, server.key, "--offer=1,google", "--dump"];
  const { code, out } = await run(...words);
  assert.equal(code, 0);
  const text = out.join("\n");
  for (
    const expected of [
      "\n\nRFC 10049 version 1, request, 1024 bytes\n  VER     4  1  (01000000)\n",
      "\n\nRFC 10049 version 1, response, 464 bytes\n  SIG    64  ",
      "\n\nGoogle-Roughtime, request, 1024 bytes\n  NONC ",
      "\n\nGoogle-Roughtime, response, 432 bytes\n  SIG    64  ",
      "\n  PAD\\xff  944  zeros\n",
      "\n      MINT    8  2",
    ]
  ) {
    assert(text.includes(expected), expected);
  }
  const { out: [first] } = await run(...words, "--json");
  const { decoded } = json(first);
  assert.deepEqual(decoded.request.tags[0], {
    tag: "VER",
    length: 4,
    hex: "01000000",
    meaning: "1",
  });
  assert.equal(decoded.response.tags.length, 7);
});

Deno.test("probe --dump shows rubbish as what it is", async () => {
  const rubbish = new TextEncoder().encode("\u001b[2Jrubbish!");
  await using server = echo(() => rubbish);
  const words = ["probe", server.at, STRANGER, "--offer=1", "--dump", ...QUICK];
  const { code, out } = await run(...words);
  assert.equal(code, 4);
  const [[, , answer, detail = ""] = []] = rowsOf(out.slice(0, 2));
  assert.equal(answer, "rejected");
  assert.match(detail, /^malformed: the response cannot be parsed: /);
  assert.deepEqual(out.slice(-3, -1), [
    "RFC 10049 version 1, response, 12 bytes",
    "  the response cannot be parsed: it claims 1244814107 tags",
  ]);
  assert.equal(out.at(-1), "  1b5b324a7275626269736821");
  const { out: [line] } = await run(...words, "--json");
  const { response } = json(line).decoded;
  assert.equal(response.fault.code, "tag-count");
  assert.equal(response.hex, "1b5b324a7275626269736821");
});

Deno.test("probe escapes what a hostile server writes", async () => {
  // A tag whose name would clear the screen.
  const tag = 0x4a325b1b;
  const packet = frame(encodeMessage([[tag, new Uint8Array(4)]]));
  await using server = echo(() => packet);
  for (const format of [[], ["--json"]]) {
    const { out } = await run(
      "probe",
      server.at,
      STRANGER,
      "--offer=1",
      "--dump",
      ...QUICK,
      ...format,
    );
    assert(out.length > 0);
    for (const line of out) assert.doesNotMatch(line, /[\p{Cc}\p{Cf}]/u);
    assert(out.some((line) => line.includes("x1b[2J")));
  }
});

Deno.test("probe asks for a number that only peers use", async () => {
  await using server = await target();
  const { code, out } = await run(
    "probe",
    server.at,
    server.key,
    "--offer",
    String(ALIASES[0]),
  );
  assert.equal(code, 0);
  assert.deepEqual(
    rowsOf(out).map(([version, title, answer]) => [version, title, answer]),
    [
      ["0x8000000d", "drafts 14-19", "yes"],
      ["0x8000000d", "drafts 12-13", "yes"],
    ],
  );
});

Deno.test("probe by TCP leaves out what has no TCP", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const words = ["probe", `127.0.0.1:${port}`, STRANGER, "--transport=tcp"];
  const { code, out } = await run(...words, ...QUICK);
  assert.equal(code, 3);
  const rows = rowsOf(out);
  assert.equal(rows.length, ALL.filter(({ framed }) => framed).length);
  for (const [, , , detail = ""] of rows) {
    assert.match(detail, /^Cannot reach /);
  }
  await fails(2, /UDP only$/, ...words, "--offer=google");
});

Deno.test("probe refuses words that make no sense", async () => {
  await fails(2, /^cannot use "0" as a port/, "probe", "127.0.0.1:0");
  await fails(2, /^cannot use "a b" as a host/, "probe", "a b");
  await fails(
    2,
    /^cannot use --all with --offer/,
    "probe",
    "h",
    "--all",
    "--offer=1",
  );
  await fails(2, /^cannot read key/, "probe", "127.0.0.1:9", "k");
  await fails(
    2,
    /as a version \(--offer\)$/,
    "probe",
    "127.0.0.1:9",
    "--offer=bogus",
  );
  await fails(2, /twice \(--offer\)$/, "probe", "127.0.0.1:9", "--offer=1,1");
  await fails(
    2,
    /seconds \(--timeout\)$/,
    "probe",
    "127.0.0.1:9",
    "--timeout=0",
  );
});

Deno.test("probe as a process ends with 8, once, where it is not permitted", async () => {
  const permissions = ["--allow-net=127.0.0.1:1"];
  for (const host of ["127.0.0.1:9", "localhost:9"]) {
    const ended = await execute(["probe", host, "--json"], { permissions });
    assertFailure(ended, 8, /^cannot (reach|look up) /);
    assert.equal(ended.out.length, 1);
    assert.deepEqual(json(ended.out[0]).error.code, "denied");
  }
});

Deno.test("probe as a process copes with a reader that goes away", async () => {
  await using server = await target();
  const child = command(["probe", server.at, server.key, "--dump"]).spawn();
  await child.stdout.cancel();
  const [{ code }, err] = await Promise.all([
    child.status,
    new Response(child.stderr).bytes(),
  ]);
  assert.deepEqual(linesOf(err), []);
  assert.equal(code, 0);
});

/** A server that keeps the versions it is asked for, and may die of some of them. */
function watchful(
  dies: (versions: readonly number[]) => boolean = () => false,
): { asked: Set<number>; kind: typeof Server } {
  const asked = new Set<number>();
  let isDead = false;
  class Watchful extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
      options?: Parameters<Server["handleBatch"]>[1],
    ): Promise<Outcome[]> {
      for (const packet of packets) {
        const parsed = parseRequest(packet);
        const versions = parsed.ok ? parsed.request.versions : [];
        if (versions.length === 1) asked.add(versions[0] as number);
        isDead ||= dies(versions);
      }
      return isDead
        ? packets.map(() => ({ drop: "version" }))
        : await super.handleBatch(packets, options);
    }
  }
  return { asked, kind: Watchful };
}

Deno.test("probe does not ask for what the server's first answer rules out", async () => {
  const spoken = [DIALECTS["rfc-10049"].code, DIALECTS["draft-14"].code];
  const { asked, kind } = watchful((versions) =>
    versions.length === 1 && !spoken.includes(versions[0] as number)
  );
  await using server = await target({ versions: spoken }, { kind });
  const { code, out, err } = await run(
    "probe",
    server.at,
    server.key,
    ...QUICK,
  );
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.deepEqual([...asked].sort(), spoken.toSorted());
  const rows = rowsOf(out);
  assert.deepEqual(
    rows.map(([, title]) => title),
    NEWEST_FIRST.map((one) => one.title),
  );
  for (const [version, , answer, detail = ""] of rows) {
    if (answer === "yes") continue;
    assert.equal(answer, "-", version);
    assert.match(detail, /^not asked: the server .*; --all asks anyway$/);
  }
  assert.equal(
    out.at(-1),
    "Verdict: speaks 1, 0x8000000c over UDP and TCP (Google-Roughtime not asked); its clock and the local one agree",
  );
});

Deno.test("probe stops when a server that lists nothing falls silent, and says so", async () => {
  const spoken = [DIALECTS["draft-08"].code, DIALECTS["draft-07"].code];
  const fatal = DIALECTS["draft-10"].code;
  const { asked, kind } = watchful((versions) =>
    versions.length === 1 && versions[0] === fatal
  );
  await using server = await target({ versions: spoken.toSorted() }, { kind });
  const { code, out, err } = await run(
    "probe",
    server.at,
    server.key,
    ...QUICK,
  );
  assert.equal(code, 0, "its first answer counts");
  assert.deepEqual(err, [
    "roughly: warning: the server stopped answering after a request for draft 10; --all asks for the rest anyway",
  ]);
  assert(asked.has(fatal));
  for (const version of spoken) assert(!asked.has(version), `${version}`);
  assert.match(out.at(-1) ?? "", /^Verdict: speaks 0x80000007 over UDP/);
  const after = rowsOf(out).filter(([, , answer]) => answer === "-");
  assert(after.length > 0);
  for (const [, , , detail] of after) {
    assert.equal(
      detail,
      "not asked: the server stopped answering; --all asks anyway",
    );
  }
});

Deno.test("probe --all asks for everything all the same", async () => {
  const { asked, kind } = watchful();
  await using server = await target(
    { versions: [DIALECTS["draft-14"].code] },
    { kind },
  );
  await run("probe", server.at, server.key, "--all", ...QUICK);
  assert.equal(asked.size, new Set(ALL.map(({ code }) => code)).size);
});

Deno.test("probe finds a server that knows a number of its own", async () => {
  const [, , alias = 0] = ALIASES;
  class Own extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
      options?: Parameters<Server["handleBatch"]>[1],
    ): Promise<Outcome[]> {
      const outcomes = await super.handleBatch(packets, options);
      return outcomes.map((outcome, i) => {
        const asked = parseRequest(packets[i] as Uint8Array);
        return asked.ok && asked.request.versions.includes(alias)
          ? outcome
          : { drop: "version" };
      });
    }
  }
  await using server = await target({}, { kind: Own });
  const { code, out } = await run("probe", server.at, server.key, ...QUICK);
  assert.equal(code, 0);
  const [version, title, answer] = rowsOf(out).at(-1) ?? [];
  assert(ALIASES.map(formatVersion).includes(version ?? ""), version);
  assert.deepEqual([title, answer], ["drafts 14-19", "yes"]);
});

Deno.test("probe says by how much the server's clock is off", async () => {
  const cases: [by: bigint, says: RegExp][] = [
    [
      3_600_000_000n,
      /its clock is at least 359[67]\.?\d* seconds ahead of the local one; ask other servers which is wrong$/,
    ],
    [
      -3_600_000_000n,
      /its clock is at least 359[67]\.?\d* seconds behind the local one; /,
    ],
    [0n, /its clock and the local one agree$/],
  ];
  for (const [by, says] of cases) {
    class Off extends Server {
      override getTime(): bigint {
        return super.getTime() + by;
      }
    }
    await using server = await target({}, { kind: Off });
    const { out } = await run("probe", server.at, server.key);
    assert.match(out.at(-1) ?? "", says);
    const asJson = await run("probe", server.at, server.key, "--json");
    const { localClockOutsideMicros } = json(asJson.out.at(-1));
    const sign = Math.sign(Number(localClockOutsideMicros));
    assert(sign === -Math.sign(Number(by)), localClockOutsideMicros);
  }
});

Deno.test("probe tries TCP also where UDP works", async () => {
  await using whole = await target();
  const both = await run("probe", whole.at, whole.key, "--offer=1");
  assert.match(both.out.at(-1) ?? "", /^Verdict: speaks 1 over UDP and TCP; /);
  await using half = await serve(
    await Server.create({ greaseProbability: 0, trustClock: true }),
    { hostname: "127.0.0.1", port: 0, tcp: false },
  );
  const at = `127.0.0.1:${half.address.port}`;
  const udp = await run("probe", at, "--offer=1", ...QUICK);
  assert.match(
    udp.out.at(-1) ?? "",
    /^Verdict: speaks 1 over UDP, not over TCP, not verified; its clock is unknown$/,
  );
  const named = await run("probe", at, "--offer=1", "--transport=udp");
  assert.match(named.out.at(-1) ?? "", /^Verdict: speaks 1 over UDP, not veri/);
});
