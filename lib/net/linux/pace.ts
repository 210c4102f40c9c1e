/**
 * When a thread that serves a socket looks, sleeps, and lets datagrams gather.
 *
 * A wake-up, a signature and two system calls cost as much for one datagram as for fifty. So
 * where datagrams come one by one but often, it pays to leave them for a moment; and where
 * the next is about to come, it pays to look rather than to sleep. Both are tried only while
 * they have paid lately: a client that waits for its answer before it asks again gains
 * nothing by being left waiting, and that shows in that no more come in the same time.
 *
 * This decides and counts; it neither looks nor sleeps. Times are milliseconds of one clock.
 *
 * @module
 */

/** What has been tried so far, and how often it was worth it. The numbers only grow. */
export interface PaceCounters {
  /** Times that it was looked for more before going to sleep. */
  looks: number;
  /** Of these, those that found something. */
  looksThatPaid: number;
  /** Times that datagrams were left to gather. */
  gathers: number;
  /** Datagrams taken after that. */
  gathered: number;
}

/** Looking goes on for so long: about what it costs to fall asleep and be woken. */
export const LOOK_MS = 0.04;

/** A sleep shorter than this was hardly one, being woken included: looking would have paid. */
const SHORT_SLEEP_MS = 0.1;

/** Looking is tried while successes outweigh failures, of which at most so many are remembered. */
const LOOK_MEMORY = 8;

/** Datagrams of which the average gap is taken. */
const GAP_MEMORY = 32;

/** So many of the longest delays are a pause: whoever comes after it is answered at once. */
const PAUSE_DELAYS = 8;

/** As many as this are let gather: one signature costs little for each of them. */
const ENOUGH = 64;

/** Fewer than this in the longest delay are not worth a second sleep. */
const LEAST_EXPECTED = 0.6;

/** From so many expected on, it is slept without waiting for the first. */
const MANY_EXPECTED = 3;

/** Where batches are that large by themselves, there is nothing to be gained. */
const LARGE_BATCH = 16;

/** Datagrams after which it is asked whether gathering brings as many as come without it. */
const ENOUGH_TO_JUDGE = 96;

/** What it has to bring, at least and at most, of what came when it began. */
const FAIR_SHARE = 0.8;
const TOO_GOOD = 4;

/** How long it is measured what comes without gathering, where it is no longer known. */
const MEASURE_MS = 5;

/** How long gathering is left alone where it keeps clients from asking; twice as long each time. */
const FIRST_RETREAT_MS = 20;
const LONGEST_RETREAT_MS = 5_000;

/** The pace of one socket. */
export class Pace {
  /** What has been tried so far. */
  readonly counters: PaceCounters = {
    looks: 0,
    looksThatPaid: 0,
    gathers: 0,
    gathered: 0,
  };
  readonly #maxDelayMs: number;
  #lookScore = LOOK_MEMORY;
  #takenAt = -Infinity;
  /** How many were taken last. */
  #last = 0;
  /** Average time from one datagram to the next, once some are known. */
  #gapMs = 0;
  /** Datagrams since the last pause, as far as it matters. */
  #known = 0;
  /** Average size of a batch without gathering. */
  #size = 0;
  #isGathering = false;
  /** The gap without gathering, by which it is judged; and what it brought since it was. */
  #gapBefore = 0;
  #expected = 0;
  #brought = 0;
  /** The gap with gathering, while it is measured whether that without is shorter. */
  #gapInDoubt: number | undefined;
  #notBefore = -Infinity;
  #retreatMs = FIRST_RETREAT_MS;

  /**
   * Begins with nothing known.
   *
   * @param maxDelayMs The longest that a datagram is left lying; 0 for not at all.
   */
  constructor(maxDelayMs: number) {
    this.#maxDelayMs = maxDelayMs;
  }

  /** Is it worth it to look for a while before sleeping? */
  get shouldLook(): boolean {
    return this.#lookScore > 0 && !this.#isGathering;
  }

  /** May there be something before it is waited for? Where they come alone, hardly. */
  get mayBeMore(): boolean {
    return this.#last !== 1 || this.shouldLook;
  }

  /** Takes note of what looking has brought. */
  looked(found: boolean): void {
    this.counters.looks++;
    if (found) this.counters.looksThatPaid++;
    this.#scoreLook(found);
  }

  /** Takes note of a sleep without having looked, which a datagram ended. */
  slept(forMs: number): void {
    this.#scoreLook(forMs < SHORT_SLEEP_MS);
  }

  #scoreLook(good: boolean): void {
    const score = this.#lookScore + (good ? 1 : -1);
    this.#lookScore = Math.max(-LOOK_MEMORY, Math.min(score, LOOK_MEMORY));
  }

  /**
   * How long to leave the socket alone now that all is answered, whether or not something
   * has come in.
   *
   * @returns Milliseconds, 0 for not at all.
   */
  restAfterAnswers(now: number): number {
    if (!this.#mayGather(now)) return 0;
    const delayMs = this.#delayMs();
    if (delayMs / this.#gapMs < MANY_EXPECTED) return 0;
    const restMs = this.#takenAt + delayMs - now;
    return restMs > 0 ? this.#gather(restMs) : 0;
  }

  /**
   * How long to leave a datagram that ended a sleep, so that more join it.
   *
   * @param now The time.
   * @param sleptAt When the sleep began. One that ended at once may have been ended by what
   *   has lain since shortly after the last were taken.
   * @returns Milliseconds, 0 for not at all.
   */
  restAfterFirst(now: number, sleptAt: number): number {
    const isLone = now - this.#takenAt > PAUSE_DELAYS * this.#maxDelayMs;
    if (isLone || !this.#mayGather(now)) return 0;
    const cameAt = now - sleptAt < SHORT_SLEEP_MS ? this.#takenAt : now;
    const restMs = cameAt + this.#delayMs() - now;
    return restMs > 0 ? this.#gather(restMs) : 0;
  }

  #mayGather(now: number): boolean {
    if (now < this.#notBefore || this.#known < GAP_MEMORY) return false;
    if (this.#gapInDoubt !== undefined && this.#hasSlowed(now)) return false;
    if (!this.#isGathering && this.#size >= LARGE_BATCH) return false;
    return this.#maxDelayMs / this.#gapMs >= LEAST_EXPECTED;
  }

  /** Do clients ask more often where they are not left waiting? */
  #hasSlowed(now: number): boolean {
    const isSlower = this.#gapMs < FAIR_SHARE * (this.#gapInDoubt ?? 0);
    this.#gapInDoubt = undefined;
    this.#notBefore = isSlower ? now + this.#retreatMs : now;
    this.#retreatMs = isSlower
      ? Math.min(2 * this.#retreatMs, LONGEST_RETREAT_MS)
      : FIRST_RETREAT_MS;
    return isSlower;
  }

  #delayMs(): number {
    return Math.min(this.#maxDelayMs, ENOUGH * this.#gapMs);
  }

  #gather(restMs: number): number {
    if (!this.#isGathering) {
      this.#isGathering = true;
      this.#gapBefore = this.#gapMs;
      this.#expected = this.#brought = 0;
    }
    this.counters.gathers++;
    return restMs;
  }

  /**
   * Takes note of datagrams.
   *
   * @param count How many were taken.
   * @param now When.
   */
  took(count: number, now: number): void {
    const passedMs = now - this.#takenAt;
    this.#takenAt = now;
    this.#last = count;
    if (passedMs > PAUSE_DELAYS * this.#maxDelayMs) {
      this.#forget();
      return;
    }
    const gap = passedMs / count;
    const weight = this.#known === 0 ? 1 : Math.min(1, count / GAP_MEMORY);
    this.#gapMs += (gap - this.#gapMs) * weight;
    this.#known = Math.min(this.#known + count, GAP_MEMORY);
    if (!this.#isGathering) {
      this.#size += (count - this.#size) * weight;
      return;
    }
    this.counters.gathered += count;
    this.#expected += passedMs / this.#gapBefore;
    this.#brought += count;
    if (Math.max(this.#expected, this.#brought) >= ENOUGH_TO_JUDGE) {
      this.#judge(now);
    }
  }

  /** Nothing is known any more of how often datagrams come. */
  #forget(): void {
    this.#known = 0;
    this.#gapMs = 0;
    this.#isGathering = false;
    this.#gapInDoubt = undefined;
  }

  #judge(now: number): void {
    const share = this.#brought / this.#expected;
    if (share < FAIR_SHARE || share > TOO_GOOD) {
      this.#forget();
      this.#gapInDoubt = this.#gapBefore / share;
      this.#notBefore = now + MEASURE_MS;
    }
    this.#expected = this.#brought = 0;
  }
}
