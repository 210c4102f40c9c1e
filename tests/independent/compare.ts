/**
 * Both verifiers over the same exchanges.
 *
 * @module
 */

import type { Exchange, Verdict } from "../../verify.ts";
import type { Case } from "./mutate.ts";
import { type Answer, inBase64, type PythonVerifier } from "./python.ts";

/** One that answers in TypeScript. */
export type Verify = (exchange: Exchange) => Promise<Verdict>;

/** An exchange on which two verifiers disagree. */
export interface Difference extends Record<keyof Exchange, string> {
  readonly dialect: string;
  readonly mutation: string;
  readonly typescript: Answer;
  readonly python: Answer;
}

/** What came of a comparison. */
export interface Comparison {
  accepted: number;
  rejected: number;
  differences: Difference[];
  /** Exchanges that both accept, by the dialect they find. */
  acceptedByDialect: Record<string, number>;
  /** Exchanges that both reject, by Python's reason. */
  rejectedByReason: Record<string, number>;
}

export function emptyComparison(): Comparison {
  return {
    accepted: 0,
    rejected: 0,
    differences: [],
    acceptedByDialect: {},
    rejectedByReason: {},
  };
}

const THREW = "threw";

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function answerOf(verdict: Verdict): Answer {
  if (!verdict.ok) return { ok: false, reason: verdict.rejection.code };
  const { delegation } = verdict;
  return {
    ok: true,
    dialect: verdict.dialect,
    midpointMicros: String(verdict.midpointMicros),
    radiusMicros: String(verdict.radiusMicros),
    onlineKey: hex(delegation.publicKey),
    notBeforeMicros: String(delegation.notBeforeMicros),
    notAfterMicros: String(delegation.notAfterMicros),
  };
}

/** What one says; untrusted bytes may not make it throw, so that is an answer of its own. */
async function ask(verify: Verify, exchange: Exchange): Promise<Answer> {
  try {
    return answerOf(await verify(exchange));
  } catch (error) {
    return { ok: false, reason: `${THREW} ${error}` };
  }
}

function agree(a: Answer, b: Answer): boolean {
  if (!a.ok) return !b.ok && !a.reason.startsWith(THREW); // reasons are each one's own
  if (!b.ok) return false;
  return a.dialect === b.dialect && a.midpointMicros === b.midpointMicros &&
    a.radiusMicros === b.radiusMicros && a.onlineKey === b.onlineKey &&
    a.notBeforeMicros === b.notBeforeMicros &&
    a.notAfterMicros === b.notAfterMicros;
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/**
 * Judges cases by all verifiers and adds to the comparison.
 *
 * @param verifiersFor Those in TypeScript that are to judge a case.
 */
export async function compare(
  cases: readonly Case[],
  python: PythonVerifier,
  verifiersFor: (judged: Case) => readonly Verify[],
  comparison: Comparison,
): Promise<void> {
  const asked = python.verify(cases.map(({ exchange }) => exchange));
  const ours: Answer[][] = [];
  for (const judged of cases) {
    const answers: Answer[] = [];
    for (const verify of verifiersFor(judged)) {
      answers.push(await ask(verify, judged.exchange));
    }
    ours.push(answers);
  }
  const theirs = await asked;
  cases.forEach(({ exchange, dialect, mutation }, i) => {
    const python = theirs[i] as Answer;
    const differing = ours[i]?.find((answer) => !agree(answer, python));
    if (differing !== undefined) {
      comparison.differences.push({
        dialect,
        mutation,
        ...inBase64(exchange),
        typescript: differing,
        python,
      });
    } else if (python.ok) {
      comparison.accepted++;
      count(comparison.acceptedByDialect, python.dialect);
    } else {
      comparison.rejected++;
      count(comparison.rejectedByReason, python.reason);
    }
  });
}
