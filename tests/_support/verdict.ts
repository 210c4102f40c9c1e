/**
 * What the tests of verdicts share.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Verdict, Verified } from "../../lib/verify/response.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import type { RejectionCode } from "../../lib/wire/rejection.ts";
import { exchangeFor, judge, MOMENT, NOW_MICROS, SECOND } from "./fixtures.ts";

/** Holds if the verdict is good. */
export function verified(verdict: Verdict): Verified {
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  return verdict;
}

/** Holds if the exchange is rejected for that reason. */
export async function rejects(
  exchange: Exchange,
  code: RejectionCode,
): Promise<void> {
  assert.equal(await judge(exchange), code);
}

/** MINT and MAXT of the fixtures' keyring and forgeries, in the layout's precision. */
export function windowOf(dialect: Dialect): [bigint, bigint] {
  const whole = dialect.time === "unix-seconds" ? SECOND : 1n;
  const round = (micros: bigint) => micros - micros % whole;
  return [
    round(NOW_MICROS - 3600n * SECOND),
    round(NOW_MICROS + 86_400n * SECOND),
  ];
}

/**
 * Five requests in a tree, so that PATH has three entries; the radius is a power of 2 in
 * the dialect's unit, so that one bit makes it 0.
 */
export function batchOfFive(dialect: Dialect): Promise<Exchange> {
  const radiusMicros = dialect.time === "unix-seconds"
    ? 4n * SECOND
    : 1n << 22n;
  return exchangeFor(dialect.id, 5, {}, { ...MOMENT, radiusMicros });
}
