/**
 * What happens to a watcher, as `roughly watch --json` prints it.
 *
 * @module
 */

import type { ReportState, RoundState, WatchState } from "./api.ts";

/** Something that happened. */
export type WatchEvent =
  /** A round is over. */
  | {
    readonly event: "round";
    readonly summary: string;
    readonly round: RoundState;
  }
  /** A round proved that somebody lied. */
  | {
    readonly event: "contradiction";
    readonly report: number;
    readonly round: number;
    readonly pairs: ReportState["pairs"];
    /** Where the report was written; `null` if each of the pairs has a file already. */
    readonly file: string | null;
    readonly problem: string | null;
  }
  /** The list was read, or could not be. */
  | { readonly event: "list" } & WatchState["list"]
  /** History is written again, or no longer. */
  | {
    readonly event: "history";
    readonly writing: boolean;
    readonly problem: string | null;
    readonly movedTo?: string | undefined;
  }
  /** Something that nobody foresaw; the next round comes all the same. */
  | { readonly event: "error"; readonly message: string };
