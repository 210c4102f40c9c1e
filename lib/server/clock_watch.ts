/**
 * Keeps an eye on a server's clock: notices jumps, and asks the system once a second how
 * far the time may be off.
 *
 * @module
 */

import {
  causeOf,
  type ClockCause,
  type ClockLimits,
  type ClockStatus,
  type ClockVerdict,
  judgeClock,
  StepDetector,
} from "./clock_guard.ts";
import type { KernelClock } from "../net/kernel_clock.ts";
import type { EventSink } from "./event.ts";

/** How often the system is asked about its clock. */
const INTERVAL_MICROS = 1_000_000n;

/** A clock that cannot jump, in microseconds since whenever. */
export function monotonicMicros(): bigint {
  return BigInt(Math.round(performance.now() * 1000));
}

/** Watches one clock. */
export class ClockWatch {
  readonly #read: () => KernelClock | undefined;
  readonly #tell: EventSink;
  readonly #steps = new StepDetector();
  #kernelClock: KernelClock | undefined;
  #readAt: bigint | undefined;
  #status: ClockStatus = "unknown";
  #cause: ClockCause | undefined;

  /**
   * Begins to watch.
   *
   * @param read Asks the system.
   * @param tell Told when something changes.
   */
  constructor(read: () => KernelClock | undefined, tell: EventSink) {
    this.#read = read;
    this.#tell = tell;
  }

  /** How the clock is doing, as far as the system says. */
  get status(): ClockStatus {
    return this.#status;
  }

  /** Why it is not `ok`, where the system says. */
  get cause(): ClockCause | undefined {
    return this.#cause;
  }

  /**
   * Compares the wall clock with one that cannot jump.
   *
   * @returns Was it stepped since the last call?
   */
  checkSteps(wallMicros: bigint, monotonic: bigint): boolean {
    const stepMicros = this.#steps.check(wallMicros, monotonic);
    if (stepMicros === 0n) return false;
    // What the system said before the jump was about another time.
    this.#readAt = undefined;
    this.#tell({ kind: "clock-step", stepMicros });
    return true;
  }

  /** Decides what radius to claim now, and whether to sign at all. */
  judge(limits: ClockLimits, monotonic: bigint): ClockVerdict {
    if (
      this.#readAt === undefined || monotonic - this.#readAt >= INTERVAL_MICROS
    ) {
      this.#kernelClock = this.#read();
      this.#readAt = monotonic;
    }
    const verdict = judgeClock(this.#kernelClock, limits);
    const cause = this.#cause = causeOf(this.#kernelClock, limits);
    if (verdict.status !== this.#status) {
      this.#status = verdict.status;
      this.#tell({
        kind: "clock-status",
        ...verdict,
        ...(cause !== undefined && {
          cause,
          maxErrorMicros: this.#kernelClock?.maxErrorMicros,
        }),
      });
    }
    return verdict;
  }
}
