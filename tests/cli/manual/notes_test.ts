/**
 * Every command's help has examples, and every example is a command line that works.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Command } from "commander";
import { buildProgram } from "../../../lib/cli/commands.ts";
import {
  type CommandEntry,
  flatten,
  readEntry,
} from "../../../lib/cli/manual/entry.ts";
import { NOTES } from "../../../lib/cli/manual/notes.ts";
import { run } from "../../_support/cli.ts";

const SILENT = { out: () => {}, err: () => {}, progress: () => {} };

function program(): Command {
  return buildProgram(SILENT, () => {}).command;
}

const ENTRIES: readonly CommandEntry[] = flatten(
  await readEntry(program()),
);

for (const { path } of ENTRIES) {
  const name = path.join(" ");
  Deno.test(`help of '${["roughly", ...path].join(" ")}' has its examples`, async () => {
    const { examples, text = [] } = NOTES[name] ?? { examples: [] };
    assert(examples.length > 0, `add examples for "${name}" to NOTES`);
    const { out } = await run(...path, "--help");
    const help = out.join("\n");
    for (const { purpose, line } of examples) {
      assert(help.includes(`  ${purpose}:\n    ${line}\n`), help);
    }
    for (const one of text) {
      assert(help.replaceAll("\n", " ").includes(one), one);
    }
  });
}

Deno.test("notes are of commands that there are", () => {
  const names = ENTRIES.map(({ path }) => path.join(" "));
  assert.deepEqual(
    Object.keys(NOTES).filter((name) => !names.includes(name)),
    [],
  );
});

/** Takes what each action would do away. */
function disarm(command: Command): Command {
  command.exitOverride();
  if (command.commands.length === 0) command.action(() => {});
  command.commands.forEach((child) => disarm(child as Command));
  return command;
}

Deno.test("every example is a command line that is understood", async () => {
  const lines = Object.values(NOTES).flatMap(({ examples }) => examples)
    .map(({ line }) => /roughly [^>);]*/.exec(line)?.[0] ?? "");
  assert(lines.length > 30);
  for (const line of lines) {
    const [, ...words] = line.trim().split(" ");
    await disarm(program()).parseAsync(words, { from: "user" });
  }
});

Deno.test("help fits a terminal of 80 columns but for examples", async () => {
  for (const { path } of ENTRIES) {
    const { out } = await run(...path, "--help");
    const end = out.findIndex((line) => line === "Examples:");
    for (const line of out.slice(0, end)) assert(line.length <= 80, line);
  }
});
