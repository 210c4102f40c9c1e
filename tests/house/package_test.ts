/** The npm package, built and installed as users get it, under what they run it with. */

import assert from "node:assert/strict";
import { npm, npmTools } from "../_support/npm_tools.ts";

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

const tools = await npmTools();

Deno.test({
  name: tools === undefined
    ? "the npm package (skipped: npm gives no Node, Bun and TypeScript)"
    : "the npm package has its types, and every door opens in Node and Bun",
  ignore: tools === undefined,
  fn: async (t) => {
    const folder = await Deno.makeTempDir();
    try {
      const built = await run(Deno.execPath(), [
        ...["run", "--quiet", "--allow-all", "tools/pack.ts", folder],
      ], ROOT);
      assert.equal(built.code, 0, built.err);
      const [tarball = ""] = built.out.split(": ");
      await Deno.writeTextFile(
        `${folder}/package.json`,
        JSON.stringify({ private: true, type: "module" }),
      );
      assert(
        await npm(["install", "--prefer-offline", tarball], folder),
        "npm installs the package",
      );
      await Deno.copyFile(CHECK, `${folder}/check.ts`);
      for (const file of ["roughly.json", "roughtimed.json"]) {
        await Deno.copyFile(
          new URL(`tests/vectors/${file}`, ROOT),
          `${folder}/${file}`,
        );
      }
      const tool = (name: string) => `${tools}/.bin/${name}`;
      for (const name of ["node", "bun"]) {
        await t.step(`every door in ${name}`, async () => {
          const { out, err } = await run(tool(name), ["check.ts"], folder);
          assert.equal(out.trim(), "fine", err);
        });
        await t.step(`the program in ${name}`, async () => {
          const program = `${folder}/node_modules/.bin/roughly`;
          const words = ["server", "run", "--check-config", "--port", "0"];
          const version = await run(tool(name), [program, "--version"], folder);
          assert.match(version.out, /^(roughly )?\d+\.\d+\.\d+/, version.err);
          const { code, out, err } = await run(
            tool(name),
            [program, ...words, "--host", "127.0.0.1"],
            folder,
          );
          assert.equal(code, 0, err);
          assert.match(out, /The configuration is usable\.\n$/);
          const nothing = await run(tool(name), [program, "query"], folder);
          assert.equal(nothing.code, 2);
        });
      }
      await t.step("its types", async () => {
        await Deno.symlink(`${tools}/@types`, `${folder}/node_modules/@types`);
        const { code, out } = await run(tool("tsc"), [
          ...["--noEmit", "--strict", "--module", "nodenext"],
          ...["--target", "es2024", "--types", "node", "check.ts"],
        ], folder);
        assert.equal(code, 0, out);
      });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
