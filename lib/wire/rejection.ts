/**
 * The closed vocabulary of reasons for which bytes are not believed.
 *
 * A reason is data. Its `code` is stable API: the same word stands in types, JSON
 * output, documentation and tests. {@linkcode explain} is the only place with English.
 *
 * @module
 */

import { tagName } from "./tag.ts";
import { formatVersion } from "./dialect.ts";

/** What can be wrong with the layout of bytes, before anything is read from them. */
export type WireFaultCode =
  | "truncated"
  | "too-long"
  | "tag-count"
  | "length-unaligned"
  | "offset-unaligned"
  | "offset-descending"
  | "offset-past-end"
  | "tag-order"
  | "tag-repeated"
  | "frame-magic"
  | "frame-length";

/** A layout fault, with the number that is wrong and where in a list it stands. */
export interface WireFault {
  /** What is wrong. */
  readonly code: WireFaultCode;
  /** The offending number: a length, an offset, a count or a tag. */
  readonly value: number;
  /** Position in the list of offsets or tags, 0 where there is none. */
  readonly index: number;
}

/** The part of an exchange in which something is wrong. */
export type DocumentName = "request" | "response" | "SREP" | "CERT" | "DELE";

/** Why an exchange proves nothing. */
export type Rejection =
  | {
    readonly code: "malformed";
    readonly document: DocumentName;
    readonly fault: WireFault;
  }
  | {
    readonly code: "tag-missing";
    readonly document: DocumentName;
    readonly tag: number;
  }
  | {
    readonly code: "length-wrong";
    readonly document: DocumentName;
    readonly tag: number;
    readonly length: number;
  }
  | {
    readonly code: "type-wrong";
    readonly document: DocumentName;
    readonly type: number;
  }
  | { readonly code: "version-unknown"; readonly version: number }
  | { readonly code: "version-misplaced"; readonly version: number }
  | { readonly code: "version-not-offered"; readonly version: number }
  | { readonly code: "version-ambiguous"; readonly version: number }
  | {
    readonly code: "versions-list";
    readonly document: DocumentName;
    readonly fault: "empty" | "too-many" | "not-ascending" | "lacks-chosen";
  }
  | { readonly code: "nonce-mismatch" }
  | { readonly code: "radius-zero" }
  | { readonly code: "timestamp-invalid"; readonly tag: number }
  | { readonly code: "certificate-signature" }
  | {
    readonly code: "outside-delegation";
    readonly midpointMicros: bigint;
    readonly notBeforeMicros: bigint;
    readonly notAfterMicros: bigint;
  }
  | { readonly code: "path-too-long"; readonly pathLength: number }
  | {
    readonly code: "index-bits";
    readonly index: number;
    readonly pathLength: number;
  }
  | { readonly code: "merkle-root" }
  | { readonly code: "response-signature" };

/** The word that names a {@linkcode Rejection}. */
export type RejectionCode = Rejection["code"];

/** Every {@linkcode RejectionCode}, in the order in which the checks are made. */
export const REJECTION_CODES: readonly RejectionCode[] = [
  "malformed",
  "tag-missing",
  "length-wrong",
  "type-wrong",
  "version-unknown",
  "version-misplaced",
  "timestamp-invalid",
  "version-not-offered",
  "version-ambiguous",
  "nonce-mismatch",
  "versions-list",
  "radius-zero",
  "certificate-signature",
  "outside-delegation",
  "path-too-long",
  "index-bits",
  "merkle-root",
  "response-signature",
];

function explainFault(fault: WireFault): string {
  const { code, value, index } = fault;
  switch (code) {
    case "truncated":
      return `it ends after ${value} bytes, inside its header`;
    case "too-long":
      return `it is ${value} bytes long`;
    case "tag-count":
      return `it claims ${value} tags`;
    case "length-unaligned":
      return `its length of ${value} bytes is not a multiple of 4`;
    case "offset-unaligned":
      return `offset ${index} (${value}) is not a multiple of 4`;
    case "offset-descending":
      return `offset ${index} (${value}) is below the one before`;
    case "offset-past-end":
      return `offset ${index} (${value}) lies past the end`;
    case "tag-order":
      return `tag ${index} (${tagName(value)}) is out of order`;
    case "tag-repeated":
      return `tag ${index} (${tagName(value)}) stands there twice`;
    case "frame-magic":
      return "it does not begin with ROUGHTIM as this protocol version demands, or does where it must not";
    case "frame-length":
      return `its frame announces ${value} bytes, which is not what follows`;
  }
}

/**
 * Says in English why an exchange was rejected.
 *
 * @example
 * ```ts
 * import { explain } from "@roughly/roughly/verify";
 * import assert from "node:assert/strict";
 *
 * assert.match(explain({ code: "certificate-signature" }), /another key/);
 * ```
 *
 * @param rejection The reason, as found in a verdict or a `VerificationError`.
 * @returns One sentence without a full stop.
 */
export function explain(rejection: Rejection): string {
  switch (rejection.code) {
    case "malformed":
      return `the ${rejection.document} cannot be parsed: ${
        explainFault(rejection.fault)
      }`;
    case "tag-missing":
      return `${
        tagName(rejection.tag)
      } is missing from the ${rejection.document}`;
    case "length-wrong":
      return `${
        tagName(rejection.tag)
      } in the ${rejection.document} has a length of ${rejection.length} bytes, which it cannot have`;
    case "type-wrong":
      return `the TYPE of the ${rejection.document} is ${rejection.type}`;
    case "version-unknown":
      return `the server chose version ${
        formatVersion(rejection.version)
      }, which is not known here`;
    case "version-misplaced":
      return `the server says version ${
        formatVersion(rejection.version)
      } in a place where that version does not say it`;
    case "version-not-offered":
      return `the server chose version ${
        formatVersion(rejection.version)
      }, which was not offered`;
    case "version-ambiguous":
      return `the server chose version ${
        formatVersion(rejection.version)
      }, which is not signed, and the time may have to be read as another version's: anybody on the way could have changed which`;
    case "versions-list":
      return `the list of versions in the ${rejection.document} is ${
        rejection.fault === "lacks-chosen"
          ? "missing the chosen one"
          : rejection.fault.replace("-", " ")
      }`;
    case "nonce-mismatch":
      return "the reply repeats another nonce than the one that was sent";
    case "radius-zero":
      return "the server claims to know the time exactly";
    case "timestamp-invalid":
      return `${tagName(rejection.tag)} is not a time of day`;
    case "certificate-signature":
      return "the certificate was made with another key than the expected one, or was altered";
    case "outside-delegation":
      return "the time lies outside the window for which the signing key was certified";
    case "path-too-long":
      return `PATH has ${rejection.pathLength} entries; 32 are allowed`;
    case "index-bits":
      return `INDX ${rejection.index} does not fit in a tree of depth ${rejection.pathLength}`;
    case "merkle-root":
      return "the signed tree does not contain this request";
    case "response-signature":
      return "the signature over the time does not verify";
  }
}
