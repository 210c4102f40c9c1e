/**
 * One server's interval on the common axis, behind it the majority's bounds and the local
 * clock. Everything is placed in percent, so that it fits whatever width there is.
 *
 * @module
 */

import type { ServerState } from "../lib/watch/api.ts";
import { svg } from "./dom.ts";
import { formatOffset, formatTick } from "./format.ts";
import { percent, type Stretch, ticks } from "./scale.ts";
import { mark } from "./status.ts";

/** Where a server puts true time. */
export function stretchOf({ offsetMicros }: ServerState): Stretch | undefined {
  return offsetMicros === null
    ? undefined
    : { from: Number(offsetMicros.earliest), to: Number(offsetMicros.latest) };
}

/** Draws a row: the band, the clock's line, and the server's interval with its mark. */
export function drawBar(
  server: ServerState,
  axis: Stretch,
  band: Stretch | undefined,
): SVGSVGElement {
  const picture = svg("svg", {
    class: `bar ${server.status}`,
    "aria-hidden": "true",
  }, ...ground(axis, band));
  const own = stretchOf(server);
  if (own !== undefined) {
    // Rows are as high as what is written in them: zero is in the middle of whatever that is.
    const middle = svg("svg", { y: "50%", overflow: "visible" });
    middle.append(...interval(server, own, axis));
    picture.append(middle);
  }
  return picture;
}

/** Draws the axis with its ticks, above all rows. */
export function drawAxis(
  axis: Stretch,
  band: Stretch | undefined,
  most: number,
): SVGSVGElement {
  const picture = svg("svg", {
    class: "axis",
    height: 34,
    "aria-hidden": "true",
  });
  picture.append(...ground(axis, band));
  for (const at of ticks(axis, most)) {
    const x = percent(at, axis);
    picture.append(svg("line", {
      class: "tick",
      x1: `${x}%`,
      x2: `${x}%`,
      y1: 26,
      y2: 34,
    }));
    if (x < 4 || x > 96) continue;
    picture.append(svg("text", {
      class: at === 0 ? "tick zero" : "tick",
      x: `${x}%`,
      y: 19,
      "text-anchor": "middle",
    }, at === 0 ? "0" : formatTick(at)));
  }
  return picture;
}

function ground(axis: Stretch, band: Stretch | undefined): SVGElement[] {
  const drawn: SVGElement[] = [];
  const width = band && clip(band, axis);
  if (width) {
    drawn.push(svg("rect", {
      class: "band",
      x: `${width.from}%`,
      width: `${Math.max(width.to - width.from, 0.2)}%`,
      y: 0,
      height: "100%",
    }));
  }
  const zero = percent(0, axis);
  if (zero >= 0 && zero <= 100) {
    drawn.push(svg("line", {
      class: "clock",
      x1: `${zero}%`,
      x2: `${zero}%`,
      y1: 0,
      y2: "100%",
    }));
  }
  return drawn;
}

/** What of a stretch can be seen, in percent. */
function clip(own: Stretch, axis: Stretch): Stretch | undefined {
  const from = Math.max(0, percent(own.from, axis));
  const to = Math.min(100, percent(own.to, axis));
  return from <= to ? { from, to } : undefined;
}

function interval(
  { status, radiusMicros, rttMicros }: ServerState,
  own: Stretch,
  axis: Stretch,
): SVGElement[] {
  const seen = clip(own, axis);
  if (seen === undefined) return [atEdge(own, axis, status)];
  // The reply was made at some moment of the round trip: that part is the network's.
  const turn = own.to - Number(rttMicros ?? 0);
  const claimed = clip({ from: own.from, to: turn }, axis);
  const travelled = clip({ from: turn, to: own.to }, axis);
  const at = percent(own.from + Number(radiusMicros ?? 0), axis);
  return [
    ...travelled ? [stroke("trip", travelled, 4)] : [],
    ...claimed ? [stroke("claim", claimed, 12)] : [],
    ...own.from >= axis.from ? [end(seen.from)] : [],
    ...own.to <= axis.to ? [end(seen.to)] : [],
    place(mark(status), Math.min(100, Math.max(0, at))),
  ];
}

/** What lies outside: an arrow at the edge, and how far it is. */
function atEdge(
  own: Stretch,
  axis: Stretch,
  status: ServerState["status"],
): SVGElement {
  const isAhead = own.from > axis.to;
  const away = isAhead ? -1 : 1;
  return place(
    svg(
      "g",
      {},
      svg("path", {
        class: "arrow",
        d: isAhead ? "M-10-5-3 0-10 5" : "M10-5 3 0 10 5",
      }),
      svg("g", { transform: `translate(${22 * away} 0)` }, mark(status)),
      svg("text", {
        class: "far",
        x: 36 * away,
        y: 4.5,
        "text-anchor": isAhead ? "end" : "start",
      }, formatOffset((own.from + own.to) / 2)),
    ),
    isAhead ? 100 : 0,
  );
}

function stroke(
  name: string,
  { from, to }: Stretch,
  height: number,
): SVGElement {
  return svg("rect", {
    class: name,
    x: `${from}%`,
    width: `${Math.max(to - from, 0.15)}%`,
    y: -height / 2,
    height,
    rx: 2,
  });
}

function end(x: number): SVGElement {
  return svg("line", {
    class: "end",
    x1: `${x}%`,
    x2: `${x}%`,
    y1: -8,
    y2: 8,
  });
}

function place(what: SVGElement, x: number): SVGElement {
  return svg("svg", { x: `${x}%`, overflow: "visible" }, what);
}
