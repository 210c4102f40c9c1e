/** Programs from npm, fetched once into npm's own folder for such. */

/** Runs npm; gives what it prints, or nothing where it fails or is not there. */
export async function npm(
  args: readonly string[],
  cwd: string,
): Promise<string | undefined> {
  try {
    const { success, stdout } = await new Deno.Command("npm", {
      args: [...args, "--prefer-offline", "--silent"],
      cwd,
      stderr: "null",
    }).output();
    return success ? new TextDecoder().decode(stdout).trim() : undefined;
  } catch {
    return undefined;
  }
}

/** Programs that tests run, and the packages they come with. */
const PACKAGES = { node: "node@22", bun: "bun@1", tsc: "typescript@7" };

/** A program that tests run. */
export type Tool = keyof typeof PACKAGES;

let located: Promise<ReadonlyMap<Tool, string>> | undefined;

/** Where the programs are; npm is asked once for all of them. */
export function locate(): Promise<ReadonlyMap<Tool, string>> {
  return located ??= locateAll();
}

async function locateAll(): Promise<ReadonlyMap<Tool, string>> {
  const tools = Object.keys(PACKAGES) as Tool[];
  const together = await paths(...tools);
  if (together.size > 0) return together;
  const apart = await Promise.all(tools.map((tool) => paths(tool)));
  return new Map(apart.flatMap((one) => [...one]));
}

async function paths(...tools: readonly Tool[]): Promise<Map<Tool, string>> {
  const packages = tools.map((tool) => `--package=${PACKAGES[tool]}`);
  const call = tools.map((tool) => `command -v ${tool}`).join(" && ");
  const how = ["exec", "--yes", ...packages, "--call", call];
  const out = await npm(how, Deno.cwd());
  const lines = out?.split("\n") ?? [];
  return new Map(lines.map((line, i) => [tools[i] as Tool, line]));
}
