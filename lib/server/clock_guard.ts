/**
 * A server that knows its clock: from what the kernel says it decides how far the time may
 * be off, and whether to sign at all. A confident signature under a wrong time is the very
 * offence that the protocol exists to expose.
 *
 * @module
 */

import type { KernelClock } from "../net/kernel_clock.ts";

/** How the clock is doing: `unknown` where the system does not say. */
export type ClockStatus = "ok" | "widened" | "stopped" | "unknown";

/** What follows for the replies. */
export interface ClockVerdict {
  /** In a word. */
  readonly status: ClockStatus;
  /** RADI to claim, in microseconds; when stopped, what would have to be claimed. */
  readonly radiusMicros: bigint;
}

/** What {@linkcode judgeClock} decides by. */
export interface ClockLimits {
  /** RADI when all is well, in microseconds. */
  readonly radiusMicros: bigint;
  /** The widest RADI that is still worth sending, in microseconds. */
  readonly maxRadiusMicros: bigint;
}

/**
 * Why the radius is not the operator's: nothing keeps the clock in step, as far as the kernel
 * was told; its bound of the error has grown; a leap second is near.
 */
export type ClockCause = "unsynchronised" | "error-bound" | "leap-second";

/** The kernel counts errors up to this and then calls the clock unsynchronised. */
const UNSYNCHRONISED_MICROS = 16_000_000n;

/** Most versions tell whole seconds: what they cut off is an error too. */
const CUT_OFF_MICROS = 1_000_000n;

/** A leap second cannot be told in a timestamp, so RADI has to cover it (section 5.2.5). */
const LEAP_RADIUS_MICROS = 3_000_000n;

/**
 * Decides what to claim.
 *
 * @param clock What the system says, or `undefined` where it says nothing.
 * @param limits The operator's choice.
 */
export function judgeClock(
  clock: KernelClock | undefined,
  limits: ClockLimits,
): ClockVerdict {
  const { radiusMicros, maxRadiusMicros } = limits;
  if (clock === undefined) return { status: "unknown", radiusMicros };
  const needed = [radiusMicros, clock.maxErrorMicros + CUT_OFF_MICROS];
  if (!clock.synchronised) needed.push(UNSYNCHRONISED_MICROS);
  if (clock.leap) needed.push(LEAP_RADIUS_MICROS);
  const widest = needed.reduce((a, b) => a > b ? a : b);
  if (widest > maxRadiusMicros && widest > radiusMicros) {
    return { status: "stopped", radiusMicros: widest };
  }
  return {
    status: widest > radiusMicros ? "widened" : "ok",
    radiusMicros: widest,
  };
}

/**
 * Says why more is claimed than is configured, or nothing at all.
 *
 * @returns The cause that asks for most, or `undefined` if the radius is the operator's.
 */
export function causeOf(
  clock: KernelClock | undefined,
  limits: ClockLimits,
): ClockCause | undefined {
  const { status } = judgeClock(clock, limits);
  if (clock === undefined || status === "ok") return undefined;
  // Where nobody keeps the clock, the bound grows because of that.
  if (!clock.synchronised) return "unsynchronised";
  return clock.maxErrorMicros + CUT_OFF_MICROS > limits.radiusMicros &&
      (!clock.leap ||
        clock.maxErrorMicros + CUT_OFF_MICROS >= LEAP_RADIUS_MICROS)
    ? "error-bound"
    : "leap-second";
}

/** Differences below this are the ordinary slewing of a clock that is kept in step. */
const STEP_MICROS = 1_000_000n;

/** Notices when the wall clock jumps, by comparing it with one that cannot. */
export class StepDetector {
  #wallMicros: bigint | undefined;
  #monotonicMicros = 0n;

  /**
   * Compares the time that has passed on both clocks since the last call.
   *
   * @param wallMicros The wall clock, in microseconds since 1970.
   * @param monotonicMicros A clock that never jumps, in microseconds since whenever.
   * @returns By how much the wall clock was stepped, negative if backwards; 0 if it was not.
   */
  check(wallMicros: bigint, monotonicMicros: bigint): bigint {
    const previous = this.#wallMicros;
    const step = previous === undefined
      ? 0n
      : (wallMicros - previous) - (monotonicMicros - this.#monotonicMicros);
    this.#wallMicros = wallMicros;
    this.#monotonicMicros = monotonicMicros;
    return step >= STEP_MICROS || step <= -STEP_MICROS ? step : 0n;
  }
}
