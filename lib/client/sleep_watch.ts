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

/** The wall clock tells whole milliseconds, so what lies between two readings may be so much more. */
const GRAIN_MS = 1;

/** What the two clocks part by without a reason, reading them one after the other included. */
const NOISE_MS = 2;

/**
 * How much time has passed, as far as either clock knows, in milliseconds.
 *
 * @param monotonicMs By the monotonic clock.
 * @param wallMs By the wall clock, which counts only if it saw more.
 */
export function elapsedMs(monotonicMs: number, wallMs: number): number {
  return wallMs > monotonicMs + NOISE_MS ? wallMs + GRAIN_MS : monotonicMs;
}

/**
 * By how much true time may be later than the monotonic clock makes it, in microseconds.
 *
 * @param missedMs As a {@linkcode SleepWatch} says.
 */
export function missedMicros(missedMs: number): bigint {
  const most = missedMs > NOISE_MS ? missedMs + GRAIN_MS : missedMs;
  return BigInt(Math.ceil(most * 1000));
}

/**
 * The wall clock is taken to have been set back when it falls behind by more than this. What
 * the two part by reading them one after the other, and in steps of up to 16 ms, is less.
 */
const SET_BACK_MS = 20;

/** How the two clocks have parted. */
export interface Parting {
  /** Milliseconds that the monotonic clock may have missed. */
  readonly missedMs: number;
  /** Milliseconds by which one clock has lost the other at least, whichever is wrong. */
  readonly partedMs: number;
}

/** Compares the two clocks from the moment it is made. */
export class SleepWatch {
  readonly #clocks: BothClocks;
  readonly #firstMs: number;
  #sumMs = 0;
  #lowMs: number;
  #highMs: number;
  #lowestMs: number;

  /**
   * Begins to watch.
   *
   * @param clocks Which.
   */
  constructor(clocks: BothClocks) {
    this.#clocks = clocks;
    this.#firstMs =
      this.#lowMs =
      this.#highMs =
      this.#lowestMs =
        this
          .#aheadMs();
  }

  /**
   * Looks at the clocks, the more often the better. Whatever the wall clock has gained on the
   * other counts as missed, and nothing that it loses makes up for it: one that is set back,
   * before a sleep or after it, would else hide that sleep.
   */
  look(): Parting {
    const aheadMs = this.#aheadMs();
    if (aheadMs < this.#highMs - SET_BACK_MS) {
      this.#sumMs += this.#highMs - this.#lowMs;
      this.#lowMs = this.#highMs = aheadMs;
    }
    this.#lowMs = Math.min(this.#lowMs, aheadMs);
    this.#highMs = Math.max(this.#highMs, aheadMs);
    this.#lowestMs = Math.min(this.#lowestMs, aheadMs);
    const missedMs = this.#sumMs + this.#highMs - this.#lowMs;
    const lostMs = this.#firstMs - this.#lowestMs;
    return { missedMs, partedMs: Math.max(missedMs, lostMs) };
  }

  #aheadMs(): number {
    return this.#clocks.wall() - this.#clocks.now();
  }
}
