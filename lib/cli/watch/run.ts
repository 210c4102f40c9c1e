/**
 * `roughly watch`: ask the servers of a list now and then, and show what came of it.
 *
 * @module
 */

import { Archive } from "../../watch/archive.ts";
import { HistoryError } from "../../watch/history_error.ts";
import { ListCare } from "../../watch/list_care.ts";
import {
  intervalFor,
  LEAST_PUBLIC_INTERVAL_SECONDS,
} from "../../watch/pace.ts";
import { ReportFiles } from "../../watch/report_files.ts";
import { MACHINE_CLOCK } from "../../watch/watch_clock.ts";
import { Watcher } from "../../watch/watcher.ts";
import { NetworkError } from "../../wire/errors.ts";
import { exitOf } from "../ecosystem/consensus.ts";
import {
  findLocalList,
  loadList,
  whyUnusable,
} from "../ecosystem/list_source.ts";
import { surveyOptions } from "../ecosystem/many_options.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { lowerFirst, messageOf } from "../terminal/failure.ts";
import type { Output } from "../terminal/output.ts";
import { onReload, onTermination } from "../terminal/signals.ts";
import { showEvents } from "./events.ts";
import { startNotifier } from "./notifier.ts";
import type { WatchOptions } from "./options.ts";
import { placesFor } from "./places.ts";
import { startPage } from "./page.ts";

/** Runs the command. */
export async function watch(
  path: string | undefined,
  options: WatchOptions,
  output: Output,
): Promise<number> {
  const list = await readFirst(path, options, output);
  const onEvent = showEvents(options, output);
  const { db, reports } = await placesFor(options);
  const intervalSeconds = intervalFor(list.servers, options.interval);
  const archive = await openArchive(db, {
    retention: {
      keepDays: options.keepDays,
      keepPacketsDays: options.keepPacketsDays,
      intervalSeconds,
    },
    onEvent: (event) => onEvent({ event: "history", ...event }),
  });
  const cleanups: (() => unknown)[] = [() => archive.close()];
  try {
    const watcher = new Watcher({
      list,
      archive,
      onEvent,
      intervalSeconds: options.interval,
      rounds: options.once ? 1 : options.rounds,
      relay: options.relay,
      reportFiles: reports === undefined ? undefined : new ReportFiles(reports),
      clock: MACHINE_CLOCK,
      measureOptions: surveyOptions(options, output),
    });
    const stop = new AbortController();
    cleanups.push(
      onTermination(() => stop.abort()),
      onReload(() => watcher.reload()),
    );
    if (options.serve !== undefined) {
      const page = startPage(watcher, { list, archive, options });
      cleanups.push(() => page.close());
      output.err(`roughly: watching at ${page.url}`);
    }
    const notifier = await startNotifier(output);
    cleanups.push(() => notifier?.close());
    const last = await watcher.run(stop.signal);
    output.progress("");
    if (stop.signal.aborted || last === undefined) return EXIT.ok;
    return last.record.contradiction === undefined
      ? exitOf(last.measurement)
      : EXIT.malfeasance;
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/**
 * A list that is wrong is said at once. One that cannot be fetched may be there later, as where
 * a machine has no network yet.
 */
async function readFirst(
  path: string | undefined,
  options: WatchOptions,
  output: Output,
): Promise<ListCare> {
  if (path !== undefined && options.list !== undefined) {
    throw new UsageError("cannot use two server lists");
  }
  const source = path ?? options.list ?? await findLocalList(output);
  const list = new ListCare(source ?? "the bundled list", async () => {
    const read = await loadList(source, { output, verbose: true });
    if (read.servers.length > 0) return read;
    throw new UsageError(
      `there is no server in the list that could be asked: ${
        whyUnusable(read)
      }`,
      "'roughly ecosystem lint' says what is wrong with it",
    );
  });
  await list.read();
  const { interval, once, rounds } = options;
  const hasEnd = once === true || rounds !== undefined;
  if (list.error !== undefined) {
    if (hasEnd || !(list.error instanceof NetworkError)) throw list.error;
    output.err(
      `roughly: warning: ${
        lowerFirst(messageOf(list.error))
      }; trying again later`,
    );
  }
  if (!once && intervalFor(list.servers, interval) > interval) {
    throw new UsageError(
      `cannot ask these servers every ${interval} s: they are other people's, and ${LEAST_PUBLIC_INTERVAL_SECONDS} is the least`,
      "shorter intervals are for servers on loopback and private addresses",
    );
  }
  return list;
}

async function openArchive(
  path: string | undefined,
  options: Omit<Parameters<typeof Archive.open>[0], "path">,
): Promise<Archive> {
  try {
    return await Archive.open({ path, ...options });
  } catch (error) {
    if (!(error instanceof HistoryError)) throw error;
    throw new UsageError(lowerFirst(error.message), HINTS[error.code]);
  }
}

const HINTS: Readonly<Record<HistoryError["code"], string>> = {
  unsupported: "--no-db watches without a history",
  locked: "end the other one, or name another file with --db",
  newer: "use the newer program, or name another file with --db",
  foreign: "name another file with --db",
  system: "name another file with --db, or watch without with --no-db",
};
