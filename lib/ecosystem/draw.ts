/**
 * Drawing servers at random until enough of different operators have answered. Lists are half
 * dead: a sample drawn beforehand often holds too few who live.
 *
 * @module
 */

import { operatorOf } from "./operator.ts";
import type { ListedServer } from "./list.ts";
import { shuffle } from "./pick.ts";

/** Losses that are made up for; a long list of the dead must not be asked to its end. */
export const MAX_REPLACED = 64;

/** Gives servers one at a time, as long as answers are wanting. */
export class Draw {
  readonly #waiting: ListedServer[];
  readonly #count: number;
  readonly #asked = new Set<string>();
  readonly #answered = new Set<string>();
  #drawn = 0;
  #voters = 0;

  /**
   * @param servers Out of these.
   * @param count How many operators are to answer.
   * @param random A fraction of one; for tests.
   */
  constructor(
    servers: readonly ListedServer[],
    count: number,
    random?: () => number,
  ) {
    this.#waiting = shuffle(servers, random);
    this.#count = count;
  }

  /**
   * Draws the next: of an operator who has not answered, and if there is one, of an operator
   * who has not even been asked.
   *
   * @returns Nothing when enough have answered, or nobody is left who could.
   */
  next(): ListedServer | undefined {
    if (this.#voters >= this.#count) return undefined;
    if (this.#drawn >= this.#count + MAX_REPLACED) return undefined;
    const isNew = (heard: Set<string>) => (server: ListedServer) =>
      !marksOf(server).some((mark) => heard.has(mark));
    const useful = this.#waiting.filter(isNew(this.#answered));
    const server = useful.find(isNew(this.#asked)) ?? useful[0];
    if (server === undefined) return undefined;
    this.#waiting.splice(this.#waiting.indexOf(server), 1);
    marksOf(server).forEach((mark) => this.#asked.add(mark));
    this.#drawn++;
    return server;
  }

  /** Tells that a server has given an answer that counts: its operator is not drawn any more. */
  heard(server: ListedServer): void {
    marksOf(server).forEach((mark) => this.#answered.add(mark));
    this.#voters++;
  }

  /** Answers that are still wanting, if there are servers for them. */
  get wanting(): number {
    const room = this.#count + MAX_REPLACED - this.#drawn;
    const operators = new Set<string>();
    for (const server of this.#waiting) {
      const marks = marksOf(server);
      if (!marks.some((mark) => this.#answered.has(mark))) {
        operators.add(marks[0]);
      }
    }
    return Math.min(this.#count - this.#voters, operators.size, room);
  }
}

/** Servers of the same operator, or with the same key, have one vote. */
function marksOf(server: ListedServer): readonly [string, string] {
  return [operatorOf(server), server.publicKey.join()];
}
