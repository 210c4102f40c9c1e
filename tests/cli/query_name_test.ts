import assert from "node:assert/strict";
import {
  fails,
  folder,
  json,
  run,
  silence,
  STRANGER,
  target,
} from "../_support/cli.ts";

/** Writes a list with one server. */
async function writeList(
  path: string,
  { at, key }: { at: string; key: string },
  more: Record<string, unknown> = {},
): Promise<void> {
  const servers = [{
    name: "Loopback-1",
    version: 1,
    publicKeyType: "ed25519",
    publicKey: key,
    addresses: [{ protocol: "udp", address: at }],
    ...more,
  }];
  await Deno.writeTextFile(path, JSON.stringify({ servers }));
}

Deno.test("query --name asks a server of a list", async () => {
  await using there = await folder();
  await using server = await target();
  const file = there.in("list.json");
  await writeList(file, server);
  for (const name of ["Loopback-1", "loop", "127.0.0.1"]) {
    const words = ["query", "--name", name, "--list", file];
    const { code, out, err } = await run(...words);
    assert.equal(code, 0, err.join("\n"));
    assert(out[3]?.includes(`${server.at} over UDP`));
  }
  const words = ["query", "--name=loop", "--list", file, "--json"];
  const result = json((await run(...words)).out[0]);
  assert.equal(result.name, "Loopback-1");
  assert.equal(result.host, "127.0.0.1");
  assert.equal(result.port, server.port);
  assert.equal(result.exchange.publicKey, server.key);
  const unverified = await run(
    ...words,
    "--very-dangerously-disable-verification",
  );
  assert.equal(json(unverified.out[0]).verified, false);
});

Deno.test("query --name goes on to the next address", async () => {
  await using there = await folder();
  await using dead = silence();
  await using server = await target();
  const file = there.in("list.json");
  const addresses = [dead.at, server.at].map((address) => ({
    protocol: "udp",
    address,
  }));
  await writeList(file, server, { addresses });
  const words = ["query", "--name=loop", "--list", file, "--timeout=2"];
  const { code, out } = await run(...words);
  assert.equal(code, 0);
  assert(out[3]?.includes(`${server.at} over UDP`));
});

Deno.test("query --name offers first what the list says", async () => {
  await using there = await folder();
  await using server = await target();
  const file = there.in("list.json");
  const words = ["query", "--name=loop", "--list", file];
  await writeList(file, server, { version: "Google-Roughtime" });
  assert.match((await run(...words)).out[3] ?? "", /\(version google\)$/);
  const { out } = await run(...words, "--offer=draft-08");
  assert.match(out[3] ?? "", /\(version 0x80000008\)$/);
});

Deno.test("query --name refuses what makes no sense", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await writeList(file, { at: "127.0.0.1:9", key: STRANGER });
  const { err } = await fails(
    2,
    /^there is no server called "x\\u\{1b\}" in the list$/,
    "query",
    "--name=x\u001b",
    "--list",
    file,
  );
  assert.equal(err[1], "roughly: hint: the list has Loopback-1");
  await fails(
    2,
    /^there is no server called "nobody"/,
    "query",
    "--name=nobody",
  );
  await fails(2, /^"sth" may be one of several/, "query", "--name=sth");
  await fails(2, /with --name/, "query", "--name=loop", "--list", file, "host");
  await fails(2, /without --name$/, "query", "host", "--list", file);
  await fails(
    3,
    /^cannot reach 127\.0\.0\.1:9: connection refused$/,
    "query",
    "--name=loop",
    "--list",
    file,
    "--transport=tcp",
  );
});

Deno.test("query --name reaches a server over TCP that is listed for UDP alone", async () => {
  await using there = await folder();
  await using server = await target();
  const file = there.in("list.json");
  await writeList(file, server);
  const list = JSON.parse(await Deno.readTextFile(file));
  assert.deepEqual(
    list.servers[0].addresses.map((one: { protocol: string }) => one.protocol),
    ["udp"],
  );
  const words = ["query", "--name=loop", "--list", file, "--transport=tcp"];
  const { out } = await run(...words);
  assert.match(out.at(-1) ?? "", /over TCP/);
});

Deno.test("query --name -v says which entries are of no use", async () => {
  await using there = await folder();
  await using server = await target();
  const file = there.in("list.json");
  await writeList(file, server);
  const { servers } = JSON.parse(await Deno.readTextFile(file));
  servers.push({ ...servers[0], name: "other", publicKeyType: "ml-dsa-44" });
  await Deno.writeTextFile(file, JSON.stringify({ servers }));
  const words = ["query", "--name=loop", "--list", file];
  assert.deepEqual((await run(...words)).err, []);
  const [warning, ...steps] = (await run("-v", ...words)).err;
  assert.equal(
    warning,
    "roughly: warning: other is not used: its type of key is not known here",
  );
  assert.match(
    steps[0] ?? "",
    /^roughly: trace: Loopback-1: UDP .* sent 1024 bytes/,
  );
  assert.match(steps[1] ?? "", /: answered in version 0x8000000c after /);
  assert.equal(steps.length, 2);
  await fails(
    2,
    "cannot ask other, though the list has it: its type of key is not known here",
    ...["query", "--name=other", "--list", file],
  );
});
