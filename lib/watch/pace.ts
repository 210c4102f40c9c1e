/**
 * How often servers are asked, which are other people's.
 *
 * @module
 */

import type { ListedServer } from "../ecosystem/list.ts";
import { readIp } from "../net/ip_address.ts";

/** Seconds between rounds where nobody says how many. */
export const DEFAULT_INTERVAL_SECONDS = 300;

/** Servers of others are not asked more often than this. */
export const LEAST_PUBLIC_INTERVAL_SECONDS = 60;

/** All watchers of the world at once is what nobody wants; by so much they part. */
const JITTER = 0.05;

/** Is a host on this machine, or on a network that is not the world's? */
export function isNear(host: string): boolean {
  if (/^(.+\.)?localhost\.?$/i.test(host)) return true;
  const ip = readIp(host);
  if (ip === undefined) return false;
  const [a = 0, b = 0] = ip.bytes;
  if (ip.family === 4) {
    return a === 127 || a === 10 || (a === 172 && b >= 16 && b < 32) ||
      (a === 192 && b === 168) || (a === 169 && b === 254);
  }
  return ip.text === "::1" || (a & 0xfe) === 0xfc ||
    (a === 0xfe && (b & 0xc0) === 0x80);
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
