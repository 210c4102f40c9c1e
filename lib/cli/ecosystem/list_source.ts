/**
 * Where a command's server list comes from: a file or URL that the user named, or the
 * bundled one.
 *
 * @module
 */

import { stat } from "node:fs/promises";
import { bundledList, findServer } from "../../ecosystem/bundled.ts";
import { readBounded, readListText } from "../../ecosystem/load.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { NetworkError, WireError } from "../../wire/errors.ts";
import {
  explainSkip,
  type ListedServer,
  parseServerList,
  type ServerList,
} from "../../ecosystem/list.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { fileError } from "../terminal/file_error.ts";
import { type Output, printable } from "../terminal/output.ts";
import { standardInput } from "../terminal/streams.ts";

/** Stands for the standard input in place of a file's name. */
export const STDIN = "-";

/** Options of {@linkcode loadList}. */
export interface LoadListOptions {
  /** Where to say which entries are of no use. */
  readonly output?: Output;
  /** Where to show that the list is fetched; `output` without. */
  readonly waiting?: Pick<Output, "progress">;
  /** Is anybody interested in that? */
  readonly verbose?: boolean | undefined;
}

/**
 * Reads the text of a list.
 *
 * @param path Path, `-` for the standard input, or an HTTPS URL.
 * @param output Where to show that something is fetched.
 * @throws {UsageError} If there is nothing that can be read.
 */
export async function readList(
  path: string,
  output?: Pick<Output, "progress">,
): Promise<string> {
  const fetching = path.startsWith("https:") ? output : undefined;
  fetching?.progress(`fetching ${printable(path)} ...`);
  try {
    return path === STDIN
      ? await readBounded(standardInput())
      : await readListText(path);
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    if (error instanceof WireError) {
      throw new UsageError(`${path} is no server list: ${why(error)}`);
    }
    throw fileError(path, error);
  } finally {
    fetching?.progress("");
  }
}

function why(error: WireError): string {
  return error.message
    .replace(/^Cannot (read|load) server list( from "[^"]*")?: /, "");
}

/**
 * Loads a list.
 *
 * @param path Path, `-` for the standard input, or an HTTPS URL; the bundled list without one.
 * @throws {UsageError} If it cannot be read, or is no list.
 */
export async function loadList(
  path?: string,
  { output, waiting = output, verbose = false }: LoadListOptions = {},
): Promise<ServerList> {
  if (path === undefined) return bundledList();
  const text = await readList(path, waiting);
  let list: ServerList;
  try {
    list = parseServerList(text);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new UsageError(
      `${path} is no server list: ${why(error)}`,
      "'roughly ecosystem lint' shows what is wrong with a list",
    );
  }
  const { expiresMicros } = list;
  if (expiresMicros !== undefined && expiresMicros <= nowMicros()) {
    const when = formatTime(expiresMicros) ?? "long ago";
    output?.err(
      `roughly: warning: ${path} expired at ${when}, by this machine's clock: its servers may have moved; look for a newer one`,
    );
  }
  for (const { name, reason } of verbose ? list.skipped : []) {
    output?.err(
      `roughly: warning: ${printable(name)} is not used: ${
        explainSkip(reason)
      }`,
    );
  }
  return list;
}

function nowMicros(): bigint {
  return BigInt(Date.now()) * 1000n;
}

/** A list of this name in the working folder is meant where none is named. */
const LOCAL_LIST = "ecosystem.json";

/**
 * Looks for a list in the working folder, as the Python *roughly* does, and says so if there
 * is one: otherwise nobody would know why other servers are asked than elsewhere.
 *
 * @returns Its path, or nothing: then the bundled list is meant.
 */
export async function findLocalList(
  output: Output,
): Promise<string | undefined> {
  const found = await stat(LOCAL_LIST).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  output.err(
    `roughly: hint: using the servers of ./${LOCAL_LIST}; --list names another list`,
  );
  return LOCAL_LIST;
}

/**
 * Finds the server that a user named.
 *
 * @throws {UsageError} If there is no such server, or more than one.
 */
export function pickServer(list: ServerList, name: string): ListedServer {
  const found = findServer(list, name);
  if (found.ok) return found.server;
  const names = found.suggestions.join(", ");
  if (found.problem === "ambiguous") {
    throw new UsageError(
      `"${name}" may be one of several servers`,
      `name one of ${names}`,
    );
  }
  const skipped = list.skipped.find((one) => isMeant(one.name, name));
  if (skipped !== undefined) {
    throw new UsageError(
      `cannot ask ${skipped.name}, though the list has it: ${
        explainSkip(skipped.reason)
      }`,
      skipped.reason === "key-type"
        ? "every version of the protocol signs with ed25519"
        : "'roughly ecosystem lint' shows what is wrong with it",
    );
  }
  throw new UsageError(
    `there is no server called "${name}" in the list`,
    names === "" ? "the list has no usable server" : `the list has ${names}`,
  );
}

/** The rules of names are those of servers that can be asked, without their addresses. */
function isMeant(listed: string, name: string): boolean {
  const wanted = name.trim().toLowerCase();
  return wanted !== "" && listed.toLowerCase().startsWith(wanted);
}

/** Entries that an error names; `ecosystem lint` names all. */
const MAX_NAMED = 3;

/** Why nothing of a list can be used. */
export function whyUnusable({ skipped }: ServerList): string {
  if (skipped.length === 0) return "it is empty";
  const more = skipped.length - MAX_NAMED;
  return [
    ...skipped.slice(0, MAX_NAMED).map(({ name, reason }) =>
      `${name}: ${explainSkip(reason)}`
    ),
    ...(more > 0 ? [`and ${more} more`] : []),
  ].join("; ");
}
