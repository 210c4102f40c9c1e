/**
 * What the tests of keyrings share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import {
  certifyOnlineKey,
  type Delegated,
  type Identity,
  type Keyring,
} from "../../lib/server/keyring.ts";
import { Responder } from "../../lib/server/responder.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  MOMENT,
  NOW_MICROS,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "./fixtures.ts";

/** In microseconds. */
export const HOUR: bigint = 3600n * SECOND;

/** In microseconds. */
export const DAY: bigint = 24n * HOUR;

/** The identity of a keyring that has one. */
export function only(keyring: Keyring): Identity {
  assert.equal(keyring.identities.length, 1);
  return keyring.identities[0] as Identity;
}

/** Does the keyring answer provably in every dialect at that time? */
export async function answers(
  keyring: Keyring,
  nowMicros: bigint,
): Promise<boolean> {
  const responder = new Responder({ keyring });
  for (const { id } of ALL) {
    const request = requestFor(id);
    const [outcome] = await responder.respond([request], {
      ...MOMENT,
      midpointMicros: nowMicros,
    });
    assert(outcome);
    if ("drop" in outcome) {
      assert.equal(outcome.drop, "delegation");
      return false;
    }
    const verdict = await verifyResponse({
      request,
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    });
    if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  }
  return true;
}

/** An online key for a long-term key that the keyring does not get to see. */
export async function delegate(
  longTerm: Signer,
  notAfterMicros: bigint,
  seed = 70,
): Promise<Delegated> {
  const online = await certifyOnlineKey(
    longTerm,
    createSigner(bytes(32, seed)),
    { notBeforeMicros: NOW_MICROS - DAY, notAfterMicros },
  );
  return { publicKey: longTerm.publicKey, online };
}
