/**
 * The calls of the C library that batches of datagrams take, and what their failures are
 * called.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import { openLibc } from "./libc.ts";

// Pointers are made once: they are what a fast call takes quickest, and numbers for 64-bit
// parameters what it takes slowest. Results of read and write are 64 bits wide; of what is
// read here, eight bytes or -1, the lower half is the whole.
const SYMBOLS = {
  // <errno.h>, <string.h>, <stdlib.h>, <net/if.h>, <unistd.h>
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
  calloc: { parameters: ["usize", "usize"], result: "pointer" },
  free: { parameters: ["pointer"], result: "void" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  close: { parameters: ["i32"], result: "i32" },
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // <sys/eventfd.h>
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // <poll.h>
  poll: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  pollAside: {
    name: "poll",
    parameters: ["pointer", "usize", "i32"],
    result: "i32",
    nonblocking: true,
  },
  ppoll: {
    parameters: ["pointer", "usize", "pointer", "pointer"],
    result: "i32",
  },
  // <sys/socket.h>
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  recvmmsg: {
    parameters: ["i32", "pointer", "u32", "i32", "pointer"],
    result: "i32",
  },
  sendto: {
    parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"],
    result: "i32",
  },
  sendmmsg: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
} as const;

/** The C library with these calls. */
export type SocketCalls = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Opens the C library, or says in words why it cannot be had. */
export function openSocketCalls(): SocketCalls | string {
  return openLibc(SYMBOLS);
}

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
  const library = openSocketCalls();
  if (typeof library === "string") return library;
  try {
    // A sandbox may know neither call; no socket has this number, so they do no more.
    const { recvmmsg, sendmmsg } = library.symbols;
    const errno = errnoOf(library);
    const denied = [
      () => recvmmsg(-1, null, 0, MSG_DONTWAIT, null),
      () => sendmmsg(-1, null, 0, MSG_DONTWAIT),
    ].some((call) => call() < 0 && [ENOSYS, EPERM].includes(errno()));
    return denied ? "the system has no recvmmsg or sendmmsg" : undefined;
  } finally {
    library.close();
  }
}

/** Reads this thread's errno. Nothing may come between the call that failed and this. */
export function errnoOf({ symbols }: SocketCalls): () => number {
  const pointer = symbols.__errno_location();
  if (pointer === null) return () => 0;
  // The place belongs to the thread, which JavaScript does not change or outlive.
  const view = new Deno.UnsafePointerView(pointer);
  return () => view.getInt32();
}

/** Wakes whoever waits for an eventfd. */
export function wakeSocket(library: SocketCalls, wakeFd: number): void {
  // It adds 64-bit numbers in the machine's order.
  library.symbols.write(wakeFd, BigUint64Array.of(1n), 8n);
}

/**
 * Wakes a socket of another thread.
 *
 * @param wakeFd Its number there. The other thread must not have closed it: by now it could
 * be the number of another file, which eight bytes would be written to.
 */
export function wakeLibcSocket(wakeFd: number): void {
  const library = openSocketCalls();
  if (typeof library === "string") return;
  wakeSocket(library, wakeFd);
  library.close();
}

/** What the runtime would throw. */
export function errorOf({ symbols }: SocketCalls, errno: number): Error {
  const text = symbols.strerror(errno);
  const reason = text === null ? "" : Deno.UnsafePointerView.getCString(text);
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
