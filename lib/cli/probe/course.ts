/**
 * The course of `roughly probe`: what is asked, in which order, and what better is not.
 *
 * Some servers die of a request that they do not know. So the first question is the one that
 * every client of ours asks; where the answer lists the server's versions, nothing else is
 * asked. Where it does not, there is one question at a time, and after each that stays
 * unanswered a look at whether the server still is there.
 *
 * @module
 */

import { ALIASES, dialectFor, DIALECTS, OFFERS } from "../../wire/dialect.ts";
import { type Lookup, systemLookup } from "../../net/resolve.ts";
import { describeTried } from "../../client/no_answer.ts";
import { ask, type Context, type Question } from "./ask.ts";
import { failuresOverTcp, type Finding } from "./finding.ts";
import type { Answers } from "./verdict.ts";

/** What was found, and what is to be said of how. */
export interface Course {
  /** One for each question, in the order given; those for other numbers at the end. */
  readonly findings: readonly Finding[];
  readonly udp: Answers;
  readonly tcp: Answers;
  /** Why some were not asked, where the server gave a fright. */
  readonly warning: string | undefined;
}

/** Whom to ask, and how carefully. */
export interface CourseOptions extends Pick<Context, "target" | "options"> {
  /** Ask everything, whatever the server says or does. */
  readonly all: boolean;
  /** Shows each step, if that is wanted. */
  readonly onTrace?: Context["onTrace"];
}

/** Runs it. What hinders one question hinders all of them, so it throws. */
export async function runCourse(
  questions: readonly Question[],
  { target, options, all, onTrace }: CourseOptions,
): Promise<Course> {
  let addresses: ReturnType<Lookup> | undefined;
  const lookup: Lookup = (host) => addresses ??= systemLookup(host);
  const ending = new AbortController();
  const { signal } = ending;
  const context = { target, options, lookup, signal, onTrace };
  const gather = async (
    some: readonly Question[],
    how: Context = context,
  ): Promise<Finding[]> => {
    const asked = some.map((question) =>
      ask(question, how).catch((error) => {
        ending.abort(error);
        throw error;
      })
    );
    await Promise.allSettled(asked);
    ending.signal.throwIfAborted();
    return await Promise.all(asked);
  };
  const { findings, warning } = all
    ? { findings: await gather(questions), warning: undefined }
    : await carefully(questions, gather);
  const more = await askAliases(findings, gather);
  const found = explainSilence([...findings, ...more]);
  const best = found.find(isAnswer);
  const framed = found.find((one) => isAnswer(one) && one.dialect.framed);
  const over = (name: "udp" | "tcp"): Answers =>
    found.some((one) => isAnswer(one) && one.transport === name)
      ? "yes"
      : options.transport === name && best === undefined
      ? "no"
      : "unknown";
  let tcp = over("tcp");
  if (tcp === "unknown" && options.transport === "auto" && framed && !warning) {
    const { version, dialect } = framed;
    const how = {
      ...context,
      options: { ...options, transport: "tcp" },
    } as const;
    const [answer] = await gather([{ version, dialect }], how);
    tcp = answer && isAnswer(answer) ? "yes" : "no";
  }
  const udp = over("udp");
  return {
    findings: found,
    udp: udp === "unknown" && options.transport === "auto" ? "no" : udp,
    tcp,
    warning,
  };
}

type Gather = (questions: readonly Question[]) => Promise<Finding[]>;

function isAnswer({ status }: Finding): boolean {
  return status === "verified" || status === "unverified";
}

/** The first thing that every client of ours asks. */
const OPENING: Question = {
  version: DIALECTS["draft-14"].code,
  dialect: DIALECTS["draft-14"],
  offer: OFFERS[0] as readonly number[],
};

async function carefully(
  questions: readonly Question[],
  gather: Gather,
): Promise<{ findings: Finding[]; warning: string | undefined }> {
  const [opening] = await gather([OPENING]);
  // Whoever is silent there may speak something older, and has nothing to lose by more.
  if (opening === undefined || !isAnswer(opening)) {
    return { findings: await gather(questions), warning: undefined };
  }
  const { versions = [] } = opening;
  if (versions.length > 0) return await askListed(questions, versions, gather);
  const findings: Finding[] = [];
  let warning: string | undefined;
  for (const question of questions) {
    if (question.version === opening.version) {
      findings.push({ ...opening, dialect: question.dialect });
      continue;
    }
    if (warning !== undefined) {
      findings.push(unasked(question, "the server stopped answering"));
      continue;
    }
    const [finding] = await gather([question]) as [Finding];
    findings.push(finding);
    if (finding.status !== "failed") continue;
    const [again] = await gather([OPENING]);
    if (again && isAnswer(again)) continue;
    const { title } = question.dialect;
    warning =
      `the server stopped answering after a request for ${title}; --all asks for the rest anyway`;
  }
  return { findings, warning };
}

async function askListed(
  questions: readonly Question[],
  versions: readonly number[],
  gather: Gather,
): Promise<{ findings: Finding[]; warning: undefined }> {
  const listed = versions.map(knownCode);
  const isListed = ({ version, dialect }: Question) =>
    dialect.framed && listed.includes(knownCode(version));
  const asked = await gather(questions.filter(isListed));
  return {
    warning: undefined,
    findings: questions.map((question) =>
      isListed(question) ? asked.shift() as Finding : unasked(
        question,
        question.dialect.framed
          ? "the server does not list this version"
          : "the server speaks something newer",
      )
    ),
  };
}

function unasked({ version, dialect }: Question, why: string): Finding {
  const detail = `not asked: ${why}; --all asks anyway`;
  return { version, dialect, status: "unasked", detail };
}

/** Numbers that only some peers use, all at once, where none of the usual ones is answered. */
async function askAliases(
  findings: readonly Finding[],
  gather: Gather,
): Promise<Finding[]> {
  const isUsual = findings.some((one) => isAnswer(one) && one.dialect.framed);
  const wasWhole = findings.length >= Object.keys(DIALECTS).length - 1;
  if (!wasWhole || isUsual) return [];
  const dialect = DIALECTS["draft-14"];
  const version = ALIASES[0] as number;
  const found = await gather([{ version, dialect, offer: ALIASES }]);
  return found.filter(isAnswer);
}

function knownCode(version: number): number {
  return dialectFor(version, { typed: true })?.code ?? version;
}

/** Sets beside silence what is known of it: TCP's failure, or the server's list of versions. */
function explainSilence(findings: readonly Finding[]): Finding[] {
  const isMute = ({ status }: Finding) =>
    status === "failed" || status === "unasked";
  // Where something came, it matters little that one of the transports is closed.
  if (findings.every(isMute)) {
    return findings.map((finding) => {
      const failed = failuresOverTcp(finding);
      if (failed.length === 0) return finding;
      const detail = `${finding.detail}; ${describeTried(failed)}`;
      return { ...finding, detail };
    });
  }
  const listed = findings.flatMap(({ status, versions = [] }) =>
    status === "verified" ? versions : []
  );
  if (listed.length === 0) return [...findings];
  return findings.map((finding) => {
    const { error, version, dialect, detail } = finding;
    // The list has no place for a protocol without version numbers.
    if (error?.code !== "timeout" || !dialect.framed) return finding;
    return {
      ...finding,
      detail: detail +
        (listed.includes(version) || listed.includes(knownCode(version))
          ? ", though the server lists this version"
          : "; the server does not list this version"),
    };
  });
}
