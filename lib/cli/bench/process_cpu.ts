/**
 * CPU time of processes.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import process from "node:process";
import { codeOf } from "../../net/cause.ts";
import { processCpuMicros } from "../../net/linux/libc.ts";
import { UsageError } from "../terminal/exit_code.ts";

/** The kernel counts in units of 10 ms on every architecture (USER_HZ, <asm/param.h>). */
const TICK_MICROS = 10_000;

/** Fields of /proc/PID/stat after the name: the third is the first one here (man 5 proc). */
const UTIME = 14 - 3;
const STIME = 15 - 3;

/** CPU time of this process in microseconds, all threads, user and system. */
export function ownCpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/**
 * CPU time that processes have used together, all threads, user and system.
 *
 * @returns Microseconds, or `undefined` if one of them is gone.
 */
export async function cpuMicrosOf(
  pids: readonly number[],
): Promise<number | undefined> {
  let sum = 0;
  for (const pid of pids) {
    const micros = processCpuMicros(pid) ?? await readStat(pid);
    if (micros === "gone") return undefined;
    sum += micros;
  }
  return sum;
}

/** The way without FFI; the runtime lets only those read /proc who may do everything. */
async function readStat(pid: number): Promise<number | "gone"> {
  try {
    return parseStat(await readFile(`/proc/${pid}/stat`, "utf8"));
  } catch (error) {
    if (isGone(error)) return "gone";
    throw error;
  }
}

/** ESRCH comes when a process ends while it is read. */
function isGone(error: unknown): boolean {
  return ["ENOENT", "ESRCH"].includes(codeOf(error));
}

/** User and system time in a line of /proc/PID/stat, in microseconds. */
export function parseStat(stat: string): number {
  // The name is in parentheses and may hold any character, these too.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[UTIME]) + Number(fields[STIME])) * TICK_MICROS;
}

/** Refuses processes that cannot be looked at. */
export async function checkPids(pids: readonly number[]): Promise<void> {
  if (process.platform !== "linux") {
    throw new UsageError(
      "cannot use --pid here: only Linux shows the CPU time of other processes",
    );
  }
  for (const pid of pids) {
    if (await cpuMicrosOf([pid]) === undefined) {
      throw new UsageError(
        `there is no process ${pid}`,
        "--pid takes the numbers of the server's processes on this machine",
      );
    }
  }
}
