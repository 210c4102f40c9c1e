/**
 * `roughly help`: the same as `--help`, for whoever types the command last, and the manual.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";
import { pathOf } from "./ignored.ts";
import { readEntry } from "./manual/entry.ts";
import { manPage } from "./manual/man_page.ts";
import { EXIT, UsageError } from "./terminal/exit_code.ts";
import type { Output } from "./terminal/output.ts";
import { toUsageError } from "./usage.ts";

/** Adds the command. */
export function addHelp(
  program: Command,
  output: Output,
  done: (exitCode: number) => void,
): Command {
  return program.command("help")
    .description("show the help of a command")
    .argument("[command...]", "words of a command, such as server run")
    .option(
      "--man",
      "print the manual page of all commands, in the form that man reads",
    )
    .action(async (words: string[], { man }: { readonly man?: boolean }) => {
      if (!man) (await findCommand(program, words)).outputHelp();
      else if (words.length === 0) {
        output.out(manPage(await readEntry(program)).trimEnd());
      } else {
        throw new UsageError(
          `cannot use "${
            words.join(" ")
          }" with --man: the page has all commands`,
        );
      }
      done(EXIT.ok);
    });
}

/**
 * Finds a command by its words.
 *
 * @throws {UsageError} Names the first word that leads nowhere.
 */
async function findCommand(
  program: Command,
  words: readonly string[],
): Promise<Command> {
  let command = program;
  for (const word of words) {
    const child = command.commands.find((one) => one.name() === word);
    command = child ?? await unknown(command, word);
  }
  return command;
}

/** A group has no action of its own, so the library looks for what was meant. */
async function unknown(command: Command, word: string): Promise<never> {
  if (command.commands.length > 0) {
    try {
      await command.parseAsync([word], { from: "user" });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      throw toUsageError(error, command);
    }
  }
  throw new UsageError(
    `'${pathOf(command)}' has no command '${word}'`,
    `see '${pathOf(command)} --help'`,
  );
}
