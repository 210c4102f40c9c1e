import assert from "node:assert/strict";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { formatKey } from "../../../lib/wire/key_text.ts";
import {
  execute,
  fails,
  folder,
  json,
  run,
  writeKey,
} from "../../_support/cli.ts";
import { bytes } from "../../_support/fixtures.ts";

const SEED = bytes(32, 7);
const KEY = formatKey(createSigner(SEED).publicKey);
const UNIX = { ignore: Deno.build.os === "windows" };

Deno.test("pubkey tells the public key of the private one in a file", async () => {
  await using there = await folder();
  const file = there.in("key");
  await writeKey(file, formatKey(SEED));
  const text = await run("server", "pubkey", file);
  assert.deepEqual(text, {
    code: 0,
    out: [`Public key (base64): ${KEY}`],
    err: [],
  });
  const { code, out } = await run("server", "pubkey", file, "--json");
  assert.equal(code, 0);
  assert.deepEqual(out.map(json), [
    { schema: "roughly/pubkey/1", ok: true, publicKey: KEY },
  ]);
});

Deno.test("pubkey tells what keygen told", async () => {
  await using there = await folder();
  const file = there.in("key");
  const made = await run("server", "keygen", "--out", file);
  const told = await run("server", "pubkey", file);
  assert.equal(told.out[0], made.out[0]);
});

Deno.test("pubkey without a file looks where the server does", async () => {
  await using there = await folder();
  const cwd = there.path;
  const none = await execute(["server", "pubkey"], { cwd });
  assert.equal(none.code, 2);
  assert.deepEqual(none.err, [
    "roughly: error: no private key found",
    "roughly: hint: name its file, or make one with 'roughly server keygen'",
  ]);
  await writeKey(there.in(".env"), `ROUGHLY_PRIVATE_KEY=${formatKey(SEED)}\n`);
  const found = await execute(["server", "pubkey"], { cwd });
  assert.deepEqual(found.out, [`Public key (base64): ${KEY}`]);
  const env = { ROUGHLY_PRIVATE_KEY: formatKey(bytes(32, 8)) };
  const other = await execute(["server", "pubkey", "--json"], { cwd, env });
  assert.equal(
    json(other.out[0]).publicKey,
    formatKey(createSigner(bytes(32, 8)).publicKey),
  );
});

Deno.test(
  "pubkey refuses what is no key, or one that others may read",
  UNIX,
  async () => {
    await using there = await folder();
    const file = there.in("key");
    await fails(2, `there is no file ${file}`, "server", "pubkey", file);
    await writeKey(file, formatKey(SEED).slice(1));
    const { out } = await fails(
      2,
      /is unusable: /,
      "server",
      "pubkey",
      file,
      "--json",
    );
    assert.equal(json(out[0]).error.code, "usage");
    await writeKey(file, formatKey(SEED));
    await Deno.chmod(file, 0o644);
    const { err } = await fails(2, /others may read/, "server", "pubkey", file);
    assert(!err.join("\n").includes(formatKey(SEED)));
  },
);
