import assert from "node:assert/strict";
import { locate, npm, type Tool } from "../_support/npm_tools.ts";

const ROOT = new URL("../../", import.meta.url);
const RUNTIMES: readonly Tool[] = ["node", "bun"];

async function copySources(from: URL, to: string): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copySources(new URL(`${name}/`, from), `${to}/${name}`);
    } else await Deno.copyFile(new URL(name, from), `${to}/${name}`);
  }
}

Deno.test("client, server and verifier work in Node and Bun", async (t) => {
  const folder = await Deno.makeTempDir();
  try {
    const { imports } = JSON.parse(
      await Deno.readTextFile(new URL("deno.json", ROOT)),
    ) as { imports: Record<string, string> };
    const packages = ["@noble/ed25519", "@noble/hashes/sha2.js", "@scure/base"]
      .map((name) => (imports[name] as string).replace(/^npm:/, ""))
      .map((spec) => spec.replace(/\/[^@/]*\.js$/, ""));
    await Deno.writeTextFile(
      `${folder}/package.json`,
      JSON.stringify({ private: true, type: "module" }),
    );
    for (const name of ["lib", "tests/_support"]) {
      await Deno.mkdir(`${folder}/${name}`, { recursive: true });
    }
    await copySources(new URL("lib/", ROOT), `${folder}/lib`);
    for (const door of ["mod.ts", "server.ts"]) {
      await Deno.copyFile(new URL(door, ROOT), `${folder}/${door}`);
    }
    await Deno.copyFile(
      new URL("tests/_support/runtime_check.mjs", ROOT),
      `${folder}/tests/_support/check.mjs`,
    );
    const [installed, tools] = await Promise.all([
      npm(["install", "--no-fund", "--no-audit", ...packages], folder),
      locate(),
    ]);
    const checks = RUNTIMES.map((runtime) => {
      const path = tools.get(runtime);
      if (path === undefined || installed === undefined) return undefined;
      return new Deno.Command(path, {
        args: ["tests/_support/check.mjs"],
        cwd: folder,
      }).output();
    });
    for (const [i, runtime] of RUNTIMES.entries()) {
      const check = checks[i];
      await t.step({
        name: check
          ? runtime
          : `${runtime} (skipped: it could not be installed from npm)`,
        ignore: check === undefined,
        fn: async () => {
          const { stdout, stderr } = await (check as NonNullable<typeof check>);
          const [out, err] = [stdout, stderr].map((bytes) =>
            new TextDecoder().decode(bytes)
          );
          assert.equal(out?.trim(), "fine", err);
        },
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
