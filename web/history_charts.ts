/**
 * The curves of one server: offset, radius and round trip under one another, on one axis of
 * time.
 *
 * @module
 */

/*! uPlot - MIT License (c) 2025 Leon Sorokin */
import uPlot from "uplot";
import type { History, HistoryPoint, MinMaxMean } from "../lib/watch/api.ts";
import { el } from "./dom.ts";
import { formatOffset, formatSpan, formatTick } from "./format.ts";
import { ticks } from "./scale.ts";

/** Pixels left of every curve and strip for the numbers. */
export const GUTTER = 72;

const HEIGHT = 170;

/** What is drawn, and how it is called. */
const CURVES = {
  offsetMicros: { title: "Offset from the watcher's clock", signed: true },
  radiusMicros: { title: "Radius that it claims", signed: false },
  rttMicros: { title: "Round trip", signed: false },
} as const;
type CurveName = keyof typeof CURVES;

/** A stretch of time, in milliseconds since 1970. */
export interface Range {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The curves; drawn anew for each history. */
export class HistoryCharts {
  readonly element: HTMLElement = el("div", { class: "curves" });
  readonly #onZoom: (range: Range) => void;
  #plots: uPlot[] = [];
  #drawn: History | undefined;

  /** @param onZoom Told which stretch somebody has marked. */
  constructor(onZoom: (range: Range) => void) {
    this.#onZoom = onZoom;
    matchMedia("(prefers-color-scheme: dark)").addEventListener(
      "change",
      () => {
        if (this.#drawn) this.draw(this.#drawn);
      },
    );
  }

  /** Draws a history in place of what was there. */
  draw(history: History): void {
    this.#drawn = history;
    for (const plot of this.#plots) plot.destroy();
    this.#plots = [];
    const points = withGaps(history);
    const figures = Object.entries(CURVES).map(([name, { title }]) => {
      const figure = el("figure", {}, el("figcaption", {}, title));
      const canvas = el("div", { "aria-hidden": "true" });
      figure.append(canvas);
      return { figure, canvas, name: name as CurveName };
    });
    this.element.replaceChildren(...figures.map(({ figure }) => figure));
    for (const { canvas, name } of figures) {
      this.#plots.push(
        new uPlot(this.#options(name, history), dataOf(name, points), canvas),
      );
    }
  }

  /** Fits the curves to the width there is. */
  resize(): void {
    const width = this.#width();
    for (const plot of this.#plots) plot.setSize({ width, height: HEIGHT });
  }

  #width(): number {
    const figure = this.element.querySelector("figure > div:last-child");
    return Math.max(220, figure?.clientWidth ?? 0);
  }

  #options(name: CurveName, { fromMs, toMs }: History): uPlot.Options {
    const { signed } = CURVES[name];
    const ink = colour("--ink-quiet");
    const line = colour("--line");
    const main = colour("--ok");
    const say = (value: number | null) =>
      value === null ? "–" : signed ? formatOffset(value) : formatSpan(value);
    const axis = {
      stroke: ink,
      grid: { stroke: line, width: 1 },
      ticks: { show: false },
    };
    return {
      width: this.#width(),
      height: HEIGHT,
      padding: [8, 8, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      cursor: {
        sync: { key: "roughly" },
        drag: { x: true, y: false, setScale: false },
        y: false,
      },
      scales: {
        x: { time: true, range: [fromMs / 1000, toMs / 1000] },
        y: { range: (_, min, max) => padded(min, max, signed) },
      },
      axes: [
        {
          ...axis,
          font: FONT,
          size: 30,
          space: 80,
          values: (_, splits, __, ___, step) =>
            splits.map((one) => moment(one, step)),
        },
        {
          ...axis,
          size: GUTTER,
          font: FONT,
          splits: (_, __, min, max) => ticks({ from: min, to: max }, 5),
          values: (_, splits) =>
            splits.map((one) =>
              signed ? formatTick(one) : formatTick(one).replace("+", "")
            ),
        },
      ],
      series: [
        { value: (_, seconds) => seconds === null ? "–" : clock(seconds) },
        {
          label: "mean",
          stroke: main,
          width: 1.5,
          points: DOTS,
          value: (_, v) => say(v),
        },
        {
          label: "least",
          stroke: "transparent",
          points: { show: false },
          value: (_, v) => say(v),
        },
        {
          label: "most",
          stroke: "transparent",
          points: { show: false },
          value: (_, v) => say(v),
        },
      ],
      bands: [{ series: [3, 2], fill: colour("--ok-soft") }],
      hooks: {
        setSelect: [(plot) => {
          const { left, width } = plot.select;
          if (width < 4) return;
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          this.#onZoom({
            fromMs: plot.posToVal(left, "x") * 1000,
            toMs: plot.posToVal(left + width, "x") * 1000,
          });
        }],
      },
    };
  }
}

const FONT = "12px system-ui, sans-serif";

/** A lonely point would not be seen in a line. */
const DOTS: uPlot.Series.Points = { size: 4 };

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ");
}

/** For the axis: days where a step is one, else hours with the day at midnight. */
function moment(seconds: number, stepSeconds: number): string {
  const text = clock(seconds);
  const [day = "", time = ""] = text.split(" ");
  return stepSeconds >= 86_400
    ? day.slice(5)
    : time === "00:00"
    ? `${day.slice(5)}`
    : time;
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name)
    .trim();
}

/** Some room above and below; what cannot be negative begins at nothing. */
function padded(
  min: number | null,
  max: number | null,
  signed: boolean,
): [number, number] {
  const low = signed ? min ?? 0 : 0;
  const high = max ?? 1;
  const room = Math.max((high - low) * 0.1, 1);
  return [signed ? low - room : 0, high + room];
}

/** Between buckets that do not follow one another the line has to break. */
function withGaps(
  { points, bucketMs }: History,
): (HistoryPoint | { readonly atMs: number })[] {
  return points.flatMap((point, i) => {
    const next = points[i + 1];
    return next && next.atMs - point.atMs > 2.5 * bucketMs
      ? [point, { atMs: point.atMs + bucketMs }]
      : [point];
  });
}

function dataOf(
  name: CurveName,
  points: readonly (HistoryPoint | { readonly atMs: number })[],
): uPlot.AlignedData {
  const of = (key: keyof MinMaxMean) =>
    points.map((point) =>
      name in point ? (point as HistoryPoint)[name]?.[key] ?? null : null
    );
  return [
    points.map(({ atMs }) => atMs / 1000),
    of("mean"),
    of("min"),
    of("max"),
  ];
}
