/**
 * What the tests of `Server` share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import {
  ALL,
  bytes,
  NOW_MICROS,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "./fixtures.ts";

/** The seed behind PUBLIC_KEY. */
export const SEED: Uint8Array = bytes(32, 1);

/** A server whose clock the test turns. */
export class Turned extends Server {
  now: bigint = NOW_MICROS;
  /** How many of the next looks at the clock fail. */
  faults = 0;
  override getTime(): bigint {
    if (this.faults > 0) {
      this.faults--;
      throw new Error("the clock has stopped");
    }
    return this.now;
  }
}

/** Makes one. */
export function turned(options: ServerOptions = {}): Promise<Turned> {
  return Turned.create({ privateKey: SEED, greaseProbability: 0, ...options });
}

/** What becomes of one request. */
export async function only(
  server: Server,
  request: Uint8Array,
): Promise<Outcome> {
  const [outcome, ...rest] = await server.handleBatch([request]);
  assert(outcome);
  assert.deepEqual(rest, []);
  return outcome;
}

/** Holds if there is a reply that verifies. */
export async function verified(
  request: Uint8Array,
  outcome: Outcome | undefined,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  if (!(outcome && "reply" in outcome)) assert.fail(Deno.inspect(outcome));
  const { reply, version } = outcome;
  const verdict = await verifyResponse({ request, response: reply, publicKey });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  assert.equal(verdict.version, version);
  return verdict;
}

/** Asks in every dialect, and every answer must verify. */
export async function askAll(
  server: Server,
): Promise<{ dialect: Dialect; verdict: Verified }[]> {
  const requests = ALL.map(({ id }) => requestFor(id));
  const outcomes = await server.handleBatch(requests);
  return await Promise.all(ALL.map(async (dialect, i) => {
    const request = requests[i] as Uint8Array;
    const verdict = await verified(request, outcomes[i]);
    assert.equal(verdict.dialect, dialect.id);
    return { dialect, verdict };
  }));
}

/** A time as the dialect says it. */
export function floorTo(dialect: Dialect, micros: bigint): bigint {
  return dialect.time === "unix-seconds" ? micros - micros % SECOND : micros;
}
