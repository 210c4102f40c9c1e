/**
 * `watch` in the table of commands.
 *
 * @module
 */

import type { Command } from "commander";
import { asking, LOCAL_LIST_HELP } from "../commands_many.ts";
import { refuseIgnored } from "../ignored.ts";
import type { Output } from "../terminal/output.ts";
import {
  addWatchOptions,
  ignoredByWatch,
  type WatchOptions,
} from "./options.ts";

/** Adds `watch`. */
export function addWatch(
  program: Command,
  output: Output,
  done: (exitCode: number) => void,
): Command {
  const command = asking(
    program.command("watch")
      .description(
        "ask every server of a list regularly, and show and keep what they say",
      )
      .argument("[list]", LOCAL_LIST_HELP)
      .option("--list <list>", "the same as the argument"),
    3,
  );
  return addWatchOptions(command)
    .action(async (list: string | undefined) => {
      const options = command.opts<WatchOptions>();
      refuseIgnored(command, ignoredByWatch(options));
      const { watch } = await import("./run.ts");
      done(await watch(list, { ...options, ...program.opts() }, output));
    });
}
