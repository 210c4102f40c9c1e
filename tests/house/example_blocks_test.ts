/**
 * The examples in the documentation and in docstrings run as written. One isolate for all of
 * them, where `deno test --doc` takes one for each; `deno check --doc` holds their types.
 */

import assert from "node:assert/strict";
import { filesUnder, read, ROOT } from "../_support/tree.ts";

const { name: PACKAGE, exports: DOORS } = JSON.parse(read("deno.json")) as {
  name: string;
  exports: Record<string, string>;
};

interface Block {
  readonly path: string;
  /** Of its first line of code. */
  readonly line: number;
  readonly code: string;
}

/** A line of a docstring without what makes it one. */
const STAR = /^\s*\* ?/;

function blocksOf(path: string): Block[] {
  const isCode = path.endsWith(".ts");
  const blocks: Block[] = [];
  let lines: string[] | undefined;
  for (const [i, raw] of read(path).split("\n").entries()) {
    if (isCode && !STAR.test(raw)) continue;
    const text = isCode ? raw.replace(STAR, "") : raw;
    if (lines === undefined) {
      if (text === "```ts") lines = [];
    } else if (text === "```") {
      const line = i + 1 - lines.length;
      blocks.push({ path, line, code: lines.join("\n") });
      lines = undefined;
    } else lines.push(text);
  }
  assert.equal(lines, undefined, `an example of ${path} does not end`);
  return blocks;
}

/** A module that can stand anywhere. */
function moduleOf(code: string): string {
  const bound = code.replaceAll(/"@roughly\/roughly(\/\w+)?"/g, (name) => {
    const door = name.slice(1, -1).replace(PACKAGE, ".");
    assert(door in DOORS, `there is no ${name}`);
    return JSON.stringify(new URL(DOORS[door] as string, ROOT).href);
  });
  return `data:application/typescript,${encodeURIComponent(bound)}`;
}

const BLOCKS = [
  ...["README.md", ...filesUnder("docs/")].filter((path) =>
    path.endsWith(".md")
  ),
  ...Object.values(DOORS).map((door) => door.replace("./", "")),
  ...filesUnder("lib/").filter((path) => path.endsWith(".ts")),
].toSorted().flatMap(blocksOf);

Deno.test("there are examples on every door", { permissions: "none" }, () => {
  const paths = BLOCKS.map(({ path }) => path);
  for (const door of Object.values(DOORS)) {
    if (door === "./cli.ts") continue; // run, never imported
    assert(paths.includes(door.replace("./", "")), door);
  }
});

for (const { path, line, code } of BLOCKS) {
  Deno.test(`${path}:${line} runs as written`, async () => {
    await import(moduleOf(code));
  });
}
