/**
 * Real shells that complete a line with a script of ours.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import type { Shell } from "../../lib/cli/manual/shell.ts";

/** A shell that hangs must not hang the tests. */
const PATIENCE_MS = 60_000;

async function output(
  shell: string,
  args: readonly string[],
  { cwd, input = "" }: { cwd?: string; input?: string } = {},
): Promise<string> {
  const ending = new AbortController();
  const timer = setTimeout(() => ending.abort(), PATIENCE_MS);
  try {
    const child = new Deno.Command(shell, {
      args: [...args],
      ...(cwd === undefined ? {} : { cwd }),
      env: { TERM: "xterm" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      signal: ending.signal,
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(input)).catch(() => {});
    await writer.close().catch(() => {});
    const { code, stdout, stderr } = await child.output();
    const said = new TextDecoder().decode(stderr);
    if (code !== 0) throw new Error(`${shell} ended with ${code}: ${said}`);
    return new TextDecoder().decode(stdout);
  } finally {
    clearTimeout(timer);
  }
}

/** Why a shell cannot be tried, or nothing. */
export async function missingShell(shell: Shell): Promise<string | undefined> {
  try {
    await output(shell, ["-c", "exit 0"]);
    return undefined;
  } catch {
    return `${shell} is not installed`;
  }
}

/**
 * Fails if the script has a mistake of syntax.
 *
 * @param script Path of its file.
 */
export async function checkSyntax(shell: Shell, script: string): Promise<void> {
  await output(shell, ["-n", script]);
}

/** bash makes a word of its own of an equals sign. */
const BASH = `source "$1"
while IFS= read -r line; do
  COMP_WORDS=()
  while IFS= read -r word; do COMP_WORDS+=("$word"); done <<<"\${line// /$'\\n'}"
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _roughly
  printf '%s\\n' "\${COMPREPLY[@]}" ---
done`;

const FISH = `source $argv[1]
while read -l line
  complete -C $line | string replace -r '\\t.*' ''
  echo ---
end`;

const ZSH = fileURLToPath(new URL("complete.zsh", import.meta.url));

/**
 * Has a shell complete lines.
 *
 * @param script Path of the script.
 * @param lines As typed, up to the cursor.
 * @param cwd Where file names are looked for.
 * @returns For each line the words offered, sorted, without what stands before a value.
 */
export async function complete(
  shell: Shell,
  script: string,
  lines: readonly string[],
  cwd: string,
): Promise<string[][]> {
  const typed = shell === "bash"
    ? lines.map((line) => line.replaceAll("=", " = ").replace(/ = $/, " ="))
    : lines;
  const args = shell === "bash"
    ? ["-c", BASH, "bash", script]
    : shell === "zsh"
    ? ["-f", ZSH, script]
    : ["--no-config", "-c", FISH, script];
  const input = typed.map((line) => `${line}\n`).join("");
  const text = await output(shell, args, { cwd, input });
  const blocks = text.split(/^---\n/m).slice(0, lines.length);
  return blocks.map((block) => {
    const words = shell === "zsh"
      // deno-lint-ignore no-control-regex -- they stand around each word
      ? [...block.matchAll(/\x01([^\x02]*)\x02/g)].map(([, word = ""]) => word)
      : block.split("\n");
    const plain = words.filter((word) => word !== "")
      .map((word) => word.replace(/^--[a-z0-9-]+=/, "").replace(/\/$/, ""));
    return [...new Set(plain)].sort();
  });
}
