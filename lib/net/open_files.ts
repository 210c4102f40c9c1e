/**
 * How many files and sockets this process may have open, by whichever way is permitted.
 *
 * @module
 */

import fs from "node:fs";
import { openFilesLimit as askLibc } from "./linux/libc.ts";

/** `man 5 proc`: columns are name, limit in force, limit of that, unit. */
const LIMITS_FILE = "/proc/self/limits";

/**
 * Reads the limit in force out of the kernel's table of a process's limits.
 *
 * @param table The text of `/proc/self/limits`.
 * @returns Files and sockets, `Infinity` where there is no limit, `undefined` where the
 *   table does not say.
 */
export function parseLimits(table: string): number | undefined {
  const [, limit] = /^Max open files +(\d+|unlimited) /m.exec(table) ?? [];
  if (limit === undefined) return undefined;
  return limit === "unlimited" ? Infinity : Number(limit);
}

/**
 * How many files and sockets this process may have open. Never asks the user for permission.
 *
 * @returns The limit in force, or `undefined` where it cannot be known: without FFI, Deno
 *   lets only those read it who may do everything.
 */
export function openFilesLimit(): number | undefined {
  // Windows has no limit that a server would come near to.
  if (globalThis.process?.platform === "win32") return Infinity;
  return askLibc() ?? readLimits();
}

function readLimits(): number | undefined {
  try {
    const permissions = globalThis.Deno?.permissions;
    const asked = { name: "read", path: LIMITS_FILE } as const;
    if (permissions && permissions.querySync(asked).state !== "granted") {
      return undefined;
    }
    return parseLimits(fs.readFileSync(LIMITS_FILE, "utf8"));
  } catch {
    return undefined;
  }
}
