import assert from "node:assert/strict";
import { fails, run } from "../_support/cli.ts";

Deno.test("roughly help shows what --help shows, at every depth", async () => {
  for (
    const words of [[], ["query"], ["server"], ["server", "run"], ["help"]]
  ) {
    const { code, out, err } = await run("help", ...words);
    assert.equal(code, 0);
    assert.deepEqual(err, []);
    assert.deepEqual(out, (await run(...words, "--help")).out);
  }
});

Deno.test("roughly help --man prints the manual page", async () => {
  const { code, out, err } = await run("help", "--man");
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  assert.match(out[0] ?? "", /^\.TH ROUGHLY 1 /);
  await fails(2, /with --man/, "help", "server", "--man");
});

Deno.test("roughly help says which word leads nowhere, and what was meant", async () => {
  const cases: [words: string[], message: string, hint: string][] = [
    [["serv"], "unknown command 'serv'", "did you mean server?"],
    [["server", "rnu"], "unknown command 'rnu'", "did you mean run?"],
    [["server", "x"], "unknown command 'x'", "see 'roughly server --help'"],
    [
      ["query", "x"],
      "'roughly query' has no command 'x'",
      "see 'roughly query --help'",
    ],
    [["--bogus"], "unknown option '--bogus'", "see 'roughly help --help'"],
  ];
  for (const [words, message, hint] of cases) {
    const { err, out } = await fails(2, message, "help", ...words);
    assert.equal(err[1], `roughly: hint: ${hint}`);
    assert.deepEqual(out, []);
  }
});
