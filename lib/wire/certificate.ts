/**
 * Certificates: the long-term key's word for an online key (RFC 10049, section 5.2.6),
 * and the strings that separate their signatures.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import {
  KEY_BYTES,
  SIGNATURE_BYTES,
  type Signer,
  type VerifyEquation,
  verifyStrict,
} from "../crypto/ed25519.ts";
import type { ContextKind, Dialect, TimeUnit } from "./dialect.ts";
import {
  checkFields,
  nested,
  reject,
  type Rejected,
  valueOf,
} from "./field.ts";
import { encodeMessage, type Message } from "./message.ts";
import { TAG } from "./tag.ts";
import { decodeTimestamp, encodeTimestamp } from "./timestamp.ts";

/** One of the strings that were ever put before DELE and SREP to sign them. */
export type Spelling = "dashed" | "plain" | "rfc";

interface ContextPair {
  readonly delegation: Uint8Array;
  readonly response: Uint8Array;
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

// The terminating zero byte is part of each (RFC 10049, section 5.2.1).
const RESPONSE: Uint8Array = ascii("RoughTime v1 response signature\0");
const CONTEXTS: Readonly<Record<Spelling, ContextPair>> = {
  dashed: {
    delegation: ascii("RoughTime v1 delegation signature--\0"),
    response: RESPONSE,
  },
  plain: {
    delegation: ascii("RoughTime v1 delegation signature\0"),
    response: RESPONSE,
  },
  rfc: {
    delegation: ascii("Roughtime v1 delegation signature\0"),
    response: ascii("Roughtime v1 response signature\0"),
  },
};

/**
 * Spellings accepted for a dialect. RFC 10049's text respelled the strings while its own
 * example and all earlier code kept the drafts', so version 1 is read either way.
 */
const ACCEPTED: Readonly<Record<ContextKind, readonly Spelling[]>> = {
  dashed: ["dashed"],
  plain: ["plain"],
  rfc: ["rfc", "plain"],
};

/** Which spelling of the contexts to sign version 1 with: the RFC's text, or the drafts'. */
export type V1Context = "rfc" | "draft";

/** The spelling a server signs with. */
export function spellingOf(dialect: Dialect, v1Context: V1Context): Spelling {
  return dialect.context === "rfc" && v1Context === "draft"
    ? "plain"
    : dialect.context;
}

/** Which of the two signatures in a reply. */
export type SignatureRole = "delegation" | "response";

/** The bytes to sign: context and the raw value. */
export function signedBytes(
  spelling: Spelling,
  role: SignatureRole,
  value: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return concat(CONTEXTS[spelling][role], value);
}

/**
 * Verifies a signature over a raw value under every spelling that the dialect knows.
 *
 * @returns The spelling that fits, or `undefined`.
 */
export async function findSpelling(
  kind: ContextKind,
  role: SignatureRole,
  signature: Uint8Array,
  value: Uint8Array,
  publicKey: Uint8Array,
  equation?: VerifyEquation,
): Promise<Spelling | undefined> {
  for (const spelling of ACCEPTED[kind]) {
    const message = signedBytes(spelling, role, value);
    if (await verifyStrict(signature, message, publicKey, equation)) {
      return spelling;
    }
  }
  return undefined;
}

/** An online key and the time for which the long-term key vouches for it. */
export interface Delegation {
  /** PUBK, the online key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** MINT, in microseconds since 1970; the window includes both ends. */
  readonly notBeforeMicros: bigint;
  /** MAXT, in microseconds since 1970; may be far beyond any `Date`. */
  readonly notAfterMicros: bigint;
}

/** Where a time lies in a delegation's window. */
export type WindowState = "open" | "has ended" | "has not begun";

/**
 * May the online key sign at this time? Both ends belong to the window (RFC 10049,
 * section 5.2.6).
 */
export function windowState(
  window: Pick<Delegation, "notBeforeMicros" | "notAfterMicros">,
  micros: bigint,
): WindowState {
  if (micros > window.notAfterMicros) return "has ended";
  return micros < window.notBeforeMicros ? "has not begun" : "open";
}

/** What {@linkcode buildCertificate} needs to know. */
export interface CertificateOptions extends Delegation {
  /** Layout of MINT and MAXT. */
  readonly time: TimeUnit;
  /** Context to sign with. */
  readonly spelling: Spelling;
}

/**
 * Makes the value of CERT.
 *
 * @param longTerm Signs with the long-term key.
 * @param options The delegation and its layout.
 */
export async function buildCertificate(
  longTerm: Signer,
  options: CertificateOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { publicKey, notBeforeMicros, notAfterMicros, time, spelling } =
    options;
  const dele = encodeMessage([
    [TAG.PUBK, publicKey],
    [TAG.MINT, encodeTimestamp(time, notBeforeMicros)],
    [TAG.MAXT, encodeTimestamp(time, notAfterMicros)],
  ]);
  const signature = await longTerm.sign(
    signedBytes(spelling, "delegation", dele),
  );
  return encodeMessage([[TAG.SIG, signature], [TAG.DELE, dele]]);
}

/** A certificate as read from the wire. */
export interface ParsedCertificate {
  /** SIG, 64 bytes. */
  readonly signature: Uint8Array;
  /** DELE as received: this is what was signed. */
  readonly dele: Uint8Array;
  /** What DELE says. */
  readonly delegation: Delegation;
}

/**
 * Reads CERT out of a reply.
 *
 * @param response The reply's top message.
 * @param time Layout of MINT and MAXT.
 */
export function parseCertificate(
  response: Message,
  time: TimeUnit,
): { readonly ok: true; readonly certificate: ParsedCertificate } | Rejected {
  const cert = nested(response, TAG.CERT, "response", "CERT");
  if (!cert.ok) return cert;
  const badCert = checkFields(cert.message, "CERT", [[
    TAG.SIG,
    SIGNATURE_BYTES,
  ]]);
  if (badCert) return reject(badCert);
  const dele = nested(cert.message, TAG.DELE, "CERT", "DELE");
  if (!dele.ok) return dele;
  const badDele = checkFields(dele.message, "DELE", [
    [TAG.PUBK, KEY_BYTES],
    [TAG.MINT, 8],
    [TAG.MAXT, 8],
  ]);
  if (badDele) return reject(badDele);

  const notBeforeMicros = decodeTimestamp(
    time,
    valueOf(dele.message, TAG.MINT),
  );
  const notAfterMicros = decodeTimestamp(time, valueOf(dele.message, TAG.MAXT));
  if (notBeforeMicros === undefined || notAfterMicros === undefined) {
    const tag = notBeforeMicros === undefined ? TAG.MINT : TAG.MAXT;
    return reject({ code: "timestamp-invalid", tag });
  }
  return {
    ok: true,
    certificate: {
      signature: valueOf(cert.message, TAG.SIG),
      dele: dele.message.bytes,
      delegation: {
        publicKey: valueOf(dele.message, TAG.PUBK),
        notBeforeMicros,
        notAfterMicros,
      },
    },
  };
}
