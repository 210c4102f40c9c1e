/**
 * Time in which nobody waits: as soon as nothing but timers is left, the next one is due.
 *
 * @module
 */

interface Timer {
  readonly id: number;
  readonly fn: () => void;
  readonly dueMs: number;
}

/**
 * Stands in for timers and clocks until it is disposed of, for code that reaches nothing
 * outside the process: what really comes from elsewhere would come too late.
 */
export class SkippedTime implements Disposable {
  readonly #own = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    now: performance.now,
    dateNow: Date.now,
  };
  readonly #timers = new Map<number, Timer>();
  #lastId = 0;
  #skippedMs = 0;
  #turn: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const { now, dateNow } = this.#own;
    performance.now = () => now.call(performance) + this.#skippedMs;
    Date.now = () => dateNow() + Math.floor(this.#skippedMs);
    const set = (fn: () => void, delayMs = 0): number => {
      const id = ++this.#lastId;
      const dueMs = performance.now() + Math.max(0, delayMs);
      this.#timers.set(id, { id, fn, dueMs });
      this.#arrange();
      return id;
    };
    Object.assign(globalThis, {
      setTimeout: set,
      clearTimeout: (id: number) => void this.#timers.delete(id),
    });
  }

  /** Everything that is ready runs before the next timer. */
  #arrange(): void {
    this.#turn ??= this.#own.setTimeout.call(globalThis, () => {
      this.#turn = undefined;
      const [next] = [...this.#timers.values()]
        .sort((a, b) => a.dueMs - b.dueMs);
      if (next === undefined) return;
      this.#timers.delete(next.id);
      this.#skippedMs += Math.max(0, next.dueMs - performance.now());
      this.#arrange();
      next.fn();
    }, 0);
  }

  [Symbol.dispose](): void {
    const { setTimeout, clearTimeout, now, dateNow } = this.#own;
    clearTimeout.call(globalThis, this.#turn);
    Object.assign(globalThis, { setTimeout, clearTimeout });
    performance.now = now;
    Date.now = dateNow;
  }
}
