/**
 * How long an answer was under way, at most.
 *
 * @module
 */

import type { Arrival } from "./ask.ts";
import { equal } from "../crypto/bytes.ts";
import { DIALECTS } from "../wire/dialect.ts";
import type { Exchange } from "../wire/errors.ts";
import { nonceOf } from "../wire/request.ts";
import { elapsedMs } from "./sleep_watch.ts";
import type { Verified } from "../verify/response.ts";

/** When what was asked, and when the answer came. */
export type Trips = Pick<
  Arrival,
  "attempts" | "receivedAt" | "receivedWallAt"
>;

/**
 * The round trip in microseconds, counted from the first request that the reply may answer:
 * a longer one makes the bounds wider, a shorter one makes them wrong.
 */
export function roundTripMicros(
  { attempts, receivedAt, receivedWallAt }: Trips,
  mayAnswer: (request: Uint8Array) => boolean,
): bigint {
  const trips = attempts.filter(({ request }) => mayAnswer(request))
    .map(({ sentAt, sentWallAt }) =>
      elapsedMs(receivedAt - sentAt, receivedWallAt - sentWallAt)
    );
  return BigInt(Math.ceil(Math.max(0, ...trips) * 1000));
}

/**
 * Which requests a reply proves to come after. From draft 12 on the tree holds the packet;
 * before, it holds the nonce, so the reply answers every request with that one.
 */
export function answeredBy(
  { dialect }: Verified,
  { request }: Exchange,
): (other: Uint8Array) => boolean {
  if (DIALECTS[dialect].leaf === "packet") return (other) => other === request;
  const nonce = nonceOf(request);
  return (other) => {
    const theirs = nonceOf(other);
    return nonce !== undefined && theirs !== undefined && equal(nonce, theirs);
  };
}
