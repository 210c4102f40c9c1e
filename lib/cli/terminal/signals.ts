/**
 * Signals.
 *
 * @module
 */

import process from "node:process";

/** What asks the program to end. */
export type Termination = "SIGINT" | "SIGTERM";

/**
 * Calls back at the first SIGINT or SIGTERM; a second one ends the process at once, as it
 * does without us.
 *
 * @returns Forgets it all.
 */
export function onTermination(
  callback: (signal: Termination) => void,
): () => void {
  const signals: Termination[] = process.platform === "win32"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  const listeners = signals.map((signal) => ({
    signal,
    listener: () => {
      forget();
      callback(signal);
    },
  }));
  const forget = () => {
    for (const { signal, listener } of listeners) {
      process.off(signal, listener);
    }
  };
  for (const { signal, listener } of listeners) {
    process.on(signal, listener);
  }
  return forget;
}

/**
 * Calls back at every SIGHUP, which otherwise would end the process.
 *
 * @returns Forgets it.
 */
export function onReload(callback: () => void): () => void {
  if (process.platform === "win32") return () => {};
  process.on("SIGHUP", callback);
  return () => void process.off("SIGHUP", callback);
}
