/**
 * Requests: building one for an offer of versions, and reading one.
 *
 * @module
 */

import { decodeUint32s, encodeUint32s, readUint32 } from "./uint.ts";
import { srvOf } from "./srv.ts";
import {
  areConfusable,
  type Dialect,
  dialectFor,
  formatVersion,
  GOOGLE_VERSION,
  isAscending,
  MAX_VERSIONS,
  mustAscend,
} from "./dialect.ts";
import { WireError } from "./errors.ts";
import { checkFields, reject, type Rejected, valueOf } from "./field.ts";
import { frame, FRAME_BYTES, isFramed, unframe } from "./frame.ts";
import {
  decodeMessage,
  encodedSize,
  encodeMessage,
  type Entry,
  MAX_MESSAGE_BYTES,
  type Message,
} from "./message.ts";
import { TAG } from "./tag.ts";

/**
 * Size of a request datagram, frame included. The letter of the drafts asks for a message
 * of 1024 bytes, so 1036 in all, but every server answers 1024 and one old server no more.
 */
export const REQUEST_BYTES = 1024;

/** Options of {@linkcode buildRequest}. */
export interface BuildRequestOptions {
  /** Versions to offer, in any order; or `GOOGLE_VERSION` alone. */
  readonly versions: readonly number[];
  /** 32 bytes, or 64 for Google and drafts 01-04; see {@linkcode nonceSizeOf}. */
  readonly nonce: Uint8Array;
  /** The long-term key expected, named in SRV where an offered version knows SRV. */
  readonly publicKey?: Uint8Array | undefined;
  /**
   * Size of the datagram in bytes, frame included.
   *
   * @default {1024}
   */
  readonly size?: number | undefined;
  /**
   * Send TYPE where 0x8000000c is offered. `false` asks as drafts 12-13 did, unless version
   * 1, which cannot do without, is offered beside it.
   *
   * @default {true}
   */
  readonly typed?: boolean | undefined;
}

function offeredDialects(
  versions: readonly number[],
  typed: boolean,
): Dialect[] {
  if (versions.length === 0 || versions.length > MAX_VERSIONS) {
    throw new WireError(
      "offer",
      `Cannot offer ${versions.length} versions: 1 to ${MAX_VERSIONS} are allowed`,
    );
  }
  const dialects = versions.map((version) => {
    const dialect = dialectFor(version, { typed });
    if (dialect === undefined) {
      throw new WireError(
        "offer",
        `Cannot offer version ${formatVersion(version)}: it is not known`,
      );
    }
    return dialect;
  });
  const [first] = dialects as [Dialect];
  for (const dialect of dialects) {
    if (
      dialect.framed !== first.framed || dialect.nonceSize !== first.nonceSize
    ) {
      throw new WireError(
        "offer",
        `Cannot offer ${first.title} and ${dialect.title} in one request: their requests differ`,
      );
    }
  }
  for (const [i, a] of dialects.entries()) {
    const b = dialects.slice(i).find((other) => areConfusable(a, other));
    if (b === undefined) continue;
    throw new WireError(
      "offer",
      `Cannot offer ${a.title} and ${b.title} in one request: replies in one could be passed off as the other`,
    );
  }
  if (new Set(versions).size !== versions.length) {
    throw new WireError("offer", "Cannot offer a version twice");
  }
  return dialects;
}

/**
 * The length of the nonce that an offer needs.
 *
 * @param versions Versions to offer together.
 * @throws {WireError} If no one request can offer them all.
 */
export function nonceSizeOf(versions: readonly number[]): 32 | 64 {
  return (offeredDialects(versions, true) as [Dialect])[0].nonceSize;
}

/**
 * Builds a request packet (RFC 10049, section 5.1).
 *
 * @example
 * ```ts
 * import { buildRequest } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * const nonce = crypto.getRandomValues(new Uint8Array(32));
 * const request = buildRequest({ versions: [1, 0x8000000c], nonce });
 * assert.equal(request.length, 1024);
 * ```
 *
 * @param options What to offer and to ask.
 * @returns The datagram.
 * @throws {WireError} If the versions cannot stand in one request, the nonce has the
 *   wrong length, or the size is too small or not a multiple of 4.
 */
export function buildRequest(
  options: BuildRequestOptions,
): Uint8Array<ArrayBuffer> {
  const { versions, nonce, publicKey, size = REQUEST_BYTES, typed = true } =
    options;
  const dialects = offeredDialects(versions, typed);
  const [{ framed, nonceSize, padding }] = dialects as [Dialect];
  if (nonce.length !== nonceSize) {
    throw new WireError(
      "nonce",
      `Cannot use nonce of ${nonce.length} bytes: the offered versions want ${nonceSize}`,
    );
  }
  const entries: Entry[] = [[TAG.NONC, nonce]];
  if (framed) {
    const sorted = [...versions].sort((a, b) => a - b);
    entries.push([TAG.VER, encodeUint32s(sorted)]);
  }
  if (dialects.some((dialect) => dialect.type === "required")) {
    entries.push([TAG.TYPE, encodeUint32s([0])]);
  }
  if (publicKey && dialects.some((dialect) => dialect.srv === "heeded")) {
    entries.push([TAG.SRV, srvOf(publicKey)]);
  }
  const overhead = framed ? FRAME_BYTES : 0;
  const fill = dialects.every((dialect) => dialect.padding === padding)
    ? padding
    : "ZZZZ";
  const empty = overhead +
    encodedSize([...entries, [TAG[fill], new Uint8Array(0)]]);
  if (
    !Number.isInteger(size) || size % 4 !== 0 || size < empty ||
    size > MAX_MESSAGE_BYTES
  ) {
    throw new WireError(
      "size",
      `Cannot build a request of ${
        String(size)
      } bytes: it takes a multiple of 4 from ${empty} to ${MAX_MESSAGE_BYTES}`,
    );
  }
  entries.push([TAG[fill], new Uint8Array(size - empty)]);
  const message = encodeMessage(entries);
  return framed ? frame(message) : message;
}

/** A request as read from the wire. */
export interface ParsedRequest {
  /** The whole datagram: from draft 12 on this is what a leaf hashes. */
  readonly packet: Uint8Array;
  /** The message in it. */
  readonly message: Message;
  /** Did it begin with `ROUGHTIM`? */
  readonly framed: boolean;
  /** Versions offered, in the order sent; Google's stands for itself. */
  readonly versions: readonly number[];
  /** NONC, 32 or 64 bytes. */
  readonly nonce: Uint8Array;
  /** Was TYPE there? */
  readonly typed: boolean;
  /** SRV, of any length. */
  readonly srv: Uint8Array | undefined;
}

/** What {@linkcode parseRequest} gives. */
export type RequestResult =
  | { readonly ok: true; readonly request: ParsedRequest }
  | Rejected;

/**
 * Reads a request packet. Nothing is copied; nothing throws.
 *
 * @param packet A whole datagram.
 */
export function parseRequest(packet: Uint8Array): RequestResult {
  const document = "request";
  const framed = isFramed(packet);
  const unframed = framed
    ? unframe(packet)
    : { ok: true as const, message: packet };
  if (!unframed.ok) {
    return reject({ code: "malformed", document, fault: unframed.fault });
  }
  const decoded = decodeMessage(unframed.message);
  if (!decoded.ok) {
    return reject({ code: "malformed", document, fault: decoded.fault });
  }
  const { message } = decoded;

  const nonce = message.get(TAG.NONC);
  if (nonce === undefined) {
    return reject({ code: "tag-missing", document, tag: TAG.NONC });
  }
  if (nonce.length !== 32 && (nonce.length !== 64)) {
    const { length } = nonce;
    return reject({ code: "length-wrong", document, tag: TAG.NONC, length });
  }
  const typed = message.has(TAG.TYPE);
  if (typed) {
    const bad = checkFields(message, document, [[TAG.TYPE, 4]]);
    if (bad) return reject(bad);
    const type = readUint32(valueOf(message, TAG.TYPE), 0);
    if (type !== 0) return reject({ code: "type-wrong", document, type });
  }
  const versions = framed ? readVersions(message) : GOOGLE_ONLY;
  if (!Array.isArray(versions)) return versions as Rejected;
  const srv = message.get(TAG.SRV);
  return {
    ok: true,
    request: { packet, message, framed, versions, nonce, typed, srv },
  };
}

/** The nonce in a request packet, or `undefined` if it is none. */
export function nonceOf(packet: Uint8Array): Uint8Array | undefined {
  const parsed = parseRequest(packet);
  return parsed.ok ? parsed.request.nonce : undefined;
}

const GOOGLE_ONLY = [GOOGLE_VERSION];

/** Reads VER (RFC 10049, section 5.1.1), strictly where an offered version is strict. */
function readVersions(message: Message): number[] | Rejected {
  const document = "request";
  const bad = checkFields(message, document, [[TAG.VER, 4, "multiple"]]);
  if (bad) return reject(bad);
  const value = valueOf(message, TAG.VER);
  const code = "versions-list";
  if (value.length === 0) return reject({ code, document, fault: "empty" });
  if (value.length > 4 * MAX_VERSIONS) {
    return reject({ code, document, fault: "too-many" });
  }
  const versions = decodeUint32s(value);
  return mustAscend(versions) && !isAscending(versions)
    ? reject({ code, document, fault: "not-ascending" })
    : versions;
}
