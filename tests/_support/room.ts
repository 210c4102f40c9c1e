/**
 * The tests of a folder in one isolate: modules are read and compiled once for all of them,
 * which is a fifth of what they cost.
 *
 * @module
 */

import { filesUnder, ROOT } from "./tree.ts";

/**
 * Registers the tests of a folder, not of those within it.
 *
 * @param folder Its path in `tests/`.
 */
export async function room(folder: string): Promise<void> {
  const path = `tests/${folder}/`;
  const files = filesUnder(path)
    .filter((file) => file.endsWith("_test.ts"))
    .filter((file) => !file.slice(path.length).includes("/"))
    .toSorted();
  for (const file of files) await import(new URL(file, ROOT).href);
}
