/**
 * The only file that prints. stdout is data, stderr is talk.
 *
 * @module
 */

import { base64 } from "@scure/base";
import { formatTime } from "../../wire/timestamp.ts";

/** Where a command writes; tests bring their own. */
export interface Output {
  /** Writes a line of data. */
  out(line: string): void;
  /** Writes a line of talk. */
  err(line: string): void;
  /** Shows what is going on, on a terminal only; an empty text clears it. */
  progress(text: string): void;
}

/** Writes to the console. */
export const consoleOutput: Output = {
  out: (line) => {
    try {
      // deno-lint-ignore no-console
      console.log(line);
    } catch (error) {
      // A reader that goes away, as `head` does, has seen enough.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
  },
  err: (line) => {
    try {
      // deno-lint-ignore no-console
      console.error(line);
    } catch {
      // There is nowhere left to complain; the exit code still tells.
    }
  },
  progress: (text) => {
    if (!Deno.stderr.isTerminal()) return;
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  },
};

/** Characters that a terminal acts on, that reorder what is read, or that nobody sees. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** Makes text from the network, a file or the command line harmless on a terminal. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (c) => `\\u{${c.codePointAt(0)?.toString(16)}}`,
  );
}

/** Prints one object as one line of JSON. */
export function printJson(
  output: Output,
  value: Record<string, unknown>,
): void {
  output.out(jsonLine(value));
}

/** One object as one line of JSON: bigints as decimal strings, bytes as base64. */
export function jsonLine(value: Readonly<Record<string, unknown>>): string {
  const json = JSON.stringify(
    value,
    (_key, entry) =>
      typeof entry === "bigint"
        ? String(entry)
        : entry instanceof Uint8Array
        ? base64.encode(entry)
        : entry,
  );
  return json.replace(UNPRINTABLE, escapeUnits);
}

/** The escape that JSON has: one for each UTF-16 unit. */
function escapeUnits(text: string): string {
  let escaped = "";
  for (let i = 0; i < text.length; i++) {
    escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, "0")}`;
  }
  return escaped;
}

/** A time as JSON: for people (absent where no calendar reaches), and exactly. */
export function jsonTime(
  micros: bigint,
): { time: string | undefined; micros: bigint } {
  return { time: formatTime(micros), micros };
}

/** Seconds from microseconds, with no more digits than there are. */
export function formatSeconds(micros: bigint): string {
  const sign = micros < 0n ? "-" : "";
  const abs = micros < 0n ? -micros : micros;
  const fraction = String(abs % 1_000_000n).padStart(6, "0").replace(/0+$/, "");
  return `${sign}${abs / 1_000_000n}${fraction && `.${fraction}`}`;
}

/** Milliseconds from microseconds, to a tenth. */
export function formatMillis(micros: bigint): string {
  return `${(Number(micros) / 1000).toFixed(1)} ms`;
}

/** Lays rows out in columns. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, [...cell].length);
    });
  }
  return rows.map((row) =>
    row.map((cell, i) =>
      i === row.length - 1
        ? cell
        : cell + " ".repeat((widths[i] ?? 0) - [...cell].length)
    ).join("  ").trimEnd()
  );
}
