/**
 * What the friendly layer throws. The pure layers return values instead.
 *
 * @module
 */

import { explain, type Rejection } from "./rejection.ts";

/** A request, the reply to it, and the long-term key expected behind it: the unit of evidence. */
export interface Exchange {
  /** The request packet as sent, frame included. */
  readonly request: Uint8Array;
  /** The reply packet as received, frame included. */
  readonly response: Uint8Array;
  /** Long-term Ed25519 key, 32 bytes. */
  readonly publicKey: Uint8Array;
}

/** An answer came but proves nothing. The time in it must not be used. */
export class VerificationError extends Error {
  /** Always `VerificationError`. */
  override readonly name = "VerificationError";
  /** Why, as data; its `code` is stable. */
  readonly rejection: Rejection;
  /** The bytes, for a closer look. */
  readonly exchange: Exchange;

  /**
   * Wraps a rejection.
   *
   * @param rejection Why the answer is not believed.
   * @param exchange The bytes in question.
   */
  constructor(rejection: Rejection, exchange: Exchange) {
    super(`Cannot trust response: ${explain(rejection)}`);
    this.rejection = rejection;
    this.exchange = exchange;
  }
}

/** What can be wrong with something that was to be encoded or read by a person's wish. */
export type WireErrorCode =
  | "offer"
  | "nonce"
  | "size"
  | "value"
  | "key"
  | "list"
  | "report";

/** Something cannot be put into, or read from, a Roughtime packet. */
export class WireError extends Error {
  /** Always `WireError`. */
  override readonly name = "WireError";
  /** What it concerns; stable. */
  readonly code: WireErrorCode;

  /**
   * Made by this package.
   *
   * @param code What it concerns.
   * @param message A sentence for people.
   */
  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Where reaching a server failed before any answer. */
export type NetworkErrorCode = "name" | "unreachable" | "denied";

/** What was being done when it failed; stable. */
export type FailureStep = "lookup" | "udp" | "tcp" | "https";

/** Why it failed, as far as the system or the other end says; stable. */
export type FailureReason =
  | "refused"
  | "reset"
  | "no-route"
  | "name"
  | "timeout"
  | "denied"
  | "certificate-expired"
  | "certificate-not-yet-valid"
  | "certificate-untrusted"
  | "certificate-name"
  | "no-tls"
  | "other";

/** Whom a failure concerns, what was being done, and why it failed. */
export interface FailureContext {
  /** A name, `host:port`, or a URL. */
  readonly server?: string | undefined;
  /** What was being done. */
  readonly step?: FailureStep | undefined;
  /** Why it failed. */
  readonly reason?: FailureReason | undefined;
}

/** The server could not be asked at all: no such name, no route, no permission. */
export class NetworkError extends Error {
  /** Always `NetworkError`. */
  override readonly name = "NetworkError";
  /** Where it failed; stable. */
  readonly code: NetworkErrorCode;
  /** Whom it concerns: a name, `host:port`, or a URL. */
  readonly server: string | undefined;
  /** What was being done. */
  readonly step: FailureStep | undefined;
  /** Why it failed, as data. */
  readonly reason: FailureReason | undefined;

  /**
   * Made by this package.
   *
   * @param code Where it failed.
   * @param message A sentence for people.
   * @param options The underlying error as `cause`, and what is known besides.
   */
  constructor(
    code: NetworkErrorCode,
    message: string,
    options: ErrorOptions & FailureContext = {},
  ) {
    const { server, step, reason, ...rest } = options;
    super(message, rest);
    this.code = code;
    this.server = server;
    this.step = step;
    this.reason = reason;
  }
}

/** Why a server cannot start or go on. */
export type ServerErrorCode = "config" | "key" | "bind";

/** A server cannot start or go on. */
export class ServerError extends Error {
  /** Always `ServerError`. */
  override readonly name = "ServerError";
  /** What it concerns; stable. */
  readonly code: ServerErrorCode;

  /**
   * Made by this package.
   *
   * @param code What it concerns.
   * @param message A sentence for people.
   * @param options The underlying error as `cause`.
   */
  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Why a trusted clock does not say the time. */
export type ClockErrorCode =
  | "no-answer"
  | "no-quorum"
  | "unmeasured"
  | "stale"
  | "contradiction"
  | "suspended";

/** What became of one server of a measurement that failed. */
export interface ClockOutcome {
  /** Its name in the list; any characters may stand in it. */
  readonly server: string;
  /** What is thought of it, as in a `ServerOutcome`. */
  readonly status: string;
  /** What asking it threw, if it did. */
  readonly error: unknown;
}

/** The time is not known well enough to be told. */
export class ClockError extends Error {
  /** Always `ClockError`. */
  override readonly name = "ClockError";
  /** Why; stable. */
  readonly code: ClockErrorCode;
  /** What became of the servers, where some were asked; else empty. */
  readonly outcomes: readonly ClockOutcome[];

  /**
   * Made by this package.
   *
   * @param code Why.
   * @param message A sentence for people.
   * @param options The underlying error as `cause`, and what became of the servers.
   */
  constructor(
    code: ClockErrorCode,
    message: string,
    options: ErrorOptions & {
      readonly outcomes?: readonly ClockOutcome[] | undefined;
    } = {},
  ) {
    const { outcomes = [], ...rest } = options;
    super(message, rest);
    this.code = code;
    this.outcomes = outcomes;
  }
}
