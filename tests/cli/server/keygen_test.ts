import assert from "node:assert/strict";
import { parseServerList } from "../../../lib/ecosystem/list.ts";
import { createSigner } from "../../../lib/crypto/ed25519.ts";
import { formatKey, parseKey } from "../../../lib/wire/key_text.ts";
import {
  assertFailure,
  execute,
  fails,
  folder,
  json,
  run,
} from "../../_support/cli.ts";

const WINDOWS = Deno.build.os === "windows";

async function namesIn(path: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name);
}

/** The public key that belongs to the private one in a file. */
async function publicKeyIn(path: string): Promise<string> {
  const text = await Deno.readTextFile(path);
  const [, key = ""] = /^ROUGHLY_PRIVATE_KEY=(\S+)\n$/.exec(text) ?? [];
  return formatKey(createSigner(parseKey(key)).publicKey);
}

Deno.test("keygen writes a private key and prints what to publish", async () => {
  await using there = await folder();
  const file = there.in("key");
  const { code, out, err } = await run("server", "keygen", "--out", file);
  assert.equal(code, 0);
  assert.deepEqual(err, []);
  const key = await publicKeyIn(file);
  assert.equal(out[0], `Public key (base64): ${key}`);
  assert.equal(out[1], `Private key saved to '${file}'. Keep it secret!`);
  assert.equal(out.at(-1), `  roughtime.example. IN TXT "${key}"`);
  const entry = json(out.slice(4, -2).join("\n"));
  assert.equal(entry.publicKey, key);
  const address = "roughtime.example:2002";
  assert.deepEqual(entry.addresses, [
    { protocol: "udp", address },
    { protocol: "tcp", address },
  ]);
  const [server, ...others] = parseServerList({ servers: [entry] }).servers;
  assert.deepEqual(others, []);
  assert.equal(server?.addresses.length, 2);
  // Some readers want text for the version: what to write stands beside it, and reads here too.
  const [, text] = /want ("version": "[^"]+")/.exec(out[3] ?? "") ?? [];
  const { version } = json(`{${text}}`);
  const again = parseServerList({ servers: [{ ...entry, version }] });
  assert.deepEqual(again.skipped, []);
  const secret = await Deno.readTextFile(file);
  const [, seed = ""] = secret.trim().split(/=(.*)/);
  assert(!out.join("\n").includes(seed), "the private key is not shown");
});

Deno.test("keygen writes for the owner alone", {
  ignore: WINDOWS,
}, async () => {
  await using there = await folder();
  const file = there.in("key");
  for (const force of [[], ["--force"]]) {
    await run("server", "keygen", "--out", file, ...force);
    const { mode } = await Deno.stat(file);
    assert.equal((mode ?? 0) & 0o777, 0o600);
    await Deno.chmod(file, 0o644); // --force does not keep that
  }
});

Deno.test("keygen makes another key every time", async () => {
  await using there = await folder();
  const keys = new Set<string>();
  for (const name of ["a", "b", "c"]) {
    await run("server", "keygen", "--out", there.in(name));
    keys.add(await publicKeyIn(there.in(name)));
  }
  assert.equal(keys.size, 3);
});

Deno.test("keygen --json prints one line", async () => {
  await using there = await folder();
  const file = there.in("key");
  const words = ["server", "keygen", "--json", "--out", file];
  const { code, out } = await run(...words);
  assert.equal(code, 0);
  assert.deepEqual(out.map(json), [{
    schema: "roughly/keygen/1",
    ok: true,
    publicKey: await publicKeyIn(file),
    file,
  }]);
  const again = await fails(2, `${file} exists already`, ...words);
  assert.deepEqual(again.out.map(json), [{
    schema: "roughly/keygen/1",
    ok: false,
    error: { code: "usage", message: `${file} exists already` },
  }]);
});

Deno.test("keygen leaves a file alone unless it is to be replaced", async () => {
  await using there = await folder();
  const file = there.in("key");
  await Deno.writeTextFile(file, "precious");
  const words = ["server", "keygen", "--out", file];
  const { err } = await fails(2, `${file} exists already`, ...words);
  assert.match(err[1] ?? "", /--force/);
  assert.equal(await Deno.readTextFile(file), "precious");

  const { code, out } = await run(...words, "--force");
  assert.equal(code, 0);
  assert.equal(out[0], `Public key (base64): ${await publicKeyIn(file)}`);
  assert.deepEqual(await namesIn(there.path), ["key"]);
});

Deno.test("keygen --force makes a file where there is none", async () => {
  await using there = await folder();
  const file = there.in("key");
  const { code } = await run("server", "keygen", "--force", "--out", file);
  assert.equal(code, 0);
  assert.notEqual(await publicKeyIn(file), "");
});

Deno.test("keygen never writes through a link, nor replaces one", {
  ignore: WINDOWS, // where links take a privilege
}, async () => {
  await using there = await folder();
  await Deno.writeTextFile(there.in("precious"), "precious");
  for (const to of ["precious", "nowhere"]) {
    const link = there.in(`to ${to}`);
    await Deno.symlink(there.in(to), link);
    const words = ["server", "keygen", "--out", link];
    await fails(2, `${link} exists already`, ...words);
    await fails(2, /is not an ordinary file/, ...words, "--force");
    assert.equal(await Deno.readLink(link), there.in(to));
  }
  assert.equal(await Deno.readTextFile(there.in("precious")), "precious");
  assert.deepEqual((await namesIn(there.path)).sort(), [
    "precious",
    "to nowhere",
    "to precious",
  ]);
});

Deno.test("keygen says why it cannot write, and leaves nothing behind", async () => {
  await using there = await folder();
  await Deno.mkdir(there.in("folder"));
  await Deno.writeTextFile(there.in("file"), "");
  const words = ["server", "keygen", "--out"];
  for (const force of [[], ["--force"]]) {
    await fails(2, /empty word/, ...words, "", ...force);
    const missing = there.in("missing/key");
    const { err } = await fails(
      2,
      /^cannot write /,
      ...words,
      missing,
      ...force,
    );
    assert.doesNotMatch(err.join("\n"), /os error|\.new/);
    await fails(2, /./, ...words, there.in("folder"), ...force);
    await fails(2, /./, ...words, there.in("file/key"), ...force);
  }
  assert.deepEqual((await namesIn(there.path)).sort(), ["file", "folder"]);
  assert.deepEqual(await namesIn(there.in("folder")), []);
});

Deno.test("keygen escapes a file's name", { ignore: WINDOWS }, async () => {
  await using there = await folder();
  const file = there.in("a\u001b[31m\u202e");
  const { code, out } = await run("server", "keygen", "--out", file);
  assert.equal(code, 0);
  assert.match(out[1] ?? "", /a\\u\{1b\}\[31m\\u\{202e\}'/);
  await fails(
    2,
    /a\\u\{1b\}\[31m\\u\{202e\} exists/,
    "server",
    "keygen",
    "--out",
    file,
  );
});

Deno.test("keygen as a process writes .env in the working folder", async () => {
  await using there = await folder();
  const options = { cwd: there.path };
  const first = await execute(["server", "keygen"], options);
  assert.equal(first.code, 0, first.err.join("\n"));
  const key = await publicKeyIn(there.in(".env"));
  assert.equal(first.out[0], `Public key (base64): ${key}`);
  assert.equal(first.out[1], "Private key saved to '.env'. Keep it secret!");

  const second = await execute(["server", "keygen"], options);
  assertFailure(second, 2, ".env exists already");
  assert.deepEqual(second.out, []);
  assert.equal(await publicKeyIn(there.in(".env")), key);
});

Deno.test("keygen as a process ends with 8 where it may not write", async () => {
  await using there = await folder();
  const ended = await execute(["server", "keygen"], {
    cwd: there.path,
    permissions: ["--allow-read"],
  });
  assertFailure(ended, 8, /^cannot write \.env: /);
  assert.deepEqual(await namesIn(there.path), []);
});
