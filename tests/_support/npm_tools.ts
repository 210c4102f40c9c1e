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

/**
 * Where a program is.
 *
 * @param spec The package with its version, such as `node@22`.
 * @param name The program, if it is not called like the package.
 */
export function locate(
  spec: string,
  cwd: string,
  name: string | undefined = spec.split("@")[0],
): Promise<string | undefined> {
  const how = ["--yes", `--package=${spec}`, "--call", `command -v ${name}`];
  return npm(["exec", ...how], cwd);
}
