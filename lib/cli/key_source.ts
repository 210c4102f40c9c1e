/**
 * Where a server's private key comes from, and where a new one goes.
 *
 * @module
 */

import { parse } from "dotenv";
import { ServerError } from "../errors.ts";
import { formatKey } from "../key_text.ts";
import { UsageError } from "./exit_code.ts";
import { systemMessage } from "./failure.ts";

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
    const info = await Deno.stat(KEY_FILE);
    // Reading a pipe would wait for ever.
    if (!info.isFile) throw new UsageError(`${KEY_FILE} is not a file`);
    ({ mode } = info);
    content = await Deno.readTextFile(KEY_FILE);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof UsageError) throw cause;
    throw new ServerError(
      "key",
      `Cannot read ${KEY_FILE}: ${systemMessage(cause)}`,
      { cause },
    );
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
 * Writes a new key to a file that only its owner may read. What is there already is left
 * alone; if it is to be replaced, then only where it is an ordinary file, not a link or a
 * device.
 */
export async function writeKey(
  path: string,
  seed: Uint8Array,
  replace: boolean,
): Promise<void> {
  if (path === "") throw new UsageError("cannot use a file without a name");
  const content = new TextEncoder().encode(
    `${KEY_VARIABLES[1]}=${formatKey(seed)}\n`,
  );
  try {
    if (replace) await replaceFile(path, content);
    else await createFile(path, content);
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(
        `${path} exists already`,
        "name another file with --out, or replace it with --force",
      );
    }
    throw new ServerError(
      "key",
      `Cannot write ${path}: ${systemMessage(cause)}`,
      { cause },
    );
  } finally {
    content.fill(0);
  }
}

/** Writes a file that must not be there yet, whole or not at all. */
async function createFile(path: string, content: Uint8Array): Promise<void> {
  using file = await Deno.open(path, {
    write: true,
    createNew: true, // fails on a link too, wherever that leads
    mode: 0o600,
  });
  try {
    for (let rest = content; rest.length > 0;) {
      rest = rest.subarray(await file.write(rest));
    }
    await file.sync();
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
}

/** Writes beside the old file and moves, so that half a key never stands there. */
async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const old = await Deno.lstat(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  });
  if (old && !old.isFile) {
    throw new UsageError(
      `${path} is not an ordinary file, so it is not replaced`,
    );
  }
  const fresh = `${path}.${crypto.randomUUID()}.new`;
  await createFile(fresh, content);
  try {
    await Deno.rename(fresh, path);
  } catch (error) {
    await Deno.remove(fresh);
    throw error;
  }
}
