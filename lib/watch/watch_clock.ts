/**
 * The clocks and timers of a watcher.
 *
 * @module
 */

import { pause } from "../client/until_aborted.ts";

/** What a watcher has of time. */
export interface WatchClock {
  /** The local clock, in milliseconds since 1970. */
  readonly wall: () => number;
  /** The clock that nobody sets, in milliseconds. */
  readonly now: () => number;
  /** Waits; ends early, and quietly, when one of the signals aborts. */
  readonly sleep: (
    ms: number,
    signals: readonly AbortSignal[],
  ) => Promise<void>;
  /** A fraction of one. */
  readonly random: () => number;
}

/** This machine's. */
export const MACHINE_CLOCK: WatchClock = {
  wall: Date.now,
  now: () => performance.now(),
  sleep: pause,
  random: Math.random,
};
