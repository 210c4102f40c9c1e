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

/** Height of a row's picture, in pixels. */
export const BAR_HEIGHT = 30;

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
    height: BAR_HEIGHT,
    "aria-hidden": "true",
  }, ...ground(axis, band));
  const own = stretchOf(server);
  if (own !== undefined) picture.append(...interval(server, own, axis));
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
  const middle = BAR_HEIGHT / 2;
  const seen = clip(own, axis);
  if (seen === undefined) return atEdge(own, axis, status, middle);
  // The reply was made at some moment of the round trip: that part is the network's.
  const claimed = clip(
    { from: own.from, to: own.to - Number(rttMicros ?? 0) },
    axis,
  );
  const drawn: SVGElement[] = [
    stroke("trip", seen, middle, 6),
    ...claimed ? [stroke("claim", claimed, middle, 10)] : [],
    ...own.from >= axis.from ? [end(seen.from, middle)] : [],
    ...own.to <= axis.to ? [end(seen.to, middle)] : [],
  ];
  const at = percent(own.from + Number(radiusMicros ?? 0), axis);
  drawn.push(place(mark(status), Math.min(100, Math.max(0, at)), middle));
  return drawn;
}

/** What lies outside: an arrow at the edge, and how far it is. */
function atEdge(
  own: Stretch,
  axis: Stretch,
  status: ServerState["status"],
  middle: number,
): SVGElement[] {
  const isAhead = own.from > axis.to;
  const edge = isAhead ? 100 : 0;
  const arrow = svg("path", {
    class: "arrow",
    d: isAhead ? "M-12-5-4 0-12 5" : "M12-5 4 0 12 5",
  });
  return [
    place(arrow, edge, middle),
    place(
      svg("g", {
        transform: `translate(${isAhead ? -22 : 22} 0)`,
      }, mark(status)),
      edge,
      middle,
    ),
    place(
      svg("text", {
        class: "far",
        x: isAhead ? -34 : 34,
        y: 4,
        "text-anchor": isAhead ? "end" : "start",
      }, formatOffset((own.from + own.to) / 2)),
      edge,
      middle,
    ),
  ];
}

function stroke(
  name: string,
  { from, to }: Stretch,
  middle: number,
  height: number,
) {
  return svg("rect", {
    class: name,
    x: `${from}%`,
    width: `${Math.max(to - from, 0.15)}%`,
    y: middle - height / 2,
    height,
    rx: 2,
  });
}

function end(x: number, middle: number): SVGElement {
  return svg("line", {
    class: "end",
    x1: `${x}%`,
    x2: `${x}%`,
    y1: middle - 7,
    y2: middle + 7,
  });
}

function place(what: SVGElement, x: number, y: number): SVGElement {
  return svg("svg", { x: `${x}%`, y, overflow: "visible" }, what);
}
