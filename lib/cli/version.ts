/**
 * What `--version` says.
 *
 * @module
 */

import config from "../../deno.json" with { type: "json" };

/** The program's version, and what it runs on: bug reports need both. */
export function versionText(): string {
  const { os, arch } = Deno.build;
  return `roughly ${config.version} (${os} ${arch}, Deno ${Deno.version.deno})`;
}
