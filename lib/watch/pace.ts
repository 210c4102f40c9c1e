/**
 * How often servers are asked, which are other people's.
 *
 * @module
 */

import type { ListedServer } from "../ecosystem/list.ts";
import { isOwnAddress } from "../net/scope.ts";

/** Seconds between rounds where nobody says how many. */
export const DEFAULT_INTERVAL_SECONDS = 300;

/** Servers of others are not asked more often than this. */
export const LEAST_PUBLIC_INTERVAL_SECONDS = 60;

/** All watchers of the world at once is what nobody wants; by so much they part. */
const JITTER = 0.05;

/** Is a host on this machine, or on a network that is not the world's? */
export function isNear(host: string): boolean {
  return /^(.+\.)?localhost\.?$/i.test(host) || isOwnAddress(host);
}

/** Seconds between rounds that are right for a list. */
export function intervalFor(
  servers: readonly Pick<ListedServer, "addresses">[],
  wantedSeconds: number,
): number {
  const isPublic = servers.some(({ addresses }) =>
    addresses.some(({ host }) => !isNear(host))
  );
  return isPublic
    ? Math.max(wantedSeconds, LEAST_PUBLIC_INTERVAL_SECONDS)
    : wantedSeconds;
}

/**
 * Milliseconds from the beginning of one round to that of the next.
 *
 * @param intervalSeconds Is never undercut where it is the least there is.
 * @param random A fraction of one.
 */
export function nextAfterMs(intervalSeconds: number, random: number): number {
  const least = Math.min(intervalSeconds, LEAST_PUBLIC_INTERVAL_SECONDS);
  const seconds = intervalSeconds * (1 + JITTER * (2 * random - 1));
  return 1000 * Math.max(seconds, least);
}
