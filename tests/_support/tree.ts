/**
 * The files of the repository.
 *
 * @module
 */

/** Where the repository begins. */
export const ROOT: URL = new URL("../../", import.meta.url);

/** Paths of all files in a folder and those below it, from the root. */
export function filesUnder(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap((entry) =>
    entry.isDirectory
      ? filesUnder(`${folder}${entry.name}/`)
      : `${folder}${entry.name}`
  );
}

/** The text of a file. */
export function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}
