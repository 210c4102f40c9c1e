/** What the tests of the npm package run it with, fetched from npm once for all runs. */

const TOOLS = ["node@22", "bun@1", "typescript@7", "@types/node@22"];

/** Runs npm quietly. */
export async function npm(args: string[], cwd: string): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("npm", {
      args: [...args, "--silent", "--no-fund", "--no-audit"],
      cwd,
      stdout: "null",
      stderr: "null",
    }).output();
    return success;
  } catch {
    return false; // there is no npm
  }
}

function cacheFolder(): string {
  const home = Deno.env.get("HOME") ?? Deno.env.get("USERPROFILE") ?? ".";
  const cache = Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`;
  return `${cache}/roughly-tests`;
}

/**
 * Fetches Node, Bun and TypeScript.
 *
 * @returns The `node_modules` that holds them, or `undefined` where npm cannot give them.
 */
export async function npmTools(): Promise<string | undefined> {
  const name = TOOLS.join("_").replaceAll(/[^\w.@-]/g, "+");
  const folder = `${cacheFolder()}/${name}`;
  const modules = `${folder}/node_modules`;
  if (await exists(`${folder}/complete`)) return modules;
  // Tests may come here at once: each fetches for itself, and one wins.
  await Deno.mkdir(cacheFolder(), { recursive: true });
  const own = await Deno.makeTempDir({ dir: cacheFolder() });
  try {
    await Deno.writeTextFile(`${own}/package.json`, '{ "private": true }\n');
    if (!await npm(["install", ...TOOLS], own)) return undefined;
    await Deno.writeTextFile(`${own}/complete`, "");
    await Deno.rename(own, folder).catch(async (error) => {
      if (!await exists(`${folder}/complete`)) throw error;
    });
    return modules;
  } finally {
    await Deno.remove(own, { recursive: true }).catch(() => {});
  }
}

function exists(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}
