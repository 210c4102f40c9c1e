import assert from "node:assert/strict";

const ROOT = new URL("../../", import.meta.url);
const RUNTIMES = ["node@22", "bun@1"];

async function npm(args: string[], cwd: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("npm", {
      args: [...args, "--silent", "--no-fund", "--no-audit"],
      cwd,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false;
  }
}

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
    const installed = await npm(["install", ...packages, ...RUNTIMES], folder);
    for (const runtime of RUNTIMES) {
      const [name = ""] = runtime.split("@");
      await t.step({
        name: installed
          ? runtime
          : `${runtime} (skipped: it could not be installed from npm)`,
        ignore: !installed,
        fn: async () => {
          const { stdout, stderr } = await new Deno.Command(
            `${folder}/node_modules/.bin/${name}`,
            { args: ["tests/_support/check.mjs"], cwd: folder },
          ).output();
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
