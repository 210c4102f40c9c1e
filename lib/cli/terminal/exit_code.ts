/**
 * Exit codes: one number for each kind of end, the same in every command.
 *
 * @module
 */

import {
  ClockError,
  NetworkError,
  ServerError,
  VerificationError,
  WireError,
} from "../../wire/errors.ts";
import { NoAnswerError } from "../../client/no_answer.ts";
import { isClockReason } from "../../net/cause.ts";
import { isPermissionError } from "../../net/resolve.ts";

/** What the numbers mean. */
export const EXIT = {
  /** Done; any time that was printed was verified. */
  ok: 0,
  /** Something nobody foresaw. */
  unexpected: 1,
  /** The command line, or a configuration file. */
  usage: 2,
  /** No answer: timeout, network, name. */
  noAnswer: 3,
  /** An answer came and was rejected. */
  rejected: 4,
  /** Servers contradict each other: malfeasance is proven. */
  malfeasance: 5,
  /** Servers answered, but no majority of them agrees. */
  noQuorum: 6,
  /** The local clock is outside the limit. */
  clockOff: 7,
  /** Not permitted: bind, read a key, set the clock. */
  denied: 8,
  /** Ended by SIGINT. */
  interrupted: 130,
  /** Ended by SIGTERM. */
  terminated: 143,
} as const;

/** The numbers in words, for help and manual: in full, and for one line of many. */
export const EXIT_MEANINGS: readonly (readonly [
  code: number,
  meaning: string,
  brief?: string,
])[] = [
  [EXIT.ok, "Done. Any time that was printed was verified", "done"],
  [EXIT.unexpected, "Unexpected failure", "unexpected"],
  [EXIT.usage, "Wrong usage or configuration", "usage"],
  [
    EXIT.noAnswer,
    "No answer: timeout, network, or an unknown name",
    "no answer",
  ],
  [
    EXIT.rejected,
    "An answer came and was rejected; or a report proves nothing or was refused; or a server list has errors",
    "answer rejected",
  ],
  [
    EXIT.malfeasance,
    "Servers contradict each other: one of them lied, and that is proven",
    "malfeasance proven",
  ],
  [
    EXIT.noQuorum,
    "Servers answered, but too few of them, or no majority agrees",
    "no quorum",
  ],
  [
    EXIT.clockOff,
    "The local clock is certainly off by more than the limit",
    "clock outside the limit",
  ],
  [
    EXIT.denied,
    "Not permitted: to listen, to read a key, or to set the clock",
    "not permitted",
  ],
  [EXIT.interrupted, "Interrupted (SIGINT)"],
  [EXIT.terminated, "Terminated (SIGTERM)"],
];

/** Something is wrong with what the user gave; `hint` says what to do. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly hint: string | undefined;

  constructor(message: string, hint?: string) {
    super(message);
    this.hint = hint;
  }
}

/** What an error comes to: an exit code, and a stable word for JSON output. */
export function classify(error: unknown): { exitCode: number; code: string } {
  if (error instanceof VerificationError) {
    return { exitCode: EXIT.rejected, code: error.rejection.code };
  }
  if (error instanceof NetworkError) {
    const exitCode = error.code === "denied" ? EXIT.denied : EXIT.noAnswer;
    return { exitCode, code: error.code };
  }
  if (error instanceof ServerError) {
    const denied = isPermissionError(error.cause);
    return { exitCode: denied ? EXIT.denied : EXIT.usage, code: error.code };
  }
  if (error instanceof ClockError) {
    return { exitCode: EXIT.noQuorum, code: error.code };
  }
  if (error instanceof WireError) {
    return { exitCode: EXIT.usage, code: error.code };
  }
  if (error instanceof UsageError) {
    return { exitCode: EXIT.usage, code: "usage" };
  }
  if (isTimeout(error)) return { exitCode: EXIT.noAnswer, code: "timeout" };
  return isPermissionError(error)
    ? { exitCode: EXIT.denied, code: "denied" }
    : { exitCode: EXIT.unexpected, code: "unexpected" };
}

/** What to try next, where that is known. */
export function hintFor(error: unknown): string | undefined {
  if (error instanceof UsageError) return error.hint;
  if (error instanceof NetworkError && isClockReason(error.reason)) {
    return "if the local clock may be wrong, use the bundled list or --list FILE: neither needs a certificate";
  }
  if (
    error instanceof NoAnswerError &&
    error.tried.some(({ outcome }) => outcome === "nonsense")
  ) return "check the port: something other than Roughtime listens there";
  if (error instanceof NoAnswerError && nothingListens(error)) {
    return "TCP fails there as well: check the address and the port, or look for a firewall that blocks both";
  }
  return isTimeout(error) ? SILENCE_HINT : undefined;
}

/** What silence may mean, where something may listen. */
export const SILENCE_HINT =
  "a server that has another key or version, or does not trust its own clock, stays silent; 'roughly probe' shows more";

/** Only silence over UDP, and TCP in vain? Then it is not the key that is wrong. */
function nothingListens({ tried }: NoAnswerError): boolean {
  const tcp = tried.filter(({ transport }) => transport === "tcp");
  return tcp.length > 0 &&
    tcp.every(({ outcome }) =>
      !["silent", "closed", "rejected"].includes(outcome)
    );
}

function isTimeout(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
