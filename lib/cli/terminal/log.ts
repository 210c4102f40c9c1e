/**
 * The server's log: one line for each thing an operator should know, never one for each
 * bad packet.
 *
 * @module
 */

import { jsonLine, printable } from "./output.ts";

/** How a log is written. */
export type LogFormat = "text" | "json";

/** How much a line matters. */
export type LogLevel = "info" | "warning" | "error";

/** Facts that go with a line. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Lines of one kind beyond this in one interval are counted and not written. */
const BURST = 5;
const INTERVAL_MS = 60_000;

/** The line that comes at an interval the operator chose. */
export const STATS = "stats";

/** The line that comes once for each socket. */
export const LISTENING = "listening";

/** As many of these as the operator asked for; they are never held back. */
const UNBOUNDED: readonly string[] = [STATS, LISTENING];

/** Writes lines, each kind at a bounded rate. */
export class Log {
  readonly #write: (line: string) => void;
  readonly #format: LogFormat;
  readonly #now: () => number;
  readonly #kinds = new Map<string, { since: number; count: number }>();

  /**
   * Starts a log.
   *
   * @param write Takes finished lines.
   * @param format Text for people, or JSON.
   * @param now Milliseconds since 1970.
   */
  constructor(
    write: (line: string) => void,
    format: LogFormat,
    now: () => number = Date.now,
  ) {
    this.#write = write;
    this.#format = format;
    this.#now = now;
  }

  /**
   * Writes a line, unless there were too many of its kind.
   *
   * @param level How much it matters.
   * @param message The kind of line; always the same words.
   * @param fields What changes from line to line.
   */
  log(level: LogLevel, message: string, fields: LogFields = {}): void {
    const now = this.#now();
    if (UNBOUNDED.includes(message)) {
      return this.#write(this.#render(now, level, message, fields));
    }
    let kind = this.#kinds.get(message);
    if (kind === undefined || Math.abs(now - kind.since) >= INTERVAL_MS) {
      const suppressed = kind ? kind.count - BURST : 0;
      kind = { since: now, count: 0 };
      this.#kinds.set(message, kind);
      if (suppressed > 0) fields = { ...fields, suppressed };
    }
    if (++kind.count > BURST) return;
    this.#write(this.#render(now, level, message, fields));
  }

  #render(
    now: number,
    level: LogLevel,
    message: string,
    fields: LogFields,
  ): string {
    const time = new Date(now).toISOString();
    if (this.#format === "json") {
      return jsonLine({ time, level, message, ...fields });
    }
    const details = Object.entries(fields).filter(([, value]) =>
      value !== undefined
    ).map(([key, value]) =>
      ` ${key}=${
        typeof value === "string" && /[\s"=]/.test(value)
          ? JSON.stringify(value)
          : String(value)
      }`
    ).join("");
    return printable(`${time} ${level.padEnd(7)} ${message}${details}`);
  }
}
