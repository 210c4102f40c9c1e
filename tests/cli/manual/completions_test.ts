/**
 * Completions in the shells themselves.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Command, Option } from "commander";
import { bashScript } from "../../../lib/cli/manual/bash.ts";
import { readEntry } from "../../../lib/cli/manual/entry.ts";
import { fishScript } from "../../../lib/cli/manual/fish.ts";
import { SHELLS } from "../../../lib/cli/manual/shell.ts";
import { zshScript } from "../../../lib/cli/manual/zsh.ts";
import { folder, run } from "../../_support/cli.ts";
import { checkSyntax, complete, missingShell } from "../../_support/shells.ts";

const COMMANDS = [
  ...["query", "probe", "bench", "watch", "ecosystem", "report", "clock"],
  ...["server", "completions", "help"],
];
const SERVER = ["run", "keygen", "pubkey", "delegate"];
const FILES = ["deep", "list.json", "notes.txt"];

/** What is typed, and the words that then fit. */
const CASES: readonly (readonly [line: string, words: readonly string[]])[] = [
  ["roughly ", COMMANDS],
  ["roughly q", ["query"]],
  ["roughly -v s", ["server"]],
  ["roughly server ", SERVER],
  ["roughly server key", ["keygen"]],
  ["roughly server run --io", ["--io"]],
  ["roughly query example.org --t", ["--terse", "--timeout", "--transport"]],
  ["roughly server keygen --", [
    ...["--out", "--force", "--json", "--help", "--version", "--verbose"],
  ]],
  // Values: choices, suggestions, names of files, and what nobody can guess.
  ["roughly server run --io ", ["auto", "portable", "linux"]],
  ["roughly server run --io=p", ["portable"]],
  ["roughly query --transport u", ["udp"]],
  ["roughly query --offer draft-1", [
    ...["draft-10", "draft-11", "draft-12", "draft-14"],
  ]],
  ["roughly query --name Cl", ["Cloudflare-Roughtime-2"]],
  ["roughly query --name Cloudflare --list l", ["list.json"]],
  ["roughly clock check --timeout ", []],
  // A value that looks like a command or an option is none.
  ["roughly server run --host keygen --io l", ["linux"]],
  // Arguments.
  ["roughly report verify ", FILES],
  ["roughly report submit notes.txt ", []],
  ["roughly ecosystem lint --strict li", ["list.json"]],
  ["roughly completions ", [...SHELLS]],
  ["roughly query ", []],
  // Help of a command that is below another one.
  ["roughly help ", COMMANDS],
  ["roughly help server p", ["pubkey"]],
  ["roughly help query ", []],
];

for (const shell of SHELLS) {
  const missing = await missingShell(shell);
  Deno.test({
    name: missing === undefined
      ? `${shell} completes commands, options, values and files`
      : `${shell} completes (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: async () => {
      await using place = await folder();
      const { code, out } = await run("completions", shell);
      assert.equal(code, 0);
      const script = `${place.path}/deep/roughly.${shell}`;
      await Deno.mkdir(`${place.path}/deep`);
      await Deno.writeTextFile(script, `${out.join("\n")}\n`);
      for (const name of ["list.json", "notes.txt"]) {
        await Deno.writeTextFile(place.in(name), "");
      }
      const lines = CASES.map(([line]) => line);
      const offered = await complete(shell, script, lines, place.path);
      assert.deepEqual(
        lines.map((line, i) => [line, offered[i]]),
        CASES.map(([line, words]) => [line, [...words].sort()]),
      );
    },
  });

  Deno.test({
    name: missing === undefined
      ? `${shell} reads the script of any table`
      : `${shell} reads any script (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn: async () => {
      await using place = await folder();
      const program = new Command("roughly");
      program.command("odd").description(
        'it\'s [odd]: 50% \\ "quoted" $HOME `x`',
      )
        .argument("<folder>", "don't: [look]")
        .option("-n, --name [name]", "a 'name' $(touch hacked)")
        .addOption(new Option("--which <word>", "a:b").choices(["a:b", "c"]));
      program.command("empty");
      const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript };
      const script = place.in("script");
      await Deno.writeTextFile(
        script,
        scripts[shell](await readEntry(program)),
      );
      await checkSyntax(shell, script);
      const lines = ["roughly ", "roughly odd --which ", "roughly odd --n"];
      assert.deepEqual(
        await complete(shell, script, lines, place.path),
        [["empty", "odd"], ["a:b", "c"], ["--name"]],
      );
      const left = await Array.fromAsync(
        Deno.readDir(place.path),
        ({ name }) => name,
      );
      assert.deepEqual(left, ["script"]);
    },
  });
}
