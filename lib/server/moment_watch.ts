/**
 * What is looked at before anything is signed: has the clock jumped, may the keys still sign,
 * and how far may the time be off?
 *
 * @module
 */

import { type ClockWatch, monotonicMicros } from "./clock_watch.ts";
import type { ServerCounters } from "./counters.ts";
import type { DropReason } from "./drop_reason.ts";
import type { KeyCare } from "./key_care.ts";
import type { Moment } from "./responder.ts";

/** What a server wants to claim. */
export interface Claimed extends Moment {
  /** The widest radius that is still worth sending, in microseconds. */
  readonly maxRadiusMicros: bigint;
}

/** Watches over the moments that one server signs. */
export class MomentWatch {
  /** The server's clock. */
  readonly clock: ClockWatch;
  readonly #counters: Pick<ServerCounters, "clockSteps">;

  /**
   * Begins.
   *
   * @param clock The server's clock.
   * @param counters Where its jumps are counted.
   */
  constructor(
    clock: ClockWatch,
    counters: Pick<ServerCounters, "clockSteps">,
  ) {
    this.clock = clock;
    this.#counters = counters;
  }

  /**
   * Looks at everything.
   *
   * @param claimed The time now, and how far it may be off at best.
   * @param care Looks after the keys.
   * @returns What to sign, or why nothing may be signed; a promise only where a new key is
   *   worth waiting for.
   */
  look(
    claimed: Claimed,
    care: KeyCare | undefined,
  ): Moment | DropReason | Promise<Moment | DropReason> {
    const { midpointMicros } = claimed;
    const monotonic = monotonicMicros();
    if (this.clock.checkSteps(midpointMicros, monotonic)) {
      this.#counters.clockSteps++;
    }
    const renewal = care?.look(midpointMicros, monotonic);
    return renewal === undefined
      ? this.#judge(claimed, monotonic)
      : renewal.then(() => this.#judge(claimed, monotonic));
  }

  #judge(claimed: Claimed, monotonic: bigint): Moment | DropReason {
    const { midpointMicros } = claimed;
    const { status, radiusMicros } = this.clock.judge(claimed, monotonic);
    return status === "stopped" ? "clock" : { midpointMicros, radiusMicros };
  }
}
