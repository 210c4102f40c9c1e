/**
 * What `--version` says.
 *
 * @module
 */

import process from "node:process";
import config from "../../deno.json" with { type: "json" };

/** The program's version, and what it runs on: bug reports need both. */
export function versionText(): string {
  const { deno, bun, node } = process.versions;
  // Deno and Bun say what Node they stand in for, too.
  const runtime = deno ? `Deno ${deno}` : bun ? `Bun ${bun}` : `Node ${node}`;
  return `roughly ${config.version} (${process.platform} ${process.arch}, ${runtime})`;
}
