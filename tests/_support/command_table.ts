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

/** Tried in turn; the last is for options that list what they take. */
const CANDIDATES = ["1", "4", "127.0.0.1:0", "0.5"];

/** Words that give an option a value that it takes and does not have by default. */
export function giving(option: Option): string[] {
  const name = option.long as string;
  if (!option.required && !option.optional) return [name];
  return [name, valueFor(option)];
}

function valueFor({ long, parseArg, defaultValue }: Option): string {
  const hints: string[] = [];
  for (const text of CANDIDATES) {
    try {
      const value = parseArg?.(text, undefined as never) as unknown;
      if (value !== defaultValue) return text;
    } catch (error) {
      hints.push((error as { hint?: string }).hint ?? "");
    }
  }
  const [, listed = ""] = /^possible are (.*)$/.exec(hints[0] ?? "") ?? [];
  const other = listed.split(", ").find((word) => word !== defaultValue);
  if (!other) throw new Error(`no value is known for ${long}`);
  return other;
}

/** All pairs. */
export function pairs<T>(items: readonly T[]): [T, T][] {
  return items.flatMap((a, i) => items.slice(i + 1).map((b): [T, T] => [a, b]));
}
