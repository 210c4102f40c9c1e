import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);

/** Runs an example with the permissions that its first line asks for, and no others. */
async function run(name: string): Promise<string[]> {
  const file = new URL(`examples/${name}`, ROOT);
  const [first = ""] = (await Deno.readTextFile(file)).split("\n");
  const [, flags] = /^#!\/usr\/bin\/env -S deno run (.+)$/.exec(first) ?? [];
  assert(flags, `${name} does not say how to run it`);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", ...flags.split(" ")],
      ...["--config", new URL("deno.json", ROOT).pathname, file.pathname],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text + new TextDecoder().decode(stderr));
  return text.trimEnd().split("\n");
}

Deno.test("examples/ecosystem.ts outvotes the liar and proves a contradiction", async () => {
  const lines = await run("ecosystem.ts");
  const statuses = lines.slice(0, 4)
    .map((line) => line.replace(/^(\w+) .*, /, "$1 ")).sort();
  assert.deepEqual(statuses, [
    "east ok",
    "north ok",
    "south ok",
    "west falseticker",
  ]);
  assert.match(lines[4] ?? "", /^3 of 4 operators agree, to \d+\.\d s$/);
  assert.match(lines[5] ?? "", /^Proven: \d+ pairs .* has 8 exchanges$/);
  assert.equal(lines.length, 6);
});

Deno.test("examples/trusted_clock.ts goes by the servers' time and has three answers", async () => {
  const [first, ...others] = await run("trusted_clock.ts");
  // The servers' time goes on from noon while they are asked, on a busy machine for seconds.
  assert.match(
    first ?? "",
    /between 2030-06-01T1(1:59|2:00):\d\d\.\d{3}Z and 2030-06-01T12:00:\d\d\.\d{3}Z$/,
  );
  assert.deepEqual(others, [
    "a good certificate: valid",
    "last year's: expired",
    "next year's: not-yet-valid",
    "one that ends about now: unknown",
    "token with 3600 s to go: let in",
    "token with 3 s to go: no",
    "token with -3600 s to go: no",
  ]);
});
