/**
 * The completion script for zsh.
 *
 * @module
 */

import {
  type CommandEntry,
  type Completion,
  flatten,
  type OptionEntry,
} from "./entry.ts";
import { brief, quote } from "./shell.ts";

/**
 * Writes the script: a function for each command, so that zsh shows what each option does. It
 * may be sourced, or stand in a folder of `fpath` as `_roughly`.
 *
 * @param program The whole table.
 */
export function zshScript(program: CommandEntry): string {
  const entries = flatten(program);
  return `#compdef roughly
# zsh completion for roughly
${entries.map(functionOf).join("\n\n")}

# The words after help are those of a command
_roughly_help_on() {
  local name=_roughly
  while ((CURRENT > 1)) && (($+functions[\${name}_$words[1]])); do
    name+=_$words[1]
    shift words
    ((CURRENT -= 1))
  done
  (($+functions[\${name}__commands])) && \${name}__commands
}

if [[ $funcstack[1] == _roughly ]]; then
  _roughly "$@"
else
  compdef _roughly roughly
fi
`;
}

function functionOf(entry: CommandEntry): string {
  const name = nameOf(entry.path);
  const options = entry.options.map(optionSpec);
  if (entry.commands.length === 0) {
    const specs = [...options, ...argumentSpecs(entry)];
    return `${name}() {
  _arguments -s -S ${specs.map((one) => `\\\n    ${one}`).join(" ")}
}`;
  }
  const menu = entry.commands.map(({ path, description }) =>
    quote(`${path.at(-1)}:${brief(description)}`)
  );
  return `${name}__commands() {
  local -a commands=(${menu.map((one) => `\n    ${one}`).join("")}
  )
  _describe -t commands command commands
}

${name}() {
  local curcontext=$curcontext state line
  local -A opt_args
  _arguments -s -C ${options.map((one) => `\\\n    ${one} `).join("")}\\
    '1: :${name}__commands' \\
    '*:: :->rest'
  if [[ $state == rest ]] && (($+functions[${name}_$line[1]])); then
    curcontext=\${curcontext%:*:*}:roughly-$line[1]:
    ${name}_$line[1]
  fi
}`;
}

function nameOf(path: readonly string[]): string {
  return ["_roughly", ...path].join("_");
}

function optionSpec({ names, description, value }: OptionEntry): string {
  const message = brief(description).replaceAll(/[[\]:\\]/g, "\\$&");
  const action = value === undefined ? "" : `:value:${actionOf(value)}`;
  const spelled = names.length === 1
    ? quote(`${names[0]}${suffix(value, names[0] ?? "")}`)
    : `{${
      names.map((name) => quote(`${name}${suffix(value, name)}`)).join(",")
    }}`;
  const excludes = names.length === 1 ? "" : quote(`(${names.join(" ")})`);
  return `${excludes}${spelled}${quote(`[${message}]${action}`)}`;
}

/** The value is the next word, or comes after an equals sign. */
function suffix(value: Completion | undefined, name: string): string {
  return value === undefined ? "" : name.startsWith("--") ? "=" : "+";
}

function argumentSpecs(entry: CommandEntry): string[] {
  return entry.arguments.map(({ term, value, isVariadic }) =>
    value.kind === "command" ? quote(`*:: :_roughly_help_on`) : quote(
      `${isVariadic ? "*" : ""}:${term.replaceAll(/[[\]<>.]/g, "")}:${
        actionOf(value)
      }`,
    )
  );
}

function actionOf(value: Completion): string {
  switch (value.kind) {
    case "words":
      return `(${
        value.words.map((word) => word.replaceAll(":", "\\:")).join(" ")
      })`;
    case "file":
      return "_files";
    case "folder":
      return "_files -/";
    default:
      return " ";
  }
}
