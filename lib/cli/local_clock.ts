/**
 * The local clock next to what one server says.
 *
 * @module
 */

import type { QueryResult } from "../client/send_request.ts";

/** The local clock when a reply came in, in microseconds since 1970. */
export function localClockAt(receivedAt: number): bigint {
  const since = performance.now() - receivedAt;
  return BigInt(Math.round((Date.now() - since) * 1000));
}

/** How far the local clock is outside of the bounds: 0 within, negative if it is slow. */
export function outsideBounds(
  { bounds }: Pick<QueryResult, "bounds">,
  localMicros: bigint,
): bigint {
  if (localMicros < bounds.earliestMicros) {
    return localMicros - bounds.earliestMicros;
  }
  if (localMicros > bounds.latestMicros) {
    return localMicros - bounds.latestMicros;
  }
  return 0n;
}
