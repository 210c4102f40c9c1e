/**
 * Files that hold secrets: read only if nobody else can, written so that nobody else can.
 *
 * @module
 */

import { ServerError } from "../errors.ts";
import { UsageError } from "./exit_code.ts";
import { systemMessage } from "./failure.ts";

/** No key and no delegation is longer. */
const MAX_BYTES = 65536;

/**
 * Reads a secret.
 *
 * @param path The file; a link is refused, since whoever may change it chooses the key.
 * @param isSecret Is what stands in it a secret at all? If not, anybody may read it.
 * @returns Its text, or `undefined` if there is no such file.
 * @throws {UsageError} If it is not an ordinary file, others may read it, or it is too long.
 * @throws {ServerError} With code `key` if the system refuses.
 */
export async function readSecret(
  path: string,
  isSecret: (text: string) => boolean = () => true,
): Promise<string | undefined> {
  try {
    const seen = await Deno.lstat(path);
    if (seen.isSymlink) throw new UsageError(`${path} is a link`);
    // Also because reading a pipe would wait for ever.
    if (!seen.isFile) throw new UsageError(`${path} is not a file`);
    using file = await Deno.open(path, { read: true });
    const { dev, ino, mode, size } = await file.stat();
    // What was opened must be what was looked at.
    if (dev !== seen.dev || ino !== seen.ino) {
      throw new UsageError(`${path} was replaced while it was opened`);
    }
    if (size > MAX_BYTES) throw new UsageError(`${path} is too long`);
    const bytes = new Uint8Array(size);
    let length = 0;
    while (length < size) {
      const read = await file.read(bytes.subarray(length));
      if (read === null) break;
      length += read;
    }
    const text = new TextDecoder().decode(bytes.subarray(0, length));
    bytes.fill(0);
    // Windows has no mode; there the folder's rights must do.
    if (mode !== null && (mode & 0o077) !== 0 && isSecret(text)) {
      throw new UsageError(
        `${path} holds a secret but others may read it`,
        `chmod 600 ${path}`,
      );
    }
    return text;
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw new ServerError(
      "key",
      `Cannot read ${path}: ${systemMessage(cause)}`,
      { cause },
    );
  }
}

/**
 * Writes a secret to a file that only its owner may read. What is there already is left
 * alone; if it is to be replaced, then only where it is an ordinary file, not a link or a
 * device.
 *
 * @param path The file.
 * @param text The secret.
 * @param replace Replace what is there?
 */
export async function writeSecret(
  path: string,
  text: string,
  replace: boolean,
): Promise<void> {
  if (path === "") throw new UsageError("cannot use a file without a name");
  const content = new TextEncoder().encode(text);
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
