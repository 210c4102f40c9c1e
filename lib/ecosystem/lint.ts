/**
 * What is wrong with a server list, entry by entry (RFC 10049, section 8.3).
 *
 * An *error* keeps some reader from using what the list says, or makes it use it wrongly. A
 * *warning* is what readers cope with, or what makes a list less useful.
 *
 * @module
 */

import { requireBigInRange, TIME_MICROS } from "../wire/range.ts";
import { isVerifiableKey } from "../crypto/ed25519.ts";
import { dialectFor, formatVersion } from "../wire/dialect.ts";
import { WireError } from "../wire/errors.ts";
import { formatKey, parseKey } from "../wire/key_text.ts";
import { operatorOf } from "./operator.ts";
import {
  explainAddress,
  readAddress,
  type ServerAddress,
} from "../net/address.ts";
import {
  isHttps,
  isKnownKeyType,
  isServerName,
  type JsonObject,
  KEY_TYPE,
  MAX_LIST_ADDRESSES,
  MAX_NAME_LENGTH,
  openList,
  readListedVersion,
  readListTime,
  readTransport,
  toObject,
} from "./list.ts";

/** How bad a finding is. */
export type Severity = "error" | "warning";

/** All kinds of findings; stable. */
export const FINDING_CODES = [
  "not-a-list",
  "not-json",
  "empty",
  "schema",
  "expired",
  "time",
  "url",
  "name",
  "duplicate-name",
  "version-missing",
  "version-text",
  "version",
  "version-unknown",
  "key-type",
  "key",
  "key-encoding",
  "weak-key",
  "duplicate-key",
  "no-address",
  "too-many",
  "transport",
  "address",
  "ipv6-brackets",
  "same-operator",
  "few-operators",
] as const;

/** One of {@linkcode FINDING_CODES}. */
export type FindingCode = typeof FINDING_CODES[number];

/** Something that is wrong with a list. */
export interface Finding {
  /** How bad it is. */
  readonly severity: Severity;
  /** What kind it is; stable. */
  readonly code: FindingCode;
  /** Where it is, such as `servers[3].addresses[0].address`; empty for the list itself. */
  readonly path: string;
  /** A sentence for people; it may repeat what the list says. */
  readonly message: string;
}

/** Options of {@linkcode lintServerList}. */
export interface LintOptions {
  /** Microseconds since 1970, for lists that expire. */
  readonly nowMicros?: bigint | undefined;
}

/** Fewest operators for a measurement (RFC 10049, section 8.1). */
const MIN_OPERATORS = 3;

/** Longest piece of a list that a message repeats. */
const MAX_QUOTE = 60;

/** An entry of the list as far as it is of use. */
interface Entry {
  readonly path: string;
  readonly name: string | undefined;
  readonly key: string | undefined;
  readonly addresses: readonly ServerAddress[];
}

/**
 * Looks for everything that is wrong with a server list. Nothing is looked up or asked.
 *
 * @example
 * ```ts
 * import { lintServerList } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const [finding] = lintServerList(`{ "servers": [] }`);
 * assert.equal(finding?.severity, "error");
 * assert.equal(finding?.code, "empty");
 * ```
 *
 * @param text JSON text.
 * @param options What time it is, if that is to matter.
 * @returns Findings, in the order of the list; those about several entries come last.
 */
export function lintServerList(
  text: string,
  options: LintOptions = {},
): Finding[] {
  requireBigInRange("nowMicros", options.nowMicros, TIME_MICROS);
  const lint = new Lint();
  let list: ReturnType<typeof openList>;
  try {
    list = openList(text);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    lint.error("not-a-list", "", error.message);
    return lint.findings;
  }
  if (!/^\s*[\ufeff{]/.test(text)) {
    const message =
      "it is lines of text as Botan reads, which other readers refuse: the specification wants JSON";
    lint.warn("not-json", "", message);
  }
  lint.times(list.members, options.nowMicros);
  lint.urls(list.members);
  const entries = list.servers.flatMap((value, i) =>
    lint.server(value, `servers[${i}]`)
  );
  lint.together(entries);
  return lint.findings;
}

/** One run of {@linkcode lintServerList}. */
class Lint {
  readonly findings: Finding[] = [];

  error(code: FindingCode, path: string, message: string): void {
    this.findings.push({ severity: "error", code, path, message });
  }

  warn(code: FindingCode, path: string, message: string): void {
    this.findings.push({ severity: "warning", code, path, message });
  }

  /** What only Google's form has. */
  times(members: JsonObject, nowMicros: bigint | undefined): void {
    for (const name of ["created", "expires"]) {
      const value = members[name];
      if (value === undefined) continue;
      const micros = readListTime(value);
      if (micros === undefined) {
        this.error("time", name, "it is not a time as RFC 3339 writes it");
      } else if (
        name === "expires" && nowMicros !== undefined && micros <= nowMicros
      ) this.error("expired", name, "the list has expired");
    }
  }

  urls({ sources, reports }: JsonObject): void {
    const wanted = "it must be a URL that begins with https://";
    if (sources !== undefined && !Array.isArray(sources)) {
      this.error("schema", "sources", "it must be an array of URLs");
    } else if (Array.isArray(sources)) {
      if (sources.length > MAX_LIST_ADDRESSES) this.tooMany("sources");
      for (const [i, url] of this.#some(sources)) {
        if (!isHttps(url)) this.error("url", `sources[${i}]`, wanted);
      }
    }
    if (reports !== undefined && !isHttps(reports)) {
      this.error("url", "reports", wanted);
    }
  }

  server(value: unknown, path: string): Entry[] {
    const entry = toObject(value);
    if (entry === undefined) {
      this.error("schema", path, "it must be an object");
      return [];
    }
    const named = isServerName(entry.name);
    if (!named) {
      this.error(
        "name",
        `${path}.name`,
        `it must be text of 1 to ${MAX_NAME_LENGTH} characters`,
      );
    }
    this.#version(entry.version, `${path}.version`);
    return [{
      path,
      name: named ? entry.name as string : undefined,
      key: this.#key(entry, path),
      addresses: this.#addresses(entry.addresses, `${path}.addresses`),
    }];
  }

  #version(version: unknown, path: string): void {
    const number = readListedVersion(version);
    if (version === undefined) {
      this.warn("version-missing", path, "the specification wants a version");
    } else if (typeof version === "string") {
      const meaning = number === undefined
        ? "this text says none"
        : `such as ${number} for ${formatVersion(number)}`;
      this.warn(
        "version-text",
        path,
        `the specification wants the number of the highest version supported; ${meaning}`,
      );
    } else if (number === undefined) {
      this.error("version", path, "it must be an integer of 32 bits");
    }
    if (
      number !== undefined && dialectFor(number, { typed: true }) === undefined
    ) {
      const name = formatVersion(number);
      this.warn("version-unknown", path, `version ${name} is not known here`);
    }
  }

  #key(entry: JsonObject, path: string): string | undefined {
    const { publicKeyType: type, publicKey: text } = entry;
    const path_ = `${path}.publicKeyType`;
    if (type !== KEY_TYPE && isKnownKeyType(type)) {
      const message = `the specification spells it "${KEY_TYPE}"`;
      this.warn("key-type", path_, message);
    } else if (type !== KEY_TYPE) {
      if (typeof type === "string") {
        const message = `readers skip a key of type ${quote(type)}`;
        this.warn("key-type", path_, message);
        return undefined;
      }
      this.error("key-type", path_, `it must be "${KEY_TYPE}"`);
    }
    path += ".publicKey";
    if (typeof text !== "string") {
      this.error("key", path, "it must be text");
      return undefined;
    }
    let key: Uint8Array;
    try {
      key = parseKey(text);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.error("key", path, error.message.replace("Cannot read key: ", ""));
      return undefined;
    }
    const standard = formatKey(key);
    if (text !== standard) {
      this.warn(
        "key-encoding",
        path,
        `the specification wants base64 with padding: ${standard}`,
      );
    }
    if (!isVerifiableKey(key)) {
      this.error("weak-key", path, "no signature can be valid under it");
    }
    return standard;
  }

  #addresses(value: unknown, path: string): ServerAddress[] {
    if (!Array.isArray(value)) {
      this.error("schema", path, "it must be an array of objects");
      return [];
    }
    if (value.length === 0) {
      this.error("no-address", path, "a server needs an address");
    }
    if (value.length > MAX_LIST_ADDRESSES) this.tooMany(path);
    return this.#some(value).flatMap(([i, one]) =>
      this.#address(one, `${path}[${i}]`)
    );
  }

  #address(value: unknown, path: string): ServerAddress[] {
    const { protocol, address } = toObject(value) ?? {};
    const transport = readTransport(protocol);
    if (transport === undefined) {
      this.error("transport", `${path}.protocol`, `it must be "udp" or "tcp"`);
    } else if (transport !== protocol) {
      const message = `the specification spells it "${transport}"`;
      this.warn("transport", `${path}.protocol`, message);
    }
    path += ".address";
    if (typeof address !== "string") {
      this.error("address", path, "it must be text: a host, a colon, a port");
      return [];
    }
    const read = readAddress(address);
    if (!read.ok) {
      const why = explainAddress(read.problem);
      this.error("address", path, `${quote(address)}: ${why}`);
      return [];
    }
    if (read.unbracketed) {
      const message = `an IPv6 address must be in brackets: ${quote(address)}`;
      this.error("ipv6-brackets", path, message);
    }
    return transport ? [{ transport, host: read.host, port: read.port }] : [];
  }

  tooMany(path: string): void {
    const message = `those after the first ${MAX_LIST_ADDRESSES} are not read`;
    this.error("too-many", path, message);
  }

  /** As many as readers look at, each with its place. */
  #some(values: readonly unknown[]): [place: number, value: unknown][] {
    return [...values.slice(0, MAX_LIST_ADDRESSES).entries()];
  }

  /** What shows only when entries are compared. */
  together(entries: readonly Entry[]): void {
    if (entries.length === 0) {
      this.error("empty", "servers", "there are no servers");
      return;
    }
    for (const [entry, first] of repeated(entries, ({ name }) => name)) {
      const message = `it is the name of ${first.path}, too`;
      this.error("duplicate-name", `${entry.path}.name`, message);
    }
    for (const [entry, first] of repeated(entries, ({ key }) => key)) {
      const message = `it is the key of ${first.path}, too: both count as one`;
      this.warn("duplicate-key", `${entry.path}.publicKey`, message);
    }
    const usable = entries.filter(({ key, addresses }) =>
      key !== undefined && addresses.length > 0
    );
    for (const [entry, first] of repeated(usable, operatorOf)) {
      const message = `${quote(operatorOf(entry))} runs ${first.path}, too: ` +
        "both count as one";
      this.warn("same-operator", entry.path, message);
    }
    const operators = new Set(usable.map(operatorOf)).size;
    if (operators < MIN_OPERATORS) {
      this.warn(
        "few-operators",
        "servers",
        `a measurement takes servers of ${MIN_OPERATORS} operators, and there ${
          operators === 1 ? "is 1" : `are ${operators}`
        }`,
      );
    }
  }
}

/** Entries whose value an earlier one has, with the first that has it. */
function repeated(
  entries: readonly Entry[],
  valueOf: (entry: Entry) => string | undefined,
): [entry: Entry, first: Entry][] {
  const firsts = new Map<string, Entry>();
  return entries.flatMap((entry): [Entry, Entry][] => {
    const value = valueOf(entry);
    if (value === undefined) return [];
    const first = firsts.get(value);
    if (first !== undefined) return [[entry, first]];
    firsts.set(value, entry);
    return [];
  });
}

function quote(text: string): string {
  const cut = text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}...` : text;
  return `"${cut}"`;
}
