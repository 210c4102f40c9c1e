/**
 * Killing a process that writes a history, and looking at what it leaves.
 *
 * @module
 */

import assert from "node:assert/strict";
import { HistoryReader } from "../../lib/watch/history_reader.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import { Lines, programWords } from "./cli.ts";

const PROGRAM = new URL("history_writer.ts", import.meta.url).pathname;

/**
 * Lets a writer write so many rounds and a moment more, and kills it.
 *
 * @returns The last round that it said was written.
 */
export async function killAfter(
  path: string,
  rounds: number,
  momentMs = 0,
): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...programWords(PROGRAM), path, "100000"],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const out = new Lines(child.stdout);
  // A writer that hangs is killed too, and what is waited for fails.
  const patience = setTimeout(() => child.kill("SIGKILL"), 60_000);
  await out.find("", rounds);
  if (momentMs > 0) {
    await new Promise((resolve) => setTimeout(resolve, momentMs));
  }
  clearTimeout(patience);
  child.kill("SIGKILL");
  await Promise.all([child.status, out.finished]);
  return Number(out.all.at(-1));
}

/** The history opens, is sound, and has every round up to the one that was said, whole. */
export async function assertWhole(path: string, last: number): Promise<void> {
  const { database, movedTo, close } = await openDatabase(path);
  assert.equal(movedTo, undefined, "it is not damaged");
  const reader = new HistoryReader(database);
  const { n } = database.prepare(
    "SELECT count(*) AS n FROM round WHERE id <= ?",
  ).get(last) as { n: number };
  assert.equal(n, last);
  const newest = reader.round();
  assert(newest && newest.id >= last && newest.id <= last + 1);
  for (const id of [1, Math.ceil(last / 2), last, newest.id]) {
    const round = reader.round(id);
    assert.equal(round?.servers.length, 4, `round ${id}`);
    assert.equal(round?.chain.length, 4, `round ${id}`);
  }
  close();
}
