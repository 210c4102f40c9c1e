/**
 * What the command line library finds wrong, in our words.
 *
 * @module
 */

import type { Command, CommanderError } from "commander";
import { pathOf } from "./ignored.ts";
import { UsageError } from "./terminal/exit_code.ts";

/**
 * Puts the library's error into one line and a hint.
 *
 * @param command Whose help to point to.
 */
export function toUsageError(
  error: CommanderError,
  command: Command,
): UsageError {
  const [first = "", suggestion] = error.message.split("\n(Did you mean ");
  const message = first.replace(/^error: /, "").replace(/\.$/, "");
  return new UsageError(
    message,
    suggestion === undefined
      ? `see '${pathOf(command)} --help'`
      : `did you mean ${suggestion.replace(/\)$/, "")}`,
  );
}
