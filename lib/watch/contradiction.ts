/**
 * The evidence of a round in which somebody lied: as much of the chain as it takes to prove it.
 *
 * @module
 */

import type { Measurement } from "../ecosystem/measure.ts";
import { judgeEvidence } from "../verify/judge.ts";
import { type Evidence, malfeasanceReport } from "../verify/report.ts";
import type { ReportState } from "./api.ts";

/** Proof that of each pair of servers one lied. */
export interface Contradiction {
  /** Positions in the chain: the first and the last reply of the report. */
  readonly first: number;
  readonly last: number;
  /** Who contradicts whom, each pair once. */
  readonly pairs: ReportState["pairs"];
  /** Their keys, pair by pair, for whoever wants to know what of it is news. */
  readonly marks: readonly string[];
  /** The report in the form of RFC 10049, section 8.4. */
  readonly text: string;
}

/**
 * Takes the stretch of a chain that holds one contradiction of every pair.
 *
 * @returns Nothing if nobody lied, or if a stranger would not call it proven.
 */
export async function findContradiction(
  { chain, violations, outcomes }: Measurement,
): Promise<Contradiction | undefined> {
  const pairs = new Map<string, typeof violations[number]>();
  const nearest = new Map<string, typeof violations[number]>();
  const keyOf = (link: number) => chain[link]?.exchange.publicKey.join(".");
  for (const violation of violations) {
    const { earlier, later, gapMicros } = violation;
    const pair = `${keyOf(earlier)} ${keyOf(later)}`;
    const largest = pairs.get(pair);
    if (!largest || gapMicros > largest.gapMicros) pairs.set(pair, violation);
    const best = nearest.get(pair);
    if (!best || later - earlier < best.later - best.earlier) {
      nearest.set(pair, violation);
    }
  }
  if (pairs.size === 0) return undefined;
  const needed = [...nearest.values()];
  const first = Math.min(...needed.map(({ earlier }) => earlier));
  const last = Math.max(...needed.map(({ later }) => later));
  const evidence = evidenceOf(chain.slice(first, last + 1));
  const verdict = await judgeEvidence(evidence);
  if (!verdict.ok || verdict.violations.length === 0) return undefined;
  const nameOf = (link: number) =>
    outcomes[chain[link]?.server ?? -1]?.server.name ?? "";
  return {
    first,
    last,
    pairs: [...pairs.values()].map(({ earlier, later, gapMicros }) => ({
      before: nameOf(earlier),
      after: nameOf(later),
      byMicros: String(gapMicros),
    })),
    marks: [...pairs.keys()],
    text: malfeasanceReport(evidence),
  };
}

/** What a report is made of. Its first reply follows none that is in it. */
export function evidenceOf(links: readonly Evidence[]): Evidence[] {
  return links.map(({ exchange, rand }, i) =>
    i === 0 ? { exchange } : { exchange, rand }
  );
}
