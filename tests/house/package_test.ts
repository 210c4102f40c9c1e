/** The npm package, built and installed as users get it, under what they run it with. */

import assert from "node:assert/strict";
import { locate, npm, type Tool } from "../_support/npm_tools.ts";

const ROOT = new URL("../../", import.meta.url);
const CHECK = new URL("tests/_support/package_check.ts", ROOT);

async function run(
  command: string,
  args: string[],
  cwd: string | URL,
): Promise<{ code: number; out: string; err: string }> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    stdin: "null",
    env: { NO_COLOR: "1" },
  }).output();
  const [out = "", err = ""] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  );
  return { code, out, err };
}

/** Starts a thread from the package's files. */
const THREADED = `
import { serve, Server } from "@roughly/roughly/server";
const server = await Server.create({ exportable: true });
const where = { hostname: "127.0.0.1", port: 0 };
await using running = await serve(server, { ...where, workers: 1 });
console.log(running.listeners.length > 1 ? "fine" : running.listeners);
`;

/** A project that has the package. */
async function install(folder: string): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/package.json`,
    JSON.stringify({ private: true, type: "module" }),
  );
  const built = await run(Deno.execPath(), [
    ...["run", "--quiet", "--allow-all", "tools/pack.ts", folder],
  ], ROOT);
  assert.equal(built.code, 0, built.err);
  const [tarball = ""] = built.out.split(": ");
  const words = ["install", "--no-fund", "--no-audit", "@types/node@22"];
  assert.notEqual(await npm([...words, tarball], folder), undefined);
  await Deno.copyFile(CHECK, `${folder}/check.ts`);
  for (const file of ["roughly.json", "roughtimed.json"]) {
    const recorded = new URL(`tests/vectors/${file}`, ROOT);
    await Deno.copyFile(recorded, `${folder}/${file}`);
  }
}

Deno.test("the npm package has its types, and every door opens in Node and Bun", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const tools = await locate();
    // Without npm there is nothing to run it with.
    if (tools.size > 0) await install(folder);
    const step = (
      name: string,
      tool: Tool,
      fn: (path: string) => Promise<void>,
    ) => {
      const path = tools.get(tool);
      return t.step({
        name: path ? name : `${name} (skipped: npm does not give it)`,
        ignore: !path,
        fn: () => fn(path as string),
      });
    };
    for (const [name, runtime] of [["Node", "node"], ["Bun", "bun"]] as const) {
      await step(`every door in ${name}`, runtime, async (tool) => {
        const { out, err } = await run(tool, ["check.ts"], folder);
        assert.equal(out.trim(), "fine", err);
      });
      await step(`the program in ${name}`, runtime, async (tool) => {
        const program = (...words: string[]) =>
          run(tool, [`${folder}/node_modules/.bin/roughly`, ...words], folder);
        const version = await program("--version");
        assert.match(version.out, /^roughly \d+\.\d+\.\d+ /, version.err);
        const where = ["--host", "127.0.0.1", "--port", "0"];
        const { code, out, err } = await program(
          ...["server", "run", "--check-config", ...where],
        );
        assert.equal(code, 0, err);
        assert.match(out, /The configuration is usable\.\n$/);
        assert.equal((await program("query")).code, 2);
      });
    }
    await t.step({
      name: "a server with threads in Deno",
      ignore: tools.size === 0 || Deno.build.os !== "linux",
      fn: async () => {
        const { out, err } = await run(Deno.execPath(), [
          ...["eval", "--quiet", "--no-lock", THREADED],
        ], folder);
        assert.equal(out.trim(), "fine", err);
      },
    });
    await step("its types", "tsc", async (tool) => {
      const { code, out } = await run(tool, [
        ...["--noEmit", "--strict", "--module", "nodenext"],
        ...["--target", "es2024", "--types", "node", "check.ts"],
      ], folder);
      assert.equal(code, 0, out);
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
