/**
 * A clock between measurements: what can still be said about true time, given what was
 * measured and how a monotonic clock may have drifted since. Pure; the time comes in as
 * an argument.
 *
 * @module
 */

import { max } from "../wire/bigint.ts";
import { advance, intersect, type Interval } from "../ecosystem/quorum.ts";

/** Why there is nothing to say. */
export type ClockRefusal =
  /** Nothing has been measured yet. */
  | "unmeasured"
  /** The last measurement is older than allowed. */
  | "stale"
  /** Two measurements cannot both be right. */
  | "contradiction";

/** What the clock reads. */
export type ClockModelReading =
  | {
    readonly ok: true;
    /** True time lies in here. Neither end ever moves back. */
    readonly bounds: Interval;
    /** Microseconds since the measurement. */
    readonly ageMicros: bigint;
  }
  | { readonly ok: false; readonly refusal: ClockRefusal };

/** Options of {@linkcode ClockModel}. */
export interface ClockModelOptions {
  /** How many microseconds the monotonic clock gains or loses in a second, at most. */
  readonly driftPpm: number;
  /** How old a measurement may be, in microseconds by the monotonic clock. */
  readonly maxAgeMicros: bigint;
}

interface Anchor {
  readonly bounds: Interval;
  readonly atMicros: bigint;
}

/** Keeps the last measurement and what has been said. */
export class ClockModel {
  readonly #options: ClockModelOptions;
  #anchor: Anchor | undefined;
  /** The other measurement, when two contradict each other. */
  #rival: Anchor | undefined;
  /** The furthest that either end has been said to be. */
  #said: Interval | undefined;
  #newestMicros = 0n;

  /**
   * Makes a model that knows nothing.
   *
   * @param options Drift and age.
   */
  constructor(options: ClockModelOptions) {
    this.#options = options;
  }

  /**
   * Takes a measurement. It replaces the one before rather than being combined with it, so
   * that a wrong one does not outlive its age. If the two contradict each other, nothing is
   * said until a further one agrees with either.
   *
   * @param bounds Contained true time at that moment.
   * @param atMicros The moment, by the monotonic clock.
   * @returns Whether it was believed.
   */
  accept(bounds: Interval, atMicros: bigint): boolean {
    const fresh = { bounds, atMicros };
    const known = [this.#anchor, this.#rival]
      .filter((one) => one !== undefined)
      .filter((one) => this.#age(one, atMicros) <= this.#options.maxAgeMicros);
    const agrees = known.length === 0 ||
      known.some((one) => intersect([bounds, this.#at(one, atMicros)]));
    if (agrees) {
      this.#anchor = fresh;
      this.#rival = undefined;
    } else {
      this.#rival = fresh;
    }
    return agrees;
  }

  /**
   * Concedes that since the measurements more time may have passed than the monotonic clock
   * has seen, so that a new one which knows better does not contradict them.
   *
   * @param missedMicros Not negative.
   */
  concede(missedMicros: bigint): void {
    const widen = (anchor: Anchor | undefined): Anchor | undefined =>
      anchor && {
        ...anchor,
        bounds: {
          ...anchor.bounds,
          latestMicros: anchor.bounds.latestMicros + missedMicros,
        },
      };
    this.#anchor = widen(this.#anchor);
    this.#rival = widen(this.#rival);
  }

  /**
   * Forgets all measurements, but not what has been said: for when the monotonic clock
   * turns out to have stood still.
   */
  forget(): void {
    this.#anchor = undefined;
    this.#rival = undefined;
  }

  /**
   * Reads the clock.
   *
   * @param nowMicros By the monotonic clock. One that goes backwards is taken to stand.
   */
  read(nowMicros: bigint): ClockModelReading {
    if (nowMicros > this.#newestMicros) this.#newestMicros = nowMicros;
    const anchor = this.#anchor;
    if (anchor === undefined) return { ok: false, refusal: "unmeasured" };
    const ageMicros = this.#age(anchor, this.#newestMicros);
    if (ageMicros > this.#options.maxAgeMicros) {
      return { ok: false, refusal: "stale" };
    }
    const now = this.#at(anchor, this.#newestMicros);
    const bounds = this.#said === undefined ? now : {
      earliestMicros: max(now.earliestMicros, this.#said.earliestMicros),
      latestMicros: max(now.latestMicros, this.#said.latestMicros),
    };
    // What was said and what is measured now exclude each other: saying the later of the
    // two would be neither.
    const excluded = bounds.earliestMicros > now.latestMicros;
    if (this.#rival !== undefined || excluded) {
      return { ok: false, refusal: "contradiction" };
    }
    this.#said = bounds;
    return { ok: true, bounds, ageMicros };
  }

  #age(anchor: Anchor, atMicros: bigint): bigint {
    return max(0n, atMicros - anchor.atMicros);
  }

  #at(anchor: Anchor, atMicros: bigint): Interval {
    const age = this.#age(anchor, atMicros);
    return advance(anchor.bounds, age, this.#options.driftPpm);
  }
}
