/**
 * What the completion scripts have in common.
 *
 * @module
 */

import type { CommandEntry, Completion } from "./entry.ts";

/** Shells that there is a script for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** One of them. */
export type Shell = typeof SHELLS[number];

/** Quotes a text for bash and zsh. */
export function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The first sentence, for one line of a menu. */
export function brief(description: string): string {
  return description.replace(/( \(|[;:] ).*$/s, "");
}

/** A place where a value stands, by the words that lead to it. */
export interface Place {
  /** The command's path, with spaces. */
  readonly path: string;
  /** An option's name, or an argument's number from 1; `+` means that one and all after it. */
  readonly at: string;
  readonly value: Completion;
}

/** All places of a command where a value stands. */
export function placesOf(entry: CommandEntry): Place[] {
  const path = entry.path.join(" ");
  return [
    ...entry.options.flatMap(({ names, value }) =>
      value === undefined ? [] : names.map((at) => ({ path, at, value }))
    ),
    ...entry.arguments.map(({ value, isVariadic }, i) => ({
      path,
      at: `${i + 1}${isVariadic ? "+" : ""}`,
      value,
    })),
  ];
}
