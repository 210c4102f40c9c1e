/**
 * The tests of some folders in one isolate: modules are read and compiled once for all of
 * them, which is a fifth of what they cost.
 *
 * @module
 */

import { filesUnder, ROOT } from "./tree.ts";

/**
 * Registers the tests of folders, not of those within them.
 *
 * @param folders Their paths in `tests/`.
 */
export async function room(...folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    const path = `tests/${folder}/`;
    const files = filesUnder(path)
      .filter((file) => file.endsWith("_test.ts"))
      .filter((file) => !file.slice(path.length).includes("/"))
      .toSorted();
    for (const file of files) await import(new URL(file, ROOT).href);
  }
}
