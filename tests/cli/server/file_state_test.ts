import assert from "node:assert/strict";
import { isSame, lookAt } from "../../../lib/cli/server/file_state.ts";
import { folder, writeKey } from "../../_support/cli.ts";

/** The clock when what was just written has long been so. */
const later = () => Date.now() + 60_000;

Deno.test("a file that has settled is not read again, and tells of every change", async () => {
  await using there = await folder();
  const file = there.in("key");
  await writeKey(file, "one");
  const first = await lookAt(file, later());
  assert.equal(await lookAt(file, later(), first), first);

  const changes: (() => Promise<unknown>)[] = [
    // Another file of the same size and age.
    async () => {
      const { mtime } = await Deno.stat(file);
      await writeKey(there.in("new"), "two");
      await Deno.utime(there.in("new"), 0, mtime ?? 0);
      await Deno.rename(there.in("new"), file);
    },
    // The same file, written at another time.
    async () => {
      await Deno.writeTextFile(file, "six");
      await Deno.utime(file, 0, 1);
    },
    () => Deno.writeTextFile(file, "seven"),
    () => Deno.remove(file),
    () => Deno.mkdir(file),
  ];
  let known = first;
  for (const change of changes) {
    await change();
    const now = await lookAt(file, later(), known);
    assert.equal(isSame(now, known), false, String(change));
    assert.equal(isSame(await lookAt(file, later(), now), now), true);
    known = now;
  }
});

Deno.test("a file written twice in one moment, with the same size, has changed", async () => {
  await using there = await folder();
  const file = there.in("key");
  await writeKey(file, "one");
  const { mtime } = await Deno.stat(file);
  const first = await lookAt(file, Date.now());
  await Deno.writeTextFile(file, "two");
  await Deno.utime(file, mtime ?? 0, mtime ?? 0);
  // By then its times no longer say that it was so soon.
  assert.equal(isSame(await lookAt(file, later(), first), first), false);

  const second = await lookAt(file, Date.now());
  assert.equal(isSame(await lookAt(file, later(), second), second), true);
});

Deno.test("what is of no use is as it was until it is something else", async () => {
  await using there = await folder();
  const file = there.in("key");
  const none = await lookAt(file, later());
  assert(isSame(await lookAt(file, later(), none), none));
  await writeKey(file, "x".repeat(70_000));
  const long = await lookAt(file, later(), none);
  assert.equal(isSame(long, none), false);
  await writeKey(file, "");
  assert.equal(isSame(await lookAt(file, later(), long), long), false);
});
