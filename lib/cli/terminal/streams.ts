/**
 * The standard streams, of Deno or of Node and Bun.
 *
 * @module
 */

import { writeSync } from "node:fs";
import process from "node:process";
import { Readable } from "node:stream";
import { isatty } from "node:tty";

/** What takes bytes: a standard stream, or something else in tests. */
export interface Sink {
  /** Takes some of them, and says how many. */
  writeSync(bytes: Uint8Array): number;
  /** Does somebody watch? */
  isTerminal(): boolean;
}

const NUMBERS = { stdout: 1, stderr: 2 } as const;

/** A channel of the process. */
export function standardSink(channel: keyof typeof NUMBERS): Sink {
  const own = globalThis.Deno?.[channel];
  if (own !== undefined) return own;
  const fd = NUMBERS[channel];
  return {
    writeSync: (bytes) => writeSync(fd, bytes),
    isTerminal: () => isatty(fd),
  };
}

/** What is written to the process. */
export function standardInput(): ReadableStream<Uint8Array> {
  return globalThis.Deno?.stdin.readable ??
    Readable.toWeb(process.stdin) as ReadableStream<Uint8Array>;
}

/** A variable of the environment, if it may be read: Deno would ask, on the very terminal. */
export function knownVariable(name: string): string | undefined {
  const { state = "granted" } =
    globalThis.Deno?.permissions.querySync({ name: "env", variable: name }) ??
      {};
  return state === "granted" ? process.env[name] : undefined;
}

/** Has whoever read a channel gone away? */
export function isBrokenPipe(error: unknown): boolean {
  return isCalled(error, "EPIPE", "BrokenPipe");
}

/** Would whoever writes have to wait, where the channel was made not to? */
export function wouldWait(error: unknown): boolean {
  return isCalled(error, "EAGAIN", "WouldBlock");
}

/** Node goes by codes, Deno by names. */
function isCalled(error: unknown, code: string, name: string): boolean {
  return error instanceof Error &&
    (error.name === name || (error as { code?: unknown }).code === code);
}
