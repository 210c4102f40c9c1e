/**
 * Why the network failed. Runtimes wrap what the system or the other end said in errors that
 * say nothing, "fetch failed" above all; the reason is looked for in everything behind them.
 *
 * @module
 */

import type { FailureReason } from "../wire/errors.ts";

/** A reason, as data and in words. */
export interface Cause {
  /** Stable. */
  readonly reason: FailureReason;
  /** For people: no capital, no full stop. */
  readonly text: string;
}

/** Codes of Node's, of OpenSSL's, and of the system. */
const CODES: Readonly<Record<string, FailureReason>> = {
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EPIPE: "reset",
  UND_ERR_SOCKET: "reset",
  EHOSTUNREACH: "no-route",
  ENETUNREACH: "no-route",
  EADDRNOTAVAIL: "no-route",
  ENOTFOUND: "name",
  EAI_AGAIN: "name",
  ETIMEDOUT: "timeout",
  UND_ERR_CONNECT_TIMEOUT: "timeout",
  UND_ERR_HEADERS_TIMEOUT: "timeout",
  EACCES: "denied",
  EPERM: "denied",
  CERT_HAS_EXPIRED: "certificate-expired",
  CERT_NOT_YET_VALID: "certificate-not-yet-valid",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "certificate-untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "certificate-untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "certificate-untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "certificate-untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "certificate-untrusted",
  CERT_UNTRUSTED: "certificate-untrusted",
  CERT_REVOKED: "certificate-untrusted",
  ERR_TLS_CERT_ALTNAME_INVALID: "certificate-name",
  ERR_SSL_WRONG_VERSION_NUMBER: "no-tls",
  ERR_SSL_PACKET_LENGTH_TOO_LONG: "no-tls",
};

/** Classes of Deno's. */
const NAMES: Readonly<Record<string, FailureReason>> = {
  ConnectionRefused: "refused",
  ConnectionReset: "reset",
  ConnectionAborted: "reset",
  BrokenPipe: "reset",
  HostUnreachable: "no-route",
  NetworkUnreachable: "no-route",
  AddrNotAvailable: "no-route",
  TimedOut: "timeout",
  TimeoutError: "timeout",
  NotCapable: "denied",
  PermissionDenied: "denied",
};

/** Deno's `fetch` has no codes; these are rustls's words, hyper's and the system's. */
const TEXTS: readonly (readonly [RegExp, FailureReason])[] = [
  [/certificate expired|certificate has expired/i, "certificate-expired"],
  [/certificate (is )?not (yet valid|valid yet)/i, "certificate-not-yet-valid"],
  [/not valid for name|NotValidForName|altname/i, "certificate-name"],
  [
    /invalid peer certificate|self.signed|UnknownIssuer/i,
    "certificate-untrusted",
  ],
  [/InvalidContentType|wrong version number/i, "no-tls"],
  [/dns error|failed to lookup address|getaddrinfo/i, "name"],
  [/connection refused|ECONNREFUSED|actively refused/i, "refused"],
  [/connection (was )?(reset|closed)|ECONNRESET|forcibly closed/i, "reset"],
  [/(network|host)( is)? unreachable|no route to host/i, "no-route"],
  [/timed out|timeout/i, "timeout"],
];

/** Sentences for people; the only place with English. */
const WORDS: Readonly<Record<Exclude<FailureReason, "other">, string>> = {
  "refused": "connection refused",
  "reset": "connection closed by the other end",
  "no-route": "no route to the host",
  "name": "no such host",
  "timeout": "no answer in time",
  "denied": "not permitted",
  "certificate-expired":
    "its certificate has expired, or the local clock is ahead",
  "certificate-not-yet-valid":
    "its certificate is not valid yet, or the local clock is behind",
  "certificate-untrusted":
    "its certificate is not from an authority that this machine trusts",
  "certificate-name": "its certificate is for another name",
  "no-tls": "what answers there does not speak TLS",
};

/** A chain of causes that goes round must end. */
const MAX_ERRORS = 32;

/**
 * Finds out why the network failed.
 *
 * @param error What was thrown. Its `cause`, the `errors` of an `AggregateError`, and theirs
 *   are looked at, the innermost first: it knows most.
 */
export function findCause(error: unknown): Cause {
  const all = unfold(error);
  for (const one of all) {
    const reason = reasonOf(one);
    if (reason === "denied") return { reason, text: textOf(one) };
    if (reason === "no-route" && codeOf(one) === "ENETUNREACH") {
      return { reason, text: "network unreachable" };
    }
    if (reason !== undefined) return { reason, text: WORDS[reason] };
  }
  return { reason: "other", text: textOf(all[0]) };
}

/**
 * Puts a reason into words.
 *
 * @param reason Of {@linkcode findCause}.
 */
export function describeReason(reason: FailureReason): string {
  return reason === "other" ? "the system would not" : WORDS[reason];
}

/** Does a reason follow from a clock that is wrong? */
export function isClockReason(reason: FailureReason | undefined): boolean {
  return reason === "certificate-expired" ||
    reason === "certificate-not-yet-valid";
}

/** An error and all that is behind it, the innermost first. */
function unfold(error: unknown): unknown[] {
  const found: unknown[] = [];
  const waiting = [error];
  while (waiting.length > 0 && found.length < MAX_ERRORS) {
    const one = waiting.shift();
    found.unshift(one);
    if (!(one instanceof Error)) continue;
    const { cause, errors } = one as { cause?: unknown; errors?: unknown };
    if (cause !== undefined && cause !== null) waiting.push(cause);
    // The first of several comes out first.
    if (Array.isArray(errors)) waiting.push(...errors.slice(0, 8).reverse());
  }
  return found;
}

function reasonOf(error: unknown): Exclude<FailureReason, "other"> | undefined {
  const name = error instanceof Error ? error.name : "";
  const known = CODES[codeOf(error)] ?? NAMES[name] ??
    TEXTS.find(([pattern]) => pattern.test(textOf(error)))?.[1];
  return known === "other" ? undefined : known;
}

/**
 * The name that the system or a library has for an error, such as `ENOENT`; empty where it
 * has none. Deno 2.4 has some of them in the message alone.
 */
export function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  if (typeof code === "string") return code;
  return /^E[A-Z]+(?=: )/.exec(textOf(error))?.[0] ?? "";
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
