/**
 * `roughly help`: the same as `--help`, for whoever types the command last.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";
import { pathOf } from "./ignored.ts";
import { UsageError } from "./terminal/exit_code.ts";
import { toUsageError } from "./usage.ts";

/** Adds the command. */
export function addHelp(program: Command): Command {
  return program.command("help")
    .description("show the help of a command")
    .argument("[command...]", "words of a command, such as server run")
    .action(async (words: string[]) => {
      (await findCommand(program, words)).outputHelp();
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
