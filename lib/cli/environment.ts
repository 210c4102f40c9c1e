/**
 * Options that the environment may set. Not left to the command line library: it takes
 * `ROUGHLY_NO_GREASE=0` for yes, and a variable that is set but empty for a value.
 *
 * @module
 */

import process from "node:process";
import type { Command } from "commander";
import { parseSwitch } from "./arguments.ts";
import { UsageError } from "./terminal/exit_code.ts";

/** Variables by the option that they stand for. */
export type Variables = Readonly<Record<string, string>>;

/** The variables of `server run`. */
export const RUN_VARIABLES: Variables = {
  "--host": "ROUGHLY_HOST",
  "--port": "ROUGHLY_PORT",
  "--radius": "ROUGHLY_RADIUS",
  "--validity-seconds": "ROUGHLY_VALIDITY_SECONDS",
  "--no-grease": "ROUGHLY_NO_GREASE",
  "--grease-probability": "ROUGHLY_GREASE_PROBABILITY",
};

/** Names the variable, for an option's description. */
export function variableNote(variable: string): string {
  return `(env: ${variable})`;
}

/** Sets the options of a command that the command line left open. */
export function applyEnvironment(command: Command, variables: Variables): void {
  for (const option of command.options) {
    const variable = variables[option.long ?? ""];
    const name = option.attributeName();
    if (!variable || command.getOptionValueSource(name) === "cli") continue;
    const text = process.env[variable];
    if (!text) continue;
    let value: unknown;
    try {
      value = option.negate
        ? !parseSwitch(text)
        : option.parseArg?.(text, undefined) ?? text;
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      throw new UsageError(`${variable}: ${error.message}`, error.hint);
    }
    command.setOptionValueWithSource(name, value, "env");
  }
}
