/**
 * What the tests of the pure layers share: fixed keys, real exchanges and forged ones.
 * Everything here is deterministic.
 *
 * @module
 */

import { concat } from "../../lib/crypto/bytes.ts";
import { noise as bytes, seeded } from "../../lib/wire/chance.ts";
import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import { hashOf } from "../../lib/crypto/hash.ts";
import {
  type Dialect,
  type DialectId,
  DIALECTS,
} from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { frame, FRAME_BYTES, isFramed } from "../../lib/wire/frame.ts";
import { Keyring, type KeyringOptions } from "../../lib/server/keyring.ts";
import type { Hash } from "../../lib/crypto/hash.ts";
import { leafHash } from "../../lib/crypto/merkle.ts";
import {
  encodeLoosely,
  entriesOf,
  put,
  without as drop,
} from "../../lib/wire/loose.ts";
import {
  type MalformedRequest,
  malformedRequests,
} from "../../lib/chaos/malformed_request.ts";
import { encodeMessage, type Entry } from "../../lib/wire/message.ts";
import type { RejectionCode } from "../../lib/wire/rejection.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import {
  type Moment,
  Responder,
  type ResponderOptions,
} from "../../lib/server/responder.ts";
import { buildSrep, responseEntries } from "../../lib/wire/response.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeTimestamp } from "../../lib/wire/timestamp.ts";
import {
  type VerifyOptions,
  verifyResponse,
} from "../../lib/verify/response.ts";

export { bytes, drop, encodeLoosely, entriesOf, put, seeded };

/** The corpus of malformed requests made from a valid one. */
export function corpus(valid: Uint8Array): Generator<MalformedRequest, void> {
  return malformedRequests({ request: valid });
}

/** Every row of the table. */
export const ALL: readonly Dialect[] = Object.values(DIALECTS);

/** A copy with one bit turned over; bit 0 is the lowest of the first byte. */
export function flip(
  source: Uint8Array,
  bit: number,
): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(source);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** In September 2026, with microseconds, so that rounding shows. */
export const NOW_MICROS = 1_790_000_000_123_456n;

export const SECOND = 1_000_000n;

/** What the server says unless a test wants something else. */
export const MOMENT: Moment = {
  midpointMicros: NOW_MICROS,
  radiusMicros: 4n * SECOND,
};

/** MOMENT's midpoint after the rounding of the dialect's layout. */
export function midpointIn(dialect: Dialect): bigint {
  return dialect.time === "unix-seconds"
    ? NOW_MICROS - NOW_MICROS % SECOND
    : NOW_MICROS;
}

export const LONG_TERM: Signer = createSigner(bytes(32, 1));
export const OTHER_LONG_TERM: Signer = createSigner(bytes(32, 2));
export const ONLINE: Signer = createSigner(bytes(32, 3));
/** The long-term key that clients expect. */
export const PUBLIC_KEY: Uint8Array = LONG_TERM.publicKey;

/** A keyring whose online keys depend on the options alone. */
export function makeKeyring(
  options: Partial<KeyringOptions> = {},
): Promise<Keyring> {
  let seed = 1000;
  return Keyring.create({
    longTerm: [LONG_TERM],
    nowMicros: NOW_MICROS,
    validityMicros: 86_400n * SECOND,
    random: (length) => bytes(length, seed++),
    v1Context: "rfc",
    ...options,
  });
}

/** A responder on a keyring of its own. */
export async function makeResponder(
  options: Partial<ResponderOptions> = {},
): Promise<Responder> {
  return new Responder({ keyring: await makeKeyring(), ...options });
}

/** A request for one dialect; the number makes its nonce. */
export function requestFor(
  id: DialectId,
  number = 0,
  size?: number,
): Uint8Array<ArrayBuffer> {
  const dialect = DIALECTS[id];
  return buildRequest({
    versions: [dialect.code],
    nonce: bytes(dialect.nonceSize, 10_000 + number),
    publicKey: PUBLIC_KEY,
    typed: dialect.type === "required",
    size,
  });
}

/** Real exchanges: that many requests answered by the responder in one call, unspoilt. */
export async function exchangesFor(
  id: DialectId,
  batchSize: number,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Exchange[]> {
  const responder = await makeResponder({ soloBudget: 0, ...options });
  const requests = Array.from(
    { length: batchSize },
    (_, i) => requestFor(id, i),
  );
  const outcomes = await responder.respond(requests, moment);
  return outcomes.map((outcome, i) => {
    if ("drop" in outcome) throw new Error(`${id} dropped: ${outcome.drop}`);
    return {
      request: requests[i] as Uint8Array,
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    };
  });
}

/**
 * One real exchange out of a batch: the third where there are three, because the last
 * of an odd batch is its own neighbour and would fit under several numbers.
 */
export async function exchangeFor(
  id: DialectId,
  batchSize: number,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Exchange> {
  const exchanges = await exchangesFor(id, batchSize, options, moment);
  return exchanges[Math.min(2, batchSize - 1)] as Exchange;
}

/** The verdict as one word. */
export async function judge(
  exchange: Exchange,
  options?: VerifyOptions,
): Promise<RejectionCode | "ok"> {
  const verdict = await verifyResponse(exchange, options);
  return verdict.ok ? "ok" : verdict.rejection.code;
}

/** The message of a packet, framed or not. */
export function messageOf(packet: Uint8Array): Uint8Array {
  return isFramed(packet) ? packet.subarray(FRAME_BYTES) : packet;
}

/** Changes the tags of a packet and writes it anew, in the frame it had. */
export function edit(
  packet: Uint8Array,
  change: (entries: Entry[]) => Entry[],
): Uint8Array<ArrayBuffer> {
  const message = encodeMessage(change(entriesOf(messageOf(packet))));
  return isFramed(packet) ? frame(message) : message;
}

/** The strings of the specifications, spelled out once more (RFC 10049, section 5.2.1). */
export const CONTEXT = {
  dashedDelegation: "RoughTime v1 delegation signature--\0",
  plainDelegation: "RoughTime v1 delegation signature\0",
  rfcDelegation: "Roughtime v1 delegation signature\0",
  draftResponse: "RoughTime v1 response signature\0",
  rfcResponse: "Roughtime v1 response signature\0",
} as const;

/** What a server of each dialect signs with. */
export function contextsOf(
  dialect: Dialect,
): { delegation: string; response: string } {
  switch (dialect.id) {
    case "rfc-10049":
      return {
        delegation: CONTEXT.rfcDelegation,
        response: CONTEXT.rfcResponse,
      };
    case "draft-07":
    case "draft-12":
    case "draft-14":
      return {
        delegation: CONTEXT.plainDelegation,
        response: CONTEXT.draftResponse,
      };
    default:
      return {
        delegation: CONTEXT.dashedDelegation,
        response: CONTEXT.draftResponse,
      };
  }
}

/** Changes the tags of a message. */
export type Change = (entries: Entry[]) => Entry[];

/** Grows a tree around a leaf. */
export type Grow = (
  hash: Hash,
  leaf: Uint8Array,
) => { root: Uint8Array; path: Uint8Array; index: number };

/** How a forged exchange is to differ from a good one. */
export interface Forgery {
  dialect: DialectId;
  /** The number in the reply. */
  version?: number;
  /** VERS. */
  versions?: readonly number[];
  request?: Uint8Array;
  midpointMicros?: bigint;
  radiusMicros?: bigint;
  notBeforeMicros?: bigint;
  notAfterMicros?: bigint;
  delegationContext?: string;
  responseContext?: string;
  /** The leaf stands alone without it. */
  tree?: Grow;
  /** Changes before the value is signed, or encoded where nothing is. */
  dele?: Change;
  cert?: Change;
  srep?: Change;
  top?: Change;
}

const same: Change = (entries) => entries;

/** Makes an exchange with valid signatures over whatever the test wants to say. */
export async function forge(forgery: Forgery): Promise<Exchange> {
  const dialect = DIALECTS[forgery.dialect];
  const request = forgery.request ?? requestFor(dialect.id);
  const nonce = entriesOf(messageOf(request))
    .find(([tag]) => tag === TAG.NONC)?.[1] ?? new Uint8Array(0);
  const version = forgery.version ?? dialect.code;
  const contexts = contextsOf(dialect);
  const sign = (signer: Signer, context: string, value: Uint8Array) =>
    signer.sign(concat(new TextEncoder().encode(context), value));

  const hash = hashOf(dialect.hash);
  const leaf = leafHash(hash, dialect.leaf === "packet" ? request : nonce);
  const alone = { root: leaf, path: new Uint8Array(0), index: 0 };
  const { root, path, index } = forgery.tree?.(hash, leaf) ?? alone;

  const dele = encodeMessage((forgery.dele ?? same)([
    [TAG.PUBK, ONLINE.publicKey],
    [
      TAG.MINT,
      encodeTimestamp(
        dialect.time,
        forgery.notBeforeMicros ?? NOW_MICROS - 3600n * SECOND,
      ),
    ],
    [
      TAG.MAXT,
      encodeTimestamp(
        dialect.time,
        forgery.notAfterMicros ?? NOW_MICROS + 86_400n * SECOND,
      ),
    ],
  ]));
  const certificate = encodeMessage((forgery.cert ?? same)([
    [
      TAG.SIG,
      await sign(
        LONG_TERM,
        forgery.delegationContext ?? contexts.delegation,
        dele,
      ),
    ],
    [TAG.DELE, dele],
  ]));
  const srep = encodeMessage((forgery.srep ?? same)(entriesOf(buildSrep({
    dialect,
    version,
    versions: forgery.versions ?? [version],
    midpointMicros: forgery.midpointMicros ?? NOW_MICROS,
    radiusMicros: forgery.radiusMicros ?? MOMENT.radiusMicros,
    root,
    nonce,
  }))));
  const signature = await sign(
    ONLINE,
    forgery.responseContext ?? contexts.response,
    srep,
  );
  const message = encodeMessage((forgery.top ?? same)(responseEntries({
    dialect,
    version,
    signature,
    srep,
    certificate,
    nonce,
    path,
    index,
  })));
  return {
    request,
    response: dialect.framed ? frame(message) : message,
    publicKey: PUBLIC_KEY,
  };
}
