import { Command } from "commander";
import assert from "node:assert/strict";
import { parseSeconds } from "../../../lib/cli/arguments.ts";
import { applyEnvironment } from "../../../lib/cli/environment.ts";
import { problemOf } from "../../../lib/cli/server/monitor.ts";
import type { ListenerState } from "../../../lib/server/serve.ts";
import { DIALECTS } from "../../../lib/wire/dialect.ts";
import {
  assertFailure,
  assertLog,
  execute,
  fails,
  folder,
  json,
  run,
  silence,
  startServer,
  writeDelegation,
  writeKey,
} from "../../_support/cli.ts";
import { environment } from "../../_support/environment.ts";
import { hasIpv6 } from "../../_support/ipv6.ts";
import {
  cannotStart,
  KEY,
  monitorOf,
  SEED,
  signerOf,
} from "../../_support/server_run.ts";

const WINDOWS = Deno.build.os === "windows";

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`server run serves until ${signal} and ends well`, {
    ignore: WINDOWS,
  }, async () => {
    await using there = await folder();
    await execute(["server", "keygen"], { cwd: there.path });
    await using server = await startServer([], { cwd: there.path });
    const { code, out } = await run("query", server.at, server.key);
    assert.equal(code, 0);
    assert.match(out[0] ?? "", /^Current time: \d+ ± 3 seconds$/);
    const ended = await server.stop(signal);
    assert.equal(ended.code, 0);
    assert.deepEqual(ended.out, [
      `Server public key (base64): ${server.key}`,
      `Starting Roughtime server on ${server.at}`,
      "Server stopped.",
    ]);
    assertLog(ended.err);
    assert.match(ended.err.at(-1) ?? "", / stats received=1 answered=1 /);
  });
}

Deno.test("server run ends with 8 where it may not read, look or listen", async () => {
  await using there = await folder();
  await writeKey(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${SEED}\n`);
  const cases: [permissions: string[], message: RegExp][] = [
    [["--allow-env", "--allow-net"], /^cannot read \.env: /],
    [["--allow-read", "--allow-net"], /env access/],
    [["--allow-env", "--allow-read"], /^cannot listen on 127\.0\.0\.1:0: /],
  ];
  for (const [permissions, message] of cases) {
    const ended = await cannotStart([], { cwd: there.path, permissions });
    assertFailure(ended, 8, message);
    assert.deepEqual(ended.out, []);
  }
});

Deno.test("server run ends with 2 if the port is taken or no address is its own", async () => {
  await using taken = silence();
  const words = ["server", "run", "--private-key", SEED];
  const port = String(taken.port);
  const { out } = await fails(
    2,
    new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: `),
    ...words,
    "--host=127.0.0.1",
    "--port",
    port,
  );
  assert.deepEqual(out, []);
  const ended = await execute([...words, "--host", "a b\u001b[2J"]);
  assertFailure(ended, 2, /^cannot listen on a b\\u\{1b\}\[2J:2002: /);
});

Deno.test("server run refuses options that make no sense", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [["--port", "65536"], /^cannot use "65536" as a port/],
    [["--port", "abc"], /^cannot use "abc" as a port/],
    [["--radius", "0"], /seconds \(--[a-z-]+\)$/],
    [["--radius", "-1"], /seconds \(--[a-z-]+\)$/],
    [
      ["--radius", "1e30"],
      /^cannot use "1e30" as a radius: 4294\.967295 seconds at most \(--radius\)$/,
    ],
    [["--validity-seconds", "0"], /seconds \(--[a-z-]+\)$/],
    [
      ["--validity-seconds", "1"],
      /^cannot use "1" for --validity-seconds: at least 4 /,
    ],
    [["--validity-seconds", "3.9"], /--validity-seconds: at least 4 /],
    [
      ["--validity-seconds", "1e30"],
      /^cannot use "1e30" for --validity-seconds: 4294967295 at most$/,
    ],
    [["--grease-probability", "2"], /fraction/],
    [["--grease-probability", "abc"], /fraction/],
    [["--v1-context", "x"], /^cannot use "x" here \(--v1-context\)$/],
    [["--versions", "bogus"], /as a version \(--versions\)$/],
    [["--versions", "99"], /as a version \(--versions\)$/],
    [["--private-key", ""], /^the private key from --private-key is unusable/],
    [["--private-key", btoa("k".repeat(31))], /unusable: /],
  ];
  for (const [args, message] of cases) {
    const words = ["server", "run", "--private-key", SEED, ...args];
    const { out, err } = await fails(2, message, ...words);
    assert.deepEqual(out, []);
    assert(!err.join("\n").includes(SEED));
  }
});

Deno.test("server run answers the versions it is told to, in any order", async () => {
  const [newer, older] = [DIALECTS["draft-14"], DIALECTS["draft-08"]];
  await using server = await startServer([
    "--private-key",
    SEED,
    "--no-grease",
    "--versions",
    `${newer.id},${older.id}`,
  ]);
  const { out } = await run(
    "probe",
    server.at,
    KEY,
    "--timeout=0.5",
    "--offer=1,draft-14,draft-08",
  );
  assert.deepEqual(
    out.map((line) => line.replace(/ +/g, " ").split(" ± ")[0]).map((line) =>
      line?.replace(/\d{4}-.*/, "TIME")
    ),
    [
      "VERSION SPECIFICATION ANSWER DETAIL",
      "1 RFC 10049 version 1 no no answer within 0.5 s; the server does not list this version",
      "0x8000000c drafts 14-19 yes TIME",
      "0x80000008 draft 08 yes TIME",
      "",
      "Verdict: speaks 0x8000000c, 0x80000008 over UDP and TCP; its clock and the local one agree",
    ],
  );
});

Deno.test("server run takes options from the environment", {
  ignore: WINDOWS,
}, async () => {
  await using there = await folder();
  await using server = await startServer(["--private-key", SEED, "-v"], {
    cwd: there.path,
    env: {
      ROUGHLY_RADIUS: "7",
      ROUGHLY_PORT: "1", // the command line wins
      ROUGHLY_HOST: "",
      ROUGHLY_NO_GREASE: "1",
      ROUGHLY_GREASE_PROBABILITY: "1",
    },
  });
  const { code, out } = await run("query", server.at, KEY);
  assert.equal(code, 0);
  assert.match(out[0] ?? "", /^Current time: \d+ ± 7 seconds$/);
  const { err } = await server.stop("SIGTERM");
  assertLog(err);
});

Deno.test("server run says which variable it cannot use", async () => {
  const cases: [variable: string, text: string, message: RegExp][] = [
    ["ROUGHLY_RADIUS", "0", /^ROUGHLY_RADIUS: cannot use "0"/],
    ["ROUGHLY_NO_GREASE", "maybe", /^ROUGHLY_NO_GREASE: cannot use "maybe"/],
    ["ROUGHLY_PRIVATE_KEY", "rubbish", /from ROUGHLY_PRIVATE_KEY is unusable/],
  ];
  for (const [variable, text, message] of cases) {
    assertFailure(
      await cannotStart([], { env: { [variable]: text } }),
      2,
      message,
    );
  }
});

Deno.test("server run goes on when nobody reads what it says", {
  ignore: WINDOWS,
}, async () => {
  await using server = await startServer(["--private-key", SEED]);
  await server.leave();
  const { code } = await run("query", server.at, KEY);
  assert.equal(code, 0);
  const ended = await server.stop("SIGTERM");
  assert.equal(ended.code, 0);
  assertLog(ended.err);
});

Deno.test("server run refuses options that would do nothing", async () => {
  await using there = await folder();
  await writeDelegation(there.in("online"), { longTerm: signerOf(SEED) });
  const cases: [args: string[], message: RegExp][] = [
    [["--port=1", "--listen=127.0.0.1:0"], /^cannot use --port with --listen /],
    [["--no-tcp", "--max-connections=9"], /^cannot use --max-connections with/],
    [["--io=portable", "--workers=2"], /^cannot use --workers with --io port/],
    [["--trust-clock", "--max-radius=9"], /^cannot use --max-radius with --t/],
    [["--radius=9", "--max-radius=8"], /^cannot use --max-radius below --rad/],
    [["--no-grease", "--grease-probability=1"], /^cannot use --grease-prob/],
    [["--json"], /^cannot use --json without --check-config: it would do noth/],
  ];
  for (const [args, message] of cases) {
    await fails(2, message, "server", "run", "--private-key", SEED, ...args);
  }
  await fails(
    2,
    /^cannot use --validity-seconds with --delegation alone/,
    ...["server", "run", "--delegation", there.in("online")],
    "--validity-seconds=60",
  );
});

Deno.test("server run listens on several addresses", {
  ignore: !hasIpv6(),
}, async () => {
  await using server = await startServer([
    ...["--private-key", SEED, "--no-grease"],
    ...["--listen", "127.0.0.1:0", "--listen", "[::1]:0"],
  ]);
  await server.printed("Starting Roughtime server on ", 3);
  await server.logged("transport=tcp address=[::1]:");
  const addresses = server.err.filter((line) => line.includes(" listening "))
    .map((line) => line.split(" listening ")[1]);
  assert.equal(addresses.length, 6, "each on UDP and TCP, none held back");
  const started = server.out.flatMap((line) =>
    /^Starting Roughtime server on (.*)$/.exec(line)?.[1] ?? []
  );
  assert.deepEqual(
    started.map((address) => address.replace(/\d+$/, "")),
    ["127.0.0.1:", "127.0.0.1:", "[::1]:"],
  );
  assert.equal(new Set(started).size, 3);
  for (const address of started) {
    for (const transport of ["udp", "tcp"]) {
      const words = ["query", address, KEY, "--transport", transport];
      assert.equal((await run(...words)).code, 0, address);
      assert(addresses.includes(`transport=${transport} address=${address}`));
    }
  }
});

Deno.test("server run ends with 2 if one of its addresses is taken, for whatever", async () => {
  await using taken = silence();
  const words = ["server", "run", "--private-key", SEED, "--trust-clock"];
  await fails(
    2,
    new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${taken.port}: `),
    ...[...words, "--listen=127.0.0.1:0", "--listen", taken.at],
  );
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  try {
    await fails(
      2,
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${port}: `),
      ...[...words, "--listen", `127.0.0.1:${port}`],
    );
    const { err } = await run(
      ...[...words, "--listen=127.0.0.1:0", `--metrics=127.0.0.1:${port}`],
    );
    assert.match(
      err.at(-1) ?? "",
      new RegExp(
        `^roughly: error: cannot serve metrics on 127.0.0.1:${port}: `,
      ),
    );
    assertLog(err.slice(0, -1));
  } finally {
    listener.close();
  }
});

Deno.test("server run --metrics tells what is served, and that all is well", async () => {
  await using server = await startServer([
    ...["--private-key", SEED, "--no-grease", "--metrics", "127.0.0.1:0"],
  ]);
  const monitor = await monitorOf(server);
  assert.deepEqual(await monitor("/healthz"), { status: 200, text: "ok\n" });
  for (const transport of ["udp", "tcp"]) {
    const words = ["query", server.at, KEY, "--transport", transport];
    assert.equal((await run(...words, "--offer=draft-08")).code, 0);
  }
  const { status, text } = await monitor("/metrics");
  assert.equal(status, 200);
  for (const transport of ["udp", "tcp"]) {
    const labels = `{transport="${transport}",scheme="ed25519"}`;
    for (const what of ["received", "responded"]) {
      assert(text.includes(`\nroughtime_requests_${what}_total${labels} 1\n`));
    }
  }
  for (
    const line of [
      'roughtime_responses_by_version_total{version="0x80000008"} 2',
      "roughtime_batch_size_count 2",
      'roughtime_clock_status{status="unknown"} 1',
      "roughtime_root_changed 0",
      `roughtime_cert_info{scheme="ed25519",root_pubkey="${KEY}"} 1`,
    ]
  ) assert(text.includes(`\n${line}\n`), line);
  assert.match(text, /^roughtime_delegation_seconds_left 3[56]\d\d$/m);
  assert(!text.includes(SEED));
  assert.equal((await monitor("/")).status, 404);
});

Deno.test("server run --log-format json writes nothing else on stderr", {
  ignore: WINDOWS,
}, async () => {
  await using there = await folder();
  await using server = await startServer(
    ["--log-format", "json", "--stats-interval", "0.02"],
    { cwd: there.path },
  );
  await server.logged('"stats"', 2);
  const { code, err } = await server.stop("SIGTERM");
  assert.equal(code, 0);
  const kinds = new Set<string>();
  for (const line of err.map(json)) {
    assert.equal(new Date(line.time).toISOString(), line.time);
    assert(["info", "warning"].includes(line.level));
    kinds.add(line.message);
  }
  for (const kind of ["listening", "stats"]) assert(kinds.has(kind), kind);
  assert([...kinds].some((kind) => kind.startsWith("no private key found")));
});

Deno.test("server run --stats-interval 0 tells its numbers at the end only", {
  ignore: WINDOWS,
}, async () => {
  await using server = await startServer([
    ...["--private-key", SEED, "--stats-interval", "0"],
  ]);
  assert.equal((await run("query", server.at, KEY)).code, 0);
  const { err } = await server.stop("SIGTERM");
  assert.equal(err.filter((line) => line.includes(" stats ")).length, 1);
});

Deno.test("server run ends well at SIGTERM while peers are connected", {
  ignore: WINDOWS,
}, async () => {
  await using server = await startServer(["--private-key", SEED]);
  const port = Number(server.at.split(":")[1]);
  using idle = await Deno.connect({ hostname: "127.0.0.1", port });
  using halfway = await Deno.connect({ hostname: "127.0.0.1", port });
  await halfway.write(new TextEncoder().encode("ROUGHTIM"));
  for (let i = 0; i < 3; i++) {
    assert.equal((await run("query", server.at, KEY)).code, 0);
  }
  const { code, out, err } = await server.stop("SIGTERM");
  assert.equal(code, 0);
  assert.equal(out.at(-1), "Server stopped.");
  assert.match(err.at(-1) ?? "", / stats received=3 answered=3 dropped=0 /);
  assert.equal(await idle.read(new Uint8Array(1)), null);
});

Deno.test("applyEnvironment() sets what the command line leaves open", () => {
  const names = { "--no-grease": "TEST_GREASE", "--radius": "TEST_RADIUS" };
  const cases: [
    args: string[],
    env: Record<string, string>,
    options: Record<string, unknown>,
  ][] = [
    [[], {}, { grease: true, radius: 3 }],
    [[], { TEST_GREASE: "0" }, { grease: true, radius: 3 }],
    [[], { TEST_GREASE: "" }, { grease: true, radius: 3 }],
    [[], { TEST_GREASE: "1" }, { grease: false, radius: 3 }],
    [["--no-grease"], { TEST_GREASE: "0" }, { grease: false, radius: 3 }],
    [[], { TEST_RADIUS: "0.5" }, { grease: true, radius: 0.5 }],
    [["--radius=2"], { TEST_RADIUS: "x" }, { grease: true, radius: 2 }],
  ];
  for (const [args, env, options] of cases) {
    const command = new Command().exitOverride().option("--no-grease")
      .option("--radius <seconds>", "", parseSeconds, 3);
    command.parse(args, { from: "user" });
    using _ = environment(env);
    applyEnvironment(command, names);
    assert.deepEqual(command.opts(), options);
  }
});

Deno.test("a listener that does not answer is a reason to send nobody here", {
  permissions: "none",
}, () => {
  const well = { clockStatus: "ok", canSign: true } as const;
  const udp = { transport: "udp", address: "[::]:2002" } as const;
  const tcp = { transport: "tcp", address: "127.0.0.1:2002" } as const;
  const found = (...listeners: ListenerState[]) =>
    problemOf(well, { listeners });
  assert.equal(found(), undefined);
  assert.equal(
    found({ ...udp, up: true }, { ...tcp, up: undefined }),
    undefined,
  );
  assert.equal(
    found({ ...udp, up: true }, { ...tcp, up: false }),
    "no answer from tcp 127.0.0.1:2002",
  );
  assert.equal(
    found({ ...udp, up: false }, { ...tcp, up: false }),
    "no answer from udp [::]:2002 and tcp 127.0.0.1:2002",
  );
});
