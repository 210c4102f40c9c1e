/**
 * Why a history cannot be used.
 *
 * @module
 */

/** Why; stable. */
export type HistoryErrorCode =
  /** The runtime has no SQLite. */
  | "unsupported"
  /** Another watcher writes to it. */
  | "locked"
  /** A newer program made it. */
  | "newer"
  /** It is a database of something else. */
  | "foreign"
  /** The system would not. */
  | "system";

/** A history cannot be used. */
export class HistoryError extends Error {
  /** Always `HistoryError`. */
  override readonly name = "HistoryError";
  /** Why; stable. */
  readonly code: HistoryErrorCode;

  /**
   * Made by this package.
   *
   * @param code Why.
   * @param message A sentence for people.
   * @param options The underlying error as `cause`.
   */
  constructor(code: HistoryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Does SQLite say that the file is damaged, or no database at all? */
export function isDamage(error: unknown): boolean {
  // Deno's errors have no code of SQLite's; the texts are SQLite's own in every runtime.
  return error instanceof Error &&
    /file is not a database|disk image is malformed|malformed database schema/i
      .test(error.message);
}

/** Does SQLite say that somebody else holds the file? */
export function isLocked(error: unknown): boolean {
  return error instanceof Error && /database (table )?is locked/i
    .test(error.message);
}
