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
  const taken = new Set(servers.map(({ name }) => name));
  const seen = new Set<string>();
  return servers.map((server) => {
    let { name } = server;
    for (let n = 2; seen.has(name); n++) {
      const next = `${server.name} (${n})`;
      if (!taken.has(next)) name = next;
    }
    taken.add(name);
    seen.add(name);
    return { ...server, name };
  });
}
