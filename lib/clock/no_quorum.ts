/**
 * Why a measurement says nothing: which servers were asked, and what became of each.
 *
 * @module
 */

import { ClockError, type ClockOutcome } from "../wire/errors.ts";
import type { Measurement } from "../ecosystem/measure.ts";

/** Servers that the message names; the error holds all of them. */
const MAX_NAMED = 8;

/**
 * Makes the error of a measurement without a majority. Its `cause` is what the servers
 * threw: the error itself if it was one, else an `AggregateError`.
 *
 * @param measurement One whose quorum is not ok.
 */
export function noQuorum(
  { quorum, outcomes: asked }: Pick<Measurement, "quorum" | "outcomes">,
): ClockError {
  const outcomes = asked.map(({ server, status, error }): ClockOutcome => ({
    server: server.name,
    status,
    error,
  }));
  const errors = asked.flatMap(({ error }) =>
    error === undefined ? [] : [error]
  );
  const { voters, agreeing } = quorum;
  const needed = quorum.ok ? 0 : quorum.needed;
  const nobody = voters === 0;
  const what = nobody
    ? "no server gave an answer that counts"
    : `of ${voters} operators ${agreeing} agree and ${needed} would have to`;
  const cause = errors.length > 1
    ? new AggregateError(errors, "Servers failed")
    : errors[0];
  return new ClockError(
    nobody ? "no-answer" : "no-quorum",
    `Cannot tell the time: ${what}${describe(outcomes)}`,
    { outcomes, ...(cause !== undefined && { cause }) },
  );
}

function describe(outcomes: readonly ClockOutcome[]): string {
  const failed = outcomes.filter(({ status, error }) =>
    error !== undefined || status === "vague"
  );
  if (outcomes.length === 0) return "; none was asked";
  if (failed.length === 0) return "";
  const named = failed.slice(0, MAX_NAMED).map(({ server, error }) =>
    `${server}: ${
      error === undefined
        ? "claims too wide a radius"
        : error instanceof Error
        ? error.message
        : String(error)
    }`
  );
  const more = failed.length - named.length;
  return ` (${named.join("; ")}${more > 0 ? `; and ${more} more` : ""})`;
}
