import assert from "node:assert/strict";
import { Command } from "commander";
import { parseSeconds } from "../lib/cli/arguments.ts";
import { applyEnvironment } from "../lib/cli/environment.ts";
import { createSigner } from "../lib/crypto.ts";
import { DIALECTS } from "../lib/dialect.ts";
import { formatKey } from "../lib/key_text.ts";
import {
  assertFailure,
  type Ended,
  execute,
  fails,
  folder,
  run,
  silence,
  startServer,
} from "./_cli.ts";
import { bytes } from "./_fixtures.ts";

const WINDOWS = Deno.build.os === "windows";

const SEED = formatKey(bytes(32, 7));
const KEY = publicKeyOf(SEED);
const OTHER_SEED = formatKey(bytes(32, 8));

function publicKeyOf(seed: string): string {
  return formatKey(
    createSigner(Uint8Array.from(atob(seed), (c) => c.charCodeAt(0))).publicKey,
  );
}

const NO_KEY = [
  "roughly: warning: no private key found, so this one is new and lost at the end",
  "roughly: hint: make one to keep with 'roughly server keygen'",
];

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

async function writeKeyFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text, { mode: 0o600 });
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
    assert.deepEqual(await server.stop(signal), {
      code: 0,
      out: [
        `Server public key (base64): ${server.key}`,
        `Starting Roughtime server on ${server.at}`,
        "Server stopped.",
      ],
      err: [],
    });
  });
}

Deno.test("server run reads .env in the working folder", async () => {
  await using there = await folder();
  await writeKeyFile(
    there.in(".env"),
    `# mine\nROUGHLY_PRIVATE_KEY="${SEED}"\n`,
  );
  await using server = await startServer([], { cwd: there.path });
  assert.equal(server.key, KEY);
});

Deno.test("server run prefers the command line to the environment to .env", async () => {
  await using there = await folder();
  await writeKeyFile(
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
  await writeKeyFile(there.in(".env"), "SOMETHING=else\n");
  await Deno.chmod(there.in(".env"), 0o644); // holds no key, so that is fine
  await using server = await startServer([], { cwd: there.path });
  const { code } = await run("query", server.at, server.key);
  assert.equal(code, 0);
  const { err } = await server.stop("SIGTERM");
  assert.deepEqual(err, NO_KEY);
});

Deno.test("server run refuses a .env that it cannot trust or read", async () => {
  await using there = await folder();
  const file = there.in(".env");
  const options = { cwd: there.path };
  const key = `ROUGHLY_PRIVATE_KEY=${SEED}\n`;

  await writeKeyFile(file, "ROUGHLY_PRIVATE_KEY=rubbish\n");
  assertFailure(
    await cannotStart([], options),
    2,
    /^the private key from \.env is unusable: it /,
  );
  if (!WINDOWS) {
    await writeKeyFile(file, key);
    for (const mode of [0o644, 0o640, 0o604, 0o620]) {
      await Deno.chmod(file, mode);
      const ended = await cannotStart([], options);
      assertFailure(
        ended,
        2,
        ".env holds a private key but others may read it",
      );
      assert.equal(ended.err[1], "roughly: hint: chmod 600 .env");
    }
    await Deno.remove(file);
    await Deno.symlink(file, file);
    assertFailure(await cannotStart([], options), 2, /^cannot read \.env: /);
  }
  await Deno.remove(file);
  await Deno.mkdir(file);
  assertFailure(await cannotStart([], options), 2, ".env is not a file");
});

Deno.test("server run ends with 8 where it may not read, look or listen", async () => {
  await using there = await folder();
  await writeKeyFile(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${SEED}\n`);
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
  await writeKeyFile(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${SEED}\n`);
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
    [["--radius", "0"], /seconds$/],
    [["--radius", "-1"], /seconds$/],
    [["--radius", "1e30"], /^cannot use radius of 1e\+30 seconds$/],
    [["--validity-seconds", "0"], /seconds$/],
    [["--validity-seconds", "1e30"], /^cannot use validity of /],
    [["--grease-probability", "2"], /fraction/],
    [["--grease-probability", "abc"], /fraction/],
    [["--v1-context", "x"], /^cannot use "x" here$/],
    [["--versions", "bogus"], /as a version$/],
    [["--versions", "99"], /as a version$/],
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
  assert.equal(err.length, 1);
  const [, counters = ""] = /^roughly: counters: (.*)$/.exec(err[0] ?? "") ??
    [];
  assert.equal(JSON.parse(counters).answered, 1);
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
  assert.deepEqual(ended.err, []);
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
    for (const [name, text] of Object.entries(env)) Deno.env.set(name, text);
    try {
      applyEnvironment(command, names);
    } finally {
      for (const name of Object.keys(env)) Deno.env.delete(name);
    }
    assert.deepEqual(command.opts(), options);
  }
});
