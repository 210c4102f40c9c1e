/**
 * Opening a history: one writer, the newest form, and a new file where the old one is damaged.
 *
 * @module
 */

import type { DatabaseSync } from "node:sqlite";
import { ensureRoom } from "./disk_room.ts";
import { HistoryError, isDamage, isLocked } from "./history_error.ts";
import { APPLICATION_ID, MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** A database that is open, and the lock that comes with it. */
export interface OpenDatabase {
  readonly database: DatabaseSync;
  /** Where a damaged file was moved, if there was one. */
  readonly movedTo: string | undefined;
  /** Throws a `HistoryError` if the disk is full; to be called before writing. */
  ensureRoom(): Promise<void>;
  /** Closes both. */
  close(): void;
}

type Sqlite = typeof import("node:sqlite");

/**
 * Opens a file, or makes it.
 *
 * @param path Where; `:memory:` for nowhere.
 * @throws {HistoryError} If it cannot be used.
 */
export async function openDatabase(path: string): Promise<OpenDatabase> {
  const sqlite = await loadSqlite();
  const isFile = path !== ":memory:";
  const lock = isFile ? takeLock(sqlite, path) : undefined;
  const lookForRoom = async () => {
    if (isFile) await ensureRoom(path);
  };
  try {
    await lookForRoom();
    let movedTo: string | undefined;
    let database: DatabaseSync;
    try {
      database = openSound(sqlite, path);
    } catch (error) {
      if (!isFile || !isDamage(error)) throw error;
      movedTo = await moveAside(path);
      database = openSound(sqlite, path);
    }
    return {
      database,
      movedTo,
      ensureRoom: lookForRoom,
      close: () => {
        database.close();
        lock?.close();
      },
    };
  } catch (error) {
    lock?.close();
    throw toHistoryError(error, path);
  }
}

/** Node before 22 and some builds have none; everything but the history works without. */
async function loadSqlite(): Promise<Sqlite> {
  try {
    return await import("node:sqlite");
  } catch (cause) {
    throw new HistoryError(
      "unsupported",
      "Cannot keep a history: this runtime has no node:sqlite",
      { cause },
    );
  }
}

/**
 * Takes a lock that the system takes away from a process that dies. It is on a file of its
 * own, so that others may read the history, and that a damaged one can be moved.
 */
function takeLock({ DatabaseSync }: Sqlite, path: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new DatabaseSync(`${path}.lock`);
    lock.exec("PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    throw isLocked(error)
      ? new HistoryError(
        "locked",
        `Cannot write history ${path}: another watcher does`,
        { cause: error },
      )
      : toHistoryError(error, path);
  }
}

function openSound({ DatabaseSync }: Sqlite, path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    // Who reads from outside may hold it for a moment.
    database.exec("PRAGMA busy_timeout = 2000");
    const version = pragma(database, "user_version");
    const application = pragma(database, "application_id");
    const isNew = pragma(database, "schema_version") === 0;
    if (!isNew && application !== APPLICATION_ID) {
      throw new HistoryError(
        "foreign",
        `Cannot use ${path}: it is a database, and no history of this program`,
      );
    }
    if (version > SCHEMA_VERSION) {
      throw new HistoryError(
        "newer",
        `Cannot use history ${path}: a newer version of this program made it (form ${version}, and ${SCHEMA_VERSION} is the newest known here)`,
      );
    }
    // One writer keeps references whole, and checking them would read all samples for each
    // name that goes.
    database.exec("PRAGMA foreign_keys = OFF");
    // Damage shows where one looks, not where one writes.
    const [check] = database.prepare("PRAGMA quick_check(1)").all();
    if (check?.quick_check !== "ok") {
      throw new Error(
        `database disk image is malformed: ${check?.quick_check}`,
      );
    }
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 8388608",
    );
    migrate(database, version);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name] ?? 0);
}

function migrate(database: DatabaseSync, version: number): void {
  for (let next = version; next < SCHEMA_VERSION; next++) {
    inTransaction(database, () => {
      database.exec(MIGRATIONS[next] as string);
      database.exec(
        `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${
          next + 1
        }`,
      );
    });
  }
}

/** Does all of it or nothing. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    work();
    database.exec("COMMIT");
  } catch (error) {
    try {
      database.exec("ROLLBACK");
    } catch {
      // SQLite has rolled back by itself where the disk is full.
    }
    throw error;
  }
}

/** Moves a file and what belongs to it to a name that is free. */
async function moveAside(path: string): Promise<string> {
  const { access, rename } = await import("node:fs/promises");
  const exists = (name: string) => access(name).then(() => true, () => false);
  let target = `${path}.damaged`;
  for (let n = 2; await exists(target); n++) target = `${path}.damaged-${n}`;
  await rename(path, target);
  for (const part of ["-wal", "-shm", "-journal"]) {
    if (await exists(path + part)) await rename(path + part, target + part);
  }
  return target;
}

function toHistoryError(error: unknown, path: string): HistoryError {
  if (error instanceof HistoryError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new HistoryError("system", `Cannot use history ${path}: ${why}`, {
    cause: error,
  });
}
