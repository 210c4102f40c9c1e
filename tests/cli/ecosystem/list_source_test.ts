import assert from "node:assert/strict";
import { bundledList } from "../../../lib/ecosystem/bundled.ts";
import { UsageError } from "../../../lib/cli/terminal/exit_code.ts";
import {
  findLocalList,
  loadList,
  pickServer,
  whyUnusable,
} from "../../../lib/cli/ecosystem/list_source.ts";
import { parseServerList } from "../../../lib/ecosystem/list.ts";
import { execute, folder } from "../../_support/cli.ts";

function usage(message: RegExp, hint?: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof UsageError);
    assert.match(error.message, message);
    if (hint) assert.match(error.hint ?? "", hint);
    return true;
  };
}

Deno.test("loadList() gives the bundled list unless a file is named", async () => {
  assert.equal(await loadList(), bundledList());
  await using there = await folder();
  const file = there.in("list.json");
  await Deno.writeTextFile(file, `{"servers":[]}`);
  assert.deepEqual((await loadList(file)).servers, []);
});

Deno.test("loadList() says which entries it does not use, if that is wanted", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  const servers = [{ name: "a\u001b[2J", publicKeyType: "x" }, 7];
  await Deno.writeTextFile(file, JSON.stringify({ servers }));
  const err: string[] = [];
  const output = {
    out: () => assert.fail(),
    err: (line: string) => void err.push(line),
    progress: () => assert.fail(),
  };
  await loadList(file, { output });
  assert.deepEqual(err, []);
  await loadList(file, { output, verbose: true });
  assert.deepEqual(err, [
    "roughly: warning: a\\u{1b}[2J is not used: its type of key is not known here",
    "roughly: warning: servers[1] is not used: it is not an object",
  ]);
});

Deno.test("loadList() refuses what cannot be read or is no list", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  await assert.rejects(
    loadList(file),
    usage(/^there is no file .*list\.json$/),
  );
  await Deno.writeTextFile(file, "[]");
  await assert.rejects(
    loadList(file),
    usage(/list\.json is no server list: there is no array/, /lint/),
  );
  await assert.rejects(loadList(there.path), usage(/^cannot read /));
  await assert.rejects(
    loadList("http://lists.example/x"),
    usage(/only https: and file: will do/),
  );
});

Deno.test("loadList() ends with 8 where reading is not permitted", async () => {
  await using there = await folder();
  const words = ["query", "--name", "x", "--list", there.in("list.json")];
  const { code } = await execute(words, { permissions: [] });
  assert.equal(code, 8);
});

Deno.test("pickServer() tells an entry that is of no use from none", () => {
  const list = parseServerList({
    servers: [
      { name: "Old Faithful", publicKeyType: "ml-dsa-44" },
      { name: "broken", publicKey: "x" },
    ],
  });
  for (const name of ["Old Faithful", "old"]) {
    assert.throws(
      () => pickServer(list, name),
      usage(
        /^cannot ask Old Faithful, though the list has it: its type of key/,
        /ed25519/,
      ),
    );
  }
  assert.throws(
    () => pickServer(list, "broken"),
    usage(/^cannot ask broken.*: its public key is not 32 bytes/, /lint/),
  );
  assert.throws(
    () => pickServer(list, ""),
    usage(/^there is no/, /no usable server/),
  );
});

Deno.test("whyUnusable() names a few and counts the rest", () => {
  const servers = [1, 2, 3, 4, 5].map((n) => ({ name: `n${n}` }));
  assert.match(
    whyUnusable(parseServerList({ servers })),
    /^n1: its public key .*; n2: .*; n3: .*; and 2 more$/,
  );
  assert.equal(whyUnusable(parseServerList({ servers: [] })), "it is empty");
});

Deno.test("pickServer() finds a server or says what there is", () => {
  const list = bundledList();
  assert.equal(pickServer(list, "int08h").name, "int08h-Roughtime");
  assert.throws(
    () => pickServer(list, "sth"),
    usage(/^"sth" may be one of several/, /^name one of sth1\S+, sth2\S+$/),
  );
  assert.throws(
    () => pickServer(list, "nobody"),
    usage(/^there is no server called "nobody"/, /^the list has Cloudflare/),
  );
  assert.throws(
    () => pickServer({ ...list, servers: [] }, "x"),
    usage(/^there is no/, /no usable server/),
  );
});

Deno.test("loadList() warns of a list that has expired, and uses it", async () => {
  await using there = await folder();
  const file = there.in("list.json");
  const output = {
    out: () => assert.fail(),
    err: (line: string) => void err.push(line),
    progress: () => assert.fail(),
  };
  const err: string[] = [];
  for (const expires of ["2999-01-01T00:00:00Z", "soon", undefined]) {
    await Deno.writeTextFile(file, JSON.stringify({ servers: [], expires }));
    await loadList(file, { output });
    assert.deepEqual(err, []);
  }
  const expired = { servers: [], expires: "2020-02-03T04:05:06Z" };
  await Deno.writeTextFile(file, JSON.stringify(expired));
  assert.deepEqual((await loadList(file, { output })).servers, []);
  assert.equal(err.length, 1);
  assert.match(
    err[0]!,
    /^roughly: warning: .*list\.json expired at 2020-02-03T04:05:06/,
  );
});

Deno.test("ecosystem state and malfeasance use ecosystem.json of the working folder, and say so", async () => {
  await using there = await folder();
  await Deno.writeTextFile(there.in("ecosystem.json"), `{"servers":[]}`);
  const hint =
    "roughly: hint: using the servers of ./ecosystem.json; --list names another list";
  const empty = /the list has no usable server/;
  for (const command of ["state", "malfeasance"]) {
    const words = ["ecosystem", command, "--timeout", "1"];
    const found = await execute(words, { cwd: there.path });
    assert.equal(found.code, 2);
    assert.equal(found.err[0], hint);
    assert.match(found.err.join(), empty);
    await Deno.writeTextFile(there.in("other.json"), `{"servers":[7]}`);
    const named = await execute([...words, "--list", "other.json"], {
      cwd: there.path,
    });
    assert.equal(named.code, 2);
    assert(!named.err.includes(hint));
  }
});

Deno.test("findLocalList() finds nothing where there is no such file", async () => {
  await using there = await folder();
  await Deno.mkdir(there.in("ecosystem.json"));
  const before = Deno.cwd();
  const output = {
    out: () => {},
    err: () => assert.fail(),
    progress: () => {},
  };
  try {
    Deno.chdir(there.path);
    assert.equal(await findLocalList(output), undefined);
  } finally {
    Deno.chdir(before);
  }
});
