/**
 * What the sockets of the C library have in common: whether they can be had, how they are
 * woken, and what their failures are called.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import {
  type Calls,
  type Libc,
  type Name,
  openLibc,
  withLibc,
} from "./libc.ts";

// <bits/socket.h>
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
// <asm-generic/errno.h>
const EPERM = 1;
export const EAGAIN = 11;
const EACCES = 13;
const ENOSYS = 38;
const EADDRINUSE = 98;
const EADDRNOTAVAIL = 99;

/**
 * Why such sockets cannot be had here.
 *
 * @returns The reason in words, or `undefined` if they can.
 */
export function libcSocketProblem(): string | undefined {
  const library = openLibc("recvmmsg", "sendmmsg", "__errno_location");
  if (typeof library === "string") return library;
  try {
    // A sandbox may know neither call; no socket has this number, so they do no more.
    const { recvmmsg, sendmmsg } = library.symbols;
    const errno = errnoOf(library.symbols);
    const denied = [
      () => recvmmsg(-1, null, 0, MSG_DONTWAIT, null),
      () => sendmmsg(-1, null, 0, MSG_DONTWAIT),
    ].some((call) => call() < 0 && [ENOSYS, EPERM].includes(errno()));
    return denied ? "the system has no recvmmsg or sendmmsg" : undefined;
  } finally {
    library.close();
  }
}

/** Opens the C library as {@linkcode openLibc} does, and throws where it cannot be had. */
export function needLibc<N extends Name>(
  ...names: N[]
): Libc<N> {
  const library = openLibc(...names);
  if (typeof library !== "string") return library;
  throw new Deno.errors.NotSupported(`No Linux sockets: ${library}`);
}

/** Reads this thread's errno. Nothing may come between the call that failed and this. */
export function errnoOf(calls: Calls<"__errno_location">): () => number {
  const pointer = calls.__errno_location();
  if (pointer === null) return () => 0;
  // The place belongs to the thread, which JavaScript does not change or outlive.
  const view = new Deno.UnsafePointerView(pointer);
  return () => view.getInt32();
}

/** Wakes whoever waits for an eventfd. */
export function wakeSocket(calls: Calls<"write">, wakeFd: number): void {
  // It adds 64-bit numbers in the machine's order.
  calls.write(wakeFd, BigUint64Array.of(1n), 8n);
}

/**
 * Wakes a socket of another thread.
 *
 * @param wakeFd Its number there. The other thread must not have closed it: by now it could
 * be the number of another file, which eight bytes would be written to.
 */
export function wakeLibcSocket(wakeFd: number): void {
  const library = openLibc("write");
  if (typeof library === "string") return;
  wakeSocket(library.symbols, wakeFd);
  library.close();
}

/** What the runtime would throw. */
export function errorOf(errno: number): Error {
  const reason = withLibc(["strerror"], ({ strerror }) => {
    const text = strerror(errno);
    return text === null ? undefined : Deno.UnsafePointerView.getCString(text);
  }) ?? "Refused by the system";
  return new (classOf(errno))(`${reason} (os error ${errno})`);
}

function classOf(errno: number): new (message: string) => Error {
  switch (errno) {
    case EADDRINUSE:
      return Deno.errors.AddrInUse;
    case EADDRNOTAVAIL:
      return Deno.errors.AddrNotAvailable;
    case EACCES:
    case EPERM:
      return Deno.errors.PermissionDenied;
    default:
      return Error;
  }
}
