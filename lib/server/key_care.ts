/**
 * Looks after the keys of a running server: renews online keys in time, and says when a
 * delegation that cannot be renewed here comes to its end.
 *
 * @module
 */

import type { Keyring } from "./keyring.ts";

/** How long a batch waits for a new online key when there is none that may sign. */
const RENEWAL_MS = 2000;

/**
 * A long-term key that could not be used is not bothered again before this has passed, or a
 * quarter of the reserve.
 */
const RETRY_MICROS = 10_000_000n;

/** With less than this left, the end of a delegation is announced; then at each halving. */
const ENDING_MICROS = 7n * 86_400_000_000n;

/** Told what happens. */
export interface KeyCareObserver {
  /** So many keys were replaced; the first of them ends then, in microseconds since 1970. */
  renewed(count: number, notAfterMicros: bigint): void;
  /** A key could not be replaced. */
  failed(error: unknown): void;
  /** A delegation ends in so many seconds, or has ended. */
  ending(secondsLeft: number): void;
}

/** Looks after one keyring. */
export class KeyCare {
  readonly #keyring: Keyring;
  readonly #observer: KeyCareObserver;
  #renewing: Promise<void> | undefined;
  #announced = ENDING_MICROS;
  #renewAfter = 0n;

  /**
   * Begins.
   *
   * @param keyring Its keys.
   * @param observer Told what happens.
   */
  constructor(keyring: Keyring, observer: KeyCareObserver) {
    this.#keyring = keyring;
    this.#observer = observer;
  }

  /**
   * Looks at the keys, before every batch.
   *
   * @param nowMicros Microseconds since 1970.
   * @param monotonic Microseconds of a clock that cannot jump.
   * @returns Something to wait for, where the batch had better wait.
   */
  look(nowMicros: bigint, monotonic: bigint): Promise<void> | undefined {
    this.#announce(nowMicros);
    const keyring = this.#keyring;
    if (monotonic < this.#renewAfter || !keyring.isStale(nowMicros)) {
      return undefined;
    }
    // One renewal at a time: batches of both transports come here side by side.
    const begins = this.#renewing === undefined;
    const renewing = this.#renewing ??= keyring.renew(nowMicros).then(
      (renewed) => {
        if (renewed === 0) return;
        this.#observer.renewed(renewed, keyring.notAfterMicros);
      },
      (error) => {
        // The key in use has its reserve left in which to try again, and more than once.
        const soon = keyring.reserveMicros / 4n;
        this.#renewAfter = monotonic +
          (soon < RETRY_MICROS ? soon : RETRY_MICROS);
        this.#observer.failed(error);
      },
    ).finally(() => {
      if (this.#renewing === renewing) this.#renewing = undefined;
    });
    // A long-term key may be far away and slow. While the old ones can sign, only the
    // batch that began waits, and not for long.
    if (!keyring.covers(nowMicros)) return atMost(RENEWAL_MS, renewing);
    return begins ? atMost(RENEWAL_MS / 20, renewing) : undefined;
  }

  #announce(nowMicros: bigint): void {
    const end = this.#keyring.delegatedUntilMicros;
    if (end === undefined || this.#announced < 0n) return;
    const left = end - nowMicros;
    if (left >= this.#announced) return;
    // Below a second the next thing to say is that it is over, and that for good.
    this.#announced = left < 0n ? -1n : left < 2_000_000n ? 0n : left / 2n;
    this.#observer.ending(Number(left / 1_000_000n));
  }
}

/** Waits for something that does not fail, but not for ever. */
function atMost(milliseconds: number, promise: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    promise.then(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
