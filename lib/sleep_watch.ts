/**
 * Noticing that the machine slept. On many systems the monotonic clock stands still then; the
 * wall clock runs on, but can be set. Where the two part, one of them is wrong.
 *
 * @module
 */

/** The machine's two clocks, in milliseconds. */
export interface BothClocks {
  /** The monotonic clock, such as `performance.now`. */
  readonly now: () => number;
  /** The wall clock, such as `Date.now`. */
  readonly wall: () => number;
}

/** The machine's own. */
export const MACHINE_CLOCKS: BothClocks = {
  now: () => performance.now(),
  wall: () => Date.now(),
};

/** The wall clock tells whole milliseconds, so two of its readings are off by less than this. */
const GRAIN_MS = 2;

/**
 * How much time has passed, as far as either clock knows, in milliseconds.
 *
 * @param monotonicMs By the monotonic clock.
 * @param wallMs By the wall clock, which counts only if it saw more.
 */
export function elapsedMs(monotonicMs: number, wallMs: number): number {
  return wallMs > monotonicMs + GRAIN_MS ? wallMs : monotonicMs;
}

/** Compares the two clocks from the moment it is made. */
export class SleepWatch {
  readonly #clocks: BothClocks;
  #lowestMs: number;
  #highestMs: number;

  /**
   * Begins to watch.
   *
   * @param clocks Which.
   */
  constructor(clocks: BothClocks) {
    this.#clocks = clocks;
    this.#lowestMs = this.#highestMs = this.#aheadMs();
  }

  /**
   * Looks at the clocks. The lowest and the highest that the wall clock has been ahead count:
   * one that was set back, before a sleep or after it, would else hide that sleep.
   *
   * @returns Milliseconds that the monotonic clock may have missed.
   */
  missedMs(): number {
    const aheadMs = this.#aheadMs();
    this.#lowestMs = Math.min(this.#lowestMs, aheadMs);
    this.#highestMs = Math.max(this.#highestMs, aheadMs);
    return this.#highestMs - this.#lowestMs;
  }

  #aheadMs(): number {
    return this.#clocks.wall() - this.#clocks.now();
  }
}
