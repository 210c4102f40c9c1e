/**
 * `roughly report verify` and `report explain`: judge a report without asking anybody.
 *
 * @module
 */

import type { Violation } from "../../verify/chain.ts";
import { formatVersion } from "../../wire/dialect.ts";
import { readBounded, readFile } from "../../ecosystem/load.ts";
import { WireError } from "../../wire/errors.ts";
import { formatKey } from "../../wire/key_text.ts";
import { parseReport, type Report } from "../../verify/report.ts";
import {
  explainFault,
  findSuspects,
  judgeReport,
  type ReportVerdict,
} from "../../verify/judge.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { fileError } from "../terminal/file_error.ts";
import { loadList, STDIN } from "../ecosystem/list_source.ts";
import {
  formatSeconds,
  jsonTime,
  type Output,
  printable,
  printJson,
} from "../terminal/output.ts";
import { standardInput } from "../terminal/streams.ts";
import { type Paint, painterFor } from "../terminal/paint.ts";
import { table } from "../terminal/table.ts";
import { REPORT_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface ReportOptions {
  readonly list?: string;
  readonly json?: boolean;
}

/** Contradictions that are told one by one: a thousand replies can have half a million. */
const MAX_PAIRS = 100;

interface Judged {
  readonly report: Report;
  readonly verdict: ReportVerdict;
  /** A key's name in the list, or the key. */
  readonly nameOf: (publicKey: Uint8Array) => string;
  /** Is it in the list? */
  readonly isListed: (publicKey: Uint8Array) => boolean;
}

/**
 * Reads a report.
 *
 * @param file Its name, or `-` for the standard input.
 * @throws {UsageError} If there is nothing that can be read.
 * @throws {WireError} If what was read is no report.
 */
export async function readReport(file: string): Promise<Report> {
  let text: string;
  try {
    text = file === STDIN
      ? await readBounded(standardInput(), "report")
      : await readFile(file, "report");
  } catch (error) {
    if (error instanceof WireError) throw error;
    throw fileError(file, error);
  }
  return parseReport(text);
}

/** Reads a report and judges it. */
async function judgeFile(
  file: string,
  list: string | undefined,
  output: Output,
): Promise<Judged> {
  if (file === STDIN && list === STDIN) {
    throw new UsageError(
      "report and list cannot both come from the standard input",
    );
  }
  const { servers } = await loadList(list, { waiting: output });
  const names = new Map(
    servers.map(({ name, publicKey }) => [formatKey(publicKey), name]),
  );
  const report = await readReport(file);
  const publicKeys = servers.map(({ publicKey }) => publicKey);
  const verdict = await judgeReport(report, { publicKeys });
  const nameOf = (publicKey: Uint8Array) => {
    const key = formatKey(publicKey);
    return printable(names.get(key) ?? key);
  };
  const isListed = (publicKey: Uint8Array) => names.has(formatKey(publicKey));
  return { report, verdict, nameOf, isListed };
}

/** Runs `report verify`: one line, and the exit code. */
export async function reportVerify(
  file: string,
  options: ReportOptions,
  output: Output,
): Promise<number> {
  const judged = await tryJudge(file, options, output);
  if (typeof judged === "number") return judged;
  if (options.json) printVerdict(judged, output);
  else {
    output.out(summary(judged, painterFor(output)));
    if (isAccusedByStrangers(judged)) {
      output.err(
        "roughly: note: keys that are in no list used here contradict a listed server; anybody can make such keys",
      );
    }
  }
  return exitOf(judged.verdict);
}

/** Runs `report explain`: every reply, every contradiction, and whose they are. */
export async function reportExplain(
  file: string,
  options: ReportOptions,
  output: Output,
): Promise<number> {
  const judged = await tryJudge(file, options, output);
  if (typeof judged === "number") return judged;
  if (options.json) printVerdict(judged, output);
  else {
    for (const line of explanation(judged, painterFor(output))) {
      output.out(line);
    }
  }
  return exitOf(judged.verdict);
}

/** A file that is no report is an invalid proof like any other, not a wrong command line. */
async function tryJudge(
  file: string,
  options: ReportOptions,
  output: Output,
): Promise<Judged | number> {
  try {
    return await judgeFile(file, options.list, output);
  } catch (error) {
    if (!(error instanceof WireError && error.code === "report")) throw error;
    const message = printable(error.message);
    if (options.json) {
      const { code } = error;
      printJson(output, {
        schema: REPORT_SCHEMA,
        ok: false,
        error: { code, message },
      });
    } else output.out(`${painterFor(output)("bad", "Invalid")}: ${message}.`);
    return EXIT.rejected;
  }
}

function exitOf(verdict: ReportVerdict): number {
  if (!verdict.ok) return EXIT.rejected;
  return verdict.violations.length > 0 ? EXIT.malfeasance : EXIT.ok;
}

function summary({ verdict, nameOf }: Judged, paint: Paint): string {
  if (!verdict.ok) {
    return `${
      paint("bad", "Invalid")
    }: entry ${verdict.entry} proves nothing: ${explainFault(verdict.fault)}.`;
  }
  const { entries, violations } = verdict;
  if (violations.length === 0) {
    const good = paint("good", "Consistent");
    return entries.length === 1
      ? `${good}: the one reply is proven, and there is none to contradict it.`
      : `${good}: all ${entries.length} replies are proven, and none contradicts another.`;
  }
  const worst = violations.reduce((a, b) => b.gapMicros > a.gapMicros ? b : a);
  const whose = (i: number) =>
    `${i} (${nameOf(entries[i]?.exchange.publicKey ?? new Uint8Array())})`;
  const more = violations.length > 1
    ? `; ${violations.length} pairs contradict each other in all`
    : "";
  return `${paint("bad", "Malfeasance proven")}: entries ${
    whose(worst.earlier)
  } and ${whose(worst.later)} contradict each other by ${
    formatSeconds(worst.gapMicros)
  } seconds, so one of the two lied${more}.`;
}

function explanation(judged: Judged, paint: Paint): string[] {
  const { report, verdict, nameOf } = judged;
  if (!verdict.ok) return [`Form: ${report.form}`, summary(judged, paint)];
  const { entries, violations } = verdict;
  const keyOf = (i: number) =>
    entries[i]?.exchange.publicKey ?? new Uint8Array();
  const rows = entries.map(({ verdict: reply, exchange }, i) => [
    String(i),
    nameOf(exchange.publicKey),
    formatVersion(reply.version),
    formatTime(reply.midpointMicros) ??
      `${formatSeconds(reply.midpointMicros)} s`,
    `± ${formatSeconds(reply.radiusMicros)} s`,
  ]);
  const suspects = suspectsOf(judged);
  return [
    `Form: ${report.form}, ${
      entries.length === 1
        ? "1 reply, proven"
        : `${entries.length} replies, all proven and in this order`
    }`,
    ...table([["ENTRY", "SERVER", "VERSION", "MIDPOINT", "RADIUS"], ...rows]),
    ...strangers(judged),
    ...worstOfEachPair(judged).slice(0, MAX_PAIRS).map((
      { earlier, later, gapMicros },
    ) =>
      `Proven: ${nameOf(keyOf(earlier))} said in entry ${earlier} that it was ${
        formatSeconds(gapMicros)
      } seconds later than ${
        nameOf(keyOf(later))
      } can allow in entry ${later}, which was asked afterwards. One of the two lied.`
    ),
    ...more(worstOfEachPair(judged).length - MAX_PAIRS),
    violations.length === 0
      ? "No two replies contradict each other. That does not prove that they are right."
      : suspects.length === 1
      ? `Opinion: ${
        nameOf(suspects[0] as Uint8Array)
      } has a part in every contradiction; if the others are honest, it is the one.`
      : "Opinion: none. The report alone does not point to one server.",
  ];
}

/** Does a contradiction stand between a key of the list and one that is in none? */
function isAccusedByStrangers({ verdict, isListed }: Judged): boolean {
  if (!verdict.ok) return false;
  const isKnown = (entry: number) =>
    isListed(verdict.entries[entry]?.exchange.publicKey ?? new Uint8Array());
  return verdict.violations.some(({ earlier, later }) =>
    isKnown(earlier) !== isKnown(later)
  );
}

/**
 * Whom the report points to. Whoever writes one can add keys of their own that contradict an
 * honest server, so those make no listed server a suspect.
 */
function suspectsOf(judged: Judged): Uint8Array[] {
  if (!judged.verdict.ok) return [];
  const suspects = findSuspects(judged.verdict);
  return isAccusedByStrangers(judged)
    ? suspects.filter((key) => !judged.isListed(key))
    : suspects;
}

/** Anybody can make keys that contradict each other. */
function strangers({ verdict, isListed }: Judged): string[] {
  if (!verdict.ok) return [];
  const keys = verdict.entries.map(({ exchange }) => exchange.publicKey)
    .filter((key) => !isListed(key)).map(formatKey);
  const { size } = new Set(keys);
  return size === 0 ? [] : [
    `Note: ${size} of the keys ${
      size === 1 ? "is" : "are"
    } in no list used here. Anybody can make keys, so find out whose they are.`,
  ];
}

/** Two servers that contradict each other usually do so in both passes: once will do. */
function worstOfEachPair({ verdict, nameOf }: Judged): Violation[] {
  if (!verdict.ok) return [];
  const worst = new Map<string, Violation>();
  for (const violation of verdict.violations) {
    const pair = [violation.earlier, violation.later].map((i) =>
      nameOf(verdict.entries[i]?.exchange.publicKey ?? new Uint8Array())
    ).join("\n");
    const known = worst.get(pair);
    if (known === undefined || violation.gapMicros > known.gapMicros) {
      worst.set(pair, violation);
    }
  }
  return [...worst.values()]
    .sort((a, b) => Number(b.gapMicros - a.gapMicros));
}

function more(pairs: number): string[] {
  return pairs > 0 ? [`Proven: ${pairs} more such pairs.`] : [];
}

function printVerdict(judged: Judged, output: Output): void {
  const { report, verdict, nameOf, isListed } = judged;
  const { form } = report;
  if (!verdict.ok) {
    const { entry, fault } = verdict;
    const message = explainFault(fault);
    printJson(output, {
      schema: REPORT_SCHEMA,
      ok: false,
      form,
      error: { ...fault, entry, message },
    });
    return;
  }
  printJson(output, {
    schema: REPORT_SCHEMA,
    ok: true,
    form,
    malfeasance: verdict.violations.length > 0,
    entries: verdict.entries.map(({ verdict: reply, exchange }) => ({
      server: nameOf(exchange.publicKey),
      publicKey: exchange.publicKey,
      listed: isListed(exchange.publicKey),
      version: formatVersion(reply.version),
      midpoint: jsonTime(reply.midpointMicros),
      radiusMicros: reply.radiusMicros,
    })),
    violations: verdict.violations,
    suspects: suspectsOf(judged).map(formatKey),
  });
}
