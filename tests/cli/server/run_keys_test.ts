import assert from "node:assert/strict";
import { formatKey } from "../../../lib/wire/key_text.ts";
import {
  assertFailure,
  assertLog,
  fails,
  folder,
  json,
  run,
  startServer,
  STRANGER,
  writeDelegation,
  writeKey,
} from "../../_support/cli.ts";
import { bytes } from "../../_support/fixtures.ts";
import {
  cannotStart,
  KEY,
  monitorOf,
  OTHER_SEED,
  publicKeyOf,
  SECOND_KEY,
  SEED,
  signerOf,
} from "../../_support/server_run.ts";

const WINDOWS = Deno.build.os === "windows";

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

Deno.test("server run ends with 8 if the system keeps .env from it", {
  ignore: WINDOWS || Deno.uid() === 0, // from whom nothing is kept
}, async () => {
  await using there = await folder();
  await writeKey(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${SEED}\n`);
  await Deno.chmod(there.in(".env"), 0);
  const ended = await cannotStart([], { cwd: there.path });
  assertFailure(ended, 8, "cannot read .env: Permission denied");
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
