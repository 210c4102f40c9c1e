/**
 * `roughly probe`: which versions a server speaks, and why it does not speak the others.
 *
 * @module
 */

import type { Transport } from "../../net/transport.ts";
import { DIALECTS } from "../../wire/dialect.ts";
import { type NamedVersion, parseTarget } from "../arguments.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { type Output, printable } from "../terminal/output.ts";
import type { Question } from "./ask.ts";
import { type Course, runCourse } from "./course.ts";
import { sumUp } from "./verdict.ts";
import { showTrace } from "../terminal/trace.ts";
import { printAsJson, printAsText } from "./report.ts";

/** Options as commander gives them. */
export interface ProbeOptions {
  readonly json?: boolean;
  readonly dump?: boolean;
  readonly timeout: number;
  readonly offer?: readonly NamedVersion[];
  readonly transport: "auto" | Transport;
  /** Was more talk asked for? */
  readonly verbose?: boolean | undefined;
  /** Ask for everything, whatever the server says of itself. */
  readonly all?: boolean;
}

/** Runs the command. */
export async function probe(
  words: readonly string[],
  options: ProbeOptions,
  output: Output,
): Promise<number> {
  const target = parseTarget(words);
  const questions = questionsFor(options);
  output.progress(
    `asking ${
      printable(target.host)
    } port ${target.port} for ${questions.length} versions ...`,
  );
  let course: Course;
  try {
    const { offer, all = false } = options;
    // Whoever names versions wants just those.
    course = await runCourse(questions, {
      target,
      options,
      onTrace: showTrace(output, options.verbose),
      all: all || offer !== undefined,
    });
  } finally {
    output.progress("");
  }
  const print = options.json ? printAsJson : printAsText;
  const { findings, warning } = course;
  if (warning !== undefined) output.err(`roughly: warning: ${warning}`);
  const verdict = sumUp(findings, course);
  print(output, target, { findings, verdict }, options.dump ?? false);
  const came = new Set(findings.map(({ status }) => status));
  if (came.has("verified")) return EXIT.ok;
  if (came.has("rejected")) return EXIT.rejected;
  return came.has("unverified") ? EXIT.ok : EXIT.noAnswer;
}

function questionsFor({ offer, transport }: ProbeOptions): Question[] {
  const all = Object.values(DIALECTS).reverse();
  const questions = offer
    ? offer.flatMap(({ code: version, dialects }) =>
      dialects.map((dialect) => ({ version, dialect }))
    )
    : all.map((dialect) => ({ version: dialect.code, dialect }));
  // Google's protocol is UDP only.
  const askable = questions.filter(({ dialect }) =>
    dialect.framed || transport !== "tcp"
  );
  if (askable.length === 0) {
    throw new UsageError(
      "cannot ask in Google's protocol over TCP: it has UDP only",
    );
  }
  return askable;
}
