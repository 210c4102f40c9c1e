/**
 * `roughly clock set`: step the local clock to what a majority says, if it is certainly off.
 *
 * @module
 */

import { formatTime } from "../../wire/timestamp.ts";
import {
  type ClockWorld,
  distance,
  jsonComparison,
  prepare,
  REAL_WORLD,
  toMicros,
} from "./compare.ts";
import {
  describeConsensus,
  describeLocalClock,
  exitOf,
  formatOffset,
  warnOfFailures,
} from "../ecosystem/consensus.ts";
import type { Interval } from "../../ecosystem/quorum.ts";
import { EXIT } from "../terminal/exit_code.ts";
import type { ManyOptions } from "../ecosystem/many_options.ts";
import {
  formatSeconds,
  jsonTime,
  type Output,
  printJson,
} from "../terminal/output.ts";
import { painterFor } from "../terminal/paint.ts";
import { SET_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface SetOptions extends ManyOptions {
  readonly threshold: number;
  readonly dryRun?: boolean;
}

/** Runs the command. */
export async function clockSet(
  options: SetOptions,
  output: Output,
  world: ClockWorld = REAL_WORLD,
): Promise<number> {
  const comparison = await (await prepare(options, output, world))();
  const { measurement, bounds, local } = comparison;
  const needed = local !== undefined &&
    distance(local) > toMicros(options.threshold);
  let target: bigint | undefined;
  let stepMicros: bigint | undefined;
  if (bounds && local && needed) {
    // The bounds are as old as the measurement; as much has to be added as has passed since.
    const age = world.now() - measurement.takenAt;
    target = stepInto(bounds, local.offMicros) +
      BigInt(Math.round(age * 1000));
    stepMicros = target - BigInt(Math.round(world.wall() * 1000));
    if (!options.dryRun) world.set(target);
  }
  const isSet = target !== undefined && !options.dryRun;
  if (options.json) {
    printJson(output, {
      schema: SET_SCHEMA,
      ok: local !== undefined,
      set: isSet,
      target: target === undefined ? undefined : jsonTime(target),
      stepMicros,
      ...jsonComparison(comparison),
    });
    return local ? EXIT.ok : exitOf(measurement);
  }
  if (local) output.out(describeLocalClock(local, painterFor(output)));
  output.out(describeConsensus(measurement));
  if (!measurement.quorum.ok) warnOfFailures(measurement, output);
  if (local === undefined) {
    output.out("Clock not set: there is no majority to set it by.");
    return exitOf(measurement);
  }
  output.out(
    target === undefined || stepMicros === undefined
      ? `Clock not set: it is not certainly off by more than ${options.threshold} s.`
      : `${options.dryRun ? "Clock would be" : "Clock"} set to ${
        formatTime(target) ?? formatSeconds(target)
      }, a step of ${formatOffset(stepMicros)}.`,
  );
  return EXIT.ok;
}

/**
 * The middle of the bounds, but no further into them than the clock is outside: true time may
 * be at this end, and then a longer step would leave the clock further off than it was.
 */
function stepInto(
  { earliestMicros, latestMicros }: Interval,
  offMicros: bigint,
): bigint {
  const half = (latestMicros - earliestMicros) / 2n;
  if (offMicros < 0n) {
    return earliestMicros + (-offMicros < half ? -offMicros : half);
  }
  return latestMicros - (offMicros < half ? offMicros : half);
}
