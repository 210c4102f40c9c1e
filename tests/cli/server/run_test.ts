import assert from "node:assert/strict";
import { problemOf } from "../../../lib/cli/server/monitor.ts";
import type { ListenerState } from "../../../lib/server/serve.ts";
import { Command } from "commander";
import { parseSeconds } from "../../../lib/cli/arguments.ts";
import { applyEnvironment } from "../../../lib/cli/environment.ts";
import { createSigner, type Signer } from "../../../lib/crypto/ed25519.ts";
import { DIALECTS } from "../../../lib/wire/dialect.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import {
  assertFailure,
  assertLog,
  type Ended,
  execute,
  fails,
  folder,
  json,
  run,
  type RunningProcess,
  silence,
  startServer,
  STRANGER,
  writeDelegation,
  writeKey,
} from "../../_support/cli.ts";
import { environment } from "../../_support/environment.ts";
import { bytes } from "../../_support/fixtures.ts";

const WINDOWS = Deno.build.os === "windows";

const SEED = formatKey(bytes(32, 7));
const KEY = publicKeyOf(SEED);
const OTHER_SEED = formatKey(bytes(32, 8));

const SECOND_KEY = publicKeyOf(OTHER_SEED);

function signerOf(seed: string): Signer {
  return createSigner(Uint8Array.from(atob(seed), (c) => c.charCodeAt(0)));
}

function publicKeyOf(seed: string): string {
  return formatKey(signerOf(seed).publicKey);
}

/** Is there an IPv6 loopback here? */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** Fetches from a server that was started with `--metrics`. */
async function monitorOf(
  server: RunningProcess,
): Promise<(path: string) => Promise<{ status: number; text: string }>> {
  const line = await server.logged("monitor listening");
  const [, address = ""] = /address=(\S+)/.exec(line) ?? [];
  return async (path) => {
    const response = await fetch(`http://${address}${path}`);
    return { status: response.status, text: await response.text() };
  };
}

/** Runs `server run` where it cannot start. */
function cannotStart(
  args: readonly string[],
  options: Parameters<typeof execute>[1] = {},
): Promise<Ended> {
  return execute(
    ["server", "run", "--host", "127.0.0.1", "--port", "0", ...args],
    options,
  );
}

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

Deno.test("server run reads .env in the working folder", async () => {
  await using there = await folder();
  await writeKey(
    there.in(".env"),
    `# mine\nROUGHLY_PRIVATE_KEY="${SEED}"\n`,
  );
  await using server = await startServer([], { cwd: there.path });
  assert.equal(server.key, KEY);
});

Deno.test("server run prefers the command line to the environment to .env", async () => {
  await using there = await folder();
  await writeKey(
    there.in(".env"),
    `ROUGHLY_PRIVATE_KEY=${OTHER_SEED}\nROUGHLY_SERVER_PRIVATE_KEY=${SEED}\n`,
  );
  const cases: [args: string[], env: Record<string, string>, key: string][] = [
    [[], {}, KEY],
    [[], { ROUGHLY_PRIVATE_KEY: OTHER_SEED }, publicKeyOf(OTHER_SEED)],
    [
      [],
      { ROUGHLY_PRIVATE_KEY: OTHER_SEED, ROUGHLY_SERVER_PRIVATE_KEY: SEED },
      KEY,
    ],
    [
      ["--private-key", OTHER_SEED],
      { ROUGHLY_PRIVATE_KEY: SEED },
      publicKeyOf(OTHER_SEED),
    ],
  ];
  for (const [args, env, key] of cases) {
    await using server = await startServer(args, { cwd: there.path, env });
    assert.equal(server.key, key);
  }
});

Deno.test("server run without a key says that its own will be lost", {
  ignore: WINDOWS,
}, async () => {
  await using there = await folder();
  await writeKey(there.in(".env"), "SOMETHING=\n");
  await Deno.chmod(there.in(".env"), 0o644); // holds no key, so that is fine
  await using server = await startServer([], { cwd: there.path });
  server.signal("SIGHUP"); // there is still nothing to replace it with
  await server.logged("the one made up at the start stays in use");
  const { code } = await run("query", server.at, server.key);
  assert.equal(code, 0);
  const { err } = await server.stop("SIGTERM");
  assertLog(err);
  const [warning, again, ...more] = err.filter((line) => line.includes("key"));
  assert.match(again ?? "", / warning no private key found, the one made up /);
  assert.match(
    warning ?? "",
    / warning no private key found, so this one is new and lost at the end hint="make one to keep with 'roughly server keygen'"$/,
  );
  assert.deepEqual(more, []);
});

Deno.test("server run refuses a .env that it cannot trust or read", async () => {
  await using there = await folder();
  const file = there.in(".env");
  const options = { cwd: there.path };
  const key = `ROUGHLY_PRIVATE_KEY=${SEED}\n`;

  await writeKey(file, "ROUGHLY_PRIVATE_KEY=rubbish\n");
  assertFailure(
    await cannotStart([], options),
    2,
    /^the private key from \.env is unusable: it /,
  );
  if (!WINDOWS) {
    await writeKey(file, key);
    for (const mode of [0o644, 0o640, 0o604, 0o620]) {
      await Deno.chmod(file, mode);
      const ended = await cannotStart([], options);
      assertFailure(
        ended,
        2,
        ".env holds a secret but others may read it",
      );
      assert.equal(ended.err[1], "roughly: hint: chmod 600 .env");
    }
    await Deno.remove(file);
    await Deno.symlink(file, file);
    assertFailure(await cannotStart([], options), 2, ".env is a link");
  }
  await Deno.remove(file);
  await Deno.mkdir(file);
  assertFailure(await cannotStart([], options), 2, ".env is not a file");
});

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

Deno.test("server run ends with 8 if the system keeps .env from it", {
  ignore: WINDOWS || Deno.uid() === 0, // from whom nothing is kept
}, async () => {
  await using there = await folder();
  await writeKey(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${SEED}\n`);
  await Deno.chmod(there.in(".env"), 0);
  const ended = await cannotStart([], { cwd: there.path });
  assertFailure(ended, 8, "cannot read .env: Permission denied");
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

Deno.test("server run does not repeat a key that it cannot use", async () => {
  const secret = `${SEED}${SEED}`;
  const { err } = await fails(
    2,
    /unusable/,
    "server",
    "run",
    "--private-key",
    secret,
  );
  assert(!err.join("\n").includes(SEED));
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

Deno.test("server run serves several keys on one port", async () => {
  await using there = await folder();
  await writeKey(there.in("a"), SEED);
  await writeKey(there.in("b"), `ROUGHLY_PRIVATE_KEY=${OTHER_SEED}\n`);
  await using server = await startServer(
    ["--key-file", "a", "--key-file", "b", "--no-grease"],
    { cwd: there.path },
  );
  assert.deepEqual(
    server.out.filter((line) => line.includes("public key")),
    [KEY, SECOND_KEY].map((key) => `Server public key (base64): ${key}`),
  );
  // The request's SRV says which one is meant.
  for (const key of [KEY, SECOND_KEY]) {
    for (const transport of ["udp", "tcp"]) {
      const { code, out } = await run(
        ...["query", server.at, key, "--transport", transport, "--json"],
      );
      assert.equal(code, 0, out.join("\n"));
      assert.equal(json(out[0]).exchange.publicKey, key);
    }
  }
  await fails(
    3,
    /./,
    ...["query", server.at, STRANGER, "--timeout=0.3", "--transport=udp"],
  );
});

Deno.test("server run refuses key files that it cannot trust or use", {
  ignore: WINDOWS,
}, async () => {
  await using there = await folder();
  const file = there.in("key");
  const words = ["server", "run", "--check-config", "--key-file", file];
  await fails(2, `there is no file ${file}`, ...words);
  await writeKey(file, "rubbish");
  await fails(2, /is unusable: it is neither base64 nor hex$/, ...words);
  await writeKey(file, SEED);
  await fails(2, /a long-term key stands twice$/, ...words, "--key-file", file);
  await Deno.chmod(file, 0o644);
  const { err } = await fails(
    2,
    `${file} holds a secret but others may read it`,
    ...words,
  );
  assert.equal(err[1], `roughly: hint: chmod 600 ${file}`);
});

Deno.test("server run never sees the long-term key behind a delegation", async () => {
  await using there = await folder();
  await writeDelegation(there.in("online"), { longTerm: signerOf(SEED) });
  // Other keys are lying about; none of them is wanted.
  await writeKey(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${OTHER_SEED}\n`);
  await using server = await startServer(
    ["--delegation", "online", "--no-grease"],
    { cwd: there.path, env: { ROUGHLY_PRIVATE_KEY: OTHER_SEED } },
  );
  assert.equal(server.key, KEY);
  assert.equal(server.out.join().match(/public key/g)?.length, 1);
  assert.equal((await run("query", server.at, KEY)).code, 0);
  assert.match(
    await server.logged("delegation ends soon"),
    / warning delegation ends soon secondsLeft=3[56]\d\d$/,
  );
});

Deno.test(
  "server run takes new keys at SIGHUP and keeps the old ones at bad ones",
  {
    ignore: WINDOWS,
  },
  async () => {
    await using there = await folder();
    const [key, online] = [there.in("key"), there.in("online")];
    await writeKey(key, SEED);
    await writeDelegation(online, { longTerm: signerOf(OTHER_SEED) });
    await using server = await startServer([
      ...["--key-file", key, "--delegation", online],
      ...["--no-grease", "--metrics", "127.0.0.1:0"],
    ]);
    const monitor = await monitorOf(server);
    const answers = async (...keys: string[]) => {
      for (const key of keys) {
        assert.equal((await run("query", server.at, key)).code, 0);
      }
    };
    await answers(KEY, SECOND_KEY);

    await writeKey(online, "rubbish");
    server.signal("SIGHUP");
    const line = await server.logged(
      "keys not reloaded, the old ones stay in use",
    );
    assert.match(line, / error {3}keys not reloaded.*not a usable delegation/);
    await answers(KEY, SECOND_KEY);

    // Another long-term key, and another online key for the delegated one.
    const third = formatKey(bytes(32, 9));
    await writeKey(key, third);
    await writeDelegation(online, { longTerm: signerOf(OTHER_SEED), to: 9000 });
    server.signal("SIGHUP");
    await server.logged("keys replaced");
    await answers(publicKeyOf(third), SECOND_KEY);
    const { text } = await monitor("/metrics");
    assert.match(text, /^roughtime_root_changed 0$/m);
    assert(text.includes(`root_pubkey="${publicKeyOf(third)}"`));
    assert(!text.includes(KEY));

    server.signal("SIGHUP");
    await server.logged("keys unchanged");
    const ended = await server.stop("SIGTERM");
    assert.equal(ended.code, 0);
  },
);

Deno.test("server run signs nothing once its delegation has ended, loudly", async () => {
  await using there = await folder();
  const online = there.in("online");
  await writeDelegation(online, { longTerm: signerOf(SEED), to: -60 });
  await using server = await startServer([
    ...["--delegation", online, "--metrics", "127.0.0.1:0", "--no-tcp"],
  ]);
  assert.match(
    await server.logged("delegation ended"),
    / error {3}delegation ended: nothing is signed$/,
  );
  const monitor = await monitorOf(server);
  assert.deepEqual(await monitor("/healthz"), {
    status: 503,
    text: "the time is outside the window of an online key\n",
  });
  const asked = ["query", server.at, KEY, "--timeout=0.3", "--transport=udp"];
  await fails(3, /./, ...asked);
  const { text } = await monitor("/metrics");
  assert.match(
    text,
    /^roughtime_requests_dropped_total\{transport="udp",reason="delegation"\} [1-9]/m,
  );
  assert.match(
    text,
    /^roughtime_requests_responded_total\{transport="udp",.*\} 0$/m,
  );
  assert.match(text, /^roughtime_delegation_seconds_left -\d+$/m);

  if (WINDOWS) return;
  await writeDelegation(online, { longTerm: signerOf(SEED) });
  server.signal("SIGHUP");
  await server.logged("keys replaced");
  assert.equal((await run("query", server.at, KEY)).code, 0);
  assert.equal((await monitor("/healthz")).status, 200);
});

/** A port that was free a moment ago, on both transports and families. */
function freePort(hostname: string): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return listener.addr.port;
}

const VERSIONS =
  "Versions: 1, 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006, 0x80000007, 0x80000008, 0x80000009, 0x8000000a, 0x8000000b, 0x8000000c, google";

Deno.test("server run --check-config says what would be served", {
  ignore: !hasIpv6(),
}, async () => {
  await using there = await folder();
  await writeKey(there.in("key"), SEED);
  await writeDelegation(there.in("online"), {
    longTerm: signerOf(OTHER_SEED),
    to: 864_000,
  });
  const [six, four] = [freePort("::1"), freePort("127.0.0.1")];
  const words = [
    ...["server", "run", "--check-config", "--key-file", there.in("key")],
    ...["--delegation", there.in("online"), "--no-tcp", "--host=[::1]"],
    ...[`--port=${six}`, `--listen=127.0.0.1:${four}`, "--io=portable"],
    "--trust-clock",
  ];
  const { code, out, err } = await run(...words);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.match(
    out[1] ?? "",
    new RegExp(
      `^Delegation: ${
        SECOND_KEY.replace(/[+/]/g, "\\$&")
      } from .*, 10\\.0 days left, until 2\\d{3}-`,
    ),
  );
  assert.deepEqual(out.toSpliced(1, 1), [
    `Key: ${KEY} from ${there.in("key")}`,
    `Listen: [::1]:${six}, 127.0.0.1:${four}, UDP`,
    "Sockets: portable, one thread",
    "Radius: 3 s, whatever the system says of its clock",
    "Validity: 3600 s for each online key",
    "Grease: 0.001 of the replies",
    VERSIONS,
    "The configuration is usable.",
  ]);
  // What was bound is free again, so the same words do once more, in JSON too.
  const asJson = await run(...words, "--json");
  assert.equal(asJson.code, 0);
  const [line, ...more] = asJson.out.map(json);
  assert.deepEqual(more, []);
  const { keys, versions, ...rest } = line;
  assert.deepEqual(rest, {
    schema: "roughly/check-config/1",
    ok: true,
    listen: [`[::1]:${six}`, `127.0.0.1:${four}`],
    tcp: false,
    io: "portable",
    workers: 0,
    radiusSeconds: 3,
    trustClock: true,
    silencedByClock: false,
    validitySeconds: 3600,
    greaseProbability: 0.001,
    statsIntervalSeconds: 60,
  });
  assert.equal(versions.length, 14);
  assert.deepEqual(
    keys.map(({ publicKey, delegated }: Record<string, unknown>) => [
      publicKey,
      delegated,
    ]),
    [[KEY, false], [SECOND_KEY, true]],
  );
});

Deno.test("server run --check-config needs no address of its own", async () => {
  const bare = await execute([
    ...["server", "run", "--check-config", "--io=portable", "--port=0"],
    ...["--private-key", SEED, "--no-grease", "--max-radius=60"],
  ]);
  assert.equal(bare.code, 0, bare.err.join("\n"));
  const [, listen, connections, sockets, radius, , grease] = bare.out;
  assert.match(listen ?? "", /^Listen: (\[::\]|0\.0\.0\.0):0.*, UDP and TCP$/);
  assert.match(connections ?? "", /^Connections: \d+, 64 for each address$/);
  assert.equal(sockets, "Sockets: portable, one thread");
  assert.match(radius ?? "", /^Radius: 3 s, up to 60 s where /);
  assert.equal(grease, "Grease: none");
});

Deno.test("server run --check-config refuses the addresses that a start would", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const udp = Deno.listenDatagram({
    transport: "udp",
    hostname: "127.0.0.1",
    port: 0,
  });
  const { port: tcpPort } = taken.addr;
  const { port: udpPort } = udp.addr as Deno.NetAddr;
  const free = freePort("127.0.0.1");
  const cases: [args: string[], message: RegExp][] = [
    [
      ["--host=127.0.0.1", `--port=${tcpPort}`],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${tcpPort}: `),
    ],
    [
      ["--host=127.0.0.1", `--port=${udpPort}`, "--no-tcp"],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${udpPort}: `),
    ],
    [
      [`--listen=127.0.0.1:${free}`, `--listen=127.0.0.1:${free}`],
      new RegExp(`^cannot listen on 127\\.0\\.0\\.1:${free} twice$`),
    ],
    [
      [`--listen=127.0.0.1:${free}`, `--metrics=127.0.0.1:${free}`],
      new RegExp(`^cannot serve metrics on 127\\.0\\.0\\.1:${free}: `),
    ],
  ];
  const words = ["server", "run", "--private-key", SEED];
  for (const [args, message] of cases) {
    for (const io of ["portable", "auto"]) {
      const told = await fails(
        2,
        message,
        ...words,
        ...args,
        `--io=${io}`,
        "--check-config",
      );
      assert.deepEqual(told.out, []);
    }
    // The start says the very same.
    const started = await run(...words, ...args, "--io=portable");
    assert.equal(started.code, 2);
    const said = started.err.find((line) =>
      line.startsWith("roughly: error: ")
    );
    assert.match(said?.replace("roughly: error: ", "") ?? "", message);
  }
  udp.close();
  for (const host of ["nosuch.invalid", "192.0.2.1"]) {
    const ended = await execute([
      ...words,
      `--host=${host}`,
      `--port=${free}`,
      "--check-config",
    ]);
    assertFailure(ended, 2, new RegExp(`^cannot listen on ${host}:${free}: `));
    assert.deepEqual(ended.out, []);
  }
});

Deno.test("server run --check-config fails in JSON too", async () => {
  const { code, out } = await run(
    ...["server", "run", "--check-config", "--json", "--private-key", SEED],
    ...["--listen=127.0.0.1:1234", "--listen=127.0.0.1:1234"],
  );
  assert.equal(code, 2);
  const [line] = out.map(json);
  assert.equal(line.schema, "roughly/check-config/1");
  assert.equal(line.ok, false);
  assert.equal(line.error.code, "usage");
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

Deno.test("server run --check-config refuses what would not do", async () => {
  await using there = await folder();
  const online = there.in("online");
  const words = ["server", "run", "--check-config", "--delegation", online];
  await fails(2, `there is no file ${online}`, ...words);
  await writeKey(online, "{}");
  await fails(2, /is not a usable delegation: /, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED), to: -1 });
  await fails(2, `${online} is a delegation that has ended`, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED), from: 600 });
  await fails(2, `${online} is a delegation that has not begun`, ...words);
  await writeDelegation(online, { longTerm: signerOf(SEED) });
  const { out } = await fails(
    2,
    /a long-term key stands twice$/,
    ...words,
    "--private-key",
    SEED,
  );
  assert.deepEqual(out, []);
  await fails(2, /radius/, ...words, "--radius", "1e9");
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
