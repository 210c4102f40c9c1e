/**
 * Files that hold secrets: read only if nobody else can, written so that nobody else can.
 *
 * @module
 */

import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat, open, rename, rm } from "node:fs/promises";
import process from "node:process";
import { hashOf } from "../../crypto/hash.ts";
import { ServerError } from "../../wire/errors.ts";
import { codeOf } from "../../net/cause.ts";
import { openFile } from "../../net/open_file.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { systemMessage } from "../terminal/failure.ts";

/** No key and no delegation is longer. */
const MAX_BYTES = 65536;

/** Elsewhere a pipe is waited for, unless a look beforehand tells that it is one. */
const OPENS_AT_ONCE = process.platform !== "win32" &&
  !/^2\.[0-4]\./.test(process.versions.deno ?? "");

/** An ordinary file, open, that may hold a secret. */
export class SecretFile {
  /** Differs when the file was written or replaced, as far as the system's clock is fine. */
  readonly stamp: string;
  /** When it was last changed, in milliseconds since 1970. */
  readonly changedMs: number;
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #mode: number;
  readonly #size: number;

  private constructor(path: string, handle: FileHandle, stats: BigIntStats) {
    const { dev, ino, size, mode, mtimeNs, ctimeNs, ctimeMs } = stats;
    this.stamp = [dev, ino, size, mode, mtimeNs, ctimeNs].join("/");
    this.changedMs = Number(ctimeMs);
    this.#path = path;
    this.#handle = handle;
    this.#mode = Number(mode);
    this.#size = Number(size);
  }

  /**
   * Opens a file without waiting for anything, and judges what is open, not what stands
   * there a moment earlier or later.
   *
   * @param path The file; a link is refused, since whoever may change it chooses the key.
   * @returns The file, or `undefined` if there is none.
   * @throws {UsageError} If it is not an ordinary file.
   * @throws {ServerError} With code `key` if the system refuses.
   */
  static async open(path: string): Promise<SecretFile | undefined> {
    let handle: FileHandle | undefined;
    try {
      if (!OPENS_AT_ONCE) await look(path);
      handle = await openFile(path, { followLinks: false });
      const stats = await handle.stat({ bigint: true });
      if (!stats.isFile()) throw new UsageError(`${path} is not a file`);
      // Deno follows links to see whether it may open what is there, and then opens that.
      const { dev, ino } = await look(path);
      if (dev !== stats.dev || ino !== stats.ino) {
        throw new UsageError(`${path} was replaced while it was opened`);
      }
      const file = new SecretFile(path, handle, stats);
      handle = undefined;
      return file;
    } catch (error) {
      if (error instanceof UsageError) throw error;
      // What cannot be opened may be a link to nowhere, or a socket.
      const why = await look(path).catch((reason) => reason);
      if (why instanceof UsageError) throw why;
      if (codeOf(error) === "ENOENT") return undefined;
      throw unreadable(path, error);
    } finally {
      await handle?.close();
    }
  }

  /**
   * Reads all there is.
   *
   * @param isSecret Is what stands in it a secret at all? If not, anybody may read it.
   * @throws {UsageError} If others may read it, or it is too long.
   * @throws {ServerError} With code `key` if the system refuses.
   */
  async read(
    isSecret: (text: string) => boolean = () => true,
  ): Promise<string> {
    const text = await this.#use((bytes) => new TextDecoder().decode(bytes));
    // Windows has no mode; there the folder's rights must do.
    const isOpen = process.platform !== "win32" && (this.#mode & 0o077) !== 0;
    if (isOpen && isSecret(text)) {
      throw new UsageError(
        `${this.#path} holds a secret but others may read it`,
        `chmod 600 ${this.#path}`,
      );
    }
    return text;
  }

  /**
   * Reads what stands for the content without telling it.
   *
   * @throws As {@linkcode SecretFile.read} does, whoever may read it.
   */
  digest(): Promise<string> {
    return this.#use((bytes) => hashOf("sha512")(bytes).join());
  }

  async #use<T>(action: (bytes: Uint8Array) => T): Promise<T> {
    if (this.#size > MAX_BYTES) {
      throw new UsageError(`${this.#path} is too large to be a key`);
    }
    const bytes = new Uint8Array(this.#size);
    try {
      let length = 0;
      while (length < bytes.length) {
        const { bytesRead } = await this.#handle.read(
          bytes,
          length,
          bytes.length - length,
          length,
        );
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      return action(bytes.subarray(0, length));
    } catch (cause) {
      throw unreadable(this.#path, cause);
    } finally {
      bytes.fill(0);
    }
  }

  /** Closes it. */
  close(): Promise<void> {
    return this.#handle.close();
  }
}

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
  isSecret?: (text: string) => boolean,
): Promise<string | undefined> {
  const file = await SecretFile.open(path);
  try {
    return await file?.read(isSecret);
  } finally {
    await file?.close();
  }
}

/** What stands there, if it is an ordinary file. */
async function look(path: string): Promise<BigIntStats> {
  const seen = await lstat(path, { bigint: true });
  if (seen.isSymbolicLink()) throw new UsageError(`${path} is a link`);
  if (!seen.isFile()) throw new UsageError(`${path} is not a file`);
  return seen;
}

function unreadable(path: string, cause: unknown): ServerError {
  return new ServerError(
    "key",
    `Cannot read ${path}: ${systemMessage(cause)}`,
    { cause },
  );
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
    if (codeOf(cause) === "EEXIST") {
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
  // "x" fails on a link too, wherever that leads.
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } catch (error) {
    await rm(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** Writes beside the old file and moves, so that half a key never stands there. */
async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const old = await lstat(path).catch((error) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (old && !old.isFile()) {
    throw new UsageError(
      `${path} is not an ordinary file, so it is not replaced`,
    );
  }
  const fresh = `${path}.${crypto.randomUUID()}.new`;
  await createFile(fresh, content);
  try {
    await rename(fresh, path);
  } catch (error) {
    await rm(fresh);
    throw error;
  }
}
