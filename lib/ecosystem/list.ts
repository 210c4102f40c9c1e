/**
 * Server lists in every form there is: Google's, Cloudflare's, that of the drafts and of
 * RFC 10049 (section 8.3), Botan's, and those of programs that write something in between.
 *
 * An entry that is of no use is skipped, with a reason, and spoils nothing else.
 *
 * @module
 */

import { isVerifiableKey } from "../crypto/ed25519.ts";
import { DIALECTS, GOOGLE_VERSION, offerFor } from "../wire/dialect.ts";
import { WireError } from "../wire/errors.ts";
import { formatKey, parseKey } from "../wire/key_text.ts";
import { readTextList } from "./text_list.ts";
import {
  formatServerAddress,
  readAddress,
  type ServerAddress,
} from "../net/address.ts";

/** A server of a list. */
export interface ListedServer {
  /** For people; it may hold any characters. */
  readonly name: string;
  /** Long-term Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Where it is; one at least. */
  readonly addresses: readonly ServerAddress[];
  /** The highest version it supports, as the list says; `GOOGLE_VERSION` for Google's. */
  readonly version: number | undefined;
  /** What to offer first because the list says so; `undefined` for the default offer. */
  readonly offer: readonly number[] | undefined;
}

/** Why an entry is of no use. */
export type SkipReason =
  | "entry"
  | "name"
  | "key-type"
  | "key"
  | "weak-key"
  | "address";

/** An entry that is of no use. */
export interface SkippedServer {
  /** Its place in the list, from 0. */
  readonly index: number;
  /** Its name, or its place where it has none. */
  readonly name: string;
  /** Why; {@linkcode explainSkip} puts it into words. */
  readonly reason: SkipReason;
}

/** A server list that was read. */
export interface ServerList {
  /** Servers that can be asked, in the list's order. */
  readonly servers: readonly ListedServer[];
  /** HTTPS URLs where newer versions of the list are. */
  readonly sources: readonly string[];
  /** HTTPS URL that takes malfeasance reports. */
  readonly reports: string | undefined;
  /** Entries that are of no use. */
  readonly skipped: readonly SkippedServer[];
  /** When the list was made, in microseconds since 1970; only Google's form says so. */
  readonly createdMicros?: bigint | undefined;
  /** When the list becomes invalid, in microseconds since 1970; only Google's form says so. */
  readonly expiresMicros?: bigint | undefined;
}

/** Longest text of a list. */
export const MAX_LIST_LENGTH: number = 4 * 1024 * 1024;

/** Most servers in a list. */
export const MAX_LIST_SERVERS = 1024;

/** Most addresses of a server that are looked at, and most sources of a list. */
export const MAX_LIST_ADDRESSES = 64;

/** Longest name that is accepted. */
export const MAX_NAME_LENGTH = 256;

/** The only type of key that there is a version of the protocol for. */
export const KEY_TYPE = "ed25519";

/** Sentences for people; the only place with English. */
const SKIP_REASONS: Readonly<Record<SkipReason, string>> = {
  "entry": "it is not an object",
  "name": "it has no name, or too long a one",
  "key-type": "its type of key is not known here",
  "key": "its public key is not 32 bytes in base64 or hex",
  "weak-key": "no signature can be valid under its public key",
  "address": "it has no address that can be used",
};

/**
 * Puts the reason why an entry was skipped into words.
 *
 * @param reason Of {@linkcode SkippedServer}.
 */
export function explainSkip(reason: SkipReason): string {
  return SKIP_REASONS[reason];
}

/** A JSON object whose members are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Takes a value for an object, with nothing inherited, or not at all. */
export function toObject(value: unknown): JsonObject | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return undefined;
  }
  return Object.assign(Object.create(null), value);
}

/** Opens a list: what is in it nobody has looked at yet. Throws as {@linkcode parseServerList} does. */
export function openList(
  list: unknown,
): { members: JsonObject; servers: readonly unknown[] } {
  const members = toObject(typeof list === "string" ? readText(list) : list);
  const servers = members?.servers;
  if (members === undefined || !Array.isArray(servers)) {
    throw noList("there is no array called servers in it");
  }
  if (servers.length > MAX_LIST_SERVERS) {
    throw noList(
      `it has ${servers.length} servers, and ${MAX_LIST_SERVERS} are allowed`,
    );
  }
  return { members, servers };
}

function readText(text: string): unknown {
  if (text.length > MAX_LIST_LENGTH) {
    throw noList(`it is longer than ${MAX_LIST_LENGTH} characters`);
  }
  const content = text.replace(/^\ufeff/, "");
  try {
    return JSON.parse(content);
  } catch {
    const list = readTextList(content);
    if (list !== undefined) return list;
    throw noList("it is not JSON");
  }
}

function noList(why: string): WireError {
  return new WireError("list", `Cannot read server list: ${why}`);
}

/**
 * Reads a server list in any of its forms.
 *
 * @example
 * ```ts
 * import { parseServerList } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const { servers, skipped } = parseServerList(`{ "servers": [{
 *   "name": "example",
 *   "version": 1,
 *   "publicKeyType": "ed25519",
 *   "publicKey": "2O3mkkheDExCuhG+ZNIoWmO/IdCdLzADgUn8SnC4hME=",
 *   "addresses": [{ "protocol": "udp", "address": "[2001:db8::1]:2002" }]
 * }] }`);
 * assert.equal(servers[0]?.addresses[0]?.host, "2001:db8::1");
 * assert.deepEqual(skipped, []);
 * ```
 *
 * @param list JSON text, what it parses to, or the lines of Botan's lists.
 * @throws {WireError} With code `list` if it is no server list at all, or too large.
 */
export function parseServerList(list: unknown): ServerList {
  const { members, servers: entries } = openList(list);
  const servers: ListedServer[] = [];
  const skipped: SkippedServer[] = [];
  for (const [index, value] of entries.entries()) {
    const entry = toObject(value);
    const read = entry === undefined ? "entry" : readServer(entry);
    if (typeof read !== "string") servers.push(read);
    else skipped.push({ index, name: nameOf(entry, index), reason: read });
  }
  const { sources, reports, created, expires } = members;
  return {
    servers,
    sources: Array.isArray(sources)
      ? sources.slice(0, MAX_LIST_ADDRESSES).filter(isHttps)
      : [],
    reports: isHttps(reports) ? reports : undefined,
    skipped,
    createdMicros: readListTime(created),
    expiresMicros: readListTime(expires),
  };
}

function readServer(entry: JsonObject): ListedServer | SkipReason {
  const { name, publicKeyType = KEY_TYPE, publicKey: text } = entry;
  if (!isServerName(name)) return "name";
  if (!isKnownKeyType(publicKeyType)) return "key-type";
  const publicKey = typeof text === "string" ? readKey(text) : undefined;
  if (publicKey === undefined) return "key";
  if (!isVerifiableKey(publicKey)) return "weak-key";
  const addresses = Array.isArray(entry.addresses)
    ? entry.addresses.slice(0, MAX_LIST_ADDRESSES).flatMap(readServerAddress)
    : [];
  if (addresses.length === 0) return "address";
  const version = readListedVersion(entry.version);
  // No version means Google's protocol in Cloudflare's lists, and in others what was then
  // the newest draft. The default offer ends with Google's, so it serves both.
  const offer = version === undefined ? undefined : offerFor(version);
  return { name, publicKey, addresses, version, offer };
}

/** Can this be the name of a server? */
export function isServerName(name: unknown): name is string {
  return typeof name === "string" && name.trim() !== "" &&
    name.length <= MAX_NAME_LENGTH;
}

function nameOf(entry: JsonObject | undefined, index: number): string {
  return isServerName(entry?.name) ? entry.name : `servers[${index}]`;
}

function readKey(text: string): Uint8Array | undefined {
  try {
    return parseKey(text);
  } catch {
    return undefined;
  }
}

/** Is it the type of key that is known here, however it is spelled? */
export function isKnownKeyType(type: unknown): boolean {
  return typeof type === "string" && type.trim().toLowerCase() === KEY_TYPE;
}

/** Reads a protocol: `UDP`, and `udp4` as some systems name it, are UDP. */
export function readTransport(protocol: unknown): "udp" | "tcp" | undefined {
  if (typeof protocol !== "string") return undefined;
  const word = protocol.trim().toLowerCase().replace(/[46]$/, "");
  return word === "udp" || word === "tcp" ? word : undefined;
}

function readServerAddress(value: unknown): ServerAddress[] {
  const { protocol, address } = toObject(value) ?? {};
  const transport = readTransport(protocol);
  if (transport === undefined || typeof address !== "string") return [];
  const read = readAddress(address);
  return read.ok ? [{ transport, host: read.host, port: read.port }] : [];
}

/** Words that stand for a version in lists; `IETF-Roughtime` says only that it is not Google's. */
const NAMED_VERSIONS: Readonly<Record<string, number>> = {
  "google-roughtime": GOOGLE_VERSION,
  // roughenough's name for what drafts 14 to 19 have in common
  "19": DIALECTS["draft-14"].code,
};

/**
 * Reads the version of an entry.
 *
 * @param version An integer as the specification wants it, or text as many lists have it.
 * @returns A number that fits in VER, or `undefined` if the list says none.
 */
export function readListedVersion(version: unknown): number | undefined {
  let number = version;
  if (typeof version === "string") {
    const word = version.trim().toLowerCase();
    if (Object.hasOwn(NAMED_VERSIONS, word)) return NAMED_VERSIONS[word];
    number = /^(\d+|0x[\da-f]+)$/.test(word) ? Number(word) : undefined;
  }
  return typeof number === "number" && Number.isInteger(number) &&
      number >= 0 && number <= 0xffffffff
    ? number + 0 // no -0
    : undefined;
}

/** Is it a URL that lists may name (RFC 10049, section 8.3: the scheme must be HTTPS)? */
export function isHttps(url: unknown): url is string {
  return typeof url === "string" && /^https:\/\//i.test(url) &&
    URL.canParse(url);
}

/** Reads a time as in Google's lists (RFC 3339), in microseconds since 1970. */
export function readListTime(time: unknown): bigint | undefined {
  const isTime = typeof time === "string" &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(time);
  const millis = isTime ? Date.parse(time.toUpperCase()) : NaN;
  return Number.isNaN(millis) ? undefined : BigInt(millis) * 1000n;
}

/**
 * Writes a list in the form of RFC 10049, section 8.3. A server whose version nobody has
 * told gets none, though the form asks for one: a wrong one would be worse.
 *
 * @param list Servers, and what else the form has.
 * @returns JSON text with a line end.
 */
export function formatServerList(
  list: Pick<ServerList, "servers"> & Partial<ServerList>,
): string {
  const { servers, sources = [], reports } = list;
  const json = {
    servers: servers.map(({ name, version, publicKey, addresses }) => ({
      name,
      version,
      publicKeyType: KEY_TYPE,
      publicKey: formatKey(publicKey),
      addresses: addresses.map((address) => ({
        protocol: address.transport,
        address: formatServerAddress(address),
      })),
    })),
    sources: sources.length > 0 ? sources : undefined,
    reports,
  };
  return `${JSON.stringify(json, undefined, 2)}\n`;
}
