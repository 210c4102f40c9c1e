import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  CLI,
  fails,
  folder,
  json,
  linesOf,
  programWords,
  run,
} from "../../_support/cli.ts";

const OURS = fileURLToPath(new URL("../../../ecosystem.json", import.meta.url));
const LINT = ["ecosystem", "lint"];

Deno.test("ecosystem lint prints a line for each finding, and how many there are", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await Deno.writeTextFile(
    file,
    JSON.stringify({
      servers: [{
        name: "one",
        version: "1",
        publicKeyType: "ed25519",
        publicKey: "AAAA",
        addresses: [{ protocol: "udp", address: "\u001b[2J:2002" }],
      }],
    }),
  );
  const { code, out, err } = await run(...LINT, file);
  assert.equal(code, 4);
  assert.deepEqual(err, []);
  assert.deepEqual(out, [
    "warning servers[0].version: the specification wants the number of the highest version supported; such as 1 for 1",
    "error servers[0].publicKey: it has 3 bytes instead of 32",
    'error servers[0].addresses[0].address: "\\u{1b}[2J:2002": the host is neither an address nor a name that can be looked up',
    "warning servers: a measurement takes servers of 3 operators, and there are 0",
    "2 errors, 2 warnings",
  ]);
});

Deno.test("ecosystem lint passes warnings unless it is strict", async () => {
  const mild = await run(...LINT, OURS);
  assert.equal(mild.code, 0);
  assert.equal(mild.out.at(-1), "0 errors, 2 warnings");
  const strict = await run(...LINT, OURS, "--strict");
  assert.equal(strict.code, 4);
  assert.deepEqual(strict.out, mild.out);
});

Deno.test("ecosystem lint --json prints one object", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await Deno.writeTextFile(file, `{"servers":[]}`);
  const { code, out } = await run(...LINT, file, "--json");
  assert.equal(code, 4);
  assert.deepEqual(out.map(json), [{
    schema: "roughly/ecosystem-lint/1",
    ok: false,
    errors: 1,
    warnings: 0,
    findings: [{
      severity: "error",
      code: "empty",
      path: "servers",
      message: "there are no servers",
    }],
  }]);
  const good = json((await run(...LINT, OURS, "--json")).out[0]);
  assert.equal(good.ok, true);
  const strict = await run(...LINT, OURS, "--json", "--strict");
  assert.equal(json(strict.out[0]).ok, false);
});

Deno.test("ecosystem lint ends with 4 for what is no list, with 2 for what cannot be read", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await Deno.writeTextFile(file, "{");
  const { code, out } = await run(...LINT, file);
  assert.equal(code, 4);
  assert.deepEqual(out, [
    "error: Cannot read server list: it is not JSON",
    "1 error, 0 warnings",
  ]);
  await fails(2, /^there is no file /, ...LINT, there.in("none"));
  const { out: lines } = await fails(
    2,
    /^cannot read /,
    ...LINT,
    there.path,
    "--json",
  );
  assert.equal(json(lines[0]).error.code, "usage");
  await fails(2, "missing required argument 'list'", ...LINT);
});

Deno.test("ecosystem lint reads the standard input", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...programWords(CLI, []), ...LINT, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(`{"servers":[]}`));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.deepEqual(linesOf(stderr), []);
  assert.equal(code, 4);
  assert.deepEqual(linesOf(stdout), [
    "error servers: there are no servers",
    "1 error, 0 warnings",
  ]);
});
