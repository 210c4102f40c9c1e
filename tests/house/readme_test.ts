/** What README.md and the pages of docs/ show is what happens. */

import assert from "node:assert/strict";
import { read, ROOT } from "../_support/tree.ts";
import {
  essence,
  play,
  type PlayOptions,
  type Step,
  stepsOf,
} from "../_support/transcript.ts";

const README = read("README.md");
const COMMAND_LINE = read("docs/command_line.md");

function shellBlocks(page: string): string[][] {
  return [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, block = ""]) =>
    block.trim().split("\n")
  );
}

Deno.test("the documentation's tasks are tasks of this project", () => {
  const { tasks } = JSON.parse(read("deno.json")) as {
    tasks: Record<string, unknown>;
  };
  assert.deepEqual(shellBlocks(README)[0], [
    "npx --yes deno@2.9.6 task demo",
    "npx --yes deno@2.9.6 task test",
  ]);
  const pages = [...Deno.readDirSync(new URL("docs", ROOT))]
    .map(({ name }) => `docs/${name}`).filter((path) => path.endsWith(".md"));
  for (const path of ["README.md", "CONTRIBUTING.md", ...pages]) {
    for (const [, task = ""] of read(path).matchAll(/\btask ([a-z:]+)\b/g)) {
      assert(task in tasks, `${path}: ${task}`);
    }
  }
});

Deno.test("README is for people who have little time", () => {
  assert(README.split("\n").length <= 201);
  assert(README.split(/\s+/).length <= 1500);
});

/** Plays a page and holds it to what it shows. */
async function hold(
  steps: readonly Step[],
  options?: PlayOptions,
): Promise<void> {
  for (const { command, shown, printed, talk } of await play(steps, options)) {
    assert.deepEqual(essence(printed), essence(shown), `${command}: ${talk}`);
  }
}

Deno.test("the tours of the command line work as written", async (t) => {
  const [tour = [], ...operation] = shellBlocks(COMMAND_LINE)
    .filter(([first]) => first?.startsWith("roughly "));
  assert.equal(operation.length, 2); // which follow on from one another
  await t.step("a tour on your own machine", () => walk(tour));
  await t.step("operating a server", () => walk(operation.flat()));
});

/** Runs commands of which the page does not show what they print. */
async function walk(lines: readonly string[]): Promise<void> {
  const steps = lines.map((line) => ({
    // The server says first which key is its own, as keygen does.
    command: line.startsWith("roughly server run") || !line.endsWith(" &")
      ? line.replace("PUBLIC_KEY", KEY)
      : line,
    shown: line.endsWith(" &") || line.includes(" keygen")
      ? [`Public key (base64): ${KEY}`, ""]
      : [],
  }));
  for (const { command, printed, talk } of await play(steps)) {
    assert.notEqual(printed.join(""), "", `${command}: ${talk}`);
    if (/query .*[^n]$/.test(command)) {
      assert.match(printed[0] ?? "", /^Current time: \d+ ± \d+ seconds$/);
    }
    if (command.endsWith(" &")) {
      assert.match(printed[1] ?? "", /^Starting Roughtime server on /);
    }
  }
}

const KEY = `${"A".repeat(43)}=`;

// Elsewhere 127.0.0.2 is not on the loopback interface.
const ignore = Deno.build.os !== "linux";

Deno.test({
  name: "README shows what its commands and its program print",
  ignore,
  fn: async () => {
    const [, program = ""] = /```js ignore\n([^]*?)```/.exec(README) ?? [];
    const [, name = ""] = /^\/\/ (\S+)\n/.exec(program) ?? [];
    const steps = stepsOf(README);
    assert(steps.length >= 9);
    assert(steps.some(({ command }) => command === `node ${name}`));
    await hold(steps, { files: { [name]: program } });
  },
});

Deno.test({
  name: "docs/command_line.md shows what the commands print",
  ignore,
  fn: async () => {
    const steps = stepsOf(COMMAND_LINE);
    assert(steps.length >= 9);
    await hold(steps);
  },
});

Deno.test("the demo shows every era and refuses both frauds", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--unstable-net",
      "--allow-net=127.0.0.1",
      "--config",
      new URL("deno.json", ROOT).pathname,
      new URL("examples/demo.ts", ROOT).pathname,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text);
  for (
    const era of [
      "google",
      "0x80000008",
      "0x8000000b",
      "0x8000000c",
      "RFC 10049  ",
    ]
  ) {
    assert(text.includes(era), era);
  }
  assert.equal(text.match(/REFUSED/g)?.length, 3);
});
