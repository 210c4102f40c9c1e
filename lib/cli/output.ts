/**
 * The only file that prints. stdout is data, stderr is talk.
 *
 * @module
 */

import { base64 } from "@scure/base";
import { VerificationError } from "../errors.ts";
import { formatTime } from "../timestamp.ts";
import { classify, UsageError } from "./exit_code.ts";

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
  out: (line) => console.log(line),
  err: (line) => console.error(line),
  progress: (text) => {
    if (!Deno.stderr.isTerminal()) return;
    Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${text}`));
  },
};

/** Characters that a terminal acts on, or that reorder what is read. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE =
  /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

/** Makes text from the network or a file harmless on a terminal. */
export function printable(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (c) => `\\u{${c.charCodeAt(0).toString(16)}}`,
  );
}

/** Prints one object as one line of JSON: bigints as decimal strings, bytes as base64. */
export function printJson(
  output: Output,
  value: Record<string, unknown>,
): void {
  output.out(
    JSON.stringify(
      value,
      (_key, entry) =>
        typeof entry === "bigint"
          ? String(entry)
          : entry instanceof Uint8Array
          ? base64.encode(entry)
          : entry,
    ),
  );
}

/** A time as JSON: for people (absent where no calendar reaches), and exactly. */
export function jsonTime(
  micros: bigint,
): { time: string | undefined; micros: bigint } {
  return { time: formatTime(micros), micros };
}

/** Says on stderr what went wrong, and as JSON too if that was asked for. */
export function reportError(
  output: Output,
  error: unknown,
  json?: { schema: string } | undefined,
): number {
  const { exitCode, code } = classify(error);
  const message = printable(
    error instanceof Error ? error.message : String(error),
  );
  if (json) {
    const rejection = error instanceof VerificationError
      ? error.rejection
      : undefined;
    printJson(output, {
      schema: json.schema,
      ok: false,
      error: { code, message, rejection },
    });
  }
  output.err(`roughly: error: ${lowerFirst(message)}`);
  if (error instanceof UsageError && error.hint) {
    output.err(`roughly: hint: ${error.hint}`);
  }
  return exitCode;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
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
