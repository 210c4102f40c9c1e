/**
 * `roughly ecosystem malfeasance`: measure with all servers of a list, twice in the same
 * order, and write a report if two of them contradict each other.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { measure, type Measurement } from "../../ecosystem/measure.ts";
import { codeOf } from "../../net/cause.ts";
import { isPermissionError } from "../../net/resolve.ts";
import { malfeasanceReport } from "../../verify/report.ts";
import {
  compareClock,
  describeConsensus,
  exitOf,
  jsonConsensus,
  jsonServer,
  wallClockAt,
  warnOfFailures,
} from "./consensus.ts";
import { classify, EXIT, UsageError } from "../terminal/exit_code.ts";
import { systemMessage, toErrorObject } from "../terminal/failure.ts";
import { type ManyOptions, serversFor, surveyOptions } from "./many_options.ts";
import { findLocalList } from "./list_source.ts";
import {
  formatSeconds,
  type Output,
  printable,
  printJson,
} from "../terminal/output.ts";
import { painterFor } from "../terminal/paint.ts";
import { MALFEASANCE_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface MalfeasanceOptions extends ManyOptions {
  readonly alwaysWrite?: boolean;
  readonly reportLocation: string;
  readonly ecosystemPath?: string;
  readonly reportForm: "rfc-10049" | "bare-array";
}

/** Runs the command. */
export async function ecosystemMalfeasance(
  options: MalfeasanceOptions,
  output: Output,
): Promise<number> {
  const path = options.ecosystemPath ?? options.list ??
    await findLocalList(output);
  const servers = await serversFor(path, output);
  const measurement = await measure(servers, {
    ...surveyOptions(options, output),
    count: options.count,
  });
  output.progress("");
  const { chain, violations } = measurement;
  const isProven = violations.length > 0;
  const wanted = isProven || (options.alwaysWrite && chain.length > 0);
  const written: Written = wanted
    ? await writeReport(
      options.reportLocation,
      malfeasanceReport(chain, options.reportForm),
      output,
    )
    : {};
  if (options.json) print(measurement, written, output);
  else describe(measurement, written, output);
  if (isProven) return EXIT.malfeasance;
  return written.error === undefined
    ? exitOf(measurement)
    : classify(written.error).exitCode;
}

/** Where a report is, if one was wanted and could be written. */
interface Written {
  readonly file?: string;
  readonly error?: unknown;
}

/**
 * Writes evidence, never over other evidence: a name that is taken gets a number.
 * Evidence cannot be had a second time, so what no file takes goes to stderr.
 */
async function writeReport(
  wanted: string,
  text: string,
  output: Output,
): Promise<Written> {
  const [, stem = wanted, suffix = ""] = /^(.*?)(\.[^./\\]*)?$/s.exec(wanted) ??
    [];
  for (let n = 1;; n++) {
    const file = n === 1 ? wanted : `${stem}-${n}${suffix}`;
    try {
      await writeFile(file, text, { flag: "wx" });
      return { file };
    } catch (error) {
      if (codeOf(error) === "EEXIST") continue;
      const why = `cannot write ${file}: ${systemMessage(error)}`;
      output.err(`roughly: error: ${printable(why)}; the report follows`);
      output.err(text.trimEnd());
      return { error: isPermissionError(error) ? error : new UsageError(why) };
    }
  }
}

function describe(
  measurement: Measurement,
  written: Written,
  output: Output,
): void {
  const { outcomes, violations } = measurement;
  output.out("Selected servers for malfeasance testing:");
  for (const { server } of outcomes) {
    output.out(`- ${printable(server.name)}`);
  }
  warnOfFailures(measurement, output);
  if (violations.length > 0) {
    const detected = painterFor(output)("bad", "Malfeasance detected.");
    output.out(
      written.file === undefined
        ? `${detected} The report could not be written to a file.`
        : `${detected} Writing report to '${printable(written.file)}'.`,
    );
    for (const line of describeViolations(measurement)) output.out(line);
  } else {
    output.out(describeInnocence(measurement));
    if (written.file !== undefined) {
      output.out(
        `Report saved to '${
          printable(written.file)
        }' (no malfeasance detected).`,
      );
    }
  }
  output.out(describeConsensus(measurement));
}

/** Where nobody answers nobody lies, but that is no finding; nor can one contradict itself. */
function describeInnocence({ chain }: Measurement): string {
  return chain.length === 0
    ? "Nothing was tested for malfeasance: no server answered."
    : "No malfeasance detected.";
}

/** The proof first, then what the majority thinks of it, which is an opinion. */
function describeViolations(
  { outcomes, chain, violations, quorum }: Measurement,
): string[] {
  const nameOf = (link: number) =>
    printable(outcomes[chain[link]?.server ?? -1]?.server.name ?? "");
  const pairs = new Map<string, bigint>();
  for (const { earlier, later, gapMicros } of violations) {
    const pair = `${nameOf(earlier)} and then ${nameOf(later)}`;
    const known = pairs.get(pair) ?? 0n;
    pairs.set(pair, gapMicros > known ? gapMicros : known);
  }
  const alone = outcomes.filter(({ status }) => status === "falseticker")
    .map(({ server }) => printable(server.name));
  return [
    ...[...pairs].map(([pair, gap]) =>
      `Proven: ${pair} contradict each other by ${
        formatSeconds(gap)
      } seconds, so one of the two lied.`
    ),
    alone.length > 0
      ? `Opinion: the majority disagrees with ${alone.join(", ")}.`
      : quorum.ok
      ? "Opinion: none, since the majority disagrees with nobody who has a vote."
      : "Opinion: none, since there is no majority to disagree.",
  ];
}

function print(
  measurement: Measurement,
  written: Written,
  output: Output,
): void {
  const { outcomes, chain, violations, quorum, takenAt } = measurement;
  const localClock = quorum.ok
    ? compareClock(wallClockAt(takenAt), quorum.bounds)
    : undefined;
  printJson(output, {
    schema: MALFEASANCE_SCHEMA,
    ok: violations.length === 0 && quorum.ok && written.error === undefined,
    malfeasance: violations.length > 0,
    answered: outcomes.filter(({ answers }) => answers.length > 0).length,
    report: written.file,
    error: written.error === undefined
      ? undefined
      : toErrorObject(written.error),
    servers: outcomes.map(jsonServer),
    chain: chain.map(({ server }) => outcomes[server]?.server.name),
    violations,
    disagrees: outcomes.filter(({ status }) => status === "falseticker")
      .map(({ server }) => server.name),
    ...jsonConsensus(measurement, localClock),
  });
}
