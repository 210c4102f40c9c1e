/**
 * What the tests of the responder share.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { VerifyEquation } from "../../lib/crypto/ed25519.ts";
import type { DropReason } from "../../lib/server/drop_reason.ts";
import type {
  Moment,
  Outcome,
  ResponderOptions,
} from "../../lib/server/responder.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  bytes,
  edit,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
  put,
} from "./fixtures.ts";
import { checkOnce } from "./signatures.ts";

/** The replies of a batch have their signatures in common. */
export const equation: VerifyEquation = checkOnce();

type Reply = Extract<Outcome, { reply: Uint8Array }>;

/** Holds if there is a reply. */
export function replied(outcome: Outcome | undefined): Reply {
  if (outcome !== undefined && "reply" in outcome) return outcome;
  assert.fail(Deno.inspect(outcome));
}

/** Holds if there is none; gives the reason. */
export function dropped(outcome: Outcome | undefined): DropReason {
  assert(outcome !== undefined && "drop" in outcome, "answered");
  return outcome.drop;
}

/** Holds if the reply verifies. */
export async function verified(
  request: Uint8Array,
  outcome: Outcome | undefined,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  const { reply, version } = replied(outcome);
  const exchange = { request, response: reply, publicKey };
  const verdict = await verifyResponse(exchange, { equation });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  assert.equal(verdict.version, version);
  assert(reply.length <= request.length);
  return verdict;
}

/** Answers one request. */
export async function ask(
  request: Uint8Array,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Outcome> {
  const responder = await makeResponder(options);
  const outcomes = await responder.respond([request], moment);
  assert.equal(outcomes.length, 1);
  return outcomes[0] as Outcome;
}

/** A request for an offer; the number makes its nonce. */
export function offering(
  versions: readonly number[],
  options: { number?: number; typed?: boolean; nonceSize?: number } = {},
): Uint8Array {
  const { number = 0, typed = true, nonceSize = 32 } = options;
  // Built by hand: buildRequest() would sort, and refuse what does not fit together.
  const request = buildRequest({
    versions: [0x8000000c],
    nonce: bytes(32, number),
    publicKey: PUBLIC_KEY,
    typed,
    size: 1024 - 4 * (versions.length - 1) + (32 - nonceSize),
  });
  return edit(request, (e) =>
    put(
      put(e, TAG.VER, encodeUint32s(versions)),
      TAG.NONC,
      bytes(nonceSize, number),
    ));
}

/** Requests in an old dialect get an empty PATH as long as the budget lasts. */
export function isOld(dialect: Dialect): boolean {
  return dialect.type === "none";
}

/** Levels of a tree: old clients need an even number of them. */
export function levelsIn(dialect: Dialect, size: number): number {
  const levels = Math.ceil(Math.log2(size));
  return isOld(dialect) && size <= 256 ? levels + levels % 2 : levels;
}
