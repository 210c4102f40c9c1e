/**
 * What the tests of delegations share.
 *
 * @module
 */

import { base64 } from "@scure/base";
import assert from "node:assert/strict";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import {
  createDelegation,
  type CreateDelegationOptions,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import { bytes, LONG_TERM, NOW_MICROS, SECOND } from "./fixtures.ts";

/** In microseconds. */
export const DAY: bigint = 86_400n * SECOND;

/** The online key's seed. */
export const SEED: Uint8Array = bytes(32, 7);

/** Its public half. */
export const ONLINE_KEY: Uint8Array = createSigner(SEED).publicKey;

/** A delegation of LONG_TERM to it. */
export function create(
  options: Partial<CreateDelegationOptions> = {},
): Promise<string> {
  return createDelegation({
    longTerm: LONG_TERM,
    onlineSeed: SEED,
    notBeforeMicros: NOW_MICROS - DAY,
    notAfterMicros: NOW_MICROS + 30n * DAY,
    ...options,
  });
}

/** A delegation as JSON. */
export interface File {
  schema: string;
  publicKey: string;
  notBefore: string;
  notAfter: string;
  onlineSeed: string;
  certificates: Record<string, string>;
}

/** The same as create(), parsed. */
export async function file(
  options: Partial<CreateDelegationOptions> = {},
): Promise<File> {
  return JSON.parse(await create(options));
}

/** The text must be refused, with a reason for people. */
export async function refused(json: unknown): Promise<string> {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const result = await parseDelegation(text);
  assert(!result.ok, `taken: ${text.slice(0, 2000)}`);
  assert.match(result.problem, /^[a-z][ -~]+$/);
  // The file holds a secret, and may be one that is not even meant for this.
  assert(!result.problem.includes(base64.encode(SEED)));
  return result.problem;
}
