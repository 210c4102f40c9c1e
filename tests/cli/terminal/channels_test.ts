/**
 * The program as a process whose channels take nothing, or whose readers leave.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { formatKey, parseKey } from "../../../lib/wire/key_text.ts";
import {
  CLI,
  execute,
  json,
  Lines,
  linesOf,
  programWords,
  target,
} from "../../_support/cli.ts";

const ignore = Deno.build.os !== "linux";

/** The program with its channels led elsewhere by a shell. */
function led(
  where: string,
  args: readonly string[],
  before = "",
): Deno.Command {
  const words = [Deno.execPath(), ...programWords(CLI), ...args];
  return new Deno.Command("sh", {
    args: ["-c", `${before}"$@" ${where}`, "sh", ...words],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function runLed(...how: Parameters<typeof led>) {
  const { code, stdout, stderr } = await led(...how).output();
  return { code, out: linesOf(stdout), err: linesOf(stderr) };
}

const STDOUT_LOST =
  "roughly: error: cannot write to standard output: no space left on device";
const STDERR_LOST =
  "roughly: error: cannot write to standard error: no space left on device";

Deno.test("data for a full disk: one line on stderr, exit 1", {
  ignore,
}, async () => {
  await using one = await target();
  const cases = [
    ["--version"],
    ["--help"],
    ["query", "--help"],
    ["query", one.at, one.key],
    ["query", one.at, one.key, "--terse"],
    ["query", one.at, one.key, "--json"],
    ["probe", one.at, one.key, "--offer=1", "--json"],
    ["probe", one.at, one.key, "--offer=1", "--dump"],
  ];
  for (const words of cases) {
    const { code, err } = await runLed(">/dev/full", words);
    assert.deepEqual(err, [STDOUT_LOST], words.join(" "));
    assert.equal(code, 1, words.join(" "));
  }
});

Deno.test(
  "talk for a full disk: one line on stdout, and the command's own exit code",
  {
    ignore,
  },
  async () => {
    const usage = await runLed("2>/dev/full", ["query", "x y"]);
    assert.deepEqual(usage.out, [STDERR_LOST]);
    assert.equal(usage.code, 2);
    const none = await runLed("2>/dev/full", []);
    assert.deepEqual(none.out, [STDERR_LOST]);
    assert.equal(none.code, 2);
    const asJson = await runLed("2>/dev/full", ["query", "x y", "--json"]);
    const [failure, loss, ...more] = asJson.out.map(json);
    assert.equal(failure.error.code, "usage");
    assert.deepEqual(loss, {
      schema: "roughly/query/1",
      ok: false,
      error: {
        code: "output",
        message: "cannot write to standard error: no space left on device",
      },
    });
    assert.deepEqual(more, []);
  },
);

Deno.test("nothing but talk is lost: the data stands, exit 1", {
  ignore,
}, async () => {
  await using one = await target();
  const words = ["query", one.at, "--very-dangerously-disable-verification"];
  const { code, out } = await runLed("2>/dev/full", words);
  assert.equal(out[0], STDERR_LOST);
  assert.match(out[1] ?? "", /^Current time: /);
  assert.equal(code, 1);
});

Deno.test("both channels full: the exit code is what is left", {
  ignore,
}, async () => {
  assert.equal((await runLed(">/dev/full 2>&1", ["--version"])).code, 1);
  assert.equal((await runLed(">/dev/full 2>&1", ["bogus"])).code, 2);
});

Deno.test("a reader that leaves early ends it quietly", {
  ignore,
}, async () => {
  const { err, out } = await runLed("| head -n 1", ["server", "run", "--help"]);
  assert.equal(out.length, 1);
  assert.deepEqual(err, []);
  await using one = await target();
  for (const words of [["--json"], ["--dump"]]) {
    const asked = ["probe", one.at, one.key, "--offer=1,draft-08", ...words];
    const { err } = await runLed("; echo $? >&2; } | true", asked, "{ ");
    assert.deepEqual(err, ["0"]);
  }
});

const SEED = "01".repeat(32);
const KEY = formatKey(createSigner(parseKey(SEED)).publicKey);

const SERVER = [
  "server",
  "run",
  "--host=127.0.0.1",
  "--port=0",
  "--trust-clock",
  `--private-key=${SEED}`,
  "--no-grease",
];

/** Runs `server run` with a channel led elsewhere, asks it once, and ends it. */
async function serveLed(
  where: string,
  more: readonly string[] = [],
): Promise<{ code: number; out: string[]; err: string[] }> {
  // The shell becomes the program, so that the signal finds it.
  const child = led(where, [...SERVER, ...more], "exec ").spawn();
  const out = new Lines(child.stdout);
  const err = new Lines(child.stderr);
  const told = where.startsWith("2")
    ? await out.find("Starting Roughtime server on ")
    : await err.find("listening");
  const [at = ""] = /127\.0\.0\.1:\d+/.exec(told) ?? [];
  const { code: answered } = await execute(["query", at, KEY]);
  child.kill("SIGTERM");
  await Promise.all([out.finished, err.finished]);
  const { code } = await child.status;
  assert.equal(answered, 0, `it answers: ${err.all.join("\n")}`);
  return { code, out: out.all, err: err.all };
}

Deno.test(
  "server run serves on when stdout is full: its log says so once",
  {
    ignore,
  },
  async () => {
    const { code, err } = await serveLed(">/dev/full");
    const lost = err.filter((line) => line.includes("cannot write"));
    assert.equal(lost.length, 1, err.join("\n"));
    assert.match(
      lost[0] ?? "",
      / error {3}cannot write channel=stdout reason="no space left on device"$/,
    );
    assert.equal(code, 1);
  },
);

Deno.test("the same in a log of JSON, every line of it", {
  ignore,
}, async () => {
  const { code, err } = await serveLed(">/dev/full", [
    "--log-format=json",
  ]);
  const lost = err.map(json).filter(({ message }) =>
    message === "cannot write"
  );
  assert.deepEqual(lost.map(({ level, channel }) => ({ level, channel })), [
    { level: "error", channel: "stdout" },
  ]);
  assert.equal(code, 1);
});

Deno.test(
  "server run serves on when its log is full, and stdout says so once",
  {
    ignore,
  },
  async () => {
    const { code, out } = await serveLed("2>/dev/full");
    assert.deepEqual(
      out.filter((line) => line.includes("cannot write")),
      [STDERR_LOST],
    );
    assert.equal(out.at(-1), "Server stopped.");
    assert.equal(code, 1);
  },
);
