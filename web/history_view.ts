/**
 * History: all servers as strips, or one server with its curves.
 *
 * @module
 */

import type {
  History,
  MinMaxMean,
  ServerState,
  WatchState,
} from "../lib/watch/api.ts";
import { AskPanel } from "./ask_panel.ts";
import type { RoundCheck } from "./check.ts";
import { button, el, isolated } from "./dom.ts";
import { fetchHistory, inTurn } from "./fetch.ts";
import { formatClock, formatOffset, formatSpan } from "./format.ts";
import { HistoryCharts, type Range } from "./history_charts.ts";
import { serverCard } from "./server_card.ts";
import { sign } from "./status.ts";
import { describe, drawStrip } from "./strip.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** Spans to choose from. */
const SPANS = [
  ["1 h", HOUR],
  ["6 h", 6 * HOUR],
  ["24 h", DAY],
  ["7 d", 7 * DAY],
  ["30 d", 30 * DAY],
  ["90 d", 90 * DAY],
] as const;

/** Nothing shorter is shown. */
const LEAST_MS = 5 * 60_000;

/** Most buckets of one server's history, and of a strip among many. */
const POINTS = 400;
const STRIP_POINTS = 96;

/** Rows of the table beside the curves. */
const TABLE_ROWS = 200;

/** The view of what has been. */
export class HistoryView {
  readonly element: HTMLElement = el("section", {
    id: "history",
    "aria-labelledby": "history-title",
  });
  #state: WatchState | undefined;
  #check: RoundCheck | undefined;
  #server: string | undefined;
  #spanMs: number = DAY;
  /** The end of what is shown; follows the clock while there is none. */
  #endMs: number | undefined;
  /** What is shown now, as far as loading depends on it. */
  #shown = "";
  #turn = 0;
  readonly #spans = el("div", {
    class: "chips",
    role: "group",
    "aria-label": "Span",
  });
  readonly #title = el("h2", { id: "history-title" });
  readonly #range = el("p", { class: "quiet" });
  readonly #content = el("div", {});
  readonly #charts = new HistoryCharts((range) => this.#zoomTo(range));

  constructor() {
    const move = (label: string, text: string, action: () => void) =>
      button(
        { class: "small", "aria-label": label, title: label },
        action,
        text,
      );
    this.element.append(
      this.#title,
      el(
        "div",
        { class: "bar-tools" },
        this.#spans,
        el(
          "div",
          { class: "zoom", role: "group", "aria-label": "Move" },
          move("Earlier", "←", () => this.#move(-0.5)),
          move("Later", "→", () => this.#move(0.5)),
          move("Zoom in", "+", () => this.#scale(0.5)),
          move("Zoom out", "−", () => this.#scale(2)),
          move("Up to now", "Now", () => this.#show(this.#spanMs, undefined)),
        ),
      ),
      this.#range,
      this.#content,
    );
    new ResizeObserver(() => this.#charts.resize()).observe(this.#content);
  }

  /** Shows one server, or all without a name. */
  choose(name: string): void {
    this.#server = name === "" ? undefined : name;
  }

  /** Shows a state. Curves follow only if they end now. */
  update(state: WatchState, check: RoundCheck | undefined): void {
    this.#state = state;
    this.#check = check;
    this.#drawSpans();
    const key = [
      this.#server,
      this.#spanMs,
      this.#endMs ?? state.round?.id,
      this.#server !== undefined && check !== undefined,
    ].join();
    if (key === this.#shown) return;
    this.#shown = key;
    this.#load();
  }

  #move(part: number): void {
    const end = (this.#endMs ?? Date.now()) + this.#spanMs * part;
    this.#show(this.#spanMs, end >= Date.now() ? undefined : end);
  }

  #scale(factor: number): void {
    const span = Math.min(Math.max(this.#spanMs * factor, LEAST_MS), 90 * DAY);
    const middle = (this.#endMs ?? Date.now()) - this.#spanMs / 2;
    this.#show(span, this.#endMs === undefined ? undefined : middle + span / 2);
  }

  #zoomTo({ fromMs, toMs }: Range): void {
    this.#show(Math.max(toMs - fromMs, LEAST_MS), toMs);
  }

  #show(spanMs: number, endMs: number | undefined): void {
    this.#spanMs = spanMs;
    this.#endMs = endMs;
    if (this.#state) this.update(this.#state, this.#check);
  }

  #drawSpans(): void {
    if (this.#spans.childElementCount === 0) {
      this.#spans.append(...SPANS.map(([label, ms]) =>
        button(
          { class: "chip", "data-span": ms },
          () => this.#show(ms, this.#endMs),
          label,
        )
      ));
    }
    for (const one of this.#spans.children) {
      const isShown =
        Number((one as HTMLElement).dataset.span) === this.#spanMs;
      one.setAttribute("aria-pressed", String(isShown));
    }
  }

  async #load(): Promise<void> {
    const turn = ++this.#turn;
    const servers = this.#state?.round?.servers ?? [];
    // A bucket narrower than a round would be empty now and then, and look like a gap.
    const rounds = this.#spanMs / 1000 / (this.#state?.intervalSeconds ?? 1);
    const points = (most: number) =>
      Math.max(1, Math.min(most, Math.floor(rounds / 1.3)));
    const toMs = this.#endMs ?? Date.now();
    const fromMs = toMs - this.#spanMs;
    this.#range.textContent = `${formatClock(fromMs)} to ${formatClock(toMs)}`;
    const server = servers.find(({ name }) => name === this.#server);
    if (this.#server !== undefined) {
      const loading = fetchHistory(this.#server, fromMs, toMs, points(POINTS));
      await this.#loadOne(this.#server, server, loading, turn);
      return;
    }
    this.#title.replaceChildren("History");
    const rows = servers.map(stripRow);
    this.#content.replaceChildren(
      el("ul", { class: "strips" }, ...rows.map(({ row }) => row)),
    );
    for (const { row, name } of rows) {
      this.#fillStrip(
        row,
        turn,
        () => fetchHistory(name, fromMs, toMs, points(STRIP_POINTS)),
      );
    }
  }

  async #fillStrip(
    row: HTMLElement,
    turn: number,
    load: () => Promise<History>,
  ): Promise<void> {
    await untilSeen(row);
    const history = await inTurn(async () =>
      turn === this.#turn ? await load() : undefined
    ).catch(asError);
    if (turn !== this.#turn || history === undefined) return;
    row.append(
      ...history instanceof Error
        ? [el("span", { class: "bad" }, history.message)]
        : [
          drawStrip(history, 22),
          el("span", { class: "quiet" }, describe(history)),
        ],
    );
  }

  async #loadOne(
    name: string,
    server: ServerState | undefined,
    loading: Promise<History>,
    turn: number,
  ): Promise<void> {
    const history = await loading.catch(asError);
    if (turn !== this.#turn) return;
    this.#title.replaceChildren(
      el("a", { href: "#history/" }, "History"),
      " / ",
      isolated(name),
    );
    const asked = this.#content.querySelector(".ask");
    const panel = asked && asked.getAttribute("data-name") === name
      ? asked
      : server && this.#state?.relay
      ? new AskPanel(server).element
      : null;
    const card = server && serverCard(server, this.#check, this.#state);
    if (history instanceof Error) {
      const bad = el("p", { class: "bad" }, history.message);
      this.#content.replaceChildren(...parts(card, panel, bad));
      return;
    }
    const isOpen = this.#content.querySelector("details")?.open ?? false;
    const strip = el(
      "figure",
      { class: "availability" },
      el("figcaption", {}, `Availability: ${describe(history)}`),
      drawStrip(history, 26),
    );
    const body = history.points.length === 0
      ? el("p", { class: "empty" }, "No rounds in this span.")
      : this.#charts.element;
    this.#content.replaceChildren(
      ...parts(card, panel, strip, body, tableOf(history, isOpen)),
    );
    if (history.points.length > 0) this.#charts.draw(history);
  }
}

function parts(...children: (Node | null | undefined)[]): Node[] {
  return children.filter((one) => one !== null && one !== undefined);
}

function stripRow(server: ServerState): { row: HTMLElement; name: string } {
  const { name, status } = server;
  const link = el(
    "a",
    { href: `#history/${encodeURIComponent(name)}` },
    sign(status),
    isolated(name),
  );
  return { row: el("li", {}, link), name };
}

/** Waits until somebody might look at it: with many servers most are never scrolled to. */
function untilSeen(element: Element): Promise<void> {
  return new Promise((resolve) => {
    const { top } = element.getBoundingClientRect();
    if (top < 2 * innerHeight) return resolve();
    const observer = new IntersectionObserver((entries) => {
      if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
      observer.disconnect();
      resolve();
    }, { rootMargin: "100%" });
    observer.observe(element);
  });
}

function tableOf({ points }: History, isOpen: boolean): HTMLElement {
  const span = (value: MinMaxMean | null, say: (n: number) => string) =>
    el("td", { class: "number" }, value === null ? "–" : say(value.mean));
  const heads = [
    "From",
    "Rounds",
    "Answered",
    "Offset",
    "Radius",
    "Round trip",
  ];
  const shown = points.slice(-TABLE_ROWS).toReversed();
  return el(
    "details",
    { class: "numbers", open: isOpen },
    el("summary", {}, "The same in numbers"),
    el(
      "table",
      { class: "plain" },
      el(
        "caption",
        { class: "quiet" },
        `Means, the latest first${
          points.length > shown.length ? `; the last ${TABLE_ROWS}` : ""
        }`,
      ),
      el(
        "thead",
        {},
        el("tr", {}, ...heads.map((one) => el("th", { scope: "col" }, one))),
      ),
      el(
        "tbody",
        {},
        ...shown.map((point) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, formatClock(point.atMs)),
            el("td", { class: "number" }, String(point.rounds)),
            el("td", { class: "number" }, String(point.answered)),
            span(point.offsetMicros, formatOffset),
            span(point.radiusMicros, formatSpan),
            span(point.rttMicros, formatSpan),
          )
        ),
      ),
    ),
  );
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
