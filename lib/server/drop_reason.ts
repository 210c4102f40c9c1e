/**
 * Why a request stays unanswered: the server's closed vocabulary. There are no error
 * replies (RFC 10049, section 5.2), since whoever could forge one could keep clients from
 * ever trusting a server; so a refused request is counted instead.
 *
 * @module
 */

import type { Rejection } from "../wire/rejection.ts";
import { TAG } from "../wire/tag.ts";

/** Why a request stays unanswered. */
export type DropReason =
  | "undersize"
  | "framing"
  | "parse"
  | "type"
  | "version"
  | "nonce"
  | "srv"
  | "delegation"
  | "clock"
  | "budget"
  | "refused"
  | "amplification"
  | "write"
  | "internal";

/** Every {@linkcode DropReason}. */
export const DROP_REASONS: readonly DropReason[] = [
  "undersize",
  "framing",
  "parse",
  "type",
  "version",
  "nonce",
  "srv",
  "delegation",
  "clock",
  "budget",
  "refused",
  "amplification",
  "write",
  "internal",
];

/** Under which reason a request is counted that could not be read. */
export function dropReasonFor(rejection: Rejection): DropReason {
  switch (rejection.code) {
    case "malformed":
      return rejection.fault.code.startsWith("frame-") ? "framing" : "parse";
    case "type-wrong":
      return "type";
    case "versions-list":
      return "version";
    case "length-wrong":
      return rejection.tag === TAG.NONC ? "nonce" : "parse";
    default:
      return "parse";
  }
}
