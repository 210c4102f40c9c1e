/**
 * The evidence of a round in which somebody lied: as much of the chain as it takes to prove it.
 *
 * @module
 */

import type { Measurement } from "../ecosystem/measure.ts";
import type { Violation } from "../verify/chain.ts";
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
  const pairOf = ({ earlier, later }: Violation) =>
    [earlier, later].map((link) => chain[link]?.exchange.publicKey.join("."))
      .join(" ");
  const nearest = pickEach(
    violations,
    pairOf,
    (a, b) => a.later - a.earlier < b.later - b.earlier,
  );
  if (nearest.size === 0) return undefined;
  const needed = [...nearest.values()];
  const first = Math.min(...needed.map(({ earlier }) => earlier));
  const last = Math.max(...needed.map(({ later }) => later));
  const evidence = evidenceOf(chain.slice(first, last + 1));
  const verdict = await judgeEvidence(evidence);
  if (!verdict.ok || verdict.violations.length === 0) return undefined;
  const proven = verdict.violations.map(({ earlier, later, gapMicros }) => ({
    earlier: earlier + first,
    later: later + first,
    gapMicros,
  }));
  const pairs = pickEach(
    proven,
    pairOf,
    (a, b) => a.gapMicros > b.gapMicros,
  );
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

/** Of each kind the one that is better than the others. */
function pickEach<T>(
  items: readonly T[],
  kindOf: (item: T) => string,
  isBetter: (a: T, b: T) => boolean,
): Map<string, T> {
  const picked = new Map<string, T>();
  for (const item of items) {
    const kind = kindOf(item);
    const known = picked.get(kind);
    if (known === undefined || isBetter(item, known)) picked.set(kind, item);
  }
  return picked;
}

/** What a report is made of. Its first reply follows none that is in it. */
export function evidenceOf(links: readonly Evidence[]): Evidence[] {
  return links.map(({ exchange, rand }, i) =>
    i === 0 ? { exchange } : { exchange, rand }
  );
}
