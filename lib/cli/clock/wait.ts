/**
 * `roughly clock wait`: block until the local clock is right, as at boot.
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
import { EXIT } from "../terminal/exit_code.ts";
import type { ManyOptions } from "../ecosystem/many_options.ts";
import { type Output, printJson } from "../terminal/output.ts";
import { painterFor } from "../terminal/paint.ts";
import { WAIT_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface WaitOptions extends ManyOptions {
  readonly limit: number;
  readonly maxWait: number;
}

/** The pause between measurements grows from here ... */
const FIRST_PAUSE_MS = 2_000;
/** ... to here: servers are other people's. */
const LONGEST_PAUSE_MS = 120_000;

/** Runs the command. */
export async function clockWait(
  options: WaitOptions,
  output: Output,
  world: ClockWorld = REAL_WORLD,
): Promise<number> {
  const compare = await prepare(options, output, world);
  const until = options.maxWait === 0
    ? Infinity
    : world.now() + options.maxWait * 1000;
  let pause = FIRST_PAUSE_MS;
  let said = "";
  while (true) {
    const comparison = await compare();
    const { local } = comparison;
    if (local && distance(local) <= toMicros(options.limit)) {
      report(comparison, true, options, output);
      return EXIT.ok;
    }
    // Whoever waits for days is told who does not answer when that changes, not each time.
    const failures = local
      ? ""
      : String(describeFailures(comparison.measurement));
    const isNews = failures !== "" && failures !== said;
    said = failures;
    // What is not permitted does not come with time.
    const exitCode = exitOf(comparison.measurement);
    if (exitCode === EXIT.denied) {
      report(comparison, false, options, output);
      if (isNews && !options.json) {
        warnOfFailures(comparison.measurement, output);
      }
      return exitCode;
    }
    const left = until - world.now();
    if (left <= 0) {
      report(comparison, false, options, output);
      if (isNews && !options.json) {
        warnOfFailures(comparison.measurement, output);
      }
      return local ? EXIT.clockOff : exitCode;
    }
    output.err(`roughly: waiting: ${state(comparison)}`);
    if (isNews) warnOfFailures(comparison.measurement, output);
    await world.wait(Math.min(pause, left));
    pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
  }
}

function state({ local, measurement }: Comparison): string {
  return local
    ? describeLocalClock(local).toLowerCase()
    : describeConsensus(measurement).toLowerCase();
}

function report(
  comparison: Comparison,
  ok: boolean,
  options: WaitOptions,
  output: Output,
): void {
  if (options.json) {
    printJson(output, {
      schema: WAIT_SCHEMA,
      ok,
      ...jsonComparison(comparison),
    });
    return;
  }
  if (comparison.local) {
    output.out(describeLocalClock(comparison.local, painterFor(output)));
  }
  output.out(describeConsensus(comparison.measurement));
}
