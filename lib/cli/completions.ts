/**
 * `roughly completions`: a script that teaches a shell the commands.
 *
 * @module
 */

import { Argument, type Command } from "commander";
import { parseChoice } from "./arguments.ts";
import { bashScript } from "./manual/bash.ts";
import { type CommandEntry, readEntry } from "./manual/entry.ts";
import { fishScript } from "./manual/fish.ts";
import { type Shell, SHELLS } from "./manual/shell.ts";
import { zshScript } from "./manual/zsh.ts";
import { EXIT } from "./terminal/exit_code.ts";
import type { Output } from "./terminal/output.ts";

const SCRIPTS: Readonly<Record<Shell, (program: CommandEntry) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

/** Adds the command. */
export function addCompletions(
  program: Command,
  output: Output,
  done: (exitCode: number) => void,
): Command {
  return program.command("completions")
    .description("print a completion script for a shell")
    .addArgument(
      new Argument("<shell>", "shell to write it for").choices(SHELLS)
        .argParser(parseChoice(SHELLS)),
    )
    .action(async (shell: Shell) => {
      output.out(SCRIPTS[shell](await readEntry(program)).trimEnd());
      done(EXIT.ok);
    });
}
