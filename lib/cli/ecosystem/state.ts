/**
 * `roughly ecosystem state`: ask every server of a list, and say how they are.
 *
 * @module
 */

import { survey } from "../../ecosystem/measure.ts";
import {
  compareClock,
  describeConsensus,
  describeLocalClock,
  describeServers,
  exitOf,
  jsonConsensus,
  jsonServer,
  wallClockAt,
  warnOfFailures,
} from "./consensus.ts";
import { UsageError } from "../terminal/exit_code.ts";
import { type ManyOptions, serversFor, surveyOptions } from "./many_options.ts";
import { findLocalList } from "./list_source.ts";
import { type Output, printJson } from "../terminal/output.ts";
import { painterFor } from "../terminal/paint.ts";
import { SERVER_SCHEMA, STATE_SCHEMA } from "../schema.ts";

/** Runs the command. */
export async function ecosystemState(
  list: string | undefined,
  options: ManyOptions,
  output: Output,
): Promise<number> {
  if (list !== undefined && options.list !== undefined) {
    throw new UsageError("cannot use two server lists");
  }
  const path = list ?? options.list ?? await findLocalList(output);
  const servers = await serversFor(path, output);
  const survey_ = await survey(servers, surveyOptions(options, output));
  output.progress("");
  const { outcomes, quorum, takenAt } = survey_;
  const localClock = quorum.ok
    ? compareClock(wallClockAt(takenAt), quorum.bounds)
    : undefined;
  const answered = outcomes.filter(({ answers }) => answers.length > 0).length;
  const exitCode = exitOf(survey_);
  if (options.json) {
    for (const outcome of outcomes) {
      printJson(output, { schema: SERVER_SCHEMA, ...jsonServer(outcome) });
    }
    printJson(output, {
      schema: STATE_SCHEMA,
      ok: quorum.ok,
      servers: outcomes.length,
      answered,
      ...jsonConsensus(survey_, localClock),
    });
    return exitCode;
  }
  output.out(
    `Out of ${outcomes.length} servers, ${answered} yielded proper responses.`,
  );
  const paint = painterFor(output);
  for (const line of describeServers(survey_, paint)) output.out(line);
  output.out(describeConsensus(survey_));
  if (localClock) output.out(describeLocalClock(localClock, paint));
  if (!quorum.ok) warnOfFailures(survey_, output);
  return exitCode;
}
