import assert from "node:assert/strict";
import { confirmMalfeasance } from "../../../lib/verify/judge.ts";
import {
  fails,
  type Folder,
  folder,
  json,
  run,
  target,
} from "../../_support/cli.ts";
import {
  Ahead,
  dead,
  entry,
  named,
  threeOperators,
  writeList,
} from "../../_support/cli_many.ts";

/** Three operators, of whom one may lie, a list of them, and room for a history. */
async function town(kind?: typeof Ahead) {
  const stack = new AsyncDisposableStack();
  const dir: Folder = stack.use(await folder());
  const a = stack.use(await target());
  const b = stack.use(await target());
  const options = { hostname: "::1", ...kind && { kind } };
  const c = stack.use(await target({}, options));
  const list = await writeList(dir.in("list.json"), [
    entry("alpha", a),
    entry("beta", named(b)),
    entry(kind ? "liar\u202e" : "gamma", c),
    dead("dead"),
  ]);
  // Nobody here is slow but the machine itself.
  const words = ["watch", list, "--db", dir.in("watch.db"), "--timeout", "20"];
  return {
    dir,
    list,
    words,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test({
  ...threeOperators("watch --once: a sentence, a history, 0"),
  fn: async () => {
    await using it = await town();
    const ended = await run(...it.words, "--once");
    assert.equal(ended.code, 0);
    assert.equal(ended.out.length, 1);
    assert.match(
      ended.out[0] ?? "",
      /^\S+Z 3 of 3 operators agree: it is \d\d:\d\d:\d\d UTC, give or take \d s\. dead does not answer\.$/,
    );
    const again = await run(...it.words, "--once", "--json");
    assert.equal(json(again.out[0]).round.id, 2, "the history goes on");
  },
});

Deno.test({
  ...threeOperators("watch: a liar is proven, 5, and the report is a file"),
  fn: async () => {
    await using it = await town(Ahead);
    const ended = await run(
      ...it.words,
      "--rounds",
      "2",
      "--interval",
      "1",
      "--json",
    );
    assert.equal(ended.code, 5);
    const events = ended.out.map(json);
    assert(events.every(({ schema }) => schema === "roughly/watch/1"));
    assert.deepEqual(events.map(({ event }) => event), [
      ...["round", "contradiction", "round", "contradiction"],
    ]);
    const [, proof, , again] = events;
    assert(proof.file.startsWith(it.dir.in("reports")));
    assert(await confirmMalfeasance(await Deno.readTextFile(proof.file)));
    assert.equal(again.file, null);
    assert(
      ended.err.some((line) =>
        /^roughly: warning: proven: liar\\u\{202e\} and then (alpha|beta) contradict/
          .test(line)
      ),
    );
    assert(ended.out.every((line) => !line.includes("\u202e")));
  },
});

Deno.test({
  ...threeOperators("watch --no-db: nothing is written"),
  fn: async () => {
    await using it = await town();
    const words = ["watch", it.list, "--once", "--no-db", "--json"];
    const ended = await run(...words, "--reports-dir", it.dir.in("reports"));
    assert.equal(json(ended.out[0]).event, "round");
    const names = await Array.fromAsync(
      Deno.readDir(it.dir.path),
      ({ name }) => name,
    );
    assert.deepEqual(names, ["list.json"]);
  },
});

Deno.test("watch: what cannot be is said at once", async () => {
  await using dir = await folder();
  const far = {
    at: "time.example.com:2002",
    key: "AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=",
  };
  const list = await writeList(dir.in("list.json"), [entry("far", far)]);
  const words = ["watch", list, "--db", dir.in("watch.db")];
  await fails(
    2,
    "cannot ask these servers every 30 s: they are other people's, and 60 is the least",
    ...words,
    "--interval",
    "30",
  );
  await fails(
    2,
    /there is no file .*none\.json$/,
    "watch",
    dir.in("none.json"),
    "--no-db",
  );
  await fails(2, "cannot use two server lists", "watch", list, "--list", list);
  await fails(
    2,
    "cannot use --relay without --serve: it would do nothing",
    ...words,
    "--relay",
  );
  await fails(
    2,
    "cannot use --interval with --once: it would do nothing",
    ...words,
    "--once",
    "--interval",
    "70",
  );
  await Deno.writeTextFile(dir.in("empty.json"), '{"servers": []}');
  await fails(
    2,
    /no server in the list that could be asked: it is empty$/,
    "watch",
    dir.in("empty.json"),
    "--no-db",
  );
  await Deno.writeTextFile(dir.in("in_the_way"), "");
  await fails(
    2,
    /^cannot make .*in_the_way\/x for the history: /,
    "watch",
    list,
    "--once",
    "--db",
    dir.in("in_the_way/x/watch.db"),
  );
});

Deno.test({
  ...threeOperators(
    "watch: a history of a newer program is refused, and a way out is shown",
  ),
  fn: async () => {
    await using it = await town();
    const { DatabaseSync } = await import("node:sqlite");
    await run(...it.words, "--once");
    const database = new DatabaseSync(it.dir.in("watch.db"));
    database.exec("PRAGMA user_version = 77");
    database.close();
    const { err } = await fails(
      2,
      /a newer version of this program made it \(form 77/,
      ...it.words,
      "--once",
    );
    assert.equal(
      err[1],
      "roughly: hint: use the newer program, or name another file with --db",
    );
  },
});

Deno.test({
  ...threeOperators(
    "watch: a damaged history is moved aside, said, and a new one begun",
  ),
  fn: async () => {
    await using it = await town();
    await Deno.writeTextFile(
      it.dir.in("watch.db"),
      "not a database".repeat(1000),
    );
    const ended = await run(...it.words, "--once");
    assert(
      ended.err.some((line) =>
        line.startsWith(
          "roughly: error: the history was damaged and is now ",
        ) &&
        line.endsWith("watch.db.damaged; a new one is begun")
      ),
      ended.err.join("\n"),
    );
    assert.equal(ended.out.length, 1);
  },
});

Deno.test({
  ...threeOperators(
    "watch: a port that is taken is said, and the history is free again",
  ),
  fn: async () => {
    await using it = await town();
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const at = `127.0.0.1:${taken.addr.port}`;
    const words = [...it.words, "--interval", "1"];
    await fails(
      2,
      new RegExp(`^cannot listen on ${at}: `),
      ...words,
      "--serve",
      at,
    );
    assert.equal((await run(...it.words, "--once")).code, 0);
  },
});

Deno.test("watch: a list that cannot be fetched ends what is to end", async () => {
  const words = [
    "--once",
    "--no-db",
    "--list",
    "https://127.0.0.1:1/list.json",
  ];
  const { code } = await run("watch", ...words);
  assert.equal(code, 3);
});
