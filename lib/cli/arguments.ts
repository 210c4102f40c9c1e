/**
 * Reading what users type: targets, versions, numbers.
 *
 * @module
 */

import {
  DEFAULT_PORT,
  LEAST_VALIDITY_SECONDS,
  MAX_DELAY_MICROS,
  MAX_RADIUS_SECONDS,
  MAX_WORKERS,
} from "../server/check_options.ts";
import net from "node:net";
import { type Dialect, dialectFor, DIALECTS } from "../wire/dialect.ts";
import { parseKey } from "../wire/key_text.ts";
import type { ListenAddress } from "../server/serve_options.ts";
import { UsageError } from "./terminal/exit_code.ts";
import { offering } from "./manual/words.ts";

/** A server as named on the command line. */
export interface Target {
  /** Name or literal address, without brackets. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Long-term key, if one was given. */
  readonly publicKey: Uint8Array | undefined;
}

const ORDER = "the order is HOST[:PORT] [PORT] [PUBLIC_KEY]";

/**
 * Reads `HOST[:PORT] [PORT] [PUBLIC_KEY]`; `[v6]:PORT` and a bare IPv6 address work too.
 *
 * @param words One to three words.
 */
export function parseTarget(words: readonly string[]): Target {
  const [first = "", second, third, extra] = words;
  if (extra !== undefined) {
    throw new UsageError(`cannot use "${extra}": too many words`, ORDER);
  }
  const { host, port } = splitHostPort(first);
  // No key is that short, in whatever spelling.
  const hasPort = third !== undefined || /^\d{1,42}$/.test(second ?? "");
  if (hasPort && port !== undefined) {
    throw new UsageError(
      `cannot use "${second}": "${first}" has a port already`,
      ORDER,
    );
  }
  const key = hasPort ? third : second;
  return {
    host,
    port: port ?? (hasPort ? parsePort(second ?? "", ORDER) : DEFAULT_PORT),
    publicKey: key === undefined ? undefined : parseKey(key),
  };
}

/** Characters that stand in no name and no address. */
const NOT_IN_HOSTS = /[\s/\\[\]@?#"'<>]|\p{C}/u;

/** Splits `HOST[:PORT]`. */
export function splitHostPort(
  text: string,
): { host: string; port: number | undefined } {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ??
    /^([^:/]*):([^:/]*)$/.exec(text) ?? [text, text, undefined];
  const [, host = "", port] = match;
  const literal = host.includes(":") || text.startsWith("[");
  if (
    host === "" || NOT_IN_HOSTS.test(host) ||
    (literal && net.isIP(host) !== 6)
  ) {
    throw new UsageError(
      `cannot use "${text}" as a host`,
      "hosts are written like example.org, 192.0.2.1:2002 or [2001:db8::1]:2002",
    );
  }
  return { host, port: port === undefined ? undefined : parsePort(port) };
}

/** Reads a port that a client can send to. */
export function parsePort(text: string, hint?: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw new UsageError(
      `cannot use "${text}" as a port: 1 to 65535 are allowed`,
      hint,
    );
  }
  return port;
}

/** Reads a port that a server can listen on: 0 lets the system choose. */
export function parseListenPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new UsageError(
      `cannot use "${text}" as a port: 0 to 65535 are allowed, 0 for any`,
    );
  }
  return port;
}

/** Reads a decimal number; `NaN` for anything else. */
function parseDecimal(text: string): number {
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)
    ? Number(text)
    : NaN;
}

/** Reads a positive number of seconds, a microsecond at least. */
export function parseSeconds(text: string): number {
  const seconds = parseDecimal(text);
  if (!Number.isFinite(seconds) || seconds < 1e-6) {
    throw new UsageError(
      `cannot use "${text}" as a positive number of seconds`,
    );
  }
  return seconds;
}

/** Reads how far a clock may be off, in seconds: as much as a reply can tell. */
export function parseRadius(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds > MAX_RADIUS_SECONDS) {
    throw new UsageError(
      `cannot use "${text}" as a radius: ${MAX_RADIUS_SECONDS} seconds at most`,
    );
  }
  return seconds;
}

/** Reads how many threads. */
export function parseWorkers(text: string): number {
  const count = parseCount(text);
  if (count > MAX_WORKERS) {
    throw new UsageError(
      `cannot use "${text}" workers: ${MAX_WORKERS} at most`,
    );
  }
  return count;
}

/** Reads `--max-delay`, in microseconds. */
export function parseDelay(text: string): number {
  const micros = parseDecimal(text);
  if (micros >= 0 && micros <= MAX_DELAY_MICROS) return micros;
  throw new UsageError(
    `cannot use "${text}" for --max-delay: it takes 0 to ${MAX_DELAY_MICROS} microseconds`,
  );
}

/** A certificate's window is in seconds of 32 bits, or close to that. */
const MAX_VALIDITY_SECONDS = 0xffffffff;

/** Reads `--validity-seconds`. */
export function parseValidity(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds < LEAST_VALIDITY_SECONDS) {
    throw new UsageError(
      `cannot use "${text}" for --validity-seconds: at least ${LEAST_VALIDITY_SECONDS} are needed, so that a key is replaced before it ends`,
    );
  }
  if (seconds > MAX_VALIDITY_SECONDS) {
    throw new UsageError(
      `cannot use "${text}" for --validity-seconds: ${MAX_VALIDITY_SECONDS} at most`,
    );
  }
  return seconds;
}

/** A longer wait helps nobody, and timers do not reach further than some days. */
const MAX_TIMEOUT_SECONDS = 86_400;

/** Reads how long to wait, in seconds. */
export function parseTimeout(text: string): number {
  const seconds = parseSeconds(text);
  if (seconds > MAX_TIMEOUT_SECONDS) {
    throw new UsageError(
      `cannot wait "${text}" seconds: ${MAX_TIMEOUT_SECONDS} at most`,
    );
  }
  return seconds;
}

/** Reads `HOST:PORT` to listen on; the host has to be a literal address. */
export function parseListen(text: string): ListenAddress {
  const match = /^\[([^\]]+)\]:(.*)$/.exec(text) ?? /^([^:]+):(.*)$/.exec(text);
  const [, hostname = "", port = ""] = match ?? [];
  if (net.isIP(hostname) === 0) {
    throw new UsageError(
      `cannot listen on "${text}"`,
      "it takes an address and a port, such as 0.0.0.0:2002 or [::]:2002",
    );
  }
  return { hostname, port: parseListenPort(port) };
}

/** Reads a whole number from 1 up. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !(count >= 1 && count <= 1e9)) {
    throw new UsageError(
      `cannot use "${text}" as a count: 1 to 1000000000 are allowed`,
    );
  }
  return count;
}

/** Reads a number of things per second. */
export function parseRate(text: string): number {
  const rate = parseDecimal(text);
  if (!(rate >= 0.001 && rate <= 1e7)) {
    throw new UsageError(
      `cannot use "${text}" as a rate: 0.001 to 10000000 per second are allowed`,
    );
  }
  return rate;
}

/** Reads a number of seconds, 0 for never. */
export function parseInterval(text: string): number {
  return parseDecimal(text) === 0 ? 0 : parseTimeout(text);
}

/** Reads a number of days for which a delegation may last. */
export function parseDays(text: string): number {
  const days = parseDecimal(text);
  if (!(days >= 0.001 && days <= 3660)) {
    throw new UsageError(
      `cannot use "${text}" as a number of days: 0.001 to 3660 are allowed`,
    );
  }
  return days;
}

/** Reads a fraction of one. */
export function parseFraction(text: string): number {
  const fraction = parseDecimal(text);
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new UsageError(
      `cannot use "${text}" as a fraction: 0 to 1 are allowed`,
    );
  }
  return fraction;
}

/** Reads a yes or no from the environment. */
export function parseSwitch(text: string): boolean {
  const word = text.trim().toLowerCase();
  if (["1", "true", "t", "yes", "y", "on"].includes(word)) return true;
  if (["0", "false", "f", "no", "n", "off"].includes(word)) return false;
  throw new UsageError(
    `cannot use "${text}" as yes or no: write 1 or 0`,
  );
}

/** A version as named on the command line. */
export interface NamedVersion {
  /** The number on the wire. */
  readonly code: number;
  /** The rows that are meant: one if it was named, all of that number otherwise. */
  readonly dialects: readonly Dialect[];
}

/** Versions named by number (`1`, `0x8000000c`), by dialect (`draft-08`) or as `google`. */
export function parseVersions(text: string): NamedVersion[] {
  const versions = text.split(",").map(parseVersion);
  const names = versions.flatMap(({ code, dialects }) =>
    dialects.map(({ id }) => `${code} ${id}`)
  );
  if (new Set(names).size !== names.length) {
    throw new UsageError(`cannot use "${text}": it names a version twice`);
  }
  return versions;
}

function parseVersion(word: string): NamedVersion {
  const name = word.trim().toLowerCase();
  const rows = Object.values(DIALECTS);
  const named = rows.find(({ id }) => id === name);
  if (named) return { code: named.code, dialects: [named] };
  const code = /^(\d+|0x[\da-f]+)$/.test(name) ? Number(name) : NaN;
  const known = dialectFor(code, { typed: true });
  if (known === undefined) {
    throw new UsageError(
      `cannot use "${word}" as a version`,
      `versions are written like ${DIALECTS["rfc-10049"].code}, 0x${
        DIALECTS["draft-14"].code.toString(16)
      }, draft-08 or google`,
    );
  }
  const dialects = rows.filter((row) => row.code === known.code).reverse();
  return { code, dialects };
}

/** What goes into one request. */
export interface Offer {
  /** Numbers on the wire. */
  readonly versions: readonly number[];
  /** Is TYPE to be sent where the number alone leaves that open? */
  readonly typed: boolean;
}

/** Refuses what cannot stand in one request. */
export function toOffer(named: readonly NamedVersion[]): Offer {
  const versions = named.map(({ code }) => code);
  const rows = named.flatMap(({ dialects }) => dialects);
  if (rows.length > 1 && rows.some(({ framed }) => !framed)) {
    throw new UsageError("cannot offer google together with other versions");
  }
  const untyped = named.filter(({ code, dialects }) =>
    dialects.every(({ type }) => type === "none") &&
    dialectFor(code, { typed: true })?.type === "required"
  );
  const typed = named.filter(({ dialects }) =>
    dialects.some(({ type }) => type === "required")
  );
  if (untyped.length > 0 && typed.length > 0) {
    throw new UsageError(
      `cannot offer ${untyped[0]?.dialects[0]?.title} together with ${
        typed[0]?.dialects[0]?.title
      }: only one of them sends TYPE`,
    );
  }
  return { versions, typed: untyped.length === 0 };
}

/**
 * Has an option say its own name where it refuses a value: the same reader serves several.
 *
 * @param name Such as `--radius`.
 * @param read Throws a {@linkcode UsageError} at what it cannot use.
 */
export function naming<T, P>(
  name: string,
  read: (text: string, before: P) => T,
): (text: string, before: P) => T {
  return (text, before) => {
    try {
      return read(text, before);
    } catch (error) {
      if (!(error instanceof UsageError) || error.message.includes(name)) {
        throw error;
      }
      throw new UsageError(`${error.message} (${name})`, error.hint);
    }
  };
}

/** Takes any word there is; an empty one is a variable that was not set. */
export function parseWord(text: string): string {
  if (text === "") throw new UsageError("cannot use an empty word");
  return text;
}

/** Reads one of a few words. */
export function parseChoice<T extends string>(
  choices: readonly T[],
): (text: string) => T {
  return offering((text: string) => {
    const choice = choices.find((word) => word === text);
    if (choice === undefined) {
      throw new UsageError(
        `cannot use "${text}" here`,
        `use one of ${choices.join(", ")}`,
      );
    }
    return choice;
  }, choices);
}
