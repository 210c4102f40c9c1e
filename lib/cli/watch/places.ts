/**
 * Where `roughly watch` keeps its history and writes its reports.
 *
 * @module
 */

import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import process from "node:process";
import { stateFolder } from "../../watch/state_folder.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { systemMessage } from "../terminal/failure.ts";
import type { WatchOptions } from "./options.ts";

/** Files and folders. */
export interface Places {
  /** The history; nothing with `--no-db`. */
  readonly db: string | undefined;
  /** Folder of reports; nothing where nobody says where that might be. */
  readonly reports: string | undefined;
}

/** Decides, and makes the folder of the history. */
export async function placesFor(
  { db, reportsDir }: Pick<WatchOptions, "db" | "reportsDir">,
): Promise<Places> {
  const state = stateFolder(process.platform, (name) => process.env[name]);
  if (db === false) {
    return {
      db: undefined,
      reports: reportsDir ?? (state && join(state, "reports")),
    };
  }
  const file = db ?? (state && join(state, "watch.db"));
  if (file === undefined) {
    throw new UsageError(
      "cannot tell where to keep a history: there is no home folder",
      "name a file with --db, or keep none with --no-db",
    );
  }
  const folder = dirname(file);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new UsageError(
      `cannot make ${folder} for the history: ${systemMessage(error)}`,
      "name a file with --db, or keep none with --no-db",
    );
  }
  return { db: file, reports: reportsDir ?? join(folder, "reports") };
}
