/**
 * Why a file that the user named cannot be read.
 *
 * @module
 */

import { isPermissionError } from "../../net/resolve.ts";
import { UsageError } from "./exit_code.ts";
import { systemMessage } from "./failure.ts";

/**
 * Makes a system's error say which file it is about.
 *
 * @param path As the user wrote it.
 * @param error What came of reading it.
 * @returns A `UsageError`; where the system does not permit it, an error with the code
 *   `EACCES`; the same error where the runtime lacks a permission, which it names itself, or
 *   where the error is not the system's.
 */
export function fileError(path: string, error: unknown): unknown {
  const { name, code } = error as { name?: unknown; code?: unknown };
  if (name === "NotCapable") return error;
  if (code === "ENOENT") return new UsageError(`there is no file ${path}`);
  if (isPermissionError(error)) {
    const denied = new Error(`cannot read ${path}: permission denied`, {
      cause: error,
    });
    return Object.assign(denied, { code: "EACCES" });
  }
  if (code === undefined) return error;
  return new UsageError(`cannot read ${path}: ${systemMessage(error)}`);
}
