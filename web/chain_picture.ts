/**
 * The picture of a chain: who was asked in which order, from top to bottom, and where each
 * put true time. An arrow that leads back in time joins two that cannot both be true.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { ProvenEntry, Violation } from "../verify.ts";
import { el, isolated, svg } from "./dom.ts";
import { formatMoment, formatSpan, formatTick } from "./format.ts";
import { percent, type Stretch, ticks, widen } from "./scale.ts";

const ROW = 34;
const HEAD = 30;

/** More rows make no better picture; the table has them all. */
const MOST_ROWS = 60;

/** More of those whom one contradicts are not named. */
const MOST_NAMED = 6;

/** A proven reply with the name of whoever gave it. */
export interface NamedEntry extends ProvenEntry {
  readonly name: string;
}

/** The contradiction that leaves the least room for excuses. */
export function widestOf(
  violations: readonly Violation[],
): Violation | undefined {
  return violations.toSorted((a, b) => Number(b.gapMicros - a.gapMicros))[0];
}

/** Draws a chain, and beside it the same as a table. */
export function chainPicture(
  entries: readonly NamedEntry[],
  violations: readonly Violation[],
): HTMLElement[] {
  const widest = widestOf(violations);
  const pair = widest ? [widest.earlier, widest.later] : [];
  const rows = chooseRows(entries.length, pair);
  return [
    el(
      "figure",
      { class: "chain" },
      el(
        "figcaption",
        { class: "quiet" },
        "In the order asked, from top to bottom: each request was made from the reply above it. A bar is where a server put true time.",
      ),
      el(
        "div",
        { class: "links" },
        el(
          "ol",
          { "aria-hidden": "true" },
          ...rows.map((row) =>
            el(
              "li",
              { class: pair.includes(row) ? "guilty" : "" },
              el("span", { class: "place" }, `${row + 1}`),
              isolated(entries[row]?.name ?? ""),
            )
          ),
        ),
        draw(entries, rows, violations, widest),
      ),
    ),
    tableOf(entries, violations, pair),
  ];
}

/** The pair, and as much of the chain around it as there is room for. */
function chooseRows(count: number, pair: readonly number[]): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  const [first = 0, last = 0] = pair;
  const distance = (row: number) =>
    Math.min(Math.abs(row - first), Math.abs(row - last));
  return all.toSorted((a, b) => distance(a) - distance(b))
    .slice(0, MOST_ROWS).toSorted((a, b) => a - b);
}

function draw(
  entries: readonly NamedEntry[],
  rows: readonly number[],
  violations: readonly Violation[],
  widest: Violation | undefined,
): SVGSVGElement {
  const zero = entries[0]?.verdict.midpointMicros ?? 0n;
  const stretchOf = (row: number): Stretch => {
    const { midpointMicros, radiusMicros } =
      (entries[row] as NamedEntry).verdict;
    const middle = Number(midpointMicros - zero);
    const radius = Number(radiusMicros);
    return { from: middle - radius, to: middle + radius };
  };
  const axis = axisOf(rows, violations, stretchOf);
  const height = HEAD + rows.length * ROW;
  const middleOf = (row: number) => HEAD + rows.indexOf(row) * ROW + ROW / 2;
  const isOfPair = (row: number) =>
    row === widest?.earlier || row === widest?.later;
  return svg(
    "svg",
    { class: "links", height, "aria-hidden": "true" },
    ...ticks(axis, 5).flatMap((at) => tick(at, axis, height)),
    ...rows.map((row) =>
      bar(stretchOf(row), axis, middleOf(row), isOfPair(row))
    ),
    ...widest
      ? backInTime(
        percent(stretchOf(widest.earlier).from, axis),
        percent(stretchOf(widest.later).to, axis),
        middleOf(widest.earlier),
        middleOf(widest.later),
      )
      : [],
  );
}

/** Whoever claims to know very little contradicts nobody, and is no measure for the others. */
function axisOf(
  rows: readonly number[],
  violations: readonly Violation[],
  stretchOf: (row: number) => Stretch,
): Stretch {
  const involved = new Set(
    violations.flatMap(({ earlier, later }) => [earlier, later]),
  );
  const shown = rows.filter((row) => involved.size === 0 || involved.has(row))
    .map(stretchOf);
  return widen({
    from: Math.min(...shown.map(({ from }) => from)),
    to: Math.max(...shown.map(({ to }) => to)),
  }, 1.16);
}

function tick(at: number, axis: Stretch, height: number): SVGElement[] {
  const place = percent(at, axis);
  const x = `${place}%`;
  const line = svg("line", {
    class: "grid",
    x1: x,
    x2: x,
    y1: HEAD - 6,
    y2: height,
  });
  if (place < 5 || place > 95) return [line];
  const text = { class: "tick", x, y: 14, "text-anchor": "middle" };
  return [line, svg("text", text, formatTick(at))];
}

function bar(
  own: Stretch,
  axis: Stretch,
  middle: number,
  isOfPair: boolean,
): SVGElement {
  const from = Math.max(0, percent(own.from, axis));
  const to = Math.min(100, percent(own.to, axis));
  return svg(
    "g",
    { class: isOfPair ? "guilty" : "" },
    from > 100 || to < 0 ? null : svg("rect", {
      class: "claim",
      x: `${from}%`,
      width: `${Math.max(to - from, 0.6)}%`,
      y: middle - 6,
      height: 12,
      rx: 3,
    }),
  );
}

/**
 * From the earliest that the first allows, down to its contradiction, which is back in time
 * by the gap: two lines in percent, since the width is not known.
 */
function backInTime(
  from: number,
  to: number,
  top: number,
  bottom: number,
): SVGElement[] {
  const line = (x1: number, x2: number, y1: number, y2: number) =>
    svg("line", { class: "gap", x1: `${x1}%`, x2: `${x2}%`, y1, y2 });
  return [
    line(from, from, top + 8, bottom),
    line(from, to, bottom, bottom),
    svg(
      "svg",
      { x: `${to}%`, y: bottom, overflow: "visible" },
      svg("path", { class: "gap head", d: "M14-5 6 0 14 5" }),
    ),
  ];
}

function tableOf(
  entries: readonly NamedEntry[],
  violations: readonly Violation[],
  pair: readonly number[],
): HTMLElement {
  const against = new Map<number, number[]>();
  for (const { earlier, later } of violations) {
    against.set(earlier, [...against.get(earlier) ?? [], later]);
    against.set(later, [...against.get(later) ?? [], earlier]);
  }
  const heads = [
    ...["Asked", "Server", "Said", "Give or take", "Contradicts", "Key"],
  ];
  const row = ({ name, verdict, exchange }: NamedEntry, i: number) =>
    el(
      "tr",
      { class: pair.includes(i) ? "guilty" : "" },
      el("td", { class: "number" }, `${i + 1}`),
      el("th", { scope: "row" }, isolated(name)),
      el("td", {}, formatMoment(Number(verdict.midpointMicros))),
      el("td", {}, formatSpan(Number(verdict.radiusMicros))),
      el("td", {}, numbers(against.get(i) ?? [])),
      el("td", {}, el("code", {}, base64.encode(exchange.publicKey))),
    );
  return el(
    "details",
    { class: "numbers" },
    el("summary", {}, "The same as a table"),
    el(
      "table",
      { class: "plain" },
      el(
        "thead",
        {},
        el("tr", {}, ...heads.map((one) => el("th", { scope: "col" }, one))),
      ),
      el("tbody", {}, ...entries.map(row)),
    ),
  );
}

function numbers(others: readonly number[]): string {
  const named = others.slice(0, MOST_NAMED).map((one) => one + 1).join(", ");
  return others.length > MOST_NAMED
    ? `${named} and ${others.length - MOST_NAMED} more`
    : named;
}
