import assert from "node:assert/strict";
import { bundledList } from "../../../lib/ecosystem/bundled.ts";
import { execute, fails, folder, json, run } from "../../_support/cli.ts";

const KEY = "S3AzfZJ5CjSdkJ21ZJGbxqdYP/SoE8fXKY0+aicsehI=";

const LIST = JSON.stringify({
  servers: [
    {
      name: "one\u001b[2J",
      version: 1,
      publicKeyType: "ed25519",
      publicKey: KEY,
      addresses: [
        { protocol: "udp", address: "a.example.org:2002" },
        { protocol: "tcp", address: "[2001:db8::1]:2003" },
      ],
    },
    {
      name: "two",
      publicKeyType: "ed25519",
      publicKey: KEY,
      addresses: [{ protocol: "udp", address: "b.example.org:2002" }],
    },
    { name: "three", publicKeyType: "rsa", publicKey: KEY, addresses: [] },
  ],
});

Deno.test("ecosystem list shows names, operators, versions and addresses", async () => {
  await using place = await folder();
  await Deno.writeTextFile(place.in("list.json"), LIST);
  const { code, out, err } = await run(
    "ecosystem",
    "list",
    place.in("list.json"),
  );
  assert.equal(code, 0);
  const [heading, one, two, sum, ...more] = out;
  assert.match(heading ?? "", /^NAME +OPERATOR +VERSION +ADDRESSES$/);
  assert.match(
    one ?? "",
    /^one\\u\{1b\}\[2J +example\.org +1 +udp a\.example\.org:2002, tcp \[2001:db8::1\]:2003$/,
  );
  assert.match(two ?? "", /^two +example\.org +- +udp b\.example\.org:2002$/);
  assert.equal(sum, "2 servers of 1 operator, 1 unusable entry");
  assert.deepEqual(more, []);
  assert.match(err.join(), /^roughly: warning: three is not used: /);
});

Deno.test("ecosystem list --json prints one line", async () => {
  await using place = await folder();
  const path = place.in("list.json");
  await Deno.writeTextFile(path, LIST);
  const { code, out } = await run(
    "ecosystem",
    "list",
    "--list",
    path,
    "--json",
  );
  assert.equal(code, 0);
  const [line, ...more] = out.map(json);
  assert.deepEqual(more, []);
  assert.deepEqual(line, {
    schema: "roughly/ecosystem-list/1",
    ok: true,
    list: path,
    operators: 1,
    servers: [
      {
        name: "one\u001b[2J",
        operator: "example.org",
        publicKey: KEY,
        version: "1",
        addresses: [
          { transport: "udp", host: "a.example.org", port: 2002 },
          { transport: "tcp", host: "2001:db8::1", port: 2003 },
        ],
      },
      {
        name: "two",
        operator: "example.org",
        publicKey: KEY,
        addresses: [{ transport: "udp", host: "b.example.org", port: 2002 }],
      },
    ],
    skipped: [{ name: "three", reason: "key-type" }],
  });
});

Deno.test("ecosystem list shows the bundled list without the network", async () => {
  await using place = await folder();
  // A list in the working folder comes first, so this one has none; nor may it ask anybody.
  const { code, out } = await execute(["ecosystem", "list"], {
    cwd: place.path,
    permissions: ["--allow-read"],
  });
  assert.equal(code, 0);
  const { servers } = bundledList();
  assert.equal(out.length, servers.length + 2);
  for (const { name } of servers) {
    assert(out.some((line) => line.startsWith(`${name} `)), name);
  }
});

Deno.test("ecosystem list ends with 2 where there is no list", async () => {
  await fails(
    2,
    "cannot use two server lists",
    "ecosystem",
    "list",
    "a",
    "--list",
    "b",
  );
  await fails(
    2,
    "there is no file ./nowhere.json",
    "ecosystem",
    "list",
    "./nowhere.json",
  );
});
