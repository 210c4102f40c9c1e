/**
 * Room on the disk, looked for before SQLite needs it.
 *
 * @module
 */

import { rm, writeFile } from "node:fs/promises";
import { HistoryError } from "./history_error.ts";

/** More than SQLite adds at once to the file that it maps, 32 KiB. */
const ROOM_BYTES = 128 * 1024;

/**
 * Makes sure that there is room beside a history, by writing a file and removing it again.
 * SQLite maps `watch.db-shm` into memory. Where blocks are smaller than pages of memory, the
 * file may have holes, and to fill one on a full disk ends the process with SIGBUS.
 *
 * @param path The history.
 * @param write How a file is written; for tests.
 * @throws {HistoryError} If the disk is full.
 */
export async function ensureRoom(
  path: string,
  write: (file: string, content: Uint8Array) => Promise<void> = writeFile,
): Promise<void> {
  const file = `${path}.room`;
  try {
    await write(file, new Uint8Array(ROOM_BYTES));
  } catch (cause) {
    const { code, message } = cause as { code?: unknown; message?: string };
    // Deno 2.4 has some of the names in the message alone.
    const name = String(code ?? message);
    if (!/ENOSPC|EDQUOT|No space left|quota/i.test(name)) throw cause;
    throw new HistoryError(
      "system",
      `Cannot write history ${path}: the disk is full`,
      { cause },
    );
  } finally {
    await rm(file, { force: true });
  }
}
