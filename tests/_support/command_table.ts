/**
 * The command line's own table, and values that its options take, for tests that walk it.
 *
 * @module
 */

import type { Command, Option } from "commander";
import { buildProgram } from "../../lib/cli/commands.ts";

/** A command and the words that lead to it. */
export type Leaf = readonly [path: readonly string[], command: Command];

/** Every command that does something. */
export function leaves(): Leaf[] {
  const silent = { out: () => {}, err: () => {}, progress: () => {} };
  return below(buildProgram(silent, () => {}).command, []);
}

function below(command: Command, path: readonly string[]): Leaf[] {
  return command.commands.length === 0 ? [[path, command]] : command.commands
    .flatMap((child) => below(child as Command, [...path, child.name()]));
}

/** Tried in turn, where an option does not list what it takes. */
const CANDIDATES = ["1", "4", "127.0.0.1:0", "0.5"];

/** Words that give an option a value that it takes and does not have by default. */
export function giving(option: Option): string[] {
  const name = option.long as string;
  if (!option.required && !option.optional) return [name];
  return [name, valueFor(option)];
}

function valueFor(option: Option): string {
  const { long, parseArg, defaultValue, argChoices = CANDIDATES } = option;
  const value = argChoices.find((text) => {
    try {
      return parseArg?.(text, undefined as never) !== defaultValue;
    } catch {
      return false;
    }
  });
  if (value === undefined) throw new Error(`no value is known for ${long}`);
  return value;
}

/** All pairs. */
export function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}
