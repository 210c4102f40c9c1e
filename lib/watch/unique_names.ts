/**
 * A list in which each server has a name of its own, so that its history has one too.
 *
 * @module
 */

import type { ListedServer } from "../ecosystem/list.ts";

/**
 * Calls the second server of a name "NAME (2)", and so on.
 *
 * @param servers In the list's order, which is kept.
 */
export function withUniqueNames(
  servers: readonly ListedServer[],
): ListedServer[] {
  const names = servers.map(({ name }) => keepable(name));
  const taken = new Set(names);
  const seen = new Set<string>();
  return servers.map((server, i) => {
    const own = names[i] as string;
    let name = own;
    for (let n = 2; seen.has(name); n++) {
      const next = `${own} (${n})`;
      if (!taken.has(next)) name = next;
    }
    taken.add(name);
    seen.add(name);
    return { ...server, name };
  });
}

/** SQLite's texts end at the first NUL for those who read them, and are UTF-8. */
function keepable(name: string): string {
  return name.toWellFormed().replaceAll("\0", "\ufffd");
}
