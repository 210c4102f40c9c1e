/**
 * Why a request stays unanswered: the server's closed vocabulary. There are no error
 * replies (RFC 10049, section 5.2), since whoever could forge one could keep clients from
 * ever trusting a server; so a refused request is counted instead.
 *
 * @module
 */

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
