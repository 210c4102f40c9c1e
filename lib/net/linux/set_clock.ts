/**
 * Sets the system's clock, on Linux and through the C library. Needs `--allow-ffi`, and a
 * user who may (CAP_SYS_TIME).
 *
 * @module
 */

import { NetworkError } from "../../wire/errors.ts";
import { openLibc } from "./libc.ts";

// <time.h>: struct timespec is two 64-bit numbers on 64-bit systems, seconds first.
const CLOCK_REALTIME = 0;

/**
 * Sets the system's clock.
 *
 * @param micros Microseconds since 1970.
 * @throws {NetworkError} With code `denied` if this system, or this user, does not let it.
 */
export function setSystemClock(micros: bigint): void {
  if (globalThis.Deno?.build.os !== "linux") throw denied("only done on Linux");
  const library = openLibc("clock_settime");
  if (typeof library === "string") throw denied(library.replace(/^it /, ""));
  const time = BigInt64Array.of(
    micros / 1_000_000n,
    micros % 1_000_000n * 1000n,
  );
  try {
    const bytes = new Uint8Array(time.buffer);
    if (library.symbols.clock_settime(CLOCK_REALTIME, bytes) !== 0) {
      throw denied("the system refuses, as it does to all but administrators");
    }
  } finally {
    library.close();
  }
}

function denied(why: string): NetworkError {
  return new NetworkError("denied", `Cannot set the clock: ${why}`);
}
