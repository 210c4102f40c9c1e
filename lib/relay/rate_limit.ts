/**
 * So much for each client and for all of them, with an end to what is remembered.
 *
 * @module
 */

import { holderOf } from "../net/connection_share.ts";

/** Clients that are remembered; whoever was not there for longest is forgotten. */
const MAX_CLIENTS = 4096;

const MINUTE_MS = 60_000;

/** Options of a {@linkcode RateLimit}. */
export interface RateLimitOptions {
  /** Requests of one client in a minute; so many may come at once. */
  readonly perMinute: number;
  /** Requests of all clients in a minute. */
  readonly perMinuteInAll: number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number;
}

interface Bucket {
  left: number;
  at: number;
}

/** Counts requests. */
export class RateLimit {
  readonly #options: RateLimitOptions;
  readonly #clients = new Map<string, Bucket>();
  readonly #all: Bucket;

  /**
   * Nobody has asked yet.
   *
   * @param options How much.
   */
  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#all = { left: options.perMinuteInAll, at: options.now() };
  }

  /** Clients that are remembered. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Takes a request.
   *
   * @param client Its address; whoever has none shares with all others who have none.
   * @returns 0 if it may pass, or else after how many milliseconds one may.
   */
  take(client = ""): number {
    const { perMinute, perMinuteInAll } = this.#options;
    const key = holderOf(client);
    const own = this.#clients.get(key) ??
      { left: perMinute, at: this.#options.now() };
    this.#clients.delete(key);
    this.#clients.set(key, own);
    const [oldest] = this.#clients.keys();
    if (this.#clients.size > MAX_CLIENTS && oldest !== undefined) {
      this.#clients.delete(oldest);
    }
    const waitMs = Math.max(
      this.#refill(own, perMinute),
      this.#refill(this.#all, perMinuteInAll),
    );
    if (waitMs > 0) return waitMs;
    own.left--;
    this.#all.left--;
    return 0;
  }

  /** Lets time pass for a bucket; gives how long until there is one in it. */
  #refill(bucket: Bucket, perMinute: number): number {
    const now = this.#options.now();
    const earned = (now - bucket.at) * perMinute / MINUTE_MS;
    bucket.left = Math.min(perMinute, bucket.left + Math.max(0, earned));
    bucket.at = now;
    return bucket.left >= 1
      ? 0
      : Math.ceil((1 - bucket.left) * MINUTE_MS / perMinute);
  }
}
