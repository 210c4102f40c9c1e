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
