/**
 * Opening the C library on Linux, and what is asked of it apart from sockets: the kernel's
 * view of the clock, how many files may be open, the CPU time of a process. Every number
 * here comes from a header that is named.
 *
 * Needs `--allow-ffi`. Layouts are those of 64-bit systems, the same in glibc and musl on
 * x86-64 and arm64.
 *
 * @module
 */

import type { KernelClock } from "../kernel_clock.ts";
import { SIGNATURES } from "./signatures.ts";

const FILES = [
  "libc.so.6", // glibc
  `libc.musl-${globalThis.Deno?.build.arch}.so.1`,
];

/** The name of a function of the C library. */
export type Name = keyof typeof SIGNATURES;

/** Such functions. */
export type Calls<N extends Name> = Pick<
  Deno.DynamicLibrary<typeof SIGNATURES>["symbols"],
  N
>;

/** The C library as far as it is wanted. */
export interface Libc<N extends Name> {
  /** The functions. */
  readonly symbols: Calls<N>;
  /** Lets go of it: the functions can no longer be called. */
  close(): void;
}

/** One function that is open in this isolate, and how many have it. */
interface Opened {
  readonly library: { close(): void };
  readonly call: unknown;
  users: number;
}

const opened = new Map<Name, Opened>();

/**
 * Opens the C library.
 *
 * @param names The functions wanted, and no others: to make one callable takes the runtime a
 *   third of a millisecond. Those who want the same one at the same time share it.
 * @returns The library, to be closed by the caller, or in words why it cannot be had.
 */
export function openLibc<N extends Name>(...names: N[]): Libc<N> | string {
  const deno = globalThis.Deno;
  if (deno === undefined) return "this is not Deno";
  if (deno.build.os !== "linux") return "this is not Linux";
  if (typeof deno.dlopen !== "function") return "Deno.dlopen is not there";
  // Asked for rather than tried: a missing permission must not become a prompt.
  const { state } = deno.permissions.querySync({ name: "ffi" });
  if (state !== "granted") return "it needs --allow-ffi";
  const calls: [Name, unknown][] = [];
  let isOpen = true;
  const close = () => {
    if (isOpen) calls.forEach(([name]) => release(name));
    isOpen = false;
  };
  for (const name of names) {
    const one = opened.get(name) ?? open(name);
    if (one === undefined) {
      close();
      return "the C library is not found";
    }
    one.users++;
    calls.push([name, one.call]);
  }
  return { symbols: Object.fromEntries(calls) as Calls<N>, close };
}

function open(name: Name): Opened | undefined {
  for (const file of FILES) {
    try {
      const library = Deno.dlopen(file, { [name]: SIGNATURES[name] });
      const one = { library, call: library.symbols[name], users: 0 };
      opened.set(name, one);
      return one;
    } catch {
      // Another C library, or one without this function.
    }
  }
  return undefined;
}

function release(name: Name): void {
  const one = opened.get(name);
  if (one === undefined || --one.users > 0) return;
  opened.delete(name);
  one.library.close();
}

/**
 * Calls into the C library and lets go of it again: it is asked once a second at most.
 *
 * @param names The functions that the call takes.
 * @returns What the call gives, or `undefined` on another system or without permission.
 */
export function withLibc<N extends Name, T>(
  names: N[],
  call: (libc: Calls<N>) => T,
): T | undefined {
  const library = openLibc(...names);
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
  const state = withLibc(["adjtimex"], (libc) => libc.adjtimex(timex));
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
  const failed = withLibc(
    ["clock_getcpuclockid", "clock_gettime"],
    (libc) =>
      pid > MAX_PID ||
      libc.clock_getcpuclockid(pid, clock) !== 0 ||
      libc.clock_gettime(clock[0] ?? 0, time) !== 0,
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
  const failed = withLibc(
    ["getrlimit"],
    (libc) => libc.getrlimit(RLIMIT_NOFILE, bytes),
  );
  return failed === 0 ? Number(limit[0]) : undefined;
}
