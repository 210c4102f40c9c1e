/**
 * The options of `roughly watch`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { parseCount, parseDays, parseListen } from "../arguments.ts";
import type { ManyOptions } from "../ecosystem/many_options.ts";
import type { Ignored } from "../ignored.ts";
import type { ListenAddress } from "../../server/serve.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { DEFAULT_INTERVAL_SECONDS } from "../../watch/pace.ts";

/** Options as commander gives them. */
export interface WatchOptions extends ManyOptions {
  readonly once?: boolean;
  readonly rounds?: number;
  readonly interval: number;
  /** `false` with `--no-db`. */
  readonly db?: string | false;
  readonly keepDays: number;
  readonly keepPacketsDays: number;
  readonly reportsDir?: string;
  /** `true` where no address is given. */
  readonly serve?: ListenAddress | true;
  readonly allowHost?: readonly string[];
  readonly relay?: boolean;
}

/** Where a page is served if nothing else is said. */
export const DEFAULT_SERVE: ListenAddress = {
  hostname: "127.0.0.1",
  port: 8319,
};

const MAX_INTERVAL_SECONDS = 86_400;

/** Reads the seconds between rounds. */
export function parseWatchInterval(text: string): number {
  const seconds = Number(text);
  if (
    !/^\d+(\.\d+)?$/.test(text) || seconds < 1 || seconds > MAX_INTERVAL_SECONDS
  ) {
    throw new UsageError(
      `cannot use "${text}" as seconds between rounds: 1 to ${MAX_INTERVAL_SECONDS} are allowed`,
    );
  }
  return seconds;
}

/** Adds them to the command. */
export function addWatchOptions(command: Command): Command {
  const options = [
    new Option("--once", "ask once, say what came of it, and end")
      .conflicts("rounds"),
    new Option("--rounds <n>", "end after so many rounds")
      .argParser(parseCount),
    new Option(
      "--interval <seconds>",
      "from one round to the next; servers of others are asked once a minute at most",
    ).default(DEFAULT_INTERVAL_SECONDS).argParser(parseWatchInterval),
    new Option("--json", "print a line of JSON for everything that happens"),
    new Option(
      "--serve [host:port]",
      `serve a page, an API and /metrics here; without an address on ${DEFAULT_SERVE.hostname}:${DEFAULT_SERVE.port}`,
    ).argParser(parseListen),
    new Option(
      "--allow-host <name>",
      "on loopback, answer under this name too, as behind a proxy; may be repeated",
    ).argParser((name: string, before: readonly string[] | undefined) => [
      ...before ?? [],
      name,
    ]),
    new Option(
      "--relay",
      "let browsers ask the servers of the list through this page (experimental)",
    ),
    new Option(
      "--db <file>",
      "history, an SQLite file; without, watch.db in the user's state folder",
    ),
    new Option("--no-db", "keep no history"),
    new Option("--keep-days <days>", "how long rounds are kept").default(90)
      .argParser(parseDays),
    new Option(
      "--keep-packets-days <days>",
      "how long packets are kept; those that prove a lie for ever",
    ).default(7).argParser(parseDays),
    new Option(
      "--reports-dir <folder>",
      "where reports of lies are written; without, reports beside the history",
    ),
  ];
  for (const option of options) command.addOption(option);
  return command;
}

/** What would do nothing beside these options. */
export function ignoredByWatch(options: WatchOptions): Ignored[] {
  const { serve, db, once } = options;
  return [
    ...["--relay", "--allow-host"].map((option) => ({
      option,
      because: "without --serve",
      when: serve === undefined,
    })),
    ...["--keep-days", "--keep-packets-days"].map((option) => ({
      option,
      because: "with --no-db",
      when: db === false,
    })),
    ...["--interval", "--serve"].map((option) => ({
      option,
      because: "with --once",
      when: once === true,
    })),
  ];
}
