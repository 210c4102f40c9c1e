/**
 * How `roughly bench` is called.
 *
 * @module
 */

import { MAX_SOCKETS, MAX_WINDOW } from "../../load/check_options.ts";
import { type Command, Option } from "commander";
import { DIALECTS, formatVersion } from "../../wire/dialect.ts";
import {
  type NamedVersion,
  parseCount,
  parseInterval,
  parseRate,
  parseTimeout,
  parseVersions,
} from "../arguments.ts";
import type { BenchOptions } from "./run.ts";
import { UsageError } from "../terminal/exit_code.ts";
import type { Output } from "../terminal/output.ts";

/** Adds the command. */
export function addBench(
  program: Command,
  output: Output,
  done: (exitCode: number) => void,
): Command {
  return program.command("bench")
    .description(
      "load a server of your own, and measure rate, latency and loss",
    )
    .argument(
      "<target...>",
      "HOST[:PORT] [PORT] [PUBLIC_KEY]: only --verify needs the key",
    )
    .addOption(
      new Option("--window <n>", "requests under way at a time (default: 64)")
        .argParser(atMost(MAX_WINDOW, "requests under way")),
    )
    .addOption(
      new Option(
        "--rate <n>",
        "send so many requests per second instead, whatever comes back",
      )
        .argParser(parseRate).conflicts("window"),
    )
    .addOption(
      new Option("--duration <seconds>", "how long to measure").default(10)
        .argParser(parseTimeout),
    )
    .addOption(
      new Option(
        "--warmup <seconds>",
        "how long to load the server first",
      ).default(2)
        .argParser(parseInterval),
    )
    .addOption(
      new Option("--timeout <seconds>", "how long to wait for each reply")
        .default(0.5).argParser(parseTimeout),
    )
    .addOption(
      new Option(
        "--sockets <n>",
        "ports to send from: a server may spread its work by the sender's port",
      )
        .default(16).argParser(atMost(MAX_SOCKETS, "sockets")),
    )
    .addOption(
      new Option("--offer <version>", "version to offer")
        .default(
          parseOne("draft-14"),
          formatVersion(DIALECTS["draft-14"].code),
        ).argParser(parseOne),
    )
    .addOption(
      new Option(
        "--verify [n]",
        "verify every nth reply, or all without a number; this slows the sender down",
      ).preset("1").argParser(parseCount),
    )
    .addOption(
      new Option(
        "--pid <pids>",
        "process ids of the server, to measure its CPU time (Linux)",
      ).argParser(parsePids),
    )
    .option(
      "--i-operate-this-server",
      "allow a public address, because the server is yours",
    )
    .option("--json", "print one line of JSON")
    .action(async (words: string[], options: BenchOptions) => {
      const { bench } = await import("./run.ts");
      done(await bench(words, options, output));
    });
}

function atMost(limit: number, what: string): (text: string) => number {
  return (text) => {
    const count = parseCount(text);
    if (count > limit) {
      throw new UsageError(
        `cannot use "${text}" ${what}: ${limit} at most`,
      );
    }
    return count;
  };
}

/** One version, named by number or by dialect; a number means its newest dialect. */
function parseOne(text: string): NamedVersion {
  const [first, another] = parseVersions(text);
  if (first === undefined || another !== undefined) {
    throw new UsageError(
      `cannot use "${text}": a load offers one version`,
      "run it once for each version",
    );
  }
  return { ...first, dialects: first.dialects.slice(0, 1) };
}

function parsePids(text: string): number[] {
  return text.split(",").map((word) => parseCount(word.trim()));
}
