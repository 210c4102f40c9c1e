/**
 * The commands that ask several servers, or judge what several said: `ecosystem`, `report`
 * and `clock`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import {
  parseChoice,
  parseCount,
  parseInterval,
  parseTimeout,
} from "./arguments.ts";
import { CHECK_SCHEMA, type CheckOptions, clockCheck } from "./clock/check.ts";
import { clockSet, SET_SCHEMA, type SetOptions } from "./clock/set.ts";
import { clockWait, WAIT_SCHEMA, type WaitOptions } from "./clock/wait.ts";
import {
  ecosystemLint,
  LINT_SCHEMA,
  type LintCommandOptions,
} from "./ecosystem/lint.ts";
import {
  ecosystemMalfeasance,
  MALFEASANCE_SCHEMA,
  type MalfeasanceOptions,
} from "./ecosystem/malfeasance.ts";
import { ecosystemState, STATE_SCHEMA } from "./ecosystem/state.ts";
import type { ManyOptions } from "./ecosystem/many_options.ts";
import type { Output } from "./terminal/output.ts";
import {
  REPORT_SCHEMA,
  reportExplain,
  type ReportOptions,
  reportVerify,
} from "./report/judge.ts";
import {
  reportSubmit,
  SUBMIT_SCHEMA,
  type SubmitCommandOptions,
} from "./report/submit.ts";

/** Takes an action's exit code. */
type Done = (exitCode: number) => void;

/** A command and the name of its JSON form. */
export type Registered = readonly [command: Command, schema: string];

const LIST_HELP = "server list: a file or https URL";
const LOCAL_LIST_HELP =
  `${LIST_HELP}; without, ./ecosystem.json if it is there, else the bundled one`;
const REPORT_ARGUMENT = "file with a report in any form, - for standard input";

/** Options of every command that asks several servers. */
function asking(command: Command, timeout: number): Command {
  return command
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for each server")
        .default(timeout).argParser(parseTimeout),
    )
    .addOption(
      new Option("--transport <how>", "udp, tcp, or udp and then tcp")
        .default("auto").argParser(parseChoice(["auto", "udp", "tcp"])),
    )
    .addOption(
      new Option(
        "--min-servers <n>",
        "operators it takes for a majority to mean something",
      ).default(3).argParser(parseCount),
    );
}

/** Adds `ecosystem`. */
export function addEcosystem(
  program: Command,
  output: Output,
  done: Done,
): { group: Command; commands: Registered[] } {
  const group = program.command("ecosystem")
    .description("many servers: their state, their honesty, their lists");
  const state = asking(
    group.command("state")
      .description("ask every server of a list, and say how they are")
      .argument("[list]", LOCAL_LIST_HELP)
      .option("--list <list>", "the same")
      .option(
        "--json",
        "print a line of JSON for each server, and one for all",
      ),
    3,
  ).action(async (list: string | undefined, options: ManyOptions) =>
    done(await ecosystemState(list, { ...options, ...program.opts() }, output))
  );
  const malfeasance = asking(
    group.command("malfeasance")
      .description(
        "ask the servers twice in one order, chained, and report those that contradict each other",
      )
      .option("--always-write", "write a report even if nobody lied")
      .option(
        "--report-location <file>",
        "file to write; a number is added if it exists",
        "malfeasance_report.json",
      )
      .addOption(
        new Option(
          "--report-form <form>",
          "rfc-10049, or bare-array as the Python roughly reads it",
        )
          .default("rfc-10049")
          .argParser(parseChoice(["rfc-10049", "bare-array"])),
      )
      .addOption(
        new Option("--ecosystem-path <file>", LOCAL_LIST_HELP)
          .conflicts("list"),
      )
      .option("--list <list>", "the same")
      .addOption(
        new Option(
          "--count <n>",
          "ask so many of different operators; all without",
        )
          .argParser(parseCount),
      )
      .option("--json", "print one line of JSON"),
    3,
  ).action(async (options: MalfeasanceOptions) =>
    done(await ecosystemMalfeasance({ ...options, ...program.opts() }, output))
  );
  const lint = group.command("lint")
    .description("say what is wrong with a server list")
    .argument("<list>", `${LIST_HELP}, - for standard input`)
    .option("--strict", "take warnings for errors")
    .option("--json", "print one line of JSON")
    .addHelpText(
      "after",
      "\nEnds with 4 if there are errors or the text is no list, with 2 if the text cannot be had.",
    )
    .action(async (list: string, options: LintCommandOptions) =>
      done(await ecosystemLint(list, options, output))
    );
  return {
    group,
    commands: [
      [state, STATE_SCHEMA],
      [malfeasance, MALFEASANCE_SCHEMA],
      [lint, LINT_SCHEMA],
    ],
  };
}

/** Adds `report`. */
export function addReport(
  program: Command,
  output: Output,
  done: Done,
): { group: Command; commands: Registered[] } {
  const group = program.command("report")
    .description("malfeasance reports: judge them offline, send them");
  const common = (command: Command, what = "for names and keys") =>
    command.option("--list <list>", `${LIST_HELP}, ${what}`)
      .option("--json", "print one line of JSON");
  const verify = common(
    group.command("verify")
      .description("say whether a report proves that a server lied")
      .argument("<file>", REPORT_ARGUMENT),
  ).action(async (file: string, options: ReportOptions) =>
    done(await reportVerify(file, options, output))
  );
  const explain = common(
    group.command("explain")
      .description(
        "say which replies contradict each other, by how much, and whose they are",
      )
      .argument("<file>", REPORT_ARGUMENT),
  ).action(async (file: string, options: ReportOptions) =>
    done(await reportExplain(file, options, output))
  );
  const submit = common(
    group.command("submit")
      .description(
        "send a report that proves something to those who collect them",
      )
      .argument("<file>", REPORT_ARGUMENT)
      .argument("[url]", "where to; without, where the server list says")
      .addOption(
        new Option("--tries <n>", "how often, 10 s apart at first").default(5)
          .argParser(parseCount),
      ),
    "in place of the bundled one, which says where to",
  ).action(async (
    file: string,
    url: string | undefined,
    options: SubmitCommandOptions,
  ) => done(await reportSubmit(file, url, options, output)));
  return {
    group,
    commands: [
      [verify, REPORT_SCHEMA],
      [explain, REPORT_SCHEMA],
      [submit, SUBMIT_SCHEMA],
    ],
  };
}

/** Adds `clock`. */
export function addClock(
  program: Command,
  output: Output,
  done: Done,
): { group: Command; commands: Registered[] } {
  const group = program.command("clock")
    .description(
      "the local clock, compared with what a majority of servers says",
    );
  const common = (command: Command) =>
    asking(command, 3)
      .option("--list <list>", `${LIST_HELP}; without, the bundled one`)
      .addOption(
        new Option("--count <n>", "ask so many, of different operators")
          .default(5).argParser(parseCount),
      )
      .option("--json", "print one line of JSON");
  const seconds = (flags: string, description: string, value: number) =>
    new Option(`${flags} <seconds>`, description).default(value)
      .argParser(parseInterval);
  const check = common(group.command("check"))
    .description("is the local clock right?")
    .addOption(seconds("--warn", "warn if it is certainly off by more", 5))
    .addOption(seconds("--crit", "fail if it is certainly off by more", 30))
    .addOption(
      new Option("--nagios", "one line and exit codes 0 to 3, for monitoring")
        .conflicts("json"),
    )
    .action(async (options: CheckOptions) =>
      done(await clockCheck({ ...options, ...program.opts() }, output))
    );
  const wait = common(group.command("wait"))
    .description("wait until the local clock is right, as at boot")
    .addOption(
      seconds("--limit", "go on once it is certainly off by no more", 1),
    )
    .addOption(seconds("--max-wait", "give up after this, 0 for never", 0))
    .action(async (options: WaitOptions) =>
      done(await clockWait({ ...options, ...program.opts() }, output))
    );
  const set = common(group.command("set"))
    .description("step the local clock, if it is off and a majority agrees")
    .addOption(seconds("--threshold", "leave it if it is off by no more", 1))
    .option("--dry-run", "only say what would be done")
    .action(async (options: SetOptions) =>
      done(await clockSet({ ...options, ...program.opts() }, output))
    );
  return {
    group,
    commands: [[check, CHECK_SCHEMA], [wait, WAIT_SCHEMA], [set, SET_SCHEMA]],
  };
}
