/**
 * Signals.
 *
 * @module
 */

/**
 * Calls back at the first SIGINT or SIGTERM; a second one ends the process at once, as it
 * does without us.
 *
 * @returns Forgets it all.
 */
export function onTermination(
  callback: (signal: Deno.Signal) => void,
): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
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
      Deno.removeSignalListener(signal, listener);
    }
  };
  for (const { signal, listener } of listeners) {
    Deno.addSignalListener(signal, listener);
  }
  return forget;
}

/**
 * Calls back at every SIGHUP, which otherwise would end the process.
 *
 * @returns Forgets it.
 */
export function onReload(callback: () => void): () => void {
  if (Deno.build.os === "windows") return () => {};
  Deno.addSignalListener("SIGHUP", callback);
  return () => Deno.removeSignalListener("SIGHUP", callback);
}
