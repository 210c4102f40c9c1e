/**
 * Waiting for something only as long as nobody has had enough.
 *
 * @module
 */

/**
 * Waits for a promise, which goes on by itself, until a signal aborts.
 *
 * @returns What it gives, or `undefined` if the signal was first.
 * @throws What the promise rejects with, if that is first.
 */
export function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** Beyond this a timer of the runtime fires at once. */
export const MAX_TIMER_MS = 0x7fffffff;

/**
 * Waits, or until one of the signals aborts.
 *
 * @param ms Milliseconds; none or fewer are over at once.
 * @param signals What ends it early.
 */
export function pause(
  ms: number,
  signals: readonly AbortSignal[],
): Promise<void> {
  return new Promise((resolve) => {
    if (ms <= 0 || signals.some(({ aborted }) => aborted)) return resolve();
    const finish = () => {
      clearTimeout(timer);
      signals.forEach((one) => one.removeEventListener("abort", finish));
      resolve();
    };
    const timer = setTimeout(finish, Math.min(ms, MAX_TIMER_MS));
    for (const signal of signals) {
      signal.addEventListener("abort", finish, { once: true });
    }
  });
}
