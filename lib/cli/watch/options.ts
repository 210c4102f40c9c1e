/**
 * The options of `roughly watch`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { parseCount, parseDays, parseListen, parseWord } from "../arguments.ts";
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
    new Option("--once", "ask once, print the result, and end")
      .conflicts("rounds"),
    new Option("--rounds <n>", "end after this many rounds")
      .argParser(parseCount),
    new Option(
      "--interval <seconds>",
      "time from one round to the next; at least 60 for servers that are not on loopback or private addresses",
    ).default(DEFAULT_INTERVAL_SECONDS).argParser(parseWatchInterval),
    new Option("--json", "print one line of JSON for each event"),
    new Option(
      "--serve [host:port]",
      `serve a page, an API and /metrics; without an address, on ${DEFAULT_SERVE.hostname}:${DEFAULT_SERVE.port}`,
    ).argParser(parseListen),
    new Option(
      "--allow-host <name>",
      "name under which a proxy serves the page; may be repeated",
    ).argParser((name: string, before: readonly string[] | undefined) => [
      ...before ?? [],
      parseWord(name),
    ]),
    new Option(
      "--relay",
      "pass packets from browsers on to the servers of the list (experimental)",
    ),
    new Option(
      "--db <file>",
      "SQLite file with the history (default: watch.db in the user's state folder)",
    ),
    new Option("--no-db", "keep no history"),
    new Option("--keep-days <days>", "days to keep rounds").default(90)
      .argParser(parseDays),
    new Option(
      "--keep-packets-days <days>",
      "days to keep packets; packets that prove a lie are kept for ever",
    ).default(7).argParser(parseDays),
    new Option(
      "--reports-dir <folder>",
      "folder for reports of lies (default: reports, beside the history)",
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
