/**
 * The list of public servers that comes with the package, and finding a server by name.
 *
 * @module
 */

import ecosystem from "../../ecosystem.json" with { type: "json" };
import { type ListedServer, parseServerList, type ServerList } from "./list.ts";

let parsed: ServerList | undefined;

/**
 * The public servers that were known when this version was released. What each entry rests
 * on is in `docs/ecosystem.md`. Servers come and go: a list of your own can be newer.
 *
 * @example
 * ```ts
 * import { bundledList, operatorOf } from "@roughly/roughly/ecosystem";
 *
 * for (const server of bundledList().servers) {
 *   console.log(server.name, operatorOf(server));
 * }
 * ```
 */
export function bundledList(): ServerList {
  return parsed ??= parseServerList(ecosystem);
}

/** What {@linkcode findServer} found. */
export type FoundServer =
  | {
    readonly ok: true;
    /** The one that was meant. */
    readonly server: ListedServer;
  }
  | {
    readonly ok: false;
    /** Did several names fit, or none? */
    readonly problem: "ambiguous" | "unknown";
    /** Names that may have been meant, best first; not always all of them. */
    readonly suggestions: readonly string[];
  };

/** Suggestions beyond this are no help. */
const MAX_SUGGESTIONS = 20;

/**
 * Finds a server by its name, by the name of its host, or by how one of these begins, in
 * upper or lower case.
 *
 * @example
 * ```ts
 * import { bundledList, findServer } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const found = findServer(bundledList(), "cloudflare");
 * assert(found.ok && found.server.name === "Cloudflare-Roughtime-2");
 * ```
 *
 * @param list Where to look.
 * @param name What somebody typed.
 */
export function findServer(
  list: Pick<ServerList, "servers">,
  name: string,
): FoundServer {
  const { servers } = list;
  const wanted = name.trim().toLowerCase();
  // The first rule that fits any server decides: a whole name is never ambiguous with
  // names that only begin with it.
  const rules: ((name: string) => boolean)[] = [
    (name) => name === wanted,
    (name) => wanted !== "" && name.startsWith(wanted),
  ];
  for (const fits of rules) {
    const found = servers.filter((server) => namesOf(server).some(fits));
    const [server] = found;
    if (server === undefined) continue;
    if (found.length === 1) return { ok: true, server };
    return unsure("ambiguous", found);
  }
  const similar = servers.filter((server) =>
    namesOf(server).some((name) => wanted !== "" && name.includes(wanted))
  );
  return unsure("unknown", similar.length > 0 ? similar : servers);
}

function namesOf({ name, addresses }: ListedServer): string[] {
  return [name, ...addresses.map(({ host }) => host)].map((name) =>
    name.toLowerCase()
  );
}

function unsure(
  problem: "ambiguous" | "unknown",
  servers: readonly ListedServer[],
): FoundServer {
  const suggestions = servers.slice(0, MAX_SUGGESTIONS).map(({ name }) => name);
  return { ok: false, problem, suggestions };
}
