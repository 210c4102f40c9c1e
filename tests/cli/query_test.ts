import assert from "node:assert/strict";
import { Server } from "../../lib/server/core.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { formatVersion } from "../../lib/wire/dialect.ts";
import {
  assertFailure,
  echo,
  exchangeOf,
  execute,
  fails,
  json,
  run,
  silence,
  STRANGER,
  target,
} from "../_support/cli.ts";
import { ALL, SECOND } from "../_support/fixtures.ts";
import { hasIpv6 } from "../_support/ipv6.ts";

const QUICK = ["--timeout", "0.7"];

const TIME = String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`;

Deno.test("query prints the time, its bounds, the local clock and who answered", async () => {
  await using server = await target();
  const { code, out, err } = await run("query", server.at, server.key);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  const [time, bounds, local, by, ...more] = out;
  assert.match(time ?? "", /^Current time: \d+ ± 3 seconds$/);
  assert.match(
    bounds ?? "",
    new RegExp(
      `^True time: {4}between ${TIME} and ${TIME}, if the server is honest$`,
    ),
  );
  assert.equal(local, "Local clock:  within these bounds");
  assert.match(
    by ?? "",
    /^Answered by: {2}127\.0\.0\.1:\d+ over UDP in [\d.]+ ms, drafts 14-19 \(version 0x8000000c\)$/,
  );
  assert(by?.includes(server.at));
  assert.deepEqual(more, []);
});

Deno.test("query takes host, port and key in every order that is allowed", async () => {
  await using server = await target();
  const port = String(server.port);
  const hex = Array.from(
    atob(server.key),
    (c) => c.charCodeAt(0).toString(16).padStart(2, "0"),
  ).join("");
  for (
    const words of [
      ["127.0.0.1", port, server.key],
      [server.at, hex],
      ["--timeout", "5", server.at, server.key, "-v"],
      [`localhost:${port}`, server.key],
    ]
  ) {
    const { code, out } = await run("query", ...words);
    assert.equal(code, 0, words.join(" "));
    assert.match(out[0] ?? "", /^Current time: /);
  }
});

Deno.test("query reaches IPv6 addresses, with and without brackets", {
  ignore: !hasIpv6(),
}, async () => {
  await using server = await target({}, { hostname: "::1" });
  const port = String(server.port);
  for (const words of [[`[::1]:${port}`], ["::1", port], ["[::1]", port]]) {
    const { code, out } = await run("query", ...words, server.key);
    assert.equal(code, 0, words.join(" "));
    assert(out[3]?.includes(`[::1]:${port} over UDP`));
  }
});

Deno.test("query --terse prints a number alone", async () => {
  await using server = await target();
  const { code, out, err } = await run(
    "query",
    server.at,
    server.key,
    "--terse",
  );
  assert.equal(code, 0);
  assert.equal(out.length, 1);
  assert.match(out[0] ?? "", /^\d+$/);
  assert.deepEqual(err, []);
});

Deno.test("query --json prints evidence that verifies again", async () => {
  await using server = await target();
  const { code, out, err } = await run(
    "query",
    server.at,
    server.key,
    "--json",
  );
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.equal(out.length, 1);
  const result = json(out[0]);
  assert.equal(result.schema, "roughly/query/1");
  assert.equal(result.ok, true);
  assert.equal(result.verified, true);
  assert.equal(result.host, "127.0.0.1");
  assert.equal(result.port, server.port);
  assert.equal(result.address, server.at);
  assert.equal(result.transport, "udp");
  assert.equal(result.version, "0x8000000c");
  assert.equal(result.dialect, "draft-14");
  assert.equal(result.radiusMicros, "3000000");
  assert.equal(result.localClock.outsideBoundsMicros, "0");
  assert(result.versions.includes("0x8000000c"));
  assert.equal(result.exchange.publicKey, server.key);
  const midpoint = BigInt(result.midpoint.micros);
  assert.equal(Date.parse(result.midpoint.time), Number(midpoint / 1000n));
  assert.equal(
    BigInt(result.bounds.latest.micros),
    midpoint + 3n * SECOND + BigInt(result.rttMicros),
  );
  assert.equal(BigInt(result.bounds.earliest.micros), midpoint - 3n * SECOND);

  const verdict = await verifyResponse(exchangeOf(result.exchange));
  assert(verdict.ok);
  assert.equal(verdict.midpointMicros, midpoint);
  assert.equal(
    verdict.delegation.notAfterMicros,
    BigInt(result.delegation.notAfter.micros),
  );
});

Deno.test("query says how far the local clock is off", async () => {
  class Ahead extends Server {
    override getTime(): bigint {
      return super.getTime() + 3600n * SECOND;
    }
  }
  class Behind extends Server {
    override getTime(): bigint {
      return super.getTime() - 3600n * SECOND;
    }
  }
  for (const [kind, word] of [[Ahead, "slow"], [Behind, "fast"]] as const) {
    await using server = await target({}, { kind });
    const { code, out } = await run("query", server.at, server.key);
    assert.equal(code, 0);
    const [, seconds] =
      new RegExp(`^Local clock: {2}at least ([\\d.]+) seconds ${word}$`)
        .exec(out[2] ?? "") ?? [];
    // An hour, less the radius and whatever the journey took.
    assert(Number(seconds) > 3000 && Number(seconds) < 3600, out[2]);
    const { out: [line] } = await run(
      "query",
      server.at,
      server.key,
      "--json",
    );
    const off = BigInt(json(line).localClock.outsideBoundsMicros);
    assert.equal(off < 0n, word === "slow");
  }
});

Deno.test("query shows a time that no calendar has in seconds", async () => {
  class Far extends Server {
    override getTime(): bigint {
      return 600_000_000_000n * SECOND;
    }
  }
  await using server = await target({}, { kind: Far });
  const { code, out } = await run("query", server.at, server.key);
  assert.equal(code, 0);
  assert.equal(out[0], "Current time: 600000000000 ± 3 seconds");
  assert.match(
    out[1] ?? "",
    /between 599999999997 and 600000000003(\.\d+)?, if/,
  );
  const { out: [line] } = await run("query", server.at, server.key, "--json");
  assert.deepEqual(json(line).midpoint, { micros: "600000000000000000" });
});

Deno.test("query --offer asks in each dialect by its name", async () => {
  await using server = await target();
  for (const dialect of ALL) {
    const { code, out } = await run(
      "query",
      server.at,
      server.key,
      "--offer",
      dialect.id,
    );
    assert.equal(code, 0, dialect.id);
    assert(
      out[3]?.endsWith(
        `, ${dialect.title} (version ${formatVersion(dialect.code)})`,
      ),
      out[3],
    );
  }
});

Deno.test("query --offer refuses what cannot be offered", async () => {
  const cases: [offer: string, message: RegExp][] = [
    ["bogus", /^cannot use "bogus" as a version \(--offer\)$/],
    ["99", /^cannot use "99" as a version \(--offer\)$/],
    ["", /^cannot use "" as a version \(--offer\)$/],
    ["google,1", /^cannot offer google together with other versions$/],
    ["1,1", /twice/],
    ["draft-12,draft-14", /TYPE/],
    ["draft-01,1", /their requests differ/],
    [
      ALL.filter(({ nonceSize, framed, id }) =>
        nonceSize === 32 && framed && id !== "draft-12"
      ).map(({ code }) => code).join(","),
      /^cannot offer 9 versions/,
    ],
  ];
  for (const [offer, message] of cases) {
    await fails(2, message, "query", "127.0.0.1:9", STRANGER, "--offer", offer);
  }
  await fails(
    2,
    /UDP only$/,
    "query",
    "127.0.0.1:9",
    STRANGER,
    "--offer=google",
    "--transport=tcp",
  );
});

Deno.test("query refuses a target that makes no sense", async () => {
  const cases: [words: string[], message: RegExp][] = [
    [["127.0.0.1", "0", STRANGER], /^cannot use "0" as a port/],
    [["127.0.0.1", "65536", STRANGER], /^cannot use "65536" as a port/],
    [["127.0.0.1", "abc", STRANGER], /^cannot use "abc" as a port/],
    [["127.0.0.1:x", STRANGER], /^cannot use "x" as a port/],
    [["a b", STRANGER], /^cannot use "a b" as a host$/],
    [["a\u001b[31m", STRANGER], /^cannot use "a\\u\{1b\}\[31m" as a host$/],
    [
      ["h", "2002", STRANGER, "\u009b2J"],
      /^cannot use "\\u\{9b\}2J": too many words$/,
    ],
    [["h", "2002", btoa("k".repeat(31))], /^cannot read key: /],
    [["h", "2002", btoa("k".repeat(33))], /^cannot read key: /],
    [["h", "2002"], /^no public key given/],
    [["h"], /^no public key given/],
  ];
  for (const [words, message] of cases) {
    const { out } = await fails(2, message, "query", ...words);
    assert.deepEqual(out, []);
  }
});

Deno.test("query refuses a timeout that makes no sense", async () => {
  for (const timeout of ["0", "-1", "abc", "", "1e9"]) {
    await fails(
      2,
      /seconds/,
      "query",
      "127.0.0.1:9",
      STRANGER,
      "--timeout",
      timeout,
    );
  }
  await fails(2, /^cannot use "quic"/, "query", "h", "--transport", "quic");
});

Deno.test("query ends with 3 when nothing answers", async () => {
  await using server = silence();
  const { out } = await fails(
    3,
    `no answer from 127.0.0.1 port ${server.port} within 0.7 s: UDP brought nothing (${server.at}), TCP failed: connection refused (${server.at})`,
    "query",
    server.at,
    STRANGER,
    ...QUICK,
  );
  assert.deepEqual(out, []);
  const { code, out: lines, err } = await run(
    "query",
    server.at,
    STRANGER,
    ...QUICK,
    "--json",
  );
  assert.equal(code, 3);
  assert.equal(lines.length, 1);
  assert.deepEqual(json(lines[0]), {
    schema: "roughly/query/1",
    ok: false,
    error: {
      code: "timeout",
      message:
        `No answer from 127.0.0.1 port ${server.port} within 0.7 s: UDP brought nothing (${server.at}), TCP failed: connection refused (${server.at})`,
      server: server.at,
      tried: [
        { transport: "udp", address: server.at, outcome: "silent" },
        { transport: "tcp", address: server.at, outcome: "refused" },
      ],
    },
  });
  assert.match(err[0] ?? "", /^roughly: error: no answer /);
});

Deno.test("query ends with 3 when the other end refuses", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const words = [`127.0.0.1:${port}`, STRANGER, "--transport=tcp", ...QUICK];
  await fails(3, /^cannot reach 127\.0\.0\.1:\d+: /, "query", ...words);
  const { code, out } = await run("query", ...words, "--json");
  assert.equal(code, 3);
  assert.equal(json(out[0]).error.code, "unreachable");
});

Deno.test("query ends with 4 when the key is another one", async () => {
  await using server = await target();
  // Before draft 10 a server does not know which key is wanted.
  const words = [server.at, STRANGER, "--offer=draft-08", ...QUICK];
  const { out } = await fails(
    4,
    /^cannot trust response: .* another key/,
    "query",
    ...words,
  );
  assert.deepEqual(out, []);
  const { code, out: lines } = await run("query", ...words, "--json");
  assert.equal(code, 4);
  const { exchange, ...rest } = json(lines[0]);
  assert.equal(rest.ok, false);
  assert.equal(rest.error.code, "certificate-signature");
  assert.deepEqual(rest.error.rejection, { code: "certificate-signature" });
  const verdict = await verifyResponse(exchangeOf(exchange));
  assert(!verdict.ok);
  assert.equal(verdict.rejection.code, "certificate-signature");
});

Deno.test("query ends with 4 when the answer is rubbish", async () => {
  const cases: [reply: (request: Uint8Array) => Uint8Array, code: string][] = [
    [(request) => request, "type-wrong"],
    [(request) => request.subarray(0, 100), "malformed"],
    [() => new TextEncoder().encode("\u001b[2J"), "malformed"],
  ];
  for (const [reply, code] of cases) {
    await using server = echo(reply);
    const { err, out } = await run(
      "query",
      server.at,
      STRANGER,
      ...QUICK,
      "--json",
      "--offer=1",
    );
    assertFailure({ code: 4, out, err }, 4, /^cannot trust response: /);
    assert.equal(json(out[0]).error.code, code);
  }
});

Deno.test("query without verification warns, and says so in JSON", async () => {
  await using server = await target();
  const flag = "--very-dangerously-disable-verification";
  for (const key of [[], [server.key]]) {
    const { code, out, err } = await run("query", server.at, ...key, flag);
    assert.equal(code, 0);
    assert.equal(out.length, 2);
    assert.match(out[0] ?? "", /^Current time: \d+ ± 3 seconds$/);
    assert.match(out[1] ?? "", /^As a date: +\d{4}-\S+Z, not verified$/);
    assert.deepEqual(err, [
      "roughly: warning: this answer is not verified; anybody may have sent it",
    ]);
  }
  const terse = await run("query", server.at, flag, "--terse");
  assert.match(terse.out.join("\n"), /^\d+$/);
  const { out } = await run("query", server.at, flag, "--json");
  const result = json(out[0]);
  assert.equal(result.ok, true);
  assert.equal(result.verified, false);
  assert.equal(result.exchange.publicKey, undefined);
  const exchange = exchangeOf({ ...result.exchange, publicKey: server.key });
  assert((await verifyResponse(exchange)).ok);
});

Deno.test("query as a process: stdout is data, the exit code tells the end", async () => {
  await using server = await target();
  const permissions = ["--allow-net=127.0.0.1"];
  const good = await execute(["query", server.at, server.key], { permissions });
  assert.equal(good.code, 0, good.err.join("\n"));
  assert.match(good.out[0] ?? "", /^Current time: \d+ ± 3 seconds$/);
  assert.equal(good.out.length, 4);
  assert.deepEqual(good.err, []);

  const words = ["query", server.at, STRANGER, "--offer=google", ...QUICK];
  const bad = await execute(words, { permissions });
  assert.deepEqual(bad.out, []);
  assertFailure(bad, 4, /^cannot trust response: /);
});

Deno.test("query as a process ends with 8 where it is not permitted", async () => {
  const permissions = ["--allow-net=127.0.0.1:1"];
  const words = ["query", "127.0.0.1:9", STRANGER, "--json", ...QUICK];
  const socket = await execute(words, { permissions });
  assertFailure(socket, 8, /^cannot reach 127\.0\.0\.1:9: /);
  assert.equal(json(socket.out[0]).error.code, "denied");
  const name = await execute(["query", "localhost:9", STRANGER], {
    permissions,
  });
  assertFailure(name, 8, /^cannot look up "localhost": /);
});

Deno.test("query -v shows each attempt, offer and drop, and an error says whose answer it is about", async () => {
  await using server = await target();
  const words = [
    "query",
    server.at,
    STRANGER,
    "--offer=0x80000008",
    "--transport=udp",
    ...QUICK,
  ];
  const { code, out, err } = await run("-v", ...words);
  assert.equal(code, 4);
  assert.deepEqual(out, []);
  const at = `roughly: trace: UDP ${server.at}: `;
  const [sent, dropped, error] = err;
  assert.equal(sent, `${at}sent 1024 bytes offering 0x80000008`);
  assert(dropped?.startsWith(`${at}dropped `), dropped);
  assert.match(dropped ?? "", / bytes: certificate-signature: ./);
  assert(error?.endsWith(` (from ${server.at} over UDP)`), error);
  const quiet = await run(...words, "--json");
  assert.equal(quiet.err.length, 1);
  const { error: data } = json(quiet.out[0]);
  assert.equal(data.rejection.code, "certificate-signature");
  assert.equal(data.server, server.at);
  assert.equal(data.step, "udp");
});

/** UDP and TCP on one port, which another program may have half of. */
function bothPorts(): [Deno.DatagramConn & { at: string }, Deno.TcpListener] {
  const hostname = "127.0.0.1";
  for (let n = 0;; n++) {
    const tcp = Deno.listen({ hostname, port: 0 });
    const { port } = tcp.addr;
    try {
      const udp = Deno.listenDatagram({ transport: "udp", hostname, port });
      return [Object.assign(udp, { at: `${hostname}:${port}` }), tcp];
    } catch (error) {
      tcp.close();
      if (n >= 20) throw error;
    }
  }
}

Deno.test("query says that only TCP brought an answer", async () => {
  await using server = await target();
  // One name, a UDP port that is a black hole and a TCP port that answers.
  const [mute, proxy] = bothPorts();
  const relay = (async () => {
    for await (const peer of proxy) {
      const there = await Deno.connect({ port: server.port });
      await Promise.allSettled([
        peer.readable.pipeTo(there.writable),
        there.readable.pipeTo(peer.writable),
      ]);
    }
  })();
  const words = ["query", mute.at, server.key, "--timeout=2"];
  const { code, out, err } = await run("-v", ...words);
  assert.equal(code, 0, err.join("\n"));
  assert.match(out.at(-1) ?? "", /over TCP/);
  assert.equal(
    err.at(-1),
    `roughly: warning: only TCP brought an answer: UDP brought nothing (${mute.at}); UDP may be blocked on the way`,
  );
  assert(err.some((line) => line.endsWith(`TCP ${mute.at}: connected`)));
  const machine = json((await run(...words, "--json")).out[0]);
  assert.deepEqual(machine.tried, [
    { transport: "udp", address: mute.at, outcome: "silent" },
  ]);
  proxy.close();
  mute.close();
  await relay;
});

Deno.test("query says that something else than Roughtime listens there", async () => {
  const web = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = web.addr as Deno.NetAddr;
  const serving = (async () => {
    for await (const peer of web) {
      await peer.read(new Uint8Array(2048));
      await peer.write(
        new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
      );
      await peer.read(new Uint8Array(1)).catch(() => {});
      peer.close();
    }
  })();
  const words = ["query", `127.0.0.1:${port}`, STRANGER, "--transport=tcp"];
  const { err } = await fails(
    3,
    `no answer from 127.0.0.1 port ${port} within 0.7 s: TCP speaks another protocol (127.0.0.1:${port})`,
    ...words,
    ...QUICK,
  );
  assert.match(err[1] ?? "", /check the port/);
  web.close();
  await serving;
});
