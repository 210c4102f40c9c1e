/**
 * Verifies some of the replies that a load brings, beside the load itself.
 *
 * @module
 */

import type { Rejection } from "../wire/rejection.ts";
import { verifyResponse } from "../verify/response.ts";

/** Replies that may wait to be verified before no more are read. */
const MAX_WAITING = 64;

/** Verifies every nth reply. */
export class LoadJudge {
  /** Replies that were verified, good or bad. */
  verified: number = 0;
  /** Those that did not verify. */
  rejected: number = 0;
  /** Why the first of them did not. */
  rejection: Rejection | undefined;
  readonly #publicKey: Uint8Array;
  readonly #every: number;
  readonly #waiting = new Set<Promise<void>>();
  #seen = 0;

  /**
   * @param publicKey The server's long-term key.
   * @param every 1 for all replies, 2 for every other one, and so on.
   */
  constructor(publicKey: Uint8Array, every: number) {
    this.#publicKey = publicKey;
    this.#every = every;
  }

  /** Is the next reply to be verified? */
  isDue(): boolean {
    return this.#seen++ % this.#every === 0;
  }

  /**
   * Verifies a reply.
   *
   * @param reply Copied, because its buffer is not ours to keep.
   * @param requests Those that it may answer, the likeliest first.
   */
  take(reply: Uint8Array, requests: readonly Uint8Array[]): void {
    const judging = this.#judge(reply.slice(), requests);
    this.#waiting.add(judging);
    judging.finally(() => this.#waiting.delete(judging));
  }

  /** Waits while too many replies wait. */
  async keepUp(): Promise<void> {
    while (this.#waiting.size > MAX_WAITING) await Promise.race(this.#waiting);
  }

  /** Waits for all of them. */
  async finished(): Promise<void> {
    await Promise.all(this.#waiting);
  }

  async #judge(
    response: Uint8Array,
    requests: readonly Uint8Array[],
  ): Promise<void> {
    let first: Rejection | undefined;
    for (const request of requests) {
      const publicKey = this.#publicKey;
      const verdict = await verifyResponse({ request, response, publicKey });
      if (verdict.ok) {
        first = undefined;
        break;
      }
      first ??= verdict.rejection;
      // Anything else does not depend on which of the requests was meant.
      if (verdict.rejection.code !== "merkle-root") break;
    }
    this.verified++;
    if (first === undefined) return;
    this.rejected++;
    this.rejection ??= first;
  }
}
