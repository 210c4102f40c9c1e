/**
 * A stage for trusted clocks: measurements, clocks and timers that do what a test says.
 *
 * @module
 */

import assert from "node:assert/strict";
import {
  TrustedClock,
  type TrustedClockOptions,
} from "../../lib/clock/trusted_clock.ts";
import { ClockError, type ClockErrorCode } from "../../lib/wire/errors.ts";
import type {
  Measurement,
  MeasureOptions,
} from "../../lib/ecosystem/measure.ts";
import type { Quorum } from "../../lib/ecosystem/quorum.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { NOW_MICROS, SECOND } from "./fixtures.ts";
import { listed, World } from "./many.ts";

const THREE = [0, 1, 2].map((n) => listed(n));

interface Pending {
  readonly fn: () => void;
  readonly delayMs: number;
  isUnrefed: boolean;
}

/** Stands in for the runtime's timers until it is disposed of. */
export class FakeTimers implements Disposable {
  readonly #set = globalThis.setTimeout;
  readonly #clear = globalThis.clearTimeout;
  readonly #pending = new Set<Pending>();

  constructor() {
    const set = (fn: () => void, delayMs = 0) => {
      const one: Pending = { fn, delayMs, isUnrefed: false };
      this.#pending.add(one);
      return Object.assign(one, { unref: () => void (one.isUnrefed = true) });
    };
    globalThis.setTimeout = set as unknown as typeof globalThis.setTimeout;
    globalThis.clearTimeout = ((timer: unknown) => {
      this.#pending.delete(timer as Pending);
    }) as typeof globalThis.clearTimeout;
  }

  /** Milliseconds of all timers that are running. */
  get delays(): number[] {
    return [...this.#pending].map(({ delayMs }) => delayMs);
  }

  /** Do they let the program end? */
  get areUnrefed(): boolean {
    return [...this.#pending].every(({ isUnrefed }) => isUnrefed);
  }

  /** Lets the only timer fire, and what it started go on until it is over. */
  async fire(): Promise<void> {
    const [one, ...others] = this.#pending;
    if (one === undefined || others.length > 0) {
      throw new Error(`${this.#pending.size} timers are running`);
    }
    this.#pending.delete(one);
    one.fn();
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }

  [Symbol.dispose](): void {
    globalThis.setTimeout = this.#set;
    globalThis.clearTimeout = this.#clear;
  }
}

/** A world in which the clock under test lives, and what it did there. */
export class Stage {
  readonly world: World = new World();
  readonly measured: {
    servers: readonly ListedServer[];
    options: MeasureOptions;
  }[] = [];
  readonly errors: unknown[] = [];
  /** What the next measurements come to: how far they are off, or how they fail. */
  outcome: bigint | Error | Exclude<Quorum, { ok: true }> = 0n;
  radiusMicros: bigint = SECOND;
  /** How far the system's clock is ahead of where it should be, in milliseconds. */
  wallAheadMs = 0;
  /** Happens while it measures. */
  meanwhile = (): void => {};

  readonly options: TrustedClockOptions = {
    servers: THREE,
    driftPpm: 100,
    now: this.world.now,
    wallClock: () =>
      Number(NOW_MICROS / 1000n) + this.world.now() + this.wallAheadMs,
    onError: (error) => void this.errors.push(error),
    measure: (servers, options) => this.#measure(servers, options),
  };

  #measure(
    servers: readonly ListedServer[],
    options: MeasureOptions,
  ): Promise<Measurement> {
    this.measured.push({ servers, options });
    this.meanwhile();
    const { outcome, world: { truthMicros } } = this;
    if (outcome instanceof Error) return Promise.reject(outcome);
    const quorum: Quorum = typeof outcome === "object" ? outcome : {
      ok: true,
      bounds: {
        earliestMicros: truthMicros + outcome - this.radiusMicros,
        latestMicros: truthMicros + outcome + this.radiusMicros,
      },
      agrees: [true, true, true],
      voters: 3,
      agreeing: 3,
    };
    const takenAt = this.world.now();
    return Promise.resolve({
      quorum,
      takenAt,
      outcomes: [],
      chain: [],
      violations: [],
    });
  }

  create(more: TrustedClockOptions = {}): Promise<TrustedClock> {
    return TrustedClock.create({ ...this.options, ...more });
  }
}

/** A test with a stage and timers of its own. */
export function test(
  name: string,
  fn: (stage: Stage, timers: FakeTimers) => Promise<void>,
): void {
  Deno.test({
    name,
    permissions: "none",
    fn: async () => {
      using timers = new FakeTimers();
      await fn(new Stage(), timers);
    },
  });
}

/** What reading the clock comes to. */
export function codeOf(clock: TrustedClock): ClockErrorCode | "ok" {
  try {
    clock.now();
    return "ok";
  } catch (error) {
    assert(error instanceof ClockError);
    assert.match(error.message, /^Cannot tell the time: /);
    return error.code;
  }
}

/** A quorum that failed for want of voters. */
export function tooFew(voters: number): Exclude<Quorum, { ok: true }> {
  return {
    ok: false,
    reason: "too-few",
    voters,
    agreeing: voters,
    needed: 3,
  };
}
