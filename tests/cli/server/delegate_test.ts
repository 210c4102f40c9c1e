import assert from "node:assert/strict";
import { loadKeys } from "../../../lib/cli/server/key_source.ts";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import {
  execute,
  fails,
  folder,
  json,
  run,
  startServer,
  writeKey,
} from "../../_support/cli.ts";
import { bytes } from "../../_support/fixtures.ts";

const UNIX = { ignore: Deno.build.os === "windows" };
const SEED = formatKey(bytes(32, 7));
const KEY = formatKey(createSigner(bytes(32, 7)).publicKey);
const DAY_MICROS = 86_400_000_000n;

async function namesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.map(({ name }) => name).sort();
}

Deno.test(
  "delegate makes a file to serve with, without the long-term key",
  UNIX,
  async () => {
    await using root = await folder();
    await writeKey(root.in("key"), SEED);
    const out = root.in("online.json");
    const made = await run(
      "server",
      "delegate",
      "--key-file",
      root.in("key"),
      "--out",
      out,
    );
    assert.equal(made.code, 0);
    assert.deepEqual(made.err, []);
    assert.equal(made.out[0], `Public key (base64): ${KEY}`);
    assert.match(made.out[1] ?? "", /^Signs from \d{4}-.*Z to \d{4}-.*Z$/);
    assert.equal(
      made.out[2],
      `Delegation saved to '${out}'. Keep it secret until then!`,
    );
    assert.equal(((await Deno.stat(out)).mode ?? 0) & 0o777, 0o600);
    const text = await Deno.readTextFile(out);
    assert(!text.includes(SEED));
    const seed = json(text).onlineSeed;
    assert(!made.out.join("\n").includes(seed));

    // The other machine: nothing of the long-term key is there.
    await using there = await folder();
    await Deno.rename(out, there.in("online.json"));
    await Deno.remove(root.in("key"));
    await using server = await startServer(
      ["--delegation", "online.json", "--no-grease"],
      { cwd: there.path },
    );
    assert.equal(server.key, KEY);
    const { code } = await run("query", server.at, KEY);
    assert.equal(code, 0);
    const probed = await run("probe", server.at, KEY, "--json", "--all");
    assert.equal(probed.code, 0);
    for (const line of probed.out.map(json)) {
      assert.equal(line.ok, true, line.specification);
    }
  },
);

Deno.test("delegate --days says for how long", async () => {
  await using there = await folder();
  await writeKey(there.in("key"), SEED);
  const words = ["server", "delegate", "--key-file", there.in("key")];
  for (
    const [days, micros] of [
      ["1", DAY_MICROS],
      ["0.001", DAY_MICROS / 1000n],
      ["3660", DAY_MICROS * 3660n],
      [undefined, DAY_MICROS * 30n],
    ] as const
  ) {
    const out = there.in(`for ${days}`);
    const before = BigInt(Date.now()) * 1000n;
    const option = days === undefined ? [] : ["--days", days];
    const made = await run(...words, "--out", out, ...option, "--json");
    const after = BigInt(Date.now()) * 1000n;
    assert.equal(made.code, 0, made.err.join("\n"));
    const { notBefore, notAfter, ...rest } = json(made.out[0]);
    assert.deepEqual(rest, {
      schema: "roughly/delegate/1",
      ok: true,
      publicKey: KEY,
      file: out,
    });
    assert(Date.parse(notBefore) <= Date.now() - 3_599_000);
    const keys = await loadKeys({ delegation: [out] });
    const { notAfterMicros } = keys.delegated[0]?.key.online ?? {};
    // Layouts in seconds round down.
    assert(notAfterMicros !== undefined);
    assert(notAfterMicros > before + micros - 1_000_000n);
    assert(notAfterMicros <= after + micros);
    assert(Math.abs(Date.parse(notAfter) * 1e3 - Number(notAfterMicros)) < 1e6);
  }
  for (const days of ["0", "-1", "0.0009", "3661", "1e9", "x", "", "0x10"]) {
    await fails(
      2,
      /as a number of days: 0\.001 to 3660 are allowed \(--days\)$/,
      ...words,
      "--out",
      there.in("none"),
      "--days",
      days,
    );
  }
  assert(!(await namesIn(there.path)).includes("none"));
});

Deno.test(
  "delegate makes another online key every time, and replaces none unasked",
  UNIX,
  async () => {
    await using there = await folder();
    await writeKey(there.in("key"), SEED);
    const out = there.in("online.json");
    const words = ["server", "delegate", "--key-file", there.in("key")];
    words.push("--out", out);
    await run(...words);
    const first = await Deno.readTextFile(out);
    const { err } = await fails(2, `${out} exists already`, ...words);
    assert.match(err[1] ?? "", /--force/);
    assert.equal(await Deno.readTextFile(out), first);
    await Deno.chmod(out, 0o644);
    const { code } = await run(...words, "--force");
    assert.equal(code, 0);
    const second = await Deno.readTextFile(out);
    assert.notEqual(json(first).onlineSeed, json(second).onlineSeed);
    assert.equal(((await Deno.stat(out)).mode ?? 0) & 0o777, 0o600);
    await Deno.symlink(out, there.in("link"));
    for (const force of [[], ["--force"]]) {
      await fails(
        2,
        /exists already$|is not an ordinary file/,
        ...words,
        "--out",
        there.in("link"),
        ...force,
      );
    }
    assert.deepEqual(await namesIn(there.path), ["key", "link", "online.json"]);
  },
);

Deno.test("delegate never writes over the long-term key", UNIX, async () => {
  await using there = await folder();
  const file = there.in("key");
  await writeKey(file, SEED);
  await Deno.symlink(there.path, there.in("here"));
  for (const out of [file, `${there.path}/./key`, there.in("here/key")]) {
    for (const force of [[], ["--force"]]) {
      await fails(
        2,
        `cannot write to ${out}: the long-term key is in it`,
        ...["server", "delegate", "--key-file", file, "--out", out],
        ...force,
      );
    }
  }
  assert.equal(await Deno.readTextFile(file), SEED);
});

Deno.test("delegate needs a long-term key", async () => {
  await using there = await folder();
  const out = there.in("out");
  const words = ["server", "delegate", "--out", out];
  await fails(2, /required option '--key-file <file>'/, ...words);
  const file = there.in("key");
  const cases: [text: string, message: RegExp][] = [
    ["rubbish", /is unusable: /],
    ["", /holds no private key$/],
  ];
  await fails(2, /^there is no file /, ...words, "--key-file", file);
  for (const [text, message] of cases) {
    await writeKey(file, text);
    const ended = await fails(
      2,
      message,
      ...words,
      "--key-file",
      file,
      "--json",
    );
    assert.deepEqual(
      ended.out.map(json).map(({ schema, ok }) => [schema, ok]),
      [
        ["roughly/delegate/1", false],
      ],
    );
  }
  // A delegation is no long-term key.
  await writeKey(file, SEED);
  await run(...words, "--key-file", file);
  await fails(
    2,
    /holds no private key$/,
    ...["server", "delegate", "--key-file", out, "--out", there.in("more")],
  );
  assert.deepEqual(await namesIn(there.path), ["key", "out"]);
});

Deno.test("delegate as a process writes delegation.json in the working folder", async () => {
  await using there = await folder();
  const options = { cwd: there.path };
  await execute(["server", "keygen", "--out", "key"], options);
  const ended = await execute(
    ["server", "delegate", "--key-file", "key"],
    options,
  );
  assert.equal(ended.code, 0, ended.err.join("\n"));
  assert.deepEqual(await namesIn(there.path), ["delegation.json", "key"]);
});
