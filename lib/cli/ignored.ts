/**
 * Options that would do nothing because of other ones. Whoever gives them believes that they
 * do something, so they are refused.
 *
 * @module
 */

import type { Command } from "commander";
import { UsageError } from "./terminal/exit_code.ts";

/** An option that was given on the command line, and why it would do nothing there. */
export interface Ignored {
  /** Such as `--workers`. */
  readonly option: string;
  /** What makes it useless: `with --io portable`, or `without --json`. */
  readonly because: string;
  /** Is that so here? */
  readonly when: boolean;
}

/** Was it given on the command line, rather than by default or by the environment? */
export function isGiven(command: Command, option: string): boolean {
  const found = command.options.find(({ long }) => long === option);
  return found !== undefined &&
    command.getOptionValueSource(found.attributeName()) === "cli";
}

/**
 * Refuses the first option that was given for nothing.
 *
 * @throws {UsageError} Names both options.
 */
export function refuseIgnored(
  command: Command,
  cases: readonly Ignored[],
): void {
  for (const { option, because, when } of cases) {
    if (!when || !isGiven(command, option)) continue;
    throw new UsageError(
      `cannot use ${option} ${because}: it would do nothing`,
      `see '${pathOf(command)} --help'`,
    );
  }
}

/** How a command is called. */
export function pathOf(command: Command): string {
  return command.parent
    ? `${pathOf(command.parent)} ${command.name()}`
    : command.name();
}
