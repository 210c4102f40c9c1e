/**
 * What all commands have in common once the table is complete: how help looks and where it
 * goes, and how errors name the option they are about.
 *
 * @module
 */

import { styleText } from "node:util";
import type { Argument, Command, Option } from "commander";
import { naming, parseWord } from "../arguments.ts";
import { EXIT_MEANINGS } from "../terminal/exit_code.ts";
import type { Output } from "../terminal/output.ts";
import { NOTES, type Notes } from "./notes.ts";
import { wordsFor } from "./words.ts";
import { wrap } from "./wrap.ts";

/** Settles the program and all below it. */
export function settle(program: Command, output: Output): void {
  program.addHelpText("afterAll", () => `\n${exitCodes()}`);
  visit(program, [], output);
}

/** The library copies these settings only to commands that are added later. */
function visit(
  command: Command,
  path: readonly string[],
  output: Output,
): void {
  for (const option of command.options) {
    if (!option.required && !option.optional) continue;
    const { long, parseArg = parseWord } = option;
    const words = wordsFor(parseArg);
    if (Array.isArray(words)) option.choices(words);
    option.argParser(naming(long ?? option.flags, parseArg));
  }
  for (const argument of command.registeredArguments) {
    if (argument.variadic || argument.parseArg) continue;
    argument.argParser(naming(argument.name(), parseWord));
  }
  const notes = NOTES[path.join(" ")];
  if (notes) command.addHelpText("after", () => describeNotes(notes));
  command.exitOverride().helpCommand(false)
    .helpOption("-h, --help", "show this help")
    .configureHelp({
      ...command.configureHelp(),
      minWidthToWrap: 30,
      styleTitle: bold,
      optionDescription: (option) =>
        describe(option, option.required || option.optional),
      argumentDescription: (argument) => describe(argument, true),
    })
    .configureOutput({
      writeOut: (text) => output.out(text.trimEnd()),
      writeErr: (text) => output.err(text.trimEnd()),
      outputError: () => {}, // for main() to say
      getOutHasColors: () => output.hasColor?.("stdout") ?? false,
      getErrHasColors: () => output.hasColor?.("stderr") ?? false,
    });
  for (const child of command.commands) {
    visit(child as Command, [...path, child.name()], output);
  }
}

/** Where the library wraps its own lines. */
const WIDTH = 80;

function describeNotes({ text = [], examples }: Notes): string {
  return [
    ...text.map((one) => `\n${wrap(one, WIDTH)}`),
    `\n${bold("Examples:")}`,
    ...examples.map(({ purpose, line }) => `  ${purpose}:\n    ${line}`),
  ].join("\n");
}

/** What it is for, the words that it takes, and what it is without. */
function describe(place: Option | Argument, takesValue: boolean): string {
  const { argChoices, defaultValue, defaultValueDescription } = place;
  const notes = [
    ...argChoices ? [argChoices.join(", ")] : [],
    ...takesValue && defaultValue !== undefined
      ? [`default: ${defaultValueDescription ?? defaultValue}`]
      : [],
  ];
  return notes.length === 0
    ? place.description
    : `${place.description} (${notes.join("; ")})`;
}

/** A number and its meaning stay on one line. */
function exitCodes(): string {
  const lines: string[] = [];
  let line = "Exit codes:";
  for (const [code, , word] of EXIT_MEANINGS) {
    if (word === undefined) continue;
    const item = ` ${code} ${word},`;
    if (line.length + item.length > WIDTH) {
      lines.push(line);
      line = item.trimStart();
    } else line += item;
  }
  return [...lines, line.replace(/,$/, "")].join("\n");
}

/** The library takes it out again where colours are not shown. */
function bold(text: string): string {
  return styleText("bold", text, { validateStream: false });
}
