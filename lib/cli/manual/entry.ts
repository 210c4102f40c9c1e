/**
 * The table of commands as plain data, from which manual page and completions are made.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { NOTES, type Notes } from "./notes.ts";
import { wordsFor } from "./words.ts";

/** What a shell can offer in a place. */
export type Completion =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "folder" | "command" | "none" };

/** An option. */
export interface OptionEntry {
  /** Its spellings, such as `-p` and `--port`. */
  readonly names: readonly string[];
  /** As help writes it: `-p, --port <port>`. */
  readonly flags: string;
  readonly description: string;
  /** What it takes; absent for a switch. */
  readonly value: Completion | undefined;
}

/** An argument. */
export interface ArgumentEntry {
  /** As usage writes it: `<file>` or `[target...]`. */
  readonly term: string;
  readonly description: string;
  readonly isVariadic: boolean;
  readonly value: Completion;
}

/** A command, or a group of them. */
export interface CommandEntry {
  /** The words that call it, without the program's name; empty for the program. */
  readonly path: readonly string[];
  readonly description: string;
  readonly arguments: readonly ArgumentEntry[];
  /** Its own options, and those of the program last. */
  readonly options: readonly OptionEntry[];
  readonly commands: readonly CommandEntry[];
  readonly notes: Notes;
}

/** Reads a command and all below it. */
export async function readEntry(
  command: Command,
  path: readonly string[] = [],
): Promise<CommandEntry> {
  const help = command.createHelp();
  const notes = NOTES[path.join(" ")] ?? { examples: [] };
  const options = [
    ...help.visibleOptions(command),
    ...help.visibleGlobalOptions(command),
  ];
  return {
    path,
    description: command.description(),
    arguments: await Promise.all(
      command.registeredArguments.map(async (one) => ({
        term: termOf(one),
        description: help.argumentDescription(one),
        isVariadic: one.variadic,
        value: await completionOf(one, one.name()),
      })),
    ),
    options: await Promise.all(options.map(async (option) => ({
      names: [option.short, option.long].filter((name) => name !== undefined),
      flags: option.flags,
      description: help.optionDescription(option),
      value: option.required || option.optional
        ? await completionOf(option, /[<[]([^>\].]+)/.exec(option.flags)?.[1])
        : undefined,
    }))),
    commands: await Promise.all(
      command.commands.map((child) =>
        readEntry(child as Command, [...path, child.name()])
      ),
    ),
    notes,
  };
}

function termOf(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? "..." : "");
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** Every entry, a group before its commands. */
export function flatten(entry: CommandEntry): CommandEntry[] {
  return [entry, ...entry.commands.flatMap(flatten)];
}

/** What the name of a value promises. */
const KINDS: Readonly<Record<string, "file" | "folder" | "command">> = {
  file: "file",
  list: "file",
  folder: "folder",
  directory: "folder",
  command: "command",
};

/** No shell needs quotes for these. */
const PLAIN = /^[\w.,:/@+-]+$/;

async function completionOf(
  place: Option | Argument,
  valueName: string | undefined,
): Promise<Completion> {
  const known = place.argChoices ?? wordsFor(place);
  const words = typeof known === "function" ? await known() : known;
  if (words) return { kind: "words", words: words.filter(isPlain) };
  return { kind: KINDS[valueName ?? ""] ?? "none" };
}

function isPlain(word: string): boolean {
  return PLAIN.test(word);
}
