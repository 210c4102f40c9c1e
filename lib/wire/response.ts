/**
 * Replies: reading one, and building the parts of one.
 *
 * Which tags a reply has and how long they are depends on the dialect, and the dialect
 * is named by the reply itself, so {@linkcode parseResponse} finds it on the way.
 *
 * @module
 */

import { decodeUint32s, encodeUint32s, readUint32 } from "./uint.ts";
import { parseCertificate, type ParsedCertificate } from "./certificate.ts";
import { HASH_BYTES } from "../crypto/hash.ts";
import { SIGNATURE_BYTES } from "../crypto/ed25519.ts";
import { type Dialect, dialectFor, DIALECTS } from "./dialect.ts";
import {
  checkFields,
  type FieldRule,
  nested,
  reject,
  type Rejected,
  valueOf,
} from "./field.ts";
import { frame, isFramed, unframe } from "./frame.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
  type Message,
} from "./message.ts";
import { TAG } from "./tag.ts";
import {
  decodeTimestamp,
  encodeTimestamp,
  fits,
  isPlausible,
  radiusFromMicros,
  radiusToMicros,
} from "./timestamp.ts";

/** A reply as read from the wire: shape only, nothing in it is proven. */
export interface ParsedResponse {
  /** The version the reply says it speaks; `GOOGLE_VERSION` where replies do not say. */
  readonly version: number;
  /** The behaviour behind it. */
  readonly dialect: Dialect;
  /** SIG, 64 bytes. */
  readonly signature: Uint8Array;
  /** SREP as received: this is what was signed. */
  readonly srep: Uint8Array;
  /** NONC, where the reply repeats it. */
  readonly nonce: Uint8Array | undefined;
  /** VERS, empty before draft 12. */
  readonly versions: readonly number[];
  /** MIDP in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** RADI in microseconds. */
  readonly radiusMicros: bigint;
  /** ROOT. */
  readonly root: Uint8Array;
  /** PATH: hashes, joined. */
  readonly path: Uint8Array;
  /** Number of hashes in PATH. */
  readonly pathLength: number;
  /** INDX. */
  readonly index: number;
  /** CERT. */
  readonly certificate: ParsedCertificate;
}

/** What {@linkcode parseResponse} gives. */
export type ResponseResult =
  | { readonly ok: true; readonly response: ParsedResponse }
  | Rejected;

/**
 * Reads a reply packet. Nothing is copied; nothing throws.
 *
 * @param packet A whole datagram.
 * @param options Was the request framed? A reply has to be so if and only if it was.
 */
export function parseResponse(
  packet: Uint8Array,
  options: { framed: boolean },
): ResponseResult {
  const top = decodeTop(packet, options.framed);
  if (!top.ok) return top;
  const srep = nested(top.message, TAG.SREP, "response", "SREP");
  if (!srep.ok) return srep;
  const found = findDialect(top.message, srep.message, options.framed);
  if (!found.ok) return found;
  const { dialect, version } = found;

  const hashBytes = HASH_BYTES[dialect.hash];
  const badTop = checkFields(top.message, "response", [
    [TAG.SIG, SIGNATURE_BYTES],
    [TAG.PATH, hashBytes, "multiple"],
    [TAG.INDX, 4],
    ...nonceRules(dialect, "required", top.message),
  ]);
  if (badTop) return reject(badTop);
  const badSrep = checkFields(srep.message, "SREP", [
    [TAG.RADI, 4],
    [TAG.MIDP, 8],
    [TAG.ROOT, hashBytes],
    ...nonceRules(dialect, "srep", srep.message),
    ...(dialect.versionEcho === "srep" ? VERS_RULE : []),
  ]);
  if (badSrep) return reject(badSrep);

  const midpointMicros = decodeTimestamp(
    dialect.time,
    valueOf(srep.message, TAG.MIDP),
  );
  if (midpointMicros === undefined) {
    return reject({ code: "timestamp-invalid", tag: TAG.MIDP });
  }
  const cert = parseCertificate(top.message, dialect.time);
  if (!cert.ok) return cert;
  const path = valueOf(top.message, TAG.PATH);
  const radius = readUint32(valueOf(srep.message, TAG.RADI), 0);
  return {
    ok: true,
    response: {
      version,
      dialect,
      signature: valueOf(top.message, TAG.SIG),
      srep: srep.message.bytes,
      nonce: (dialect.nonceEcho === "srep" ? srep : top).message.get(TAG.NONC),
      versions: dialect.versionEcho === "srep"
        ? decodeUint32s(valueOf(srep.message, TAG.VERS))
        : [],
      midpointMicros,
      radiusMicros: radiusToMicros(dialect.time, radius),
      root: valueOf(srep.message, TAG.ROOT),
      path,
      pathLength: path.length / hashBytes,
      index: readUint32(valueOf(top.message, TAG.INDX), 0),
      certificate: cert.certificate,
    },
  };
}

const VERS_RULE: readonly FieldRule[] = [[TAG.VERS, 4, "multiple"]];

/** NONC has to be there where its echo is of the given kind, or where it is at all. */
function nonceRules(
  dialect: Dialect,
  kind: "required" | "srep",
  message: Message,
): FieldRule[] {
  const here = dialect.nonceEcho === kind ||
    (kind === "required" && dialect.nonceEcho === "optional" &&
      message.has(TAG.NONC));
  return here ? [[TAG.NONC, dialect.nonceSize]] : [];
}

function decodeTop(
  packet: Uint8Array,
  framed: boolean,
): { ok: true; message: Message } | Rejected {
  const document = "response";
  let bytes = packet;
  if (framed) {
    const unframed = unframe(packet);
    if (!unframed.ok) {
      return reject({ code: "malformed", document, fault: unframed.fault });
    }
    bytes = unframed.message;
  } else if (isFramed(packet)) {
    const fault = {
      code: "frame-magic",
      value: packet.length,
      index: 0,
    } as const;
    return reject({ code: "malformed", document, fault });
  }
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) {
    return reject({ code: "malformed", document, fault: decoded.fault });
  }
  // Replies of any age with a TYPE other than 1 are to be ignored (section 5.2.3).
  if (decoded.message.has(TAG.TYPE)) {
    const bad = checkFields(decoded.message, document, [[TAG.TYPE, 4]]);
    if (bad) return reject(bad);
    const type = readUint32(valueOf(decoded.message, TAG.TYPE), 0);
    if (type !== 1) return reject({ code: "type-wrong", document, type });
  }
  return decoded;
}

/**
 * Finds which version the reply speaks. The place is part of the answer: up to draft 11
 * the version stands on top, unsigned, and later inside SREP. Where both are there, the
 * signed one counts if it names a version that is signed, since anybody can put another one
 * on top; if it does not, as with servers that sign VER in 10 and 11 too, the top one does.
 */
function findDialect(
  top: Message,
  srep: Message,
  framed: boolean,
): { ok: true; dialect: Dialect; version: number } | Rejected {
  if (!framed) {
    const dialect = DIALECTS.google;
    return { ok: true, dialect, version: dialect.code };
  }
  const typed = top.has(TAG.TYPE);
  let refused: Rejected | undefined;
  for (
    const [message, document, echo] of [
      [srep, "SREP", "srep"],
      [top, "response", "top"],
    ] as const
  ) {
    if (!message.has(TAG.VER)) continue;
    const bad = checkFields(message, document, [[TAG.VER, 4]]);
    if (bad) {
      // On top it hides what the reply is; inside SREP an old version never looks at it.
      if (echo === "top") return reject(bad);
      refused = reject(bad);
      continue;
    }
    const version = readUint32(valueOf(message, TAG.VER), 0);
    const dialect = dialectFor(version, { typed });
    if (dialect?.versionEcho === echo) {
      return dialect.type === "required" && !typed
        ? reject({ code: "tag-missing", document: "response", tag: TAG.TYPE })
        : { ok: true, dialect, version };
    }
    refused ??= dialect === undefined
      ? reject({ code: "version-unknown", version })
      : reject({ code: "version-misplaced", version });
  }
  return refused ??
    reject({ code: "tag-missing", document: "response", tag: TAG.VER });
}

/**
 * Is this a time that a reply in the dialect can say? Where the version is not signed, it has to
 * be plausible too, or it could be one of another version that was given this one's name.
 *
 * @param dialect How the server speaks.
 * @param micros Microseconds since 1970.
 */
export function canTell(dialect: Dialect, micros: bigint): boolean {
  return dialect.versionEcho === "top"
    ? isPlausible(micros)
    : fits(dialect.time, micros);
}

/** What a signed reply says, and to how many requests. */
export interface SrepOptions {
  /** The behaviour to follow. */
  readonly dialect: Dialect;
  /** The version to name. */
  readonly version: number;
  /** The server's versions, ascending; named from draft 12 on. */
  readonly versions: readonly number[];
  /** MIDP, in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** RADI, in microseconds; widened to the least that the dialect allows. */
  readonly radiusMicros: bigint;
  /** ROOT. */
  readonly root: Uint8Array;
  /** The request's nonce, for the drafts that sign it. */
  readonly nonce: Uint8Array;
}

/** Makes the value of SREP (RFC 10049, section 5.2.5). */
export function buildSrep(options: SrepOptions): Uint8Array<ArrayBuffer> {
  const { dialect, version, versions, midpointMicros, root, nonce } = options;
  const floor = BigInt(dialect.leastRadiusSeconds) * 1_000_000n;
  const radius = radiusFromMicros(
    dialect.time,
    options.radiusMicros < floor ? floor : options.radiusMicros,
  );
  const entries: Entry[] = [
    [TAG.RADI, encodeUint32s([radius])],
    [TAG.MIDP, encodeTimestamp(dialect.time, midpointMicros)],
    [TAG.ROOT, root],
  ];
  if (dialect.versionEcho === "srep") {
    entries.push([TAG.VER, encodeUint32s([version])]);
    entries.push([TAG.VERS, encodeUint32s(versions)]);
  }
  if (dialect.nonceEcho === "srep") entries.push([TAG.NONC, nonce]);
  return encodeMessage(entries);
}

/** The parts of one reply. */
export interface ResponseOptions {
  /** The behaviour to follow. */
  readonly dialect: Dialect;
  /** The version to name, where it stands on top. */
  readonly version: number;
  /** The signature over SREP. */
  readonly signature: Uint8Array;
  /** SREP. */
  readonly srep: Uint8Array;
  /** CERT. */
  readonly certificate: Uint8Array;
  /** The request's nonce. */
  readonly nonce: Uint8Array;
  /** PATH. */
  readonly path: Uint8Array;
  /** INDX. */
  readonly index: number;
}

/** The tags of a reply, for those who want to change some before encoding. */
export function responseEntries(options: ResponseOptions): Entry[] {
  const { dialect } = options;
  const entries: Entry[] = [
    [TAG.SIG, options.signature],
    [TAG.PATH, options.path],
    [TAG.SREP, options.srep],
    [TAG.CERT, options.certificate],
    [TAG.INDX, encodeUint32s([options.index])],
  ];
  if (dialect.nonceEcho !== "srep") entries.push([TAG.NONC, options.nonce]);
  if (dialect.versionEcho === "top") {
    entries.push([TAG.VER, encodeUint32s([options.version])]);
  }
  if (dialect.type === "required") entries.push([TAG.TYPE, encodeUint32s([1])]);
  return entries;
}

/** Makes a reply packet. */
export function encodeResponse(
  dialect: Dialect,
  entries: readonly Entry[],
): Uint8Array<ArrayBuffer> {
  const message = encodeMessage(entries);
  return dialect.framed ? frame(message) : message;
}
