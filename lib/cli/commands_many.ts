/**
 * The commands that ask several servers, or judge what several said: `ecosystem`, `report`
 * and `clock`. What a command runs is loaded when it is run: the others need not wait for it.
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
import type { CheckOptions } from "./clock/check.ts";
import type { SetOptions } from "./clock/set.ts";
import type { WaitOptions } from "./clock/wait.ts";
import type { LintCommandOptions } from "./ecosystem/lint.ts";
import type { ListOptions } from "./ecosystem/list.ts";
import type { MalfeasanceOptions } from "./ecosystem/malfeasance.ts";
import type { ManyOptions } from "./ecosystem/many_options.ts";
import type { Output } from "./terminal/output.ts";
import type { ReportOptions } from "./report/judge.ts";
import type { SubmitCommandOptions } from "./report/submit.ts";
import {
  CHECK_SCHEMA,
  LINT_SCHEMA,
  LIST_SCHEMA,
  MALFEASANCE_SCHEMA,
  REPORT_SCHEMA,
  SET_SCHEMA,
  STATE_SCHEMA,
  SUBMIT_SCHEMA,
  WAIT_SCHEMA,
} from "./schema.ts";

/** Takes an action's exit code. */
type Done = (exitCode: number) => void;

/** A command and the name of its JSON form. */
export type Registered = readonly [command: Command, schema: string];

const LIST_HELP = "server list: a file or https URL";
export const LOCAL_LIST_HELP: string =
  `${LIST_HELP} (default: ./ecosystem.json if it is there, else the bundled list)`;
const REPORT_ARGUMENT = "file with a report in any form; - for standard input";

/** Options of every command that asks several servers. */
export function asking(command: Command, timeout: number): Command {
  return command
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for each server")
        .default(timeout).argParser(parseTimeout),
    )
    .addOption(
      new Option(
        "--transport <how>",
        "with auto, TCP is tried where UDP brings no answer",
      )
        .default("auto").argParser(parseChoice(["auto", "udp", "tcp"])),
    )
    .addOption(
      new Option(
        "--min-servers <n>",
        "operators that must answer before a majority counts",
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
    .description("ask many servers, prove lies, and check server lists");
  const state = asking(
    group.command("state")
      .description("ask every server of a list, and show what each says")
      .argument("[list]", LOCAL_LIST_HELP)
      .option("--list <list>", "the same as the argument")
      .option(
        "--json",
        "print one line of JSON for each server, and one with the consensus",
      ),
    3,
  ).action(async (list: string | undefined, options: ManyOptions) => {
    const { ecosystemState } = await import("./ecosystem/state.ts");
    done(await ecosystemState(list, { ...options, ...program.opts() }, output));
  });
  const list = group.command("list")
    .description("show the servers of a list, without asking them")
    .argument("[list]", LOCAL_LIST_HELP)
    .option("--list <list>", "the same as the argument")
    .option("--json", "print one line of JSON")
    .action(async (list: string | undefined, options: ListOptions) => {
      const { ecosystemList } = await import("./ecosystem/list.ts");
      done(await ecosystemList(list, options, output));
    });
  const malfeasance = asking(
    group.command("malfeasance")
      .description(
        "ask all servers twice, in a chain, and report a contradiction as proof",
      )
      .option("--always-write", "write a report even without a contradiction")
      .option(
        "--report-location <file>",
        "file for the report; a number is added if it exists",
        "malfeasance_report.json",
      )
      .addOption(
        new Option(
          "--report-form <form>",
          "form of the report; the Python roughly reads bare-array",
        )
          .default("rfc-10049")
          .argParser(parseChoice(["rfc-10049", "bare-array"])),
      )
      .addOption(
        new Option("--ecosystem-path <file>", LOCAL_LIST_HELP)
          .conflicts("list"),
      )
      .option("--list <list>", "the same as --ecosystem-path")
      .addOption(
        new Option(
          "--count <n>",
          "ask only so many, each of another operator (default: all)",
        )
          .argParser(parseCount),
      )
      .option("--json", "print one line of JSON"),
    3,
  ).action(async (options: MalfeasanceOptions) => {
    const { ecosystemMalfeasance } = await import("./ecosystem/malfeasance.ts");
    done(await ecosystemMalfeasance({ ...options, ...program.opts() }, output));
  });
  const lint = group.command("lint")
    .description("check a server list for mistakes")
    .argument("<list>", `${LIST_HELP}; - for standard input`)
    .option("--strict", "treat warnings as errors")
    .option("--json", "print one line of JSON")
    .action(async (list: string, options: LintCommandOptions) => {
      const { ecosystemLint } = await import("./ecosystem/lint.ts");
      done(await ecosystemLint(list, options, output));
    });
  return {
    group,
    commands: [
      [state, STATE_SCHEMA],
      [list, LIST_SCHEMA],
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
    .description("judge malfeasance reports offline, and send them");
  const common = (command: Command, use = "for the names of the keys") =>
    command.option("--list <list>", `${LIST_HELP}, ${use}`)
      .option("--json", "print one line of JSON");
  const verify = common(
    group.command("verify")
      .description("check whether a report proves that a server lied")
      .argument("<file>", REPORT_ARGUMENT),
  ).action(async (file: string, options: ReportOptions) => {
    const { reportVerify } = await import("./report/judge.ts");
    done(await reportVerify(file, options, output));
  });
  const explain = common(
    group.command("explain")
      .description(
        "show which replies contradict each other, by how much, and whose they are",
      )
      .argument("<file>", REPORT_ARGUMENT),
  ).action(async (file: string, options: ReportOptions) => {
    const { reportExplain } = await import("./report/judge.ts");
    done(await reportExplain(file, options, output));
  });
  const submit = common(
    group.command("submit")
      .description(
        "send a report that proves malfeasance to a collector",
      )
      .argument("<file>", REPORT_ARGUMENT)
      .argument(
        "[url]",
        "URL of the collector (default: what the server list says)",
      )
      .addOption(
        new Option(
          "--tries <n>",
          "attempts: 10 s apart at first, then longer",
        ).default(5)
          .argParser(parseCount),
      ),
    "for the collector that it names",
  ).action(async (
    file: string,
    url: string | undefined,
    options: SubmitCommandOptions,
  ) => {
    const { reportSubmit } = await import("./report/submit.ts");
    done(await reportSubmit(file, url, options, output));
  });
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
      "compare the local clock with a majority of servers",
    );
  const common = (command: Command) =>
    asking(command, 3)
      .option("--list <list>", `${LIST_HELP} (default: the bundled list)`)
      .addOption(
        new Option("--count <n>", "servers to ask, each of another operator")
          .default(5).argParser(parseCount),
      )
      .option("--json", "print one line of JSON");
  const seconds = (flags: string, description: string, value: number) =>
    new Option(`${flags} <seconds>`, description).default(value)
      .argParser(parseInterval);
  const check = common(group.command("check"))
    .description("check whether the local clock is right")
    .addOption(
      seconds("--warn", "warn if the clock is certainly off by more", 5),
    )
    .addOption(
      seconds(
        "--crit",
        "exit with 7 if the clock is certainly off by more",
        30,
      ),
    )
    .addOption(
      new Option(
        "--nagios",
        "print one line and exit with 0 to 3, as monitoring plugins do",
      )
        .conflicts("json"),
    )
    .action(async (options: CheckOptions) => {
      const { clockCheck } = await import("./clock/check.ts");
      done(await clockCheck({ ...options, ...program.opts() }, output));
    });
  const wait = common(group.command("wait"))
    .description("wait until the local clock is right, for instance at boot")
    .addOption(
      seconds(
        "--limit",
        "go on once the clock is not certainly off by more",
        1,
      ),
    )
    .addOption(seconds("--max-wait", "how long to wait in all; 0 for ever", 0))
    .action(async (options: WaitOptions) => {
      const { clockWait } = await import("./clock/wait.ts");
      done(await clockWait({ ...options, ...program.opts() }, output));
    });
  const set = common(group.command("set"))
    .description("step the local clock, if it is off and a majority agrees")
    .addOption(
      seconds(
        "--threshold",
        "set the clock only if it is certainly off by more",
        1,
      ),
    )
    .option("--dry-run", "print what would be done, and leave the clock alone")
    .action(async (options: SetOptions) => {
      const { clockSet } = await import("./clock/set.ts");
      done(await clockSet({ ...options, ...program.opts() }, output));
    });
  return {
    group,
    commands: [[check, CHECK_SCHEMA], [wait, WAIT_SCHEMA], [set, SET_SCHEMA]],
  };
}
