/**
 * Opening and reading a file that somebody named, which may be anything: nothing here
 * waits for ever for whoever is at the other end of a pipe.
 *
 * @module
 */

import type { FileHandle } from "node:fs/promises";
import { nodeModule } from "./node_module.ts";

/** How long between two looks into a pipe that has nothing yet. */
const POLL_MS = 20;

/** A pipe that nobody has written to by then has nobody who will. */
export const WRITER_MS = 10_000;

/** What a read takes at most. */
const CHUNK_BYTES = 65_536;

/** Options of {@linkcode openFile}. */
export interface OpenFileOptions {
  /**
   * Open what a link leads to? If not, that is the system's `ELOOP`; but Deno only knows
   * what `--allow-read` without limits leaves to the system, so look at the path as well.
   */
  readonly followLinks: boolean;
}

/**
 * Opens a file to read from, at once whatever it is; look at the handle to see that. Where
 * the runtime knows no flags (Deno before 2.5, Windows), a pipe is waited for.
 *
 * @throws The system's error.
 */
export function openFile(
  path: string | URL,
  { followLinks }: OpenFileOptions,
): Promise<FileHandle> {
  const { constants, open } = nodeModule("node:fs/promises");
  const { O_RDONLY, O_NONBLOCK = 0, O_NOFOLLOW = 0, O_NOCTTY = 0 } = constants;
  const flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
  return open(path, followLinks ? flags : flags | O_NOFOLLOW);
}

/** Options of {@linkcode readChunks}. */
export interface ReadChunksOptions {
  /** Ends the waiting for a pipe with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Waits so many milliseconds; for tests. */
  readonly wait?:
    | ((milliseconds: number, signal?: AbortSignal) => Promise<unknown>)
    | undefined;
}

/**
 * Reads to the end. A pipe is waited for as long as somebody holds its other end.
 *
 * @param file As {@linkcode openFile} gives it.
 * @throws {DOMException} Named `TimeoutError` if nobody comes to write into a pipe.
 * @throws The system's error, or the signal's reason.
 */
export async function* readChunks(
  file: FileHandle,
  { signal, wait = pause }: ReadChunksOptions = {},
): AsyncGenerator<Uint8Array> {
  const isPipe = isFifo((await file.stat()).mode);
  let waitedMs = 0;
  let hasWriter = false;
  for (;;) {
    signal?.throwIfAborted();
    const bytes = await readSome(file);
    if (bytes === undefined) hasWriter = true;
    else if (bytes.length > 0) {
      hasWriter = true;
      yield bytes;
      continue;
    } else if (!isPipe || hasWriter) return;
    else if (waitedMs >= WRITER_MS) {
      throw new DOMException("nobody writes to it", "TimeoutError");
    }
    await wait(POLL_MS, signal);
    waitedMs += POLL_MS;
  }
}

/** What is there: nothing at the end, `undefined` if more may come. */
async function readSome(file: FileHandle): Promise<Uint8Array | undefined> {
  const buffer = new Uint8Array(CHUNK_BYTES);
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as { code?: unknown }).code === "EAGAIN") return undefined;
    throw error;
  }
}

/** Of all there are, only this kind has no end before it has begun. */
function isFifo(mode: number): boolean {
  const { constants } = nodeModule("node:fs/promises");
  return (mode & constants.S_IFMT) === constants.S_IFIFO;
}

function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  // Why it was aborted is said by the caller.
  const { setTimeout } = nodeModule("node:timers/promises");
  return setTimeout(milliseconds, undefined, { signal }).catch(() => {});
}
