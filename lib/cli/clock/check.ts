/**
 * `roughly clock check`: is the local clock right, says a majority of servers?
 *
 * @module
 */

import {
  type ClockWorld,
  type Comparison,
  distance,
  jsonComparison,
  prepare,
  REAL_WORLD,
  toMicros,
} from "./compare.ts";
import {
  describeConsensus,
  describeFailures,
  describeLocalClock,
  exitOf,
  warnOfFailures,
} from "../ecosystem/consensus.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { messageOf } from "../terminal/failure.ts";
import type { ManyOptions } from "../ecosystem/many_options.ts";
import { formatSeconds, type Output, printJson } from "../terminal/output.ts";
import { painterFor, type Tone } from "../terminal/paint.ts";
import { CHECK_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface CheckOptions extends ManyOptions {
  readonly warn: number;
  readonly crit: number;
  readonly nagios?: boolean;
}

/** What a check comes to, in the words of monitoring, whose exit codes are the positions. */
const STATES = ["OK", "WARNING", "CRITICAL", "UNKNOWN"] as const;
type State = typeof STATES[number];

const TONES: Readonly<Record<State, Tone>> = {
  OK: "good",
  WARNING: "doubtful",
  CRITICAL: "bad",
  UNKNOWN: "doubtful",
};

/** Runs the command. */
export async function clockCheck(
  options: CheckOptions,
  output: Output,
  world: ClockWorld = REAL_WORLD,
): Promise<number> {
  if (options.nagios) return await checkForNagios(options, output, world);
  const comparison = await compare(options, output, world);
  const state = judge(comparison, options);
  const { measurement, local } = comparison;
  if (options.json) {
    printJson(output, {
      schema: CHECK_SCHEMA,
      ok: state === "OK",
      state: state.toLowerCase(),
      ...jsonComparison(comparison),
    });
  } else {
    const paint = painterFor(output);
    const said = paint(TONES[state], describeState(state, options));
    output.out(`Clock: ${said}`);
    if (local) output.out(describeLocalClock(local));
    output.out(describeConsensus(measurement));
    if (!measurement.quorum.ok) warnOfFailures(measurement, output);
  }
  return state === "UNKNOWN"
    ? exitOf(measurement)
    : state === "CRITICAL"
    ? EXIT.clockOff
    : EXIT.ok;
}

async function compare(
  options: CheckOptions,
  output: Output,
  world: ClockWorld,
): Promise<Comparison> {
  if (options.warn > options.crit) {
    throw new UsageError("--warn must not be above --crit");
  }
  return await (await prepare(options, output, world))();
}

function judge({ local }: Comparison, { warn, crit }: CheckOptions): State {
  if (local === undefined) return "UNKNOWN";
  const off = distance(local);
  if (off > toMicros(crit)) return "CRITICAL";
  return off > toMicros(warn) ? "WARNING" : "OK";
}

function describeState(state: State, { warn, crit }: CheckOptions): string {
  switch (state) {
    case "OK":
      return "ok";
    case "WARNING":
      return `warning, off by more than ${warn} s`;
    case "CRITICAL":
      return `critical, off by more than ${crit} s`;
    case "UNKNOWN":
      return "unknown";
  }
}

/** One line with figures, and an exit code from 0 to 3, whatever happens. */
async function checkForNagios(
  options: CheckOptions,
  output: Output,
  world: ClockWorld,
): Promise<number> {
  let state: State = "UNKNOWN";
  let text: string;
  try {
    const comparison = await compare(options, output, world);
    const { local, measurement } = comparison;
    state = judge(comparison, options);
    const { voters, agreeing } = measurement.quorum;
    text = local === undefined
      ? [
        describeConsensus(measurement).toLowerCase(),
        ...describeFailures(measurement),
      ].join("; ").replaceAll("|", "/")
      : `${describeLocalClock(local).toLowerCase()} | offset=${
        formatSeconds(local.offMicros)
      }s;-${options.warn}:${options.warn};-${options.crit}:${options.crit} operators=${voters} agreeing=${agreeing} contradictions=${measurement.violations.length}`;
  } catch (error) {
    // After the bar come figures.
    text = messageOf(error).replaceAll("|", "/");
  }
  output.out(`ROUGHTIME ${state}: ${text}`);
  return STATES.indexOf(state);
}
