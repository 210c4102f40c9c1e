/**
 * The picture of a chain: who was asked in which order, from top to bottom, and where each
 * put true time. An arrow that leads back in time joins two that cannot both be true.
 *
 * @module
 */

import type { ProvenEntry, Violation } from "../verify.ts";
import { el, isolated, svg } from "./dom.ts";
import { formatMoment, formatSpan, formatTick } from "./format.ts";
import { percent, type Stretch, ticks, widen } from "./scale.ts";

const ROW = 34;
const HEAD = 30;

/** More rows make no better picture; the table has them all. */
const MOST_ROWS = 60;

/** A proven reply with the name of whoever gave it. */
export interface NamedEntry extends ProvenEntry {
  readonly name: string;
}

/** Draws a chain, and beside it the same as a table. */
export function chainPicture(
  entries: readonly NamedEntry[],
  violations: readonly Violation[],
): HTMLElement[] {
  const widest = violations.toSorted((a, b) =>
    a.gapMicros < b.gapMicros ? 1 : -1
  );
  const guilty = new Set(
    violations.flatMap(({ earlier, later }) => [earlier, later]),
  );
  const rows = chooseRows(entries.length, guilty, widest[0]);
  const figure = el(
    "figure",
    { class: "chain" },
    el(
      "figcaption",
      { class: "quiet" },
      "In the order asked, from top to bottom: each request was made from the reply above it. A bar is where a server put true time.",
    ),
    draw(entries, rows, guilty, widest[0]),
  );
  return [figure, tableOf(entries, guilty)];
}

/** Those who contradict each other, and as many of the others as there is room for. */
function chooseRows(
  count: number,
  guilty: ReadonlySet<number>,
  widest: Violation | undefined,
): number[] {
  const all = Array.from({ length: count }, (_, i) => i);
  if (count <= MOST_ROWS) return all;
  const pair = new Set(widest ? [widest.earlier, widest.later] : []);
  const chosen = all.toSorted((a, b) =>
    Number(pair.has(b)) - Number(pair.has(a)) ||
    Number(guilty.has(b)) - Number(guilty.has(a)) || a - b
  );
  return chosen.slice(0, MOST_ROWS).toSorted((a, b) => a - b);
}

function draw(
  entries: readonly NamedEntry[],
  rows: readonly number[],
  guilty: ReadonlySet<number>,
  widest: Violation | undefined,
): HTMLElement {
  const zero = entries[0]?.verdict.midpointMicros ?? 0n;
  const stretches = new Map(rows.map((row) => {
    const { midpointMicros, radiusMicros } =
      (entries[row] as NamedEntry).verdict;
    const middle = Number(midpointMicros - zero);
    const radius = Number(radiusMicros);
    return [row, { from: middle - radius, to: middle + radius }];
  }));
  const all = [...stretches.values()];
  const axis = widen({
    from: Math.min(...all.map(({ from }) => from)),
    to: Math.max(...all.map(({ to }) => to)),
  }, 1.12);
  const height = HEAD + rows.length * ROW;
  const picture = svg("svg", { class: "links", height, "aria-hidden": "true" });
  for (const at of ticks(axis, 6)) {
    const x = `${percent(at, axis)}%`;
    picture.append(
      svg("line", { class: "grid", x1: x, x2: x, y1: HEAD - 6, y2: height }),
    );
    if (percent(at, axis) > 5 && percent(at, axis) < 95) {
      picture.append(
        svg(
          "text",
          { class: "tick", x, y: 14, "text-anchor": "middle" },
          formatTick(at),
        ),
      );
    }
  }
  const middleOf = (place: number) => HEAD + place * ROW + ROW / 2;
  rows.forEach((row, place) => {
    picture.append(
      bar(
        stretches.get(row) as Stretch,
        axis,
        middleOf(place),
        guilty.has(row),
      ),
    );
  });
  if (widest) {
    const [a, b] = [widest.earlier, widest.later].map((row) =>
      rows.indexOf(row)
    );
    picture.append(
      ...backInTime(
        percent((stretches.get(widest.earlier) as Stretch).from, axis),
        percent((stretches.get(widest.later) as Stretch).to, axis),
        middleOf(a as number),
        middleOf(b as number),
      ),
    );
  }
  const names = rows.map((row) =>
    el(
      "li",
      { class: guilty.has(row) ? "guilty" : "" },
      el("span", { class: "place" }, `${row + 1}`),
      isolated((entries[row] as NamedEntry).name),
    )
  );
  return el(
    "div",
    { class: "links" },
    el("ol", { "aria-hidden": "true" }, ...names),
    picture,
  );
}

function bar(
  own: Stretch,
  axis: Stretch,
  middle: number,
  isGuilty: boolean,
): SVGElement {
  const from = percent(own.from, axis);
  const to = percent(own.to, axis);
  return svg(
    "g",
    { class: isGuilty ? "guilty" : "" },
    svg("rect", {
      class: "claim",
      x: `${from}%`,
      width: `${Math.max(to - from, 0.4)}%`,
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
    line(from, from, top, bottom),
    line(from, to, bottom, bottom),
    svg(
      "svg",
      { x: `${to}%`, y: bottom, overflow: "visible" },
      svg("path", { class: "gap head", d: "M9-5 1 0 9 5" }),
    ),
  ];
}

function tableOf(
  entries: readonly NamedEntry[],
  guilty: ReadonlySet<number>,
): HTMLElement {
  const heads = ["Asked", "Server", "Said", "Give or take", "Contradicts"];
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
      el(
        "tbody",
        {},
        ...entries.map(({ name, verdict }, i) =>
          el(
            "tr",
            { class: guilty.has(i) ? "guilty" : "" },
            el("td", { class: "number" }, String(i + 1)),
            el("th", { scope: "row" }, isolated(name)),
            el("td", {}, formatMoment(Number(verdict.midpointMicros))),
            el(
              "td",
              { class: "number" },
              formatSpan(Number(verdict.radiusMicros)),
            ),
            el("td", {}, guilty.has(i) ? "yes" : ""),
          )
        ),
      ),
    ),
  );
}
