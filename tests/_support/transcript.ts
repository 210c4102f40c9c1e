/** Plays what a page shows of a terminal: blocks of `console` with `$ ` before commands. */

import { freePort } from "./free_port.ts";
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CONFIG = `${ROOT}deno.json`;

/** A command of a page. */
export interface Step {
  /** What is typed. */
  readonly command: string;
  /** What the page shows below it. */
  readonly shown: readonly string[];
}

/** What a command really printed. */
export interface Played extends Step {
  /** Its standard output. */
  readonly printed: readonly string[];
  /** What it said besides. */
  readonly talk: string;
}

/** All commands of a page, in order. */
export function stepsOf(page: string): Step[] {
  const steps: { command: string; shown: string[] }[] = [];
  for (const [, block = ""] of page.matchAll(/```console\n([^]*?)```/g)) {
    for (const line of block.trimEnd().split("\n")) {
      if (line.startsWith("$ ")) {
        steps.push({ command: line.slice(2), shown: [] });
      } else steps.at(-1)?.shown.push(line);
    }
  }
  return steps;
}

/** The same with what differs from run to run left out: figures, keys, spaces, order. */
export function essence(lines: readonly string[]): string[] {
  return lines.map((line) =>
    line.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replaceAll(KEY, "KEY")
      .replaceAll(/\b(north|east|south)\b/g, "HONEST")
      .replaceAll(/[+-]?\d+(\.\d+)?/g, "N")
      .replaceAll(/\s+/g, " ").trimEnd()
  ).sort();
}

const KEY = /[A-Za-z0-9+/]{43}=/g;

/** Options of {@linkcode play}. */
export interface PlayOptions {
  /** Files that the page has the reader write, by name. */
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Runs commands one after the other in an empty folder, as a shell does. Ports that the
 * page fixes are free ones here, and keys those that were really made.
 */
export async function play(
  steps: readonly Step[],
  { files = {} }: PlayOptions = {},
): Promise<Played[]> {
  const cwd = await Deno.makeTempDir();
  const children: Deno.ChildProcess[] = [];
  const played: Played[] = [];
  const ports = new Map<string, string>();
  const keys = new Map<string, string>();
  try {
    await writePrograms(`${cwd}/bin`);
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${cwd}/${name}`, text);
    }
    for (const step of steps) {
      let line = step.command.replace(
        /(\.\.\/roughly\/)?examples\//,
        `${ROOT}examples/`,
      )
        .replaceAll(/(?<=127\.0\.0\.1[: ]|--port )\d+/g, (port) => {
          if (!ports.has(port)) ports.set(port, String(freePort()));
          return ports.get(port) as string;
        });
      for (const [known, made] of keys) line = line.replaceAll(known, made);
      const isBackground = line.endsWith(" &");
      if (isBackground) line = `exec ${line.slice(0, -2)}`;
      const child = new Deno.Command("bash", {
        args: ["-c", line],
        cwd,
        env: {
          NO_COLOR: "1",
          PATH: `${cwd}/bin:${Deno.env.get("PATH") ?? ""}`,
        },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      if (isBackground) {
        children.push(child);
        const printed = await firstLines(child.stdout, step.shown.length || 1);
        played.push({ ...step, printed, talk: "" });
      } else {
        const { stdout, stderr } = await child.output();
        const [out = "", talk = ""] = [stdout, stderr].map((bytes) =>
          new TextDecoder().decode(bytes)
        );
        played.push({ ...step, printed: out.trimEnd().split("\n"), talk });
      }
      const made = played.at(-1)?.printed.join("\n").match(KEY) ?? [];
      const known = step.shown.join("\n").match(KEY) ?? [];
      known.forEach((key, i) => keys.set(key, made[i] ?? key));
    }
    return played;
  } finally {
    for (const child of children) {
      child.kill("SIGTERM");
      await child.stderr.cancel();
      await child.status;
    }
    await Deno.remove(cwd, { recursive: true });
  }
}

/** `roughly`, and this Deno as `deno` and, for programs of a page, as `node`. */
async function writePrograms(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  const run = `exec "${Deno.execPath()}" run --quiet --config "${CONFIG}"`;
  const programs = {
    roughly: `${run} --unstable-net --allow-all "${ROOT}cli.ts" "$@"`,
    deno: `shift\n${run} "$@"`, // run ...
    npx: `shift 3\n${run} "$@"`, // --yes deno@VERSION run ...
    node: `${run} --allow-all "$@"`,
  };
  for (const [name, text] of Object.entries(programs)) {
    await Deno.writeTextFile(`${folder}/${name}`, `#!/bin/sh\n${text}\n`, {
      mode: 0o755,
    });
  }
}

/** Reads so many lines, and lets the rest go. */
async function firstLines(
  stream: ReadableStream<Uint8Array>,
  count: number,
): Promise<string[]> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const lines = text.split("\n");
    if (lines.length > count) return lines.slice(0, count);
  }
  assert.fail(`it ended after: ${text}`);
}
