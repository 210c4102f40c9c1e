/**
 * What a watcher remembers: the last round, whatever happens, and all others as long as the
 * disk takes them. Where it does not, the watcher goes on without, says so, and tries again
 * with each round.
 *
 * @module
 */

import type { ExchangeState, History, ReportState, RoundState } from "./api.ts";
import type { HistoryQuery } from "./downsample.ts";
import { HistoryError, isDamage, isLocked } from "./history_error.ts";
import { HistoryReader } from "./history_reader.ts";
import { HistoryWriter } from "./history.ts";
import { RecentRounds } from "./recent_rounds.ts";
import { idsAfter, type NextIds, type RoundRecord } from "./record.ts";
import { cutoffsAfter, type Retention } from "./retention.ts";
import { type OpenDatabase, openDatabase } from "./sqlite.ts";

/** What becomes of a history, for those who are told. */
export interface HistoryEvent {
  /** Is it being written? */
  readonly writing: boolean;
  /** Why not. */
  readonly problem: string | null;
  /** Where a damaged file was moved. */
  readonly movedTo?: string | undefined;
}

/** Options of {@linkcode Archive.open}. */
export interface ArchiveOptions {
  /** File of the history; without, only the last round is remembered. */
  readonly path: string | undefined;
  /** How long. */
  readonly retention: Retention;
  /** Told when writing fails, succeeds again, or began with a new file. */
  readonly onEvent?: ((event: HistoryEvent) => void) | undefined;
  /** Opens the file; for tests. */
  readonly open?: ((path: string) => Promise<OpenDatabase>) | undefined;
}

interface Opened extends OpenDatabase {
  readonly writer: HistoryWriter;
  readonly reader: HistoryReader;
}

const FIRST_IDS: NextIds = { round: 1, exchange: 1, report: 1 };

/** Remembers rounds. */
export class Archive {
  readonly #options: ArchiveOptions;
  readonly #recent = new RecentRounds();
  #opened: Opened | undefined;
  #ids: NextIds = FIRST_IDS;
  #problem: string | null = null;

  private constructor(options: ArchiveOptions) {
    this.#options = options;
  }

  /**
   * Opens a history, or makes one.
   *
   * @throws {HistoryError} If it cannot be used. A disk that is full is no reason.
   */
  static async open(options: ArchiveOptions): Promise<Archive> {
    const archive = new Archive(options);
    try {
      await archive.#reopen();
      archive.#opened?.writer.tidy();
    } catch (error) {
      if (!isDiskTrouble(error)) {
        archive.close();
        throw error;
      }
      archive.#fail(error);
    }
    return archive;
  }

  /** Is history being written? Why not. */
  get status(): { readonly writing: boolean; readonly problem: string | null } {
    return {
      writing: this.#opened !== undefined && this.#problem === null,
      problem: this.#options.path === undefined
        ? "No history is kept."
        : this.#problem,
    };
  }

  /** The numbers of the next round. */
  get ids(): NextIds {
    return this.#ids;
  }

  /** Keeps a round. Never throws: what the disk does not take is told. */
  async keep(record: RoundRecord): Promise<void> {
    this.#ids = idsAfter(record, this.#ids);
    this.#recent.add(record);
    if (this.#options.path === undefined) return;
    const before = this.#problem;
    let writing = record;
    try {
      await this.#reopen();
      await this.#opened?.ensureRoom();
      for (const one of this.#recent.unwritten()) {
        writing = one;
        const cutoffs = cutoffsAfter(one.round, this.#options.retention);
        this.#opened?.writer.append(one, cutoffs);
        this.#recent.wrote(one);
      }
      this.#problem = null;
      if (before !== null) this.#tell({ writing: true, problem: null });
    } catch (error) {
      // What no disk will ever take must not keep out what comes after it.
      const isPassing = isDiskTrouble(error) || isDamage(error) ||
        isLocked(error) || error instanceof HistoryError;
      if (!isPassing) this.#recent.wrote(writing);
      this.#fail(error);
    }
  }

  /** A round, or the last one without a number. */
  round(id?: number): RoundState | undefined {
    return this.#recent.round(id) ?? this.#read((reader) => reader.round(id));
  }

  /** The packets of an exchange. */
  exchange(id: number): ExchangeState | undefined {
    return this.#recent.exchange(id) ??
      this.#read((reader) => reader.exchange(id));
  }

  /** The newest reports first. */
  reports(): ReportState[] {
    const written = this.#read((reader) => reader.reports()) ?? [];
    const known = new Set(written.map(({ id }) => id));
    return [
      ...this.#recent.reports().filter(({ id }) => !known.has(id)),
      ...written,
    ];
  }

  /** A report in the form of RFC 10049, section 8.4. */
  report(id: number): string | undefined {
    return this.#recent.report(id) ??
      this.#read((reader) => reader.report(id));
  }

  /** How many contradictions are known. */
  contradictions(): number {
    const written = this.#read((reader) => reader.contradictions()) ?? 0;
    return written + this.#recent.unwritten()
      .filter(({ contradiction }) => contradiction !== undefined).length;
  }

  /** The past of a server; nothing if there is no server of that name, or no history. */
  history(query: HistoryQuery): History | undefined {
    return this.#read((reader) => reader.history(query));
  }

  /** Closes the file. */
  close(): void {
    this.#opened?.close();
    this.#opened = undefined;
  }

  /** What cannot be read is told and is not there: nobody who watches may fall over it. */
  #read<T>(work: (reader: HistoryReader) => T): T | undefined {
    try {
      return this.#opened && work(this.#opened.reader);
    } catch (error) {
      this.#fail(error);
      return undefined;
    }
  }

  async #reopen(): Promise<void> {
    const { path, open = openDatabase } = this.#options;
    if (path === undefined || this.#opened !== undefined) return;
    const opened = await open(path);
    const { database, movedTo } = opened;
    const writer = new HistoryWriter(database);
    const reader = new HistoryReader(database);
    this.#opened = { ...opened, writer, reader };
    const next = writer.nextIds();
    this.#ids = {
      round: Math.max(next.round, this.#ids.round),
      exchange: Math.max(next.exchange, this.#ids.exchange),
      report: Math.max(next.report, this.#ids.report),
    };
    if (movedTo !== undefined) {
      this.#tell({
        writing: true,
        problem: "The history was damaged: a new one is begun.",
        movedTo,
      });
    }
  }

  #fail(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    // What is damaged is looked at again when it is opened again.
    if (isDamage(error)) this.close();
    if (problem !== this.#problem) this.#tell({ writing: false, problem });
    this.#problem = problem;
  }

  #tell(event: HistoryEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A disk that has no room may have some later. */
function isDiskTrouble(error: unknown): boolean {
  return error instanceof Error &&
    (!(error instanceof HistoryError) || error.code === "system") &&
    /is full|No space left|disk I\/O error/i.test(error.message);
}
