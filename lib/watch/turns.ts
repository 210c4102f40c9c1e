/**
 * One after the other, with a pause in which everything else gets its turn: SQLite keeps the
 * whole program waiting while it reads, and answers of servers would look late.
 *
 * @module
 */

/** Takes work in turns. */
export class Turns {
  readonly #most: number;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Nothing waits yet.
   *
   * @param most What may wait.
   */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Does something when it is its turn.
   *
   * @returns What it gives, or `undefined` if too much waits already.
   * @throws What it throws.
   */
  take<T>(work: () => T): Promise<{ readonly value: T } | undefined> {
    if (this.#waiting >= this.#most) return Promise.resolve(undefined);
    this.#waiting++;
    const turn = this.#last.then(breathe).then(() => ({ value: work() }))
      .finally(() => this.#waiting--);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

function breathe(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
