/**
 * `roughly report submit`: send a report that proves something to whoever collects them.
 *
 * @module
 */

import { type SubmitOptions, submitReport } from "../../ecosystem/submit.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { lowerFirst } from "../terminal/failure.ts";
import { loadList } from "../ecosystem/list_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { readReport, type ReportOptions } from "./judge.ts";
import { SUBMIT_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface SubmitCommandOptions extends ReportOptions {
  readonly tries: number;
}

/** Runs the command. */
export async function reportSubmit(
  file: string,
  url: string | undefined,
  options: SubmitCommandOptions,
  output: Output,
  library: Pick<SubmitOptions, "fetch" | "wait" | "now"> = {},
): Promise<number> {
  if (url !== undefined && options.list !== undefined) {
    throw new UsageError(
      "cannot use --list with a URL: it would do nothing",
      "see 'roughly report submit --help'",
    );
  }
  const target = url ??
    (await loadList(options.list, { waiting: output })).reports;
  if (target === undefined) {
    throw new UsageError(
      "no collector is known: the server list names none",
      "give its URL as the last word",
    );
  }
  const report = await readReport(file);
  output.progress(`sending the report to ${printable(target)} ...`);
  const sending = submitReport(report, target, {
    ...library,
    tries: options.tries,
    onRetry: (why, delayMs) =>
      output.err(
        `roughly: warning: ${lowerFirst(printable(why))}, trying again in ${
          Math.round(delayMs / 1000)
        } s`,
      ),
  });
  const { ok, status, retryAt, said } = await sending.finally(() =>
    output.progress("")
  );
  const again = retryAt?.toISOString();
  if (options.json) {
    printJson(output, {
      schema: SUBMIT_SCHEMA,
      ok,
      url: target,
      status,
      ...(said !== undefined && { said }),
      ...(again !== undefined && { retryAt: again }),
    });
  } else {
    output.out(
      ok
        ? `Report accepted by ${printable(target)} (HTTP ${status}).`
        : `Report refused by ${printable(target)} (HTTP ${status}).`,
    );
    if (said !== undefined) output.out(`It says: ${printable(said)}`);
  }
  if (again !== undefined) {
    output.err(
      `roughly: hint: the collector asks you to try again at ${again}: run the same command then`,
    );
  }
  return ok ? EXIT.ok : EXIT.rejected;
}
