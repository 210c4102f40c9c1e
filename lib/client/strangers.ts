/**
 * Who sent something without having been asked. A server with several addresses may answer
 * from another one than was asked, which is not believed but should be said.
 *
 * @module
 */

/** So many are named; anybody can send packets, and more of them tell nothing. */
const MAX_NAMED = 3;

/** Whom no answer came from, and how long it was waited for, in milliseconds. */
interface Silence {
  readonly host: string;
  readonly port: number;
  readonly timeout?: number | undefined;
}

/** Remembers the first few. */
export class Strangers {
  readonly #from = new Set<string>();

  /** Takes note of one, as `host:port`. */
  readonly add = (from: string): void => {
    if (this.#from.size < MAX_NAMED) this.#from.add(from);
  };

  /** The rest of a sentence about an answer that did not come; empty without any. */
  toString(): string {
    return this.#from.size === 0
      ? ""
      : `; packets came from ${
        [...this.#from].join(", ")
      }, which was not asked`;
  }
}

/** What is thrown where nothing came, or nothing from who was asked. */
export function timedOut(
  { host, port, timeout = 5000 }: Silence,
  strangers: Strangers,
): DOMException {
  return new DOMException(
    `No answer from ${host} port ${port} within ${
      timeout / 1000
    } s${strangers}`,
    "TimeoutError",
  );
}
