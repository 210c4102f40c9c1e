/**
 * Every option of every command that takes a value and reads it: what it cannot use ends
 * with 2 before anything is done, and the message names the option and the value.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Command, Option } from "commander";
import { buildProgram } from "../../lib/cli/commands.ts";
import { UsageError } from "../../lib/cli/terminal/exit_code.ts";
import { run } from "../_support/cli.ts";

const VALUES = [
  ...["0", "-1", "1.5", "NaN", "Infinity", "-Infinity", "x", "", " ", "0x1"],
  ...["9007199254740992", "1e308", "1e-9", "1e400", "\u001b[2J"],
];

/** What an option may take of these; the others it must refuse. */
const TAKES: Readonly<Record<string, readonly string[]>> = {
  "--timeout": ["1.5"],
  "--duration": ["1.5"],
  "--warmup": ["0", "1.5"],
  "--rate": ["1.5"],
  "--port": ["0"],
  "--radius": ["1.5"],
  "--max-delay": ["0", "1.5", "1e-9"],
  "--max-radius": ["1.5"],
  "--grease-probability": ["0", "1e-9"],
  "--stats-interval": ["0", "1.5"],
  "--days": ["1.5"],
  "--interval": ["1.5"],
  "--keep-days": ["1.5"],
  "--keep-packets-days": ["1.5"],
  "--warn": ["0", "1.5"],
  "--crit": ["0", "1.5"],
  "--limit": ["0", "1.5"],
  "--max-wait": ["0", "1.5"],
  "--threshold": ["0", "1.5"],
  "--offer": ["0x1"],
  "--versions": ["0x1"],
};

/** These are names, and what they name is looked for later. */
const NAMES =
  /^--(name|list|ecosystem-path|report-location|out|host|private-key|key-file|delegation|db|reports-dir|allow-host)$/;

function leaves(command: Command, path: string[] = []): [string[], Command][] {
  return command.commands.length === 0
    ? [[path, command]]
    : command.commands.flatMap((child) =>
      leaves(child as Command, [...path, child.name()])
    );
}

const { command: PROGRAM } = buildProgram(
  { out: () => {}, err: () => {}, progress: () => {} },
  () => {},
);

function reading(command: Command): Option[] {
  return command.options.filter((option) =>
    (option.required || option.optional) && !NAMES.test(option.long ?? "")
  );
}

for (const [path, command] of leaves(PROGRAM)) {
  for (const option of reading(command)) {
    const name = option.long as string;
    Deno.test(`${path.join(" ")} ${name} refuses by name what it cannot use`, async () => {
      assert(option.parseArg, "it reads its value");
      for (const value of VALUES) {
        let message: string | undefined;
        try {
          option.parseArg(value, undefined);
        } catch (error) {
          assert(error instanceof UsageError, `${value}: ${error}`);
          message = error.message;
        }
        const takes = TAKES[name]?.includes(value) ?? false;
        assert.equal(message === undefined, takes, `${value}: ${message}`);
        if (message === undefined) continue;
        assert(message.includes(name), message);
        assert(message.includes(value), message);
      }
      const { code, err } = await run(...path, `${name}=x`, "a", "b");
      assert.equal(code, 2);
      assert(err[0]?.includes(name) && err[0].includes('"x"'), err.join("\n"));
    });
  }
}
