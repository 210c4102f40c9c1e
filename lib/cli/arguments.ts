/**
 * Reading what users type: targets, versions, numbers.
 *
 * @module
 */

import { DIALECTS, GOOGLE_VERSION } from "../dialect.ts";
import { parseKey } from "../key_text.ts";
import { DEFAULT_PORT } from "../serve.ts";
import { UsageError } from "./exit_code.ts";

/** A server as named on the command line. */
export interface Target {
  /** Name or literal address, without brackets. */
  readonly host: string;
  /** Port. */
  readonly port: number;
  /** Long-term key, if one was given. */
  readonly publicKey: Uint8Array | undefined;
}

/**
 * Reads `HOST[:PORT] [PORT] [PUBLIC_KEY]`; `[v6]:PORT` and a bare IPv6 address work too.
 *
 * @param words One to three words.
 */
export function parseTarget(words: readonly string[]): Target {
  const [first = "", ...rest] = words;
  const split = splitHostPort(first);
  const { host } = split;
  let { port } = split;
  if (
    port === undefined && rest[0] !== undefined && /^\d{1,6}$/.test(rest[0])
  ) {
    port = parsePort(rest.shift() as string);
  }
  const key = rest.shift();
  if (rest.length > 0) {
    throw new UsageError(
      `cannot make sense of "${rest[0]}"`,
      "the order is HOST[:PORT] [PORT] [PUBLIC_KEY]",
    );
  }
  return {
    host,
    port: port ?? DEFAULT_PORT,
    publicKey: key === undefined ? undefined : parseKey(key),
  };
}

/** Splits `HOST[:PORT]`. */
export function splitHostPort(
  text: string,
): { host: string; port: number | undefined } {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(text) ??
    /^([^:]*):([^:]*)$/.exec(text) ?? [text, text, undefined];
  const [, host = "", port] = match;
  if (host === "" || /[\s/]/.test(host)) {
    throw new UsageError(`cannot use "${text}" as a host`);
  }
  return { host, port: port === undefined ? undefined : parsePort(port) };
}

/** Reads a port that a client can send to. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port < 1 || port > 65535) {
    throw new UsageError(
      `cannot use "${text}" as a port: 1 to 65535 are allowed`,
    );
  }
  return port;
}

/** Reads a positive number of seconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0) {
    throw new UsageError(`cannot use "${text}" as a number of seconds`);
  }
  return seconds;
}

/** Versions named by number (`1`, `0x8000000c`), by dialect (`draft-08`) or as `google`. */
export function parseVersions(text: string): number[] {
  return text.split(",").map((word) => {
    const name = word.trim().toLowerCase();
    const row = Object.values(DIALECTS).find(({ id }) => id === name);
    const code = row?.code ?? Number(name);
    if (
      name === "" || !Number.isInteger(code) || code < 0 || code > 0xffffffff
    ) {
      throw new UsageError(
        `cannot use "${word}" as a version`,
        "versions are written like 1, 0x8000000c, draft-08 or google",
      );
    }
    return code;
  });
}

/** Refuses to mix Google's protocol with numbered versions. */
export function checkOffer(versions: readonly number[]): readonly number[] {
  if (versions.length > 1 && versions.includes(GOOGLE_VERSION)) {
    throw new UsageError("cannot offer google together with other versions");
  }
  return versions;
}

/** Reads one of a few words. */
export function parseChoice<T extends string>(
  choices: readonly T[],
): (text: string) => T {
  return (text) => {
    const choice = choices.find((word) => word === text);
    if (choice === undefined) {
      throw new UsageError(
        `cannot use "${text}" here`,
        `possible are ${choices.join(", ")}`,
      );
    }
    return choice;
  };
}
