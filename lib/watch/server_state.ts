/**
 * What is told of one server after a round.
 *
 * @module
 */

import { formatServerAddress } from "../net/address.ts";
import { findCause } from "../net/cause.ts";
import { NoAnswerError } from "../client/no_answer.ts";
import type { Quorum } from "../ecosystem/quorum.ts";
import type { ServerOutcome } from "../ecosystem/vote.ts";
import { formatVersion } from "../wire/dialect.ts";
import { NetworkError, VerificationError } from "../wire/errors.ts";
import { formatKey } from "../wire/key_text.ts";
import { explain } from "../wire/rejection.ts";
import type { ServerState, WatchStatus } from "./api.ts";
import { plainText } from "./plain_text.ts";
import { describeSpan } from "./span.ts";

const STATUSES: Readonly<Record<ServerOutcome["status"], WatchStatus>> = {
  "ok": "ok",
  "falseticker": "falseticker",
  "vague": "vague",
  "unjudged": "unjudged",
  "rejected": "rejected",
  "no-answer": "silent",
};

/** All statuses, in the order in which histories count them. */
export const WATCH_STATUSES: readonly WatchStatus[] = [
  "ok",
  "falseticker",
  "vague",
  "rejected",
  "silent",
  "unjudged",
];

/**
 * Tells a server's part of a round.
 *
 * @param outcome What became of it.
 * @param quorum What the majority says.
 * @param localMicrosAt The local clock at a moment of the monotonic one.
 */
export function describeServer(
  outcome: ServerOutcome,
  quorum: Quorum,
  localMicrosAt: (at: number) => bigint,
): Omit<ServerState, "exchanges"> {
  const { server, operator, answers } = outcome;
  const [address] = server.addresses;
  const answer = answers.at(-1);
  const local = answer && localMicrosAt(answer.receivedAt);
  const verdict = answer?.verdict;
  return {
    name: server.name,
    operator,
    address: address ? formatServerAddress(address) : "",
    publicKey: formatKey(server.publicKey),
    status: STATUSES[outcome.status],
    reason: explainStatus(outcome, quorum),
    code: codeOf(outcome),
    transport: answer?.transport ?? null,
    version: verdict ? formatVersion(verdict.version) : null,
    midpointMicros: text(verdict?.midpointMicros),
    radiusMicros: text(verdict?.radiusMicros),
    rttMicros: text(answer?.rttMicros),
    offsetMicros: answer && verdict && local !== undefined
      ? offsetOf({ ...verdict, rttMicros: answer.rttMicros }, local)
      : null,
    delegationSecondsLeft: verdict && local !== undefined
      ? Math.floor(Number(verdict.delegation.notAfterMicros - local) / 1e6)
      : null,
  };
}

/** What an answer says about true time minus the local clock at the reply. */
export function offsetOf(
  { midpointMicros, radiusMicros, rttMicros }: {
    readonly midpointMicros: bigint;
    readonly radiusMicros: bigint;
    readonly rttMicros: bigint;
  },
  localMicros: bigint,
): { earliest: string; latest: string } {
  const offset = midpointMicros - localMicros;
  return {
    earliest: String(offset - radiusMicros),
    latest: String(offset + radiusMicros + rttMicros),
  };
}

function text(micros: bigint | undefined): string | null {
  return micros === undefined ? null : String(micros);
}

function codeOf({ status, error }: ServerOutcome): string | null {
  if (status !== "rejected" && status !== "no-answer") return null;
  if (error instanceof VerificationError) return error.rejection.code;
  if (error instanceof NoAnswerError) return "timeout";
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return "timeout";
  }
  return error instanceof NetworkError ? error.reason ?? error.code : "other";
}

/** By how much a server is certainly off, positive if it is ahead; 0 if that cannot be told. */
export function certainlyOffMicros(
  { bounds }: ServerOutcome,
  quorum: Quorum,
): bigint {
  if (bounds === undefined || !quorum.ok) return 0n;
  const { earliestMicros, latestMicros } = quorum.bounds;
  if (bounds.earliestMicros > bounds.latestMicros) return 0n;
  if (bounds.earliestMicros > latestMicros) {
    return bounds.earliestMicros - latestMicros;
  }
  return bounds.latestMicros < earliestMicros
    ? bounds.latestMicros - earliestMicros
    : 0n;
}

function explainStatus(outcome: ServerOutcome, quorum: Quorum): string | null {
  const { status, error, answers } = outcome;
  switch (status) {
    case "ok":
      return null;
    case "falseticker": {
      const off = certainlyOffMicros(outcome, quorum);
      if (off === 0n) return "Its own answers contradict each other.";
      const span = describeSpan(off < 0n ? -off : off);
      return `It is ${span} ${
        off > 0n ? "ahead" : "behind"
      }, says the majority.`;
    }
    case "vague": {
      const radius = answers.at(-1)?.verdict.radiusMicros ?? 0n;
      return `It may be off by ${
        describeSpan(radius)
      }, as it says itself: too much to count.`;
    }
    case "unjudged":
      return "There is no majority to compare it with.";
    case "rejected":
      return error instanceof VerificationError
        ? sentence(explain(error.rejection))
        : "Its answer could not be verified.";
    case "no-answer":
      return sentence(
        error instanceof NetworkError
          ? findCause(error).text
          : error instanceof Error
          ? error.message
          : "It gave no answer",
      );
  }
}

/** Texts of the system and of packets may hold anything. */
function sentence(text: string): string {
  const plain = plainText(text.trim(), 300);
  const first = plain.replace(/^[a-z](?=[a-z]* )/, (c) => c.toUpperCase());
  return /[.!?]$/.test(first) ? first : `${first}.`;
}
