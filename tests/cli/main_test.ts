import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import {
  assertFailure,
  execute,
  fails,
  json,
  run,
  STRANGER,
} from "../_support/cli.ts";

const COMMANDS = [
  [],
  ["query"],
  ["probe"],
  ["bench"],
  ["ecosystem"],
  ["ecosystem", "state"],
  ["ecosystem", "malfeasance"],
  ["ecosystem", "lint"],
  ["report"],
  ["report", "verify"],
  ["report", "explain"],
  ["report", "submit"],
  ["clock"],
  ["clock", "check"],
  ["clock", "wait"],
  ["clock", "set"],
  ["server"],
  ["server", "run"],
  ["server", "keygen"],
  ["server", "pubkey"],
  ["server", "delegate"],
  ["ecosystem", "list"],
  ["completions"],
  ["help"],
];

Deno.test("--help explains every command on stdout", async () => {
  for (const words of COMMANDS) {
    for (const flag of ["--help", "-h"]) {
      const { code, out, err } = await run(...words, flag);
      assert.equal(code, 0);
      assert.deepEqual(err, []);
      assert(out[0]?.startsWith(`Usage: ${["roughly", ...words].join(" ")} `));
      assert.match(
        out.slice(-2).join(" "),
        /^Exit codes: 0 done, .* 5 malfeasance proven, .* 8 not permitted$/,
      );
      assert.doesNotMatch(out.join(""), /\p{C}/u);
    }
  }
});

Deno.test("--help names what there is to do", async () => {
  for (const words of COMMANDS) {
    const { out } = await run(...words.slice(0, -1), "--help");
    const [name] = words.slice(-1);
    if (name === undefined) continue;
    const line = new RegExp(`^ {2}${name}( .*)? {2}\\S`);
    assert(out.some((one) => line.test(one)), words.join(" "));
  }
});

Deno.test("--help of server run names the environment's variables", async () => {
  const { out } = await run("server", "run", "--help");
  const text = out.join(" ").replace(/\s+/g, " ");
  for (
    const name of [
      "HOST",
      "PORT",
      "RADIUS",
      "VALIDITY_SECONDS",
      "NO_GREASE",
      "GREASE_PROBABILITY",
    ]
  ) {
    assert(text.includes(`(env: ROUGHLY_${name})`), name);
  }
  assert(text.includes("ROUGHLY_SERVER_PRIVATE_KEY or ROUGHLY_PRIVATE_KEY"));
});

Deno.test("--version prints the version and the platform", async () => {
  const { code, out, err } = await run("--version");
  assert.equal(code, 0);
  const [line = "", ...more] = out;
  assert.deepEqual(more, []);
  assert(line.startsWith(`roughly ${config.version} (${Deno.build.os} `), line);
  assert.deepEqual(err, []);
});

Deno.test("a missing command gets help on stderr", async () => {
  for (const words of [[], ["server"], ["ecosystem"], ["report"], ["clock"]]) {
    const { code, out, err } = await run(...words);
    assert.equal(code, 2);
    assert.deepEqual(out, []);
    assert.match(err[0] ?? "", /^Usage: roughly /);
  }
});

Deno.test("wrong words are named on one line", async () => {
  const cases: [words: string[], message: string | RegExp, hint: string][] = [
    [["bogus"], "unknown command 'bogus'", "see 'roughly --help'"],
    [["quer"], "unknown command 'quer'", "did you mean query?"],
    [["--bogus"], "unknown option '--bogus'", "see 'roughly --help'"],
    [
      ["query"],
      "missing required argument 'target'",
      "see 'roughly query --help'",
    ],
    [
      ["probe", "--bogus"],
      "unknown option '--bogus'",
      "see 'roughly probe --help'",
    ],
    [
      ["query", "--timout", "3"],
      "unknown option '--timout'",
      "did you mean --timeout?",
    ],
    [
      ["query", "--timeout"],
      "option '--timeout <seconds>' argument missing",
      "see 'roughly query --help'",
    ],
    [
      ["query", "h", "--terse", "--json"],
      "option '--terse' cannot be used with option '--json'",
      "see 'roughly query --help'",
    ],
    [
      ["server", "bogus"],
      "unknown command 'bogus'",
      "see 'roughly server --help'",
    ],
    [["ecosystem", "stat"], "unknown command 'stat'", "did you mean state?"],
    [["report", "very"], "unknown command 'very'", "did you mean verify?"],
    [["clock", "chek"], "unknown command 'chek'", "did you mean check?"],
    [
      ["clock", "bogus"],
      "unknown command 'bogus'",
      "see 'roughly clock --help'",
    ],
    [
      ["report", "verify"],
      "missing required argument 'file'",
      "see 'roughly report verify --help'",
    ],
    [
      ["clock", "set", "--dryrun"],
      "unknown option '--dryrun'",
      "did you mean --dry-run?",
    ],
    [
      ["query", "h", "--transport", "upd"],
      'cannot use "upd" here (--transport)',
      "use one of auto, udp, tcp",
    ],
    [
      ["completions"],
      "missing required argument 'shell'",
      "see 'roughly completions --help'",
    ],
    [
      ["completions", "csh"],
      'cannot use "csh" here',
      "use one of bash, zsh, fish",
    ],
    [
      ["server", "run", "extra"],
      /^too many arguments for 'run'.* extra$/,
      "see 'roughly server run --help'",
    ],
    [
      ["server", "keygen", "\u001b[2J\u009b"],
      /\\u\{1b\}\[2J\\u\{9b\}$/,
      "see 'roughly server keygen --help'",
    ],
  ];
  for (const [words, message, hint] of cases) {
    const { err } = await fails(2, message, ...words);
    assert.equal(err[1], `roughly: hint: ${hint}`);
  }
});

Deno.test("a command that cannot even be read answers in JSON if it is asked to", async () => {
  const cases: [words: string[], schema: string][] = [
    [["query", "--json"], "roughly/query/1"],
    [["query", "h", "--json", "--timeout", "x"], "roughly/query/1"],
    [["probe", "--bogus", "--json"], "roughly/probe/1"],
    [["server", "keygen", "extra", "--json"], "roughly/keygen/1"],
    [["ecosystem", "lint", "--json"], "roughly/ecosystem-lint/1"],
    [["ecosystem", "state", "--bogus", "--json"], "roughly/ecosystem-state/1"],
    [
      ["ecosystem", "malfeasance", "extra", "--json"],
      "roughly/ecosystem-malfeasance/1",
    ],
    [["report", "verify", "--json"], "roughly/report/1"],
    [["report", "explain", "--json"], "roughly/report/1"],
    [["report", "submit", "--json"], "roughly/report-submit/1"],
    [["clock", "check", "--bogus", "--json"], "roughly/clock-check/1"],
    [["clock", "wait", "--bogus", "--json"], "roughly/clock-wait/1"],
    [["clock", "set", "--bogus", "--json"], "roughly/clock-set/1"],
  ];
  for (const [words, schema] of cases) {
    const { code, out, err } = await run(...words);
    assert.equal(code, 2);
    assert.equal(err[0]?.startsWith("roughly: error: "), true);
    const [line, ...more] = out.map(json);
    assert.deepEqual(more, []);
    assert.equal(line.schema, schema);
    assert.equal(line.ok, false);
    assert.equal(line.error.code, "usage");
  }
  assert.deepEqual((await run("server", "run", "--json")).out, []);
});

Deno.test("--verbose adds what lay behind an error", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const key = STRANGER;
  const words = ["query", `127.0.0.1:${port}`, key, "--transport=tcp"];
  const { code, err } = await run("-v", ...words);
  assert.equal(code, 3);
  assert.equal(err.length, 3);
  assert.equal(
    err[0],
    `roughly: trace: TCP 127.0.0.1:${port}: failed: connection refused`,
  );
  assert.match(err[1] ?? "", /^roughly: error: cannot reach /);
  assert.match(err[2] ?? "", /^roughly: cause: ./);
});

Deno.test("as a process, help and wrong words take no permission", async () => {
  const options = { permissions: [] };
  const help = await execute(["--help"], options);
  assert.equal(help.code, 0, help.err.join("\n"));
  assert.match(help.out[0] ?? "", /^Usage: roughly /);
  const wrong = await execute(["bogus"], options);
  assertFailure(wrong, 2, "unknown command 'bogus'");
  assert.deepEqual(wrong.out, []);
  const none = await execute([], options);
  assert.equal(none.code, 2);
  assert.deepEqual(none.out, []);
});
