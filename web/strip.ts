/**
 * The availability strip: a column for each bucket of a history, filled from below with what
 * the rounds in it came to.
 *
 * @module
 */

import type { History, HistoryPoint, WatchStatus } from "../lib/watch/api.ts";
import { svg } from "./dom.ts";
import { STATUS_WORDS } from "./status.ts";

/** The order of `HistoryPoint.statuses`. */
export const STATUS_ORDER = [
  "ok",
  "falseticker",
  "vague",
  "rejected",
  "silent",
  "unjudged",
] as const satisfies readonly WatchStatus[];

/** More columns than this are one band. */
const MANY = 120;

/** Draws a strip as wide as there is room. */
export function drawStrip(history: History, height: number): SVGSVGElement {
  const { fromMs, toMs, bucketMs, points } = history;
  const width = toMs - fromMs;
  // Seams between columns are for counting, which nobody does with many.
  const part = width / bucketMs > MANY ? 1.02 : 0.92;
  const drawn = points.flatMap((point) => {
    const x = (point.atMs - fromMs) / width * 100;
    // A column is never so thin that trouble in it could be overlooked.
    const wide = Math.max(bucketMs / width * 100 * part, 0.25);
    return columns(point).map(({ status, from, share }) =>
      svg("rect", {
        class: `fill ${status}`,
        x: `${Math.max(0, x)}%`,
        width: `${wide}%`,
        y: (1 - from - share) * height,
        height: Math.max(share * height, 2),
      })
    );
  });
  return svg("svg", {
    class: "strip",
    height,
    role: "img",
    "aria-label": describe(history),
  }, ...drawn);
}

function columns(
  { rounds, statuses }: HistoryPoint,
): { status: WatchStatus; from: number; share: number }[] {
  let from = 0;
  return STATUS_ORDER.flatMap((status, i) => {
    const share = (statuses[i] ?? 0) / rounds;
    if (!(share > 0)) return [];
    const column = { status, from, share };
    from += share;
    return [column];
  });
}

/** The strip in words. */
export function describe({ points }: History): string {
  const rounds = points.reduce((sum, one) => sum + one.rounds, 0);
  if (rounds === 0) return "no rounds";
  const parts = STATUS_ORDER.flatMap((status, i) => {
    const n = points.reduce((sum, { statuses }) => sum + (statuses[i] ?? 0), 0);
    return n === 0
      ? []
      : [`${STATUS_WORDS[status].label} ${percentOf(n, rounds)}`];
  });
  return `${parts.join(", ")} of ${
    rounds === 1 ? "1 round" : `${rounds} rounds`
  }`;
}

/** A part in percent that is only 0 or 100 if it is exactly that. */
function percentOf(part: number, whole: number): string {
  const exact = part / whole * 100;
  const digits = exact > 99 || exact < 1 ? 2 : 1;
  const cut = Math.min(Math.max(exact, 0.01), part === whole ? 100 : 99.99);
  return `${Number(cut.toFixed(digits))} %`;
}
