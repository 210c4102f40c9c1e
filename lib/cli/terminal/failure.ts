/**
 * How a command ends badly: one line on stderr, perhaps a hint, and JSON if asked for.
 *
 * @module
 */

import {
  type FailureReason,
  type FailureStep,
  NetworkError,
  VerificationError,
} from "../../wire/errors.ts";
import { classify, EXIT, hintFor } from "./exit_code.ts";
import { type Output, printable, printJson } from "./output.ts";

/** How to report. */
export interface ReportOptions {
  /** Name of the JSON form, if JSON was asked for. */
  readonly schema?: string | undefined;
  /** Say what lay behind it, too. */
  readonly verbose?: boolean | undefined;
}

/** An error as it stands in JSON. */
export interface ErrorObject {
  /** Stable. */
  readonly code: string;
  /** For people. */
  readonly message: string;
  /** The reason as data, where an answer was rejected. */
  readonly rejection?: VerificationError["rejection"];
  /** Whom it concerns. */
  readonly server?: string;
  /** What was being done. */
  readonly step?: FailureStep;
  /** Why it failed, as data. */
  readonly reason?: FailureReason;
}

/** Puts an error into the form it has in JSON. */
export function toErrorObject(error: unknown): ErrorObject {
  const { code } = classify(error);
  const message = messageOf(error);
  return { code, message, ...contextOf(error) };
}

/** What an error knows besides, as far as it does. */
function contextOf(error: unknown): Partial<ErrorObject> {
  if (error instanceof VerificationError) return { rejection: error.rejection };
  if (!(error instanceof NetworkError)) return {};
  const { server, step, reason } = error;
  return {
    ...(server !== undefined && { server }),
    ...(step !== undefined && { step }),
    ...(reason !== undefined && { reason }),
  };
}

/**
 * Says what went wrong.
 *
 * @returns The exit code.
 */
export function reportError(
  output: Output,
  error: unknown,
  { schema, verbose = false }: ReportOptions = {},
): number {
  const { exitCode } = classify(error);
  if (schema !== undefined) {
    const exchange = error instanceof VerificationError
      ? error.exchange
      : undefined;
    printJson(output, {
      schema,
      ok: false,
      error: toErrorObject(error),
      exchange,
    });
  }
  output.err(`roughly: error: ${lowerFirst(messageOf(error))}`);
  const hint = hintFor(error);
  if (hint !== undefined) output.err(`roughly: hint: ${printable(hint)}`);
  if (!verbose || !(error instanceof Error)) return exitCode;
  if (error.cause !== undefined) {
    output.err(`roughly: cause: ${messageOf(error.cause)}`);
  }
  if (exitCode === EXIT.unexpected) {
    // Only this helps whoever has to find out what nobody foresaw.
    for (const line of error.stack?.split("\n") ?? []) {
      output.err(`roughly: trace: ${printable(line.trim())}`);
    }
  }
  return exitCode;
}

/** What an error says, on one line. */
export function messageOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return printable(message.trim()) || "unexpected failure";
}

/** A system's message without the parts that only a programmer reads. */
export function systemMessage(error: unknown): string {
  return messageOf(error)
    .replace(/ \(os error \d+\).*$/, "")
    // Node's form: "EACCES: permission denied, open 'x'".
    .replace(
      /^E[A-Z0-9]+: (.)(.*?), [a-z]+( '.*')?$/,
      (_, first: string, rest: string) => first.toUpperCase() + rest,
    );
}

/** Libraries begin with a capital, lines here do not; names keep theirs. */
export function lowerFirst(text: string): string {
  return text.replace(/^[A-Z](?=[a-z]* )/, (first) => first.toLowerCase());
}
