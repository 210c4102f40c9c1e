/**
 * The command line from its words to an exit code.
 *
 * @module
 */

import { CommanderError } from "commander";
import { buildProgram } from "./commands.ts";
import { EXIT } from "./terminal/exit_code.ts";
import { reportError } from "./terminal/failure.ts";
import {
  explainLoss,
  type Output,
  printJson,
  processOutput,
} from "./terminal/output.ts";
import { toUsageError } from "./usage.ts";
import { CHECK_CONFIG_SCHEMA } from "./schema.ts";

/**
 * Runs a command line.
 *
 * @param args The words after the program's name.
 * @param output Where to write.
 * @returns The exit code.
 */
export async function main(
  args: readonly string[],
  output: Output = processOutput(),
): Promise<number> {
  const exitCode = await runCommand(args, output);
  // Whoever asked for something has not got it; any other code says more than this one.
  return output.hasLost && exitCode === EXIT.ok ? EXIT.unexpected : exitCode;
}

async function runCommand(
  args: readonly string[],
  output: Output,
): Promise<number> {
  let exitCode: number = EXIT.ok;
  const program = buildProgram(output, (code) => void (exitCode = code));
  let { command, schema } = program;
  program.onEnter((entered) => {
    ({ command, schema } = entered);
    // A server that runs has no form in JSON; its check has.
    if (schema === CHECK_CONFIG_SCHEMA && !args.includes("--check-config")) {
      schema = undefined;
    }
  });
  const isJson = args.includes("--json");
  output.onLoss?.((loss) => {
    const message = explainLoss(loss);
    if (loss.channel === "stdout") {
      output.err(`roughly: error: ${message}`);
    } else if (isJson && schema !== undefined) {
      printJson(output, {
        schema,
        ok: false,
        error: { code: "output", message },
      });
    } else output.out(`roughly: error: ${message}`);
  });
  try {
    await program.command.parseAsync([...args], { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
    // The library has printed the help that replaces a missing command.
    if (error instanceof CommanderError && error.code === "commander.help") {
      return EXIT.usage;
    }
    return reportError(
      output,
      error instanceof CommanderError ? toUsageError(error, command) : error,
      {
        schema: isJson ? schema : undefined,
        verbose: program.command.opts().verbose === true,
      },
    );
  }
}
