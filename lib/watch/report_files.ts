/**
 * Evidence as files: each for itself, and never over another one.
 *
 * @module
 */

import { mkdir, writeFile } from "node:fs/promises";
import { codeOf } from "../net/cause.ts";
import type { Contradiction } from "./contradiction.ts";

/** A pair of servers that goes on contradicting each other makes one file in so long. */
const SAME_PAIR_MS = 86_400_000;

/** Pairs that are remembered. */
const MAX_REMEMBERED = 65_536;

/** What became of a report. */
export interface WrittenReport {
  /** Its file, if it has one of its own. */
  readonly file: string | undefined;
  /** Why it could not be written. */
  readonly problem: string | undefined;
}

/** Writes reports to a folder. */
export class ReportFiles {
  readonly #folder: string;
  readonly #written = new Map<string, number>();

  /**
   * Writes here.
   *
   * @param folder Is made if it is not there.
   */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Writes a report, unless each pair in it is in one of the last day: the history has it all
   * the same. Never throws.
   *
   * @param contradiction What was proven.
   * @param atMs When, by the local clock, in milliseconds since 1970.
   */
  async write(
    { marks, text }: Contradiction,
    atMs: number,
  ): Promise<WrittenReport> {
    const isNews = marks.some((mark) => {
      const last = this.#written.get(mark);
      return last === undefined || Math.abs(atMs - last) >= SAME_PAIR_MS;
    });
    if (!isNews) return { file: undefined, problem: undefined };
    try {
      await mkdir(this.#folder, { recursive: true });
      const file = await this.#writeNew(text, atMs);
      for (const mark of marks) this.#remember(mark, atMs);
      return { file, problem: undefined };
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      return { file: undefined, problem };
    }
  }

  #remember(mark: string, atMs: number): void {
    this.#written.delete(mark);
    this.#written.set(mark, atMs);
    const [oldest] = this.#written.keys();
    if (this.#written.size > MAX_REMEMBERED && oldest !== undefined) {
      this.#written.delete(oldest);
    }
  }

  async #writeNew(text: string, atMs: number): Promise<string> {
    const stamp = new Date(atMs).toISOString().replace(/\.\d+/, "")
      .replaceAll(":", "");
    const stem = `${this.#folder}/malfeasance-${stamp}`;
    for (let n = 1;; n++) {
      const file = `${stem}${n === 1 ? "" : `-${n}`}.json`;
      try {
        await writeFile(file, text, { flag: "wx" });
        return file;
      } catch (error) {
        if (codeOf(error) !== "EEXIST") throw error;
      }
    }
  }
}
