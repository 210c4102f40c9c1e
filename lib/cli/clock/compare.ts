/**
 * What the `clock` commands have in common: measuring, and comparing the local clock.
 *
 * @module
 */

import { ClockError } from "../../wire/errors.ts";
import { measure, type Measurement } from "../../ecosystem/measure.ts";
import { SLEEP_MS } from "../../ecosystem/vote.ts";
import { setSystemClock } from "../../net/linux/set_clock.ts";
import type { Interval } from "../../ecosystem/quorum.ts";
import { SleepWatch } from "../../client/sleep_watch.ts";
import {
  compareClock,
  jsonConsensus,
  type LocalClock,
  wallClockAt,
} from "../ecosystem/consensus.ts";
import { toErrorObject } from "../terminal/failure.ts";
import { UsageError } from "../terminal/exit_code.ts";
import {
  type ManyOptions,
  serversFor,
  surveyOptions,
} from "../ecosystem/many_options.ts";
import type { Output } from "../terminal/output.ts";

/** Everything outside that the commands touch, so that tests need not set a clock. */
export interface ClockWorld {
  /** Measures; `measure()` but in tests. */
  readonly measure: typeof measure;
  /** The local clock, in milliseconds since 1970. */
  readonly wall: () => number;
  /** The monotonic clock, in milliseconds. */
  readonly now: () => number;
  /** Sets the local clock, to microseconds since 1970. */
  readonly set: (micros: bigint) => void;
  /** Waits so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
}

/** This machine. */
export const REAL_WORLD: ClockWorld = {
  measure,
  wall: Date.now,
  now: () => performance.now(),
  set: setSystemClock,
  wait: (milliseconds) =>
    new Promise((resolve) => setTimeout(resolve, milliseconds)),
};

/** A measurement, and the local clock beside it. */
export interface Comparison {
  readonly measurement: Measurement;
  /** Where a majority puts true time, if there is one. */
  readonly bounds: Interval | undefined;
  /** The local clock, if there is something to compare it with. */
  readonly local: LocalClock | undefined;
}

/** How often it is measured before a clock that keeps jumping is given up. */
const TRIES = 3;

/** Gives a function that measures anew each time. */
export async function prepare(
  options: ManyOptions,
  output: Output,
  world: ClockWorld,
): Promise<() => Promise<Comparison>> {
  if (options.count !== undefined && options.count < options.minServers) {
    throw new UsageError("--count must not be below --min-servers");
  }
  const servers = await serversFor(options.list, output);
  return async () => {
    for (let n = 0; n < TRIES; n++) {
      // The clock is read after the measurement, so a jump in between spoils it as well.
      const watch = new SleepWatch(world);
      const comparison = await compare();
      if (watch.look().partedMs <= SLEEP_MS) return comparison;
    }
    throw new ClockError(
      "suspended",
      "Cannot compare the clock: whenever it is measured, the machine sleeps or its clock is set",
    );
  };

  async function compare(): Promise<Comparison> {
    const measurement = await world.measure(servers, {
      ...surveyOptions(options, output),
      count: options.count,
      now: world.now,
      wall: world.wall,
    });
    output.progress("");
    const { quorum, takenAt, violations } = measurement;
    if (violations.length > 0) {
      output.err(
        "roughly: warning: servers contradict each other, so one lied; 'roughly ecosystem malfeasance' gathers proof",
      );
    }
    const bounds = quorum.ok ? quorum.bounds : undefined;
    const local = bounds && compareClock(
      wallClockAt(takenAt, world.wall, world.now),
      bounds,
    );
    return { measurement, bounds, local };
  }
}

/** How far the clock is certainly off, in microseconds, whichever way. */
export function distance({ offMicros }: LocalClock): bigint {
  return offMicros < 0n ? -offMicros : offMicros;
}

/** A number of seconds from the command line, in microseconds. */
export function toMicros(seconds: number): bigint {
  return BigInt(Math.round(seconds * 1e6));
}

/** A comparison as JSON. */
export function jsonComparison(
  { measurement, local }: Comparison,
): Record<string, unknown> {
  return {
    ...jsonConsensus(measurement, local),
    servers: measurement.outcomes.map(({ server, status, error }) => ({
      name: server.name,
      status,
      ...(error !== undefined && { error: toErrorObject(error) }),
    })),
  };
}
