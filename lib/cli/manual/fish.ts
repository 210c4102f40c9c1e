/**
 * The completion script for fish.
 *
 * @module
 */

import {
  type CommandEntry,
  type Completion,
  flatten,
  type OptionEntry,
} from "./entry.ts";
import { brief, placesOf } from "./shell.ts";

/**
 * Writes the script.
 *
 * @param program The whole table.
 */
export function fishScript(program: CommandEntry): string {
  const entries = flatten(program);
  const groups = entries.filter(({ commands }) => commands.length > 0);
  const takers = entries.flatMap(placesOf).filter(({ at }) =>
    at.startsWith("-")
  );
  return `# fish completion for roughly
# The command so far, then how many arguments it has
function __roughly_state
  set -l path
  set -l count 0
  set -l waits 0
  set -l help 0
  set -l only_arguments 0
  for word in (commandline -opc)[2..-1]
    if test $waits = 1
      set waits 0
    else if test $only_arguments = 0 -a "$word" = --
      set only_arguments 1
    else if test $only_arguments = 0; and string match -q -- '-*' $word
      contains -- "$path:$word" ${
    takers.map(({ path, at }) => quote(`${path}:${at}`)).join(" ")
  }
      and set waits 1
    else if test "$path" = '' -a $help = 0 -a "$word" = help
      set help 1
    else if test $count = 0; and contains -- "$path:$word" ${
    groups.flatMap(({ path, commands }) =>
      commands.map((one) => quote(`${path.join(" ")}:${one.path.at(-1)}`))
    ).join(" ")
  }
      set path (string trim -- "$path $word")
    else
      set count (math $count + 1)
    end
  end
  test $help = 1; and set path (string trim -- "help $path")
  echo $path
  echo $count
end

# Is this the command, with so many arguments?
function __roughly_at
  set -l state (__roughly_state)
  test "$state[1]" = "$argv[1]"; or return 1
  switch "$argv[2]"
    case ''
      return 0
    case '*+'
      test $state[2] -ge (string trim -c + -- $argv[2])
    case '*'
      test $state[2] = $argv[2]
  end
end

complete -c roughly -e
complete -c roughly -f
${entries.flatMap(linesOf).join("\n")}
`;
}

function linesOf(entry: CommandEntry): string[] {
  const { path, commands, options } = entry;
  const isProgram = path.length === 0;
  const states = isProgram || commands.length > 0
    ? [path.join(" "), `help ${path.join(" ")}`.trim()]
    : [path.join(" ")];
  return [
    ...states.flatMap((state) =>
      commands.map((one) =>
        line(state, "0", ["-a", quote(one.path.at(-1) ?? "")], one.description)
      )
    ),
    ...options.map((option) => optionLine(path.join(" "), option)),
    ...entry.arguments.flatMap(({ value, isVariadic, description }, i) => {
      const offer = offerOf(value);
      return offer.length === 0 ? [] : [
        line(
          path.join(" "),
          `${i}${isVariadic ? "+" : ""}`,
          offer,
          description,
        ),
      ];
    }),
  ];
}

function optionLine(state: string, option: OptionEntry): string {
  const names = option.names.flatMap((name) =>
    name.startsWith("--") ? ["-l", name.slice(2)] : ["-s", name.slice(1)]
  );
  const { value } = option;
  const takes = value === undefined
    ? []
    : value.kind === "file" || value.kind === "folder"
    ? ["-r", "-F"]
    : ["-x", ...offerOf(value)];
  return line(state, "", [...names, ...takes], option.description);
}

function offerOf(value: Completion): string[] {
  switch (value.kind) {
    case "words":
      return ["-a", quote(value.words.join(" "))];
    case "file":
      return ["-F"];
    case "folder":
      return ["-a", quote("(__fish_complete_directories)")];
    default:
      return [];
  }
}

function line(
  state: string,
  count: string,
  words: readonly string[],
  description: string,
): string {
  const at = `__roughly_at ${quote(state)} ${quote(count)}`;
  return `complete -c roughly -n ${quote(at)} ${words.join(" ")} -d ${
    quote(brief(description))
  }`;
}

/** fish knows two escapes between single quotes. */
function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
