/**
 * A clock for applications: measured with several servers, carried on by the monotonic
 * clock, honest about how sure it is.
 *
 * @module
 */

import { checkMeasureOptions } from "../ecosystem/check_options.ts";
import { requireInRange } from "../wire/range.ts";
import { max } from "../wire/bigint.ts";
import { bundledList } from "../ecosystem/bundled.ts";
import {
  ClockModel,
  type ClockModelReading,
  type ClockRefusal,
} from "./model.ts";
import { noQuorum } from "./no_quorum.ts";
import { ClockError } from "../wire/errors.ts";
import {
  measure,
  type Measurement,
  type MeasureOptions,
} from "../ecosystem/measure.ts";
import { DRIFT_PPM } from "../ecosystem/vote.ts";
import type { Interval } from "../ecosystem/quorum.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import {
  type BothClocks,
  MACHINE_CLOCKS,
  missedMicros,
  SleepWatch,
} from "../client/sleep_watch.ts";

/** Options of {@linkcode TrustedClock.create}. */
export interface TrustedClockOptions
  extends Omit<MeasureOptions, "onProgress"> {
  /**
   * Servers to measure with.
   *
   * @default {The bundled list}
   */
  readonly servers?: readonly ListedServer[] | undefined;
  /**
   * Seconds after which the clock is measured again, in the background; 1 at least,
   * `Infinity` for never.
   *
   * @default {3600}
   */
  readonly refreshSeconds?: number | undefined;
  /**
   * Seconds after which a measurement is too old to say anything; 1 at least.
   *
   * @default {86400}
   */
  readonly maxAgeSeconds?: number | undefined;
  /** Told why a measurement in the background failed; it is tried again. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** The system's clock, in milliseconds since 1970; only to notice that the machine slept. */
  readonly wallClock?: (() => number) | undefined;
  /** Measures; for tests and other sources of time. */
  readonly measure?:
    | ((
      servers: readonly ListedServer[],
      options: MeasureOptions,
    ) => Promise<Measurement>)
    | undefined;
}

/** What a {@linkcode TrustedClock} says. */
export interface ClockReading extends Interval {
  /** True time is not before this. */
  readonly earliest: Date;
  /** True time is not after this. */
  readonly latest: Date;
  /** Microseconds since the measurement that this rests on. */
  readonly ageMicros: bigint;
}

/** A moment: a `Date`, or microseconds since 1970 as a bigint. */
export type Instant = Date | bigint;

/** A hundred years, in which any clock drifts out of use. */
const MAX_AGE_SECONDS = 100 * 366 * 86_400;

/** Servers of different operators that are asked by default. */
const COUNT = 5;

/** After a failure in the background, the next try comes after this, then later and later. */
const RETRY_MS = 5_000;

/** Beyond this a timer of the runtime fires at once. */
const MAX_TIMER_MS = 0x7fffffff;

/**
 * How far the two clocks may part before the machine is taken to have slept. Between
 * measurements lie hours, in which clocks part by more than while one is made.
 */
const SLEEP_MS = 5_000;

/**
 * A clock that knows how far it may be off, and refuses to say what it does not know. If at
 * every measurement more than half of the operators were honest, true time is always
 * between `earliest` and `latest`, and neither ever moves back.
 */
export class TrustedClock implements Disposable {
  readonly #options: TrustedClockOptions;
  readonly #model: ClockModel;
  readonly #clocks: BothClocks;
  #watch: SleepWatch;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #measuring: Promise<void> | undefined;
  #ending: AbortController | undefined;
  #latestMicros = 0n;
  #failures = 0;
  #failure: unknown;
  #isClosed = false;

  private constructor(options: TrustedClockOptions) {
    this.#options = options;
    const { driftPpm = DRIFT_PPM, maxAgeSeconds = 86_400 } = options;
    const { refreshSeconds = 3600 } = options;
    checkMeasureOptions(options);
    // Servers are other people's: with less, they would be asked without a pause.
    requireInRange("maxAgeSeconds", maxAgeSeconds, {
      min: 1,
      max: MAX_AGE_SECONDS,
    });
    requireInRange("refreshSeconds", refreshSeconds, {
      min: 1,
      infinite: true,
    });
    const maxAgeMicros = BigInt(Math.round(maxAgeSeconds * 1e6));
    this.#model = new ClockModel({ driftPpm, maxAgeMicros });
    this.#clocks = {
      now: options.now ?? MACHINE_CLOCKS.now,
      wall: options.wallClock ?? MACHINE_CLOCKS.wall,
    };
    this.#watch = new SleepWatch(this.#clocks);
  }

  /**
   * Makes a clock and measures once.
   *
   * @example
   * ```ts
   * import { TrustedClock } from "@roughly/roughly/clock";
   *
   * async function main(): Promise<void> {
   *   using clock = await TrustedClock.create();
   *   const { earliest, latest } = clock.now();
   *   console.log(`between ${earliest.toISOString()} and ${latest.toISOString()}`);
   * }
   * ```
   *
   * @param options Servers, and how sure to be.
   * @throws {ClockError} With code `no-answer`, `no-quorum` or `suspended`.
   * @throws {RangeError} If an option makes no sense.
   */
  static async create(
    options: TrustedClockOptions = {},
  ): Promise<TrustedClock> {
    const clock = new TrustedClock(options);
    try {
      await clock.refresh();
    } catch (error) {
      clock.close();
      throw error;
    }
    return clock;
  }

  /**
   * Says the time.
   *
   * @returns Two moments between which true time lies.
   * @throws {ClockError} If that is not known: `stale`, `contradiction`, `suspended`.
   */
  now(): ClockReading {
    const reading = this.#read();
    if (!reading.ok) {
      const { code } = reading;
      // What is too old is so because nothing newer could be had.
      const cause = this.#failure;
      throw new ClockError(code, REFUSALS[code], {
        outcomes: cause instanceof ClockError ? cause.outcomes : undefined,
        ...(cause !== undefined && { cause }),
      });
    }
    const { bounds, ageMicros } = reading;
    return {
      ...bounds,
      earliest: toDate(bounds.earliestMicros),
      latest: toDate(bounds.latestMicros + 999n), // rounded up, to be no less true
      ageMicros,
    };
  }

  /**
   * Is a moment past? There are three answers; the third is "unknown", also when the clock
   * has nothing to say.
   *
   * @param instant Such as a token's expiry.
   */
  compare(instant: Instant): "past" | "future" | "unknown" {
    const reading = this.#read();
    if (!reading.ok) return "unknown";
    const micros = toMicros(instant);
    const { earliestMicros, latestMicros } = reading.bounds;
    if (micros < earliestMicros) return "past";
    return micros > latestMicros ? "future" : "unknown";
  }

  /**
   * Is a certificate, a token or a lease valid now? Both ends belong to the window; one that
   * is left out is no limit.
   *
   * @param window From when to when.
   */
  checkWindow(
    window: {
      readonly notBefore?: Instant | undefined;
      readonly notAfter?: Instant | undefined;
    },
  ): "valid" | "not-yet-valid" | "expired" | "unknown" {
    const { notBefore, notAfter } = window;
    const begin = notBefore === undefined ? "past" : this.compare(notBefore);
    const end = notAfter === undefined ? "future" : this.compare(notAfter);
    if (begin === "future") return "not-yet-valid";
    if (end === "past") return "expired";
    return begin === "past" && end === "future" && this.#read().ok
      ? "valid"
      : "unknown";
  }

  /**
   * Measures now, rather than when it is time to.
   *
   * @throws {ClockError} If there is no quorum, or it contradicts the last one.
   * @throws {DOMException} Named `AbortError` if the clock is closed meanwhile.
   */
  async refresh(): Promise<void> {
    this.#measuring ??= this.#measure().then(
      () => void (this.#failure = undefined),
      (error) => {
        this.#failure = error;
        throw error;
      },
    ).finally(() => {
      this.#measuring = undefined;
      this.#schedule();
    });
    await this.#measuring;
  }

  /** Ends measuring, also what is under way. What is known can still be asked. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#ending?.abort();
  }

  /** Ends it at the end of a block that began with `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #measure(): Promise<void> {
    const { servers = bundledList().servers, signal, ...options } =
      this.#options;
    const ending = new AbortController();
    this.#ending = ending;
    // A machine that sleeps while it measures has measured nothing.
    const watch = new SleepWatch(this.#clocks);
    const measured = await (options.measure ?? measure)(servers, {
      ...options,
      wall: options.wallClock,
      count: options.count ?? COUNT,
      signal: signal ? AbortSignal.any([signal, ending.signal]) : ending.signal,
    }).catch((error) => {
      this.#failures++;
      throw error;
    });
    const { quorum, takenAt } = measured;
    const slept = watch.look().partedMs > SLEEP_MS;
    if (slept || (!quorum.ok && quorum.reason === "suspended")) {
      this.#failures++;
      throw new ClockError("suspended", REFUSALS.suspended);
    }
    if (!quorum.ok) {
      this.#failures++;
      throw noQuorum(measured);
    }
    const { missedMs, partedMs } = this.#watch.look();
    if (partedMs > SLEEP_MS) this.#model.forget();
    else this.#model.concede(missedMicros(missedMs));
    // It has watched since before the answers: what is missed meanwhile counts as well.
    this.#watch = watch;
    if (!this.#model.accept(quorum.bounds, toModel(takenAt))) {
      this.#failures++;
      throw new ClockError("contradiction", REFUSALS.contradiction);
    }
    this.#failures = 0;
  }

  #read():
    | Extract<ClockModelReading, { ok: true }>
    | { ok: false; code: ClockRefusal | "suspended" } {
    const reading = this.#model.read(toModel(this.#clocks.now()));
    const { missedMs, partedMs } = this.#watch.look();
    if (reading.ok && partedMs <= SLEEP_MS) {
      return this.#widen(reading, missedMs);
    }
    const code = reading.ok ? "suspended" as const : reading.refusal;
    // Somebody wants to know now, so do not wait for the next time. A contradiction is
    // another matter: it has its own time, or it takes true time to get past what was said.
    if (code !== "contradiction") this.#schedule(0);
    return { ok: false, code };
  }

  /** A short sleep is no reason to refuse, but true time may be later by as much. */
  #widen(
    reading: Extract<ClockModelReading, { ok: true }>,
    missedMs: number,
  ): Extract<ClockModelReading, { ok: true }> {
    const { earliestMicros, latestMicros } = reading.bounds;
    this.#latestMicros = max(
      this.#latestMicros,
      latestMicros + missedMicros(missedMs),
    );
    const bounds = { earliestMicros, latestMicros: this.#latestMicros };
    return { ...reading, bounds };
  }

  #schedule(delayMs = this.#delay()): void {
    if (this.#isClosed || this.#options.signal?.aborted) return;
    // A failing source is not asked each time that somebody looks at the clock.
    if (delayMs === 0 && (this.#failures > 0 || this.#measuring)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.refresh().catch((error) => {
        if (!this.#isClosed) this.#options.onError?.(error);
      });
    }, delayMs);
    unref(this.#timer);
  }

  #delay(): number {
    const wantedMs = (this.#options.refreshSeconds ?? 3600) * 1000;
    const refreshMs = Math.min(wantedMs, MAX_TIMER_MS);
    return this.#failures === 0
      ? refreshMs
      : Math.min(refreshMs, RETRY_MS * 1.5 ** (this.#failures - 1));
  }
}

const REFUSALS: Readonly<Record<ClockRefusal | "suspended", string>> = {
  unmeasured: "Cannot tell the time: nothing has been measured",
  stale: "Cannot tell the time: the last measurement is too old",
  contradiction:
    "Cannot tell the time: two measurements contradict each other, so one was wrong",
  suspended:
    "Cannot tell the time: the machine has slept, or its clock was set, since it was measured",
};

/** A clock in the background must not keep a program from ending. */
function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === "number") globalThis.Deno?.unrefTimer?.(timer);
  else (timer as { unref?(): void }).unref?.();
}

/** Milliseconds of the monotonic clock as the model counts. */
function toModel(milliseconds: number): bigint {
  return BigInt(Math.floor(milliseconds * 1000));
}

function toMicros(instant: Instant): bigint {
  if (typeof instant === "bigint") return instant;
  const milliseconds = instant.getTime();
  if (Number.isNaN(milliseconds)) {
    throw new RangeError("Cannot compare with an invalid date");
  }
  return BigInt(milliseconds) * 1000n;
}

function toDate(micros: bigint): Date {
  return new Date(Number(micros / 1000n));
}
