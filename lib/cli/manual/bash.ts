/**
 * The completion script for bash. It asks nothing of the program: a shell wants an answer at
 * each key press.
 *
 * @module
 */

import { type CommandEntry, flatten } from "./entry.ts";
import { type Place, placesOf, quote } from "./shell.ts";

/**
 * Writes the script. It runs on bash 3.2, which macOS still has.
 *
 * @param program The whole table.
 */
export function bashScript(program: CommandEntry): string {
  const entries = flatten(program);
  const commands = entries.filter(({ commands }) => commands.length > 0)
    .map(({ path, commands }) =>
      arm([path.join(" ")], commands.map((one) => one.path.at(-1) ?? ""))
    );
  const options = entries.map(({ path, options }) =>
    arm([path.join(" ")], options.flatMap(({ names }) => names))
  );
  return `# bash completion for roughly
_roughly_commands() {
  case $1 in
${commands.join("\n")}
  esac
}

_roughly_options() {
  case $1 in
${options.join("\n")}
  esac
}

# What stands after an option, or as the nth argument: words, or @file, @folder, @command
_roughly_value() {
  case $1 in
${valueArms(entries.flatMap(placesOf)).join("\n")}
    *) return 1 ;;
  esac
}

_roughly() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path='' option='' only_arguments=''
  local help='' word='' words='' i=1 count=0 IFS=$' \\t\\n'
  COMPREPLY=()
  while ((i < COMP_CWORD)); do
    word=\${COMP_WORDS[i]}
    ((i += 1))
    if [[ -n $option ]]; then
      # bash makes a word of the sign in --option=value.
      [[ $word == = ]] || option=''
    elif [[ -z $only_arguments && $word == -- ]]; then
      only_arguments=1
    elif [[ -z $only_arguments && $word == -* ]]; then
      _roughly_value "$path:$word" >/dev/null && option=$word
    elif [[ -z $path && -z $help && $word == help ]]; then
      help=1
    elif [[ $count == 0 && " $(_roughly_commands "$path") " == *" $word "* ]]; then
      path=\${path:+$path }$word
    else
      ((count += 1))
    fi
  done
  [[ $cur == = ]] && cur=''
  if [[ -n $option ]]; then
    words=$(_roughly_value "$path:$option")
  elif [[ -n $help ]]; then
    [[ $count == 0 ]] && words=$(_roughly_commands "$path")
  elif [[ -z $only_arguments && $cur == -* ]]; then
    words=$(_roughly_options "$path")
  else
    words=$(_roughly_commands "$path")
    [[ -n $words ]] || words=$(_roughly_value "$path:$((count + 1))")
  fi
  case $words in
    @file | @folder)
      # Only readline quotes names as they must be.
      if compopt -o default 2>/dev/null; then return; fi
      IFS=$'\\n'
      if [[ $words == @folder ]]; then
        COMPREPLY=($(compgen -d -- "$cur"))
      else
        COMPREPLY=($(compgen -f -- "$cur"))
      fi
      ;;
    *) COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
  esac
}

complete -F _roughly roughly
`;
}

/** An arm of a case statement that prints words. */
function arm(patterns: readonly string[], words: readonly string[]): string {
  const sorted = words.map((word) => word.replaceAll("'", "")).join(" ");
  return `    ${patterns.map(pattern).join(" | ")}) echo ${quote(sorted)} ;;`;
}

/** A number with a plus stands for that argument and all after it. */
function pattern(text: string): string {
  const [, head, number] = /^(.*:)(\d)\+$/.exec(text) ?? [];
  if (head === undefined) return quote(text);
  return `${quote(head)}[${number}-9]`;
}

/** One arm for all places with the same values. */
function valueArms(places: readonly Place[]): string[] {
  const byWords = new Map<string, string[]>();
  for (const { path, at, value } of places) {
    const words = value.kind === "words"
      ? value.words.join(" ")
      : value.kind === "none"
      ? ""
      : `@${value.kind}`;
    byWords.set(words, [...byWords.get(words) ?? [], `${path}:${at}`]);
  }
  return [...byWords].map(([words, keys]) => arm(keys, words.split(" ")));
}
