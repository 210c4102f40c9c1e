/**
 * The verifier: an exchange and a key in, a verdict out. Pure; runs in browsers.
 *
 * The checks come in one straight line, cheap ones first, and nothing from inside the
 * reply is believed before both signatures hold.
 *
 * @module
 */

import { equal } from "../crypto/bytes.ts";
import {
  type Delegation,
  findSpelling,
  type Spelling,
  windowState,
} from "../wire/certificate.ts";
import { hashOf } from "../crypto/hash.ts";
import { KEY_BYTES, type VerifyEquation } from "../crypto/ed25519.ts";
import {
  areConfusable,
  type Dialect,
  dialectFor,
  type DialectId,
  isAscending,
  MAX_VERSIONS,
} from "../wire/dialect.ts";
import type { Exchange } from "../wire/errors.ts";
import { reject, type Rejected } from "../wire/field.ts";
import {
  leafHash,
  MAX_PATH,
  type PathOrder,
  rootFromPath,
} from "../crypto/merkle.ts";
import { type ParsedRequest, parseRequest } from "../wire/request.ts";
import {
  canTell,
  type ParsedResponse,
  parseResponse,
} from "../wire/response.ts";
import { TAG } from "../wire/tag.ts";

/** The reply is proven to answer the request, under the key. */
export interface Verified {
  /** Always `true`. */
  readonly ok: true;
  /** How the server spoke; up to draft 11 it may be another that signs and means the same. */
  readonly dialect: DialectId;
  /** The version on the wire, signed from draft 12 on; `GOOGLE_VERSION` where there is none. */
  readonly version: number;
  /** Versions that the server says it speaks, signed; empty before draft 12. */
  readonly versions: readonly number[];
  /** MIDP in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** RADI in microseconds: true time was within this of the midpoint when the server signed. */
  readonly radiusMicros: bigint;
  /** The online key and its window. */
  readonly delegation: Delegation;
  /** The request's place in the server's batch. */
  readonly index: number;
  /** Depth of the batch's tree: 0 for one request, n for up to 2^n. */
  readonly pathLength: number;
  /** Which way round the tree was built. */
  readonly pathOrder: PathOrder;
  /** Which spelling of the contexts each signature was made with. */
  readonly spelling: {
    readonly delegation: Spelling;
    readonly response: Spelling;
  };
}

/** What {@linkcode verifyResponse} gives. */
export type Verdict = Verified | Rejected;

/** Options of {@linkcode verifyResponse} that hardly anyone needs. */
export interface VerifyOptions {
  /** How to check a signature's equation; for tests that compare the ways. */
  readonly equation?: VerifyEquation;
}

/**
 * Verifies a reply against the request it answers and the server's long-term key
 * (RFC 10049, section 5.4, and its counterparts in all earlier versions).
 *
 * A verdict of `ok` proves that the holder of the key signed after it received this
 * request and then believed the time to lie within the radius. It does not prove that
 * the time is right: for that, ask several servers.
 *
 * @example
 * ```ts
 * import { verifyResponse } from "@roughly/roughly/verify";
 * import assert from "node:assert/strict";
 *
 * const verdict = await verifyResponse({
 *   request: new Uint8Array(1024),
 *   response: new Uint8Array(360),
 *   publicKey: new Uint8Array(32),
 * });
 * assert(!verdict.ok);
 * assert.equal(verdict.rejection.code, "malformed");
 * ```
 *
 * @param exchange Request and reply as whole packets, and the 32-byte key.
 * @param options For tests.
 * @returns A verdict; bytes never make it throw.
 * @throws {RangeError} If the key is not 32 bytes long.
 */
export async function verifyResponse(
  exchange: Exchange,
  options: VerifyOptions = {},
): Promise<Verdict> {
  // Copied: checking a signature may take a turn of the event loop, and whoever receives
  // into one buffer must not have something else verified than was read.
  const publicKey = Uint8Array.from(exchange.publicKey);
  if (publicKey.length !== KEY_BYTES) {
    throw new RangeError(
      `Cannot verify response: public key has ${publicKey.length} bytes instead of ${KEY_BYTES}`,
    );
  }
  // Shape: frame, tags, TYPE, lengths (sections 4 and 5.2).
  const asked = parseRequest(Uint8Array.from(exchange.request));
  if (!asked.ok) return asked;
  const { request } = asked;
  const answered = parseResponse(Uint8Array.from(exchange.response), {
    framed: request.framed,
  });
  if (!answered.ok) return answered;
  const { response } = answered;
  const { dialect, version, certificate } = response;
  const { delegation } = certificate;

  // Only what was offered; grease tests this (sections 5.2.5 and 7).
  if (!request.versions.includes(version)) {
    return reject({ code: "version-not-offered", version });
  }
  // A server picks only what the nonce fits; up to draft 11 it does not sign what it picked.
  if (request.nonce.length !== dialect.nonceSize) {
    const { length } = request.nonce;
    const document = "request";
    return reject({ code: "length-wrong", document, tag: TAG.NONC, length });
  }
  const ambiguous = request.versions.some((code) => {
    const other = dialectFor(code, { typed: request.typed });
    return other !== undefined && areConfusable(dialect, other);
  });
  if (ambiguous) return reject({ code: "version-ambiguous", version });
  if (response.nonce && !equal(response.nonce, request.nonce)) {
    return reject({ code: "nonce-mismatch" });
  }
  const badList = checkVersions(dialect, response);
  if (badList) return badList;
  // 10 and 11 demand 3 s, but real servers of theirs say 1.
  if (dialect.leastRadiusSeconds > 0 && response.radiusMicros === 0n) {
    return reject({ code: "radius-zero" });
  }

  // The long-term key vouches for the online key (section 5.2.6).
  const delegationSpelling = await findSpelling(
    dialect.context,
    "delegation",
    certificate.signature,
    certificate.dele,
    publicKey,
    options.equation,
  );
  if (delegationSpelling === undefined) {
    return reject({ code: "certificate-signature" });
  }
  const { midpointMicros } = response;
  const { notBeforeMicros, notAfterMicros } = delegation;
  if (windowState(delegation, midpointMicros) !== "open") {
    return reject({
      code: "outside-delegation",
      midpointMicros,
      notBeforeMicros,
      notAfterMicros,
    });
  }
  // Where no signature covers the version, whoever is on the way or writes a report chooses
  // how the time is read, so it has to be one as read.
  if (!canTell(dialect, midpointMicros)) {
    return reject({ code: "version-ambiguous", version });
  }

  // The request is in the signed tree (section 5.3.1).
  const { index, pathLength } = response;
  if (pathLength > MAX_PATH) {
    return reject({ code: "path-too-long", pathLength });
  }
  if (pathLength < 32 && index >>> pathLength !== 0) {
    return reject({ code: "index-bits", index, pathLength });
  }
  const pathOrder = findOrder(dialect, request, response);
  if (pathOrder === undefined) return reject({ code: "merkle-root" });

  // The online key signed the time together with the tree (section 5.2.1).
  const responseSpelling = await findSpelling(
    dialect.context,
    "response",
    response.signature,
    response.srep,
    delegation.publicKey,
    options.equation,
  );
  if (responseSpelling === undefined) {
    return reject({ code: "response-signature" });
  }
  return {
    ok: true,
    dialect: dialect.id,
    version,
    versions: response.versions,
    midpointMicros,
    radiusMicros: response.radiusMicros,
    delegation,
    index,
    pathLength,
    pathOrder,
    spelling: { delegation: delegationSpelling, response: responseSpelling },
  };
}

/** VERS: ascending, at most 32, and the chosen version among them (section 5.2.5). */
function checkVersions(
  dialect: Dialect,
  { version, versions }: ParsedResponse,
): Rejected | undefined {
  if (dialect.versionEcho !== "srep") return undefined;
  const code = "versions-list";
  const document = "SREP";
  if (versions.length === 0) return reject({ code, document, fault: "empty" });
  if (versions.length > MAX_VERSIONS) {
    return reject({ code, document, fault: "too-many" });
  }
  if (!isAscending(versions)) {
    return reject({ code, document, fault: "not-ascending" });
  }
  if (!versions.includes(version)) {
    return reject({ code, document, fault: "lacks-chosen" });
  }
  return undefined;
}

/**
 * Finds the order in which PATH leads to ROOT. Drafts 05-15 print the order the other way
 * round than all but one implementation has it. Either way the request is bound to the
 * root, so trying both proves no less; only its place in the batch becomes less certain.
 */
function findOrder(
  dialect: Dialect,
  request: ParsedRequest,
  response: ParsedResponse,
): PathOrder | undefined {
  const hash = hashOf(dialect.hash);
  const leaf = leafHash(
    hash,
    dialect.leaf === "packet" ? request.packet : request.nonce,
  );
  const orders: readonly PathOrder[] = dialect.pathOrder === "either"
    ? ["hash-first", "node-first"]
    : ["hash-first"];
  return orders.find((order) =>
    equal(
      rootFromPath(hash, leaf, response.index, response.path, order),
      response.root,
    )
  );
}
