/**
 * Chains: asking several servers so that each reply proves it came after the one before,
 * and finding replies that cannot all be true.
 *
 * @module
 */

import { max } from "../wire/bigint.ts";
import { concat } from "../crypto/bytes.ts";
import { hashOf } from "../crypto/hash.ts";
import type { Dialect } from "../wire/dialect.ts";
import { type DatedClaim, leapSlackMicros } from "./leap_second.ts";

/**
 * Derives the nonce of a request from the previous reply (RFC 10049, section 8.2).
 * The rule is the new request's dialect's; the reply is hashed as received, frame
 * included, whatever its own dialect.
 *
 * @example
 * ```ts
 * import { chainNonce, DIALECTS } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * const reply = new Uint8Array(416);
 * const blind = crypto.getRandomValues(new Uint8Array(32));
 * assert.equal(chainNonce(DIALECTS["rfc-10049"], reply, blind).length, 32);
 * ```
 *
 * @param dialect How the next server will be asked.
 * @param previousReply The whole packet received before.
 * @param blind Random bytes, as many as the dialect's nonce has.
 * @returns The nonce.
 */
export function chainNonce(
  dialect: Dialect,
  previousReply: Uint8Array,
  blind: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const sha512 = hashOf("sha512");
  switch (dialect.chain) {
    case "double-hash":
      return sha512(sha512(previousReply), blind);
    case "single-hash":
      return sha512(concat(previousReply, blind)).subarray(
        0,
        dialect.nonceSize,
      );
  }
}

/**
 * What a verified reply claims. A {@linkcode Verified} is one; without a `dialect` there is no
 * slack for leap seconds.
 */
export type Claim = DatedClaim;

/** More would be no more convincing, and a hostile report could have millions. */
const MAX_VIOLATIONS = 100_000;

/** Two claims of which one at least is false. */
export interface Violation {
  /** Position of the reply that came first. */
  readonly earlier: number;
  /** Position of the one that came later and says it was before. */
  readonly later: number;
  /** By how much the two contradict each other, in microseconds, leap seconds left aside. */
  readonly gapMicros: bigint;
}

/**
 * Finds every pair of chained replies that contradict causality (RFC 10049, section 8.2):
 * the earlier one says that it was already later than the later one can allow.
 *
 * The test is one-sided on purpose. A later reply may be later by any amount, since nobody
 * knows how long the client waited; a symmetric test would accuse honest servers. For the
 * same reason a gap that a leap second may have made is none.
 *
 * @param claims Verified replies, in the order asked.
 * @returns The contradictions, the first 100,000 if there are more; none does not mean that all are right.
 */
export function findViolations(claims: readonly Claim[]): Violation[] {
  const violations: Violation[] = [];
  const slacks = claims.map(leapSlackMicros);
  claims.forEach((a, earlier) => {
    const lower = a.midpointMicros - a.radiusMicros;
    for (let later = earlier + 1; later < claims.length; later++) {
      const b = claims[later] as Claim;
      const gapMicros = lower - (b.midpointMicros + b.radiusMicros);
      if (gapMicros <= 0n) continue;
      const slack = max(slacks[earlier] as bigint, slacks[later] as bigint);
      if (gapMicros > slack && violations.length < MAX_VIOLATIONS) {
        violations.push({ earlier, later, gapMicros });
      }
    }
  });
  return violations;
}
