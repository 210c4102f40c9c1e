/**
 * Watching: a round of questions now and then, for as long as it may be, whatever fails.
 *
 * @module
 */

import {
  measure,
  type Measurement,
  type MeasureOptions,
} from "../ecosystem/measure.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import type { WatchState } from "./api.ts";
import type { Archive } from "./archive.ts";
import type { ListCare } from "./list_care.ts";
import { intervalFor, nextAfterMs } from "./pace.ts";
import { recordRound, type RoundRecord } from "./record.ts";
import type { ReportFiles } from "./report_files.ts";
import { summarise } from "./summary.ts";
import type { WatchClock } from "./watch_clock.ts";
import type { WatchEvent } from "./watch_event.ts";

/** Options of a {@linkcode Watcher}. */
export interface WatcherOptions {
  /** Whom. */
  readonly list: ListCare;
  /** Where rounds are kept. */
  readonly archive: Archive;
  /** Where evidence is written; nowhere without. */
  readonly reportFiles?: ReportFiles | undefined;
  /** Seconds between rounds; 60 at least are kept where servers are other people's. */
  readonly intervalSeconds: number;
  /** Ends after so many rounds. */
  readonly rounds?: number | undefined;
  /** How servers are asked. */
  readonly measureOptions?: MeasureOptions | undefined;
  /** Does a relay stand beside it? */
  readonly relay?: boolean | undefined;
  /** Clocks and timers. */
  readonly clock: WatchClock;
  /** Told what happens; must not throw. */
  readonly onEvent?: ((event: WatchEvent) => void) | undefined;
  /** Asks all servers; for tests. */
  readonly measure?:
    | ((
      servers: readonly ListedServer[],
      options: MeasureOptions,
    ) => Promise<Measurement>)
    | undefined;
}

/** Watches servers. */
export class Watcher {
  readonly #options: WatcherOptions;
  readonly #listeners = new Set<(state: WatchState) => void>();
  #rounds = 0;
  #startedAt: number | undefined;
  #endedAt: number | undefined;
  #nextRoundAtMs: number | null = null;
  /** Aborted when the list is to be read again. */
  #reload = new AbortController();

  /**
   * Nothing is asked before {@linkcode run}.
   *
   * @param options Whom, how often, how.
   */
  constructor(options: WatcherOptions) {
    this.#options = options;
  }

  /** Rounds that have ended in this process. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Milliseconds since the last round of this process ended. */
  get sinceMs(): number | undefined {
    const { clock } = this.#options;
    return this.#endedAt === undefined
      ? undefined
      : Math.max(0, clock.now() - this.#endedAt);
  }

  /** Milliseconds since a round ended, or since it began to watch if none has. */
  get idleMs(): number {
    const { clock } = this.#options;
    return clock.now() - (this.#endedAt ?? this.#startedAt ?? clock.now());
  }

  /** Seconds between rounds. */
  get intervalSeconds(): number {
    const { list, intervalSeconds } = this.#options;
    return intervalFor(list.servers, intervalSeconds);
  }

  /** All that is told now. */
  get state(): WatchState {
    const { archive, list, relay = false } = this.#options;
    const round = archive.round() ?? null;
    return {
      schema: "roughly/watch-state/1",
      list: list.state,
      intervalSeconds: this.intervalSeconds,
      nextRoundAtMs: this.#nextRoundAtMs,
      summary: summarise(round, { sinceMs: this.sinceMs }),
      history: archive.status,
      relay,
      round,
      contradictions: archive.contradictions(),
    };
  }

  /** Calls back after each round; gives what ends that. */
  subscribe(listener: (state: WatchState) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Has the list read again: at once, or after the round that is under way. */
  reload(): void {
    this.#reload.abort();
  }

  /**
   * Watches until the rounds are over or the signal aborts.
   *
   * @returns The last measurement and its record, if there was one.
   */
  async run(
    signal: AbortSignal,
  ): Promise<{ measurement: Measurement; record: RoundRecord } | undefined> {
    const { clock, rounds = Infinity, list } = this.#options;
    let last: { measurement: Measurement; record: RoundRecord } | undefined;
    this.#startedAt = clock.now();
    while (!signal.aborted) {
      const startedAt = clock.now();
      if (list.servers.length === 0) await this.#readList();
      if (list.servers.length > 0) last = await this.#round(signal) ?? last;
      if (this.#rounds >= rounds || signal.aborted) break;
      await this.#wait(startedAt, signal);
    }
    this.#nextRoundAtMs = null;
    return last;
  }

  async #readList(): Promise<void> {
    this.#reload = new AbortController();
    await this.#options.list.read();
    this.#tell({ event: "list", ...this.#options.list.state });
  }

  async #round(
    signal: AbortSignal,
  ): Promise<{ measurement: Measurement; record: RoundRecord } | undefined> {
    const { clock, archive, list, measureOptions } = this.#options;
    const ask = this.#options.measure ?? measure;
    const { servers } = list;
    const startedAtMs = clock.wall();
    this.#nextRoundAtMs = null;
    let measurement: Measurement;
    try {
      measurement = await ask(servers, {
        ...measureOptions,
        passes: 2,
        signal,
      });
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#tell({ event: "error", message: String(error) });
      return undefined;
    }
    const endedAt = clock.now();
    const record = await recordRound(measurement, {
      servers,
      startedAtMs,
      endedAtMs: clock.wall(),
      localMicrosAt: (at) =>
        BigInt(Math.round((clock.wall() - (clock.now() - at)) * 1000)),
      ids: archive.ids,
    });
    await archive.keep(record);
    this.#endedAt = endedAt;
    this.#rounds++;
    const { round } = record;
    this.#tell({
      event: "round",
      summary: summarise(round, { sinceMs: 0 }),
      round,
    });
    await this.#report(record);
    return { measurement, record };
  }

  async #report({ round, contradiction }: RoundRecord): Promise<void> {
    if (contradiction === undefined) return;
    const written = await this.#options.reportFiles
      ?.write(contradiction, round.endedAtMs);
    this.#tell({
      event: "contradiction",
      report: round.reports[0] as number,
      round: round.id,
      pairs: contradiction.pairs,
      file: written?.file ?? null,
      problem: written?.problem ?? null,
    });
  }

  /** A machine that sleeps stops one of the two clocks; whichever gets there first counts. */
  async #wait(startedAt: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const afterMs = nextAfterMs(this.intervalSeconds, clock.random());
    const passed = clock.now() - startedAt;
    const waitMs = Math.max(afterMs - passed, MIN_PAUSE_MS);
    const from = { now: clock.now(), wall: clock.wall() };
    this.#nextRoundAtMs = Math.round(from.wall + waitMs);
    for (const listener of [...this.#listeners]) listener(this.state);
    for (;;) {
      if (this.#reload.signal.aborted) await this.#readList();
      const leftMs = waitMs - Math.max(
        clock.now() - from.now,
        clock.wall() - from.wall,
      );
      if (leftMs <= 0 || signal.aborted) return;
      await clock.sleep(Math.min(leftMs, LOOK_MS), [
        signal,
        this.#reload.signal,
      ]);
    }
  }

  #tell(event: WatchEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** A round that takes longer than the interval is not followed at once by the next. */
const MIN_PAUSE_MS = 1000;

/** How often it is looked whether the machine has slept. */
const LOOK_MS = 15_000;
