/**
 * Where a server's private key comes from, and where a new one goes.
 *
 * @module
 */

import { parse } from "dotenv";
import { ServerError } from "../errors.ts";
import { formatKey } from "../key_text.ts";
import { UsageError } from "./exit_code.ts";

/** Environment variables that hold the key, the first one set wins. */
export const KEY_VARIABLES: readonly string[] = [
  "ROUGHLY_SERVER_PRIVATE_KEY",
  "ROUGHLY_PRIVATE_KEY",
];

/** The file that `keygen` writes and `run` reads, in the working folder. */
export const KEY_FILE = ".env";

/** A key and where it was found, for messages. */
export interface FoundKey {
  /** The key as text. */
  readonly text: string;
  /** Such as `.env`. */
  readonly source: string;
}

/** Looks in the environment, then in `.env`. */
export async function findKey(): Promise<FoundKey | undefined> {
  for (const name of KEY_VARIABLES) {
    const text = Deno.env.get(name);
    if (text) return { text, source: name };
  }
  let content: string;
  let mode: number | null;
  try {
    content = await Deno.readTextFile(KEY_FILE);
    ({ mode } = await Deno.stat(KEY_FILE));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new ServerError("key", `Cannot read ${KEY_FILE}`, { cause });
  }
  const values = parse(content);
  for (const name of KEY_VARIABLES) {
    const text = values[name];
    if (!text) continue;
    // Windows has no mode; there the folder's rights must do.
    if (mode !== null && (mode & 0o077) !== 0) {
      throw new UsageError(
        `${KEY_FILE} holds a private key but others may read it`,
        `chmod 600 ${KEY_FILE}`,
      );
    }
    return { text, source: KEY_FILE };
  }
  return undefined;
}

/**
 * Writes a new key to a file that only its owner may read. A file or link that is
 * there already is left alone unless it is to be replaced.
 */
export async function writeKey(
  path: string,
  seed: Uint8Array,
  replace: boolean,
): Promise<void> {
  const text = new TextEncoder().encode(
    `${KEY_VARIABLES[1]}=${formatKey(seed)}\n`,
  );
  // Written next to its place and moved, so that half a key never stands there.
  const target = replace ? `${path}.${crypto.randomUUID()}.new` : path;
  try {
    await Deno.writeFile(target, text, { createNew: true, mode: 0o600 });
    if (replace) await Deno.rename(target, path);
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(
        `${path} exists already`,
        "name another file with --out, or replace it with --force",
      );
    }
    throw new ServerError(
      "key",
      `Cannot write ${path}: ${(cause as Error).message}`,
      {
        cause,
      },
    );
  } finally {
    text.fill(0);
  }
}
