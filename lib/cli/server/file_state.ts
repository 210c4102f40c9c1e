/**
 * Noticing that a file with a secret has changed, without reading it each time: what is
 * read lies about in memory.
 *
 * @module
 */

import { messageOf } from "../terminal/failure.ts";
import { SecretFile } from "./secret_file.ts";

/**
 * For so long after a change, the next one may have the same time: runtimes and file
 * systems count in seconds, some in two. Until then the content says more.
 */
const SETTLED_MS = 3000;

/** What a file was like. */
export interface FileState {
  /** Differs when it was written or replaced, or why it is of no use. */
  readonly stamp: string;
  /** Does an equal stamp mean that nothing has changed? */
  readonly isSettled: boolean;
  /** Stands for the content; empty where there is none. */
  readonly digest: string;
}

/**
 * Looks at a file, and reads it only if it may have changed.
 *
 * @param path The file.
 * @param nowMs The clock, in milliseconds since 1970.
 * @param known What it was like before.
 * @returns What it is like. Never fails.
 */
export async function lookAt(
  path: string,
  nowMs: number,
  known?: FileState,
): Promise<FileState> {
  let file: SecretFile | undefined;
  try {
    file = await SecretFile.open(path);
    if (file === undefined) return useless("there is none");
    const { stamp, changedMs } = file;
    if (known?.isSettled && known.stamp === stamp) return known;
    const isSettled = Math.abs(nowMs - changedMs) > SETTLED_MS;
    return { stamp, isSettled, digest: await file.digest() };
  } catch (error) {
    return useless(messageOf(error));
  } finally {
    await file?.close();
  }
}

/** Is a file as it was? */
export function isSame(a: FileState, b: FileState | undefined): boolean {
  return a.stamp === b?.stamp && a.digest === b.digest;
}

function useless(why: string): FileState {
  return { stamp: why, isSettled: true, digest: "" };
}
