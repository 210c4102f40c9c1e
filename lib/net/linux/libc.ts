/**
 * Opening the C library on Linux, and what is asked of it apart from sockets: the kernel's
 * view of the clock, how many files may be open, the size of a socket's receive buffer, the
 * CPU time of a process. Every number here comes from a header that is named.
 *
 * Needs `--allow-ffi`. Layouts are those of 64-bit systems, the same in glibc and musl on
 * x86-64 and arm64.
 *
 * @module
 */

import type { KernelClock } from "../kernel_clock.ts";

const NAMES = [
  "libc.so.6", // glibc
  `libc.musl-${globalThis.Deno?.build.arch}.so.1`,
];

const SYMBOLS = {
  // <sys/timex.h>
  adjtimex: { parameters: ["buffer"], result: "i32" },
  // <time.h>
  clock_getcpuclockid: { parameters: ["i32", "buffer"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  // <sys/resource.h>
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  // <sys/socket.h>
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
} as const;

type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/**
 * Opens the C library.
 *
 * @param symbols The functions wanted.
 * @returns The library, to be closed by the caller, or in words why it cannot be had.
 */
export function openLibc<const S extends Deno.ForeignLibraryInterface>(
  symbols: S,
): Deno.DynamicLibrary<S> | string {
  const deno = globalThis.Deno;
  if (deno === undefined) return "this is not Deno";
  if (deno.build.os !== "linux") return "this is not Linux";
  if (typeof deno.dlopen !== "function") return "Deno.dlopen is not there";
  // Asked for rather than tried: a missing permission must not become a prompt.
  const { state } = deno.permissions.querySync({ name: "ffi" });
  if (state !== "granted") return "it needs --allow-ffi";
  for (const name of NAMES) {
    try {
      return deno.dlopen(name, symbols);
    } catch {
      // Another C library, or one without these functions.
    }
  }
  return "the C library is not found";
}

/**
 * Calls into the C library and lets go of it again: it is asked once a second at most.
 *
 * @returns What the call gives, or `undefined` on another system or without permission.
 */
function withLibc<T>(call: (libc: Libc) => T): T | undefined {
  const library = openLibc(SYMBOLS);
  if (typeof library === "string") return undefined;
  try {
    return call(library.symbols);
  } finally {
    library.close();
  }
}

// <sys/timex.h>: struct timex is 208 bytes; maxerror is a long at 24, status an int at 40.
const TIMEX_BYTES = 208;
const TIMEX_MAXERROR = 24;
const TIMEX_STATUS = 40;
const STA_INS = 0x10;
const STA_DEL = 0x20;
const STA_UNSYNC = 0x40;
const TIME_OK = 0;
const TIME_ERROR = 5;

/**
 * Reads the kernel's clock state. `modes` stays 0, so nothing is set and no privilege needed.
 *
 * @returns The state, or `undefined` where it cannot be known.
 */
export function readKernelClock(): KernelClock | undefined {
  const timex = new Uint8Array(TIMEX_BYTES);
  const state = withLibc((libc) => libc.adjtimex(timex));
  if (state === undefined || state < 0) return undefined;
  const view = new DataView(timex.buffer);
  const status = view.getInt32(TIMEX_STATUS, true);
  return {
    synchronised: state !== TIME_ERROR && (status & STA_UNSYNC) === 0,
    maxErrorMicros: view.getBigInt64(TIMEX_MAXERROR, true),
    leap: (status & (STA_INS | STA_DEL)) !== 0 ||
      (state !== TIME_OK && state !== TIME_ERROR),
  };
}

// <linux/threads.h>: PID_MAX_LIMIT. Numbers far above lose bits in a clock's number and then
// name another process.
const MAX_PID = 1 << 22;

/**
 * CPU time that a process has used, all threads, user and system.
 *
 * @returns Microseconds; `gone` if there is no such process; `undefined` where it cannot
 *   be known.
 */
export function processCpuMicros(pid: number): number | "gone" | undefined {
  const clock = new Int32Array(1);
  const time = new BigInt64Array(2); // <time.h>: struct timespec
  const failed = withLibc((libc) =>
    pid > MAX_PID ||
    libc.clock_getcpuclockid(pid, clock) !== 0 ||
    libc.clock_gettime(clock[0] ?? 0, time) !== 0
  );
  if (failed === undefined) return undefined;
  return failed ? "gone" : Number(time[0]) * 1e6 + Number(time[1]) / 1e3;
}

// <sys/resource.h>: struct rlimit is two 64-bit numbers, the one in force first.
const RLIMIT_NOFILE = 7;

/**
 * How many files and sockets this process may have open.
 *
 * @returns The limit in force, or `undefined` where it cannot be known.
 */
export function openFilesLimit(): number | undefined {
  const limit = new BigUint64Array(2);
  const bytes = new Uint8Array(limit.buffer);
  const failed = withLibc((libc) => libc.getrlimit(RLIMIT_NOFILE, bytes));
  return failed === 0 ? Number(limit[0]) : undefined;
}

// <asm-generic/socket.h>, the same on x86-64 and arm64.
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOCK_DGRAM = 2;
// <bits/socket.h>: the family comes first, as a short in the machine's order.
const AF_INET = 2;
const AF_INET6 = 10;
// <netinet/in.h>: the port is at 2, in network order, in both families.
const SOCKADDR_BYTES = 128;
const SOCKADDR_PORT = 2;
/** Sockets are looked for among the first file descriptors; servers open theirs early. */
export const MAX_FD = 4096;

/**
 * Makes the receive buffer of this process's UDP sockets on a port larger. The runtime
 * does not tell a socket's file descriptor, so it is found by its type and port.
 *
 * @param port Local port.
 * @param bytes The size wanted.
 * @returns The smallest size that the kernel gave, or `undefined` where none could be set.
 */
export function enlargeReceiveBuffer(
  port: number,
  bytes: number,
): number | undefined {
  return withLibc((libc) => {
    let smallest: number | undefined;
    for (let fd = 3; fd < MAX_FD; fd++) {
      const isOurs = getOption(libc, fd, SO_TYPE) === SOCK_DGRAM &&
        portOf(libc, fd) === port;
      if (!isOurs) continue;
      const given = setReceiveBuffer(libc, fd, bytes);
      smallest = Math.min(smallest ?? given, given);
    }
    return smallest;
  });
}

/** The part of the C library that knows the options of sockets. */
type OptionCalls = Pick<Libc, "getsockopt" | "setsockopt">;

/**
 * Sets the receive buffer of one socket.
 *
 * @param libc The C library.
 * @param fd The socket.
 * @param bytes The size wanted.
 * @returns The size that the kernel gave.
 */
export function setReceiveBuffer(
  libc: OptionCalls,
  fd: number,
  bytes: number,
): number {
  const value = Int32Array.of(bytes);
  // The forced form is for administrators and goes beyond the system's limit.
  if (libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) !== 0) {
    libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, 4);
  }
  // The kernel doubles what it is told, for its own bookkeeping (man 7 socket).
  return (getOption(libc, fd, SO_RCVBUF) ?? 0) / 2;
}

function getOption(
  libc: OptionCalls,
  fd: number,
  option: number,
): number | undefined {
  const value = new Int32Array(1);
  const length = Uint32Array.of(4);
  return libc.getsockopt(fd, SOL_SOCKET, option, value, length) === 0
    ? value[0]
    : undefined;
}

function portOf(libc: Libc, fd: number): number | undefined {
  const address = new Uint8Array(SOCKADDR_BYTES);
  const length = Uint32Array.of(SOCKADDR_BYTES);
  if (libc.getsockname(fd, address, length) !== 0) return undefined;
  const view = new DataView(address.buffer);
  const family = view.getUint16(0, true);
  return family === AF_INET || family === AF_INET6
    ? view.getUint16(SOCKADDR_PORT, false)
    : undefined;
}
