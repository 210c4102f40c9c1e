/**
 * Now: every server on one axis. The picture is a table, so that it can be read aloud and
 * walked through by keyboard.
 *
 * @module
 */

import type {
  RoundState,
  ServerState,
  WatchState,
  WatchStatus,
} from "../lib/watch/api.ts";
import type { RoundCheck } from "./check.ts";
import { button, el, isolated } from "./dom.ts";
import { count, formatMoment, formatOffset, formatSpan } from "./format.ts";
import { drawAxis, drawBar, stretchOf } from "./now_bar.ts";
import { fit, percent, type Stretch, widen } from "./scale.ts";
import { sign, STATUS_WORDS, STATUSES } from "./status.ts";

/** Servers above this many get a field to search in. */
const SEARCH_FROM = 12;

/** The view of this moment. */
export class NowView {
  readonly element: HTMLElement = el("section", {
    id: "now",
    "aria-labelledby": "now-title",
  });
  #state: WatchState | undefined;
  #check: RoundCheck | undefined;
  /** How much wider than fitting. */
  #zoom = 1;
  #wanted: WatchStatus | undefined;
  #search = "";
  readonly #chips = el("div", {
    class: "chips",
    role: "group",
    "aria-label": "Show only",
  });
  readonly #body = el("div", { class: "servers" });
  readonly #find = el("input", {
    type: "search",
    placeholder: "Find a server",
    "aria-label": "Find a server or operator",
  });

  constructor() {
    this.#find.addEventListener("input", () => {
      this.#search = this.#find.value.trim().toLowerCase();
      this.#drawBody();
    });
    const zoom = (label: string, text: string, factor: number | undefined) =>
      button({ class: "small", "aria-label": label, title: label }, () => {
        this.#zoom = factor === undefined
          ? 1
          : Math.min(Math.max(this.#zoom * factor, 1e-6), 1e12);
        this.#drawBody();
      }, text);
    this.element.append(
      el("h2", { id: "now-title" }, "Now"),
      el(
        "div",
        { class: "bar-tools" },
        this.#chips,
        el(
          "div",
          { class: "tools" },
          this.#find,
          el(
            "div",
            { class: "zoom", role: "group", "aria-label": "Scale of the axis" },
            zoom("Show a shorter stretch of time", "+", 1 / 4),
            zoom("Show a longer stretch of time", "−", 4),
            zoom("Fit the axis to those who agree", "Fit", undefined),
          ),
        ),
      ),
      this.#body,
      legend(),
    );
  }

  /** Shows a state, and what was found in checking it. */
  update(state: WatchState, check: RoundCheck | undefined): void {
    this.#state = state;
    this.#check = check;
    const servers = state.round?.servers ?? [];
    this.#find.hidden = servers.length < SEARCH_FROM;
    this.#drawChips(servers);
    this.#drawBody();
  }

  #drawChips(servers: readonly ServerState[]): void {
    const present = STATUSES.toReversed().filter((status) =>
      servers.some((one) => one.status === status)
    );
    if (
      this.#wanted !== undefined && !present.includes(this.#wanted as never)
    ) {
      this.#wanted = undefined;
    }
    const focused = this.#chips.contains(document.activeElement)
      ? (document.activeElement as HTMLElement).dataset.status
      : undefined;
    this.#chips.replaceChildren(...present.map((status) => {
      const { label, meaning } = STATUS_WORDS[status];
      const n = servers.filter((one) => one.status === status).length;
      return button(
        {
          class: `chip ${status}`,
          "aria-pressed": String(this.#wanted === status),
          "data-status": status,
          title: meaning,
        },
        () => {
          this.#wanted = this.#wanted === status ? undefined : status;
          this.#drawChips(servers);
          this.#drawBody();
        },
        sign(status),
        el("b", {}, String(n)),
        ` ${label}`,
      );
    }));
    if (focused !== undefined) {
      this.#chips.querySelector<HTMLElement>(`[data-status="${focused}"]`)
        ?.focus();
    }
  }

  #drawBody(): void {
    const round = this.#state?.round;
    if (!round) {
      this.#body.replaceChildren(
        el("p", { class: "empty" }, "The first round is under way."),
      );
      return;
    }
    const order = inOrder(round.servers).filter(([server]) =>
      (this.#wanted === undefined || server.status === this.#wanted) &&
      (server.name.toLowerCase().includes(this.#search) ||
        server.operator.toLowerCase().includes(this.#search))
    );
    const band = bandOf(round);
    const axis = widen(axisOf(round, band), this.#zoom);
    // A row is drawn anew with every round; whoever is on it stays there.
    const focused = (document.activeElement as HTMLElement | null)?.dataset
      ?.server;
    this.#body.replaceChildren(
      order.length === 0
        ? el("p", { class: "empty" }, "No server is like that.")
        : this.#table(order, axis, band),
    );
    if (focused !== undefined) {
      this.#body.querySelector<HTMLElement>(`[data-server="${focused}"]`)
        ?.focus();
    }
  }

  #table(
    order: readonly (readonly [ServerState, number])[],
    axis: Stretch,
    band: Stretch | undefined,
  ): HTMLElement {
    const most = Math.max(4, Math.floor(this.#body.clientWidth / 190));
    const head = (text: string, name: string) =>
      el("th", { scope: "col", class: name, role: "columnheader" }, text);
    const clock = percent(0, axis);
    const caption =
      "Where each server puts true time, from the watcher's clock";
    return el(
      "table",
      { class: "now", role: "table" },
      el(
        "caption",
        { class: "quiet" },
        caption,
        key(clock >= 0 && clock <= 100, band),
      ),
      el(
        "thead",
        { role: "rowgroup" },
        el(
          "tr",
          { role: "row" },
          head("Server", "who"),
          el(
            "th",
            { scope: "col", class: "picture", role: "columnheader" },
            el("span", { class: "hidden" }, "Interval"),
            drawAxis(axis, band, most),
          ),
          head("Offset", "offset number"),
          head("Radius", "radius number"),
          head("Round trip", "rtt number"),
          head("Version", "version"),
          head("Checked here", "checked"),
        ),
      ),
      el(
        "tbody",
        { role: "rowgroup" },
        ...order.map(([server, index]) =>
          row(server, index, drawBar(server, axis, band), this.#check)
        ),
      ),
    );
  }
}

function row(
  server: ServerState,
  index: number,
  picture: SVGSVGElement,
  check: RoundCheck | undefined,
): HTMLElement {
  const { name, status, reason, radiusMicros, rttMicros, version } = server;
  const cell = (name: string, ...children: (Node | string)[]) =>
    el("td", { class: name, role: "cell" }, ...children);
  const own = stretchOf(server);
  const number = (micros: string | null) =>
    micros === null ? "" : formatSpan(Number(micros));
  const problems = check?.servers[index] ?? [];
  return el(
    "tr",
    { role: "row", class: problems.length > 0 ? `${status} doubted` : status },
    el(
      "th",
      { scope: "row", class: "who", role: "rowheader" },
      el(
        "a",
        { href: `#history/${encodeURIComponent(name)}`, "data-server": index },
        sign(status),
        isolated(name),
      ),
      el("span", { class: "hidden" }, `, ${STATUS_WORDS[status].label}`),
      reason === null || own === undefined
        ? null
        : el("span", { class: "why" }, reason),
    ),
    // Where there is nothing to draw there is room to say why.
    cell(
      "picture",
      picture,
      own === undefined ? el("span", { class: "why" }, reason ?? "") : "",
    ),
    cell(
      "offset number",
      own === undefined
        ? STATUS_WORDS[status].label
        : formatOffset(own.from + Number(radiusMicros ?? 0)),
    ),
    cell(
      "radius number",
      radiusMicros === null ? "" : `± ${number(radiusMicros)}`,
    ),
    cell("rtt number", number(rttMicros)),
    cell("version", version ?? ""),
    cell("checked", ...verdictOf(server, index, check)),
  );
}

/** What checking came to, for one server. */
function verdictOf(
  { exchanges }: ServerState,
  index: number,
  check: RoundCheck | undefined,
): (Node | string)[] {
  if (check === undefined) return exchanges.length === 0 ? [""] : ["…"];
  const problems = check.servers[index] ?? [];
  if (problems.length > 0) {
    // Why is said above; a sentence has no room in a narrow column.
    return [
      el(
        "span",
        { class: "bad", title: problems.join("\n") },
        "✗ not confirmed",
      ),
    ];
  }
  const own = check.exchanges.filter(({ server }) => server === index).length;
  return own === 0
    ? [""]
    : [el("span", { class: "good" }, `✓ ${count(own, "reply", "replies")}`)];
}

/** The majority's bounds. */
export function bandOf(
  { quorumOffsetMicros }: RoundState,
): Stretch | undefined {
  return quorumOffsetMicros === null ? undefined : {
    from: Number(quorumOffsetMicros.earliest),
    to: Number(quorumOffsetMicros.latest),
  };
}

function axisOf({ servers }: RoundState, band: Stretch | undefined): Stretch {
  const of = (isWanted: (status: WatchStatus) => boolean) =>
    servers.filter(({ status }) => isWanted(status))
      .flatMap((one) => stretchOf(one) ?? []);
  return fit(of((one) => one === "ok"), band, of((one) => one !== "ok"));
}

/** Trouble first; those who are alike by name. Each with its place in the state. */
function inOrder(servers: readonly ServerState[]): [ServerState, number][] {
  const rank = ({ status }: ServerState) => STATUSES.indexOf(status);
  return servers.map((one, i) => [one, i] as [ServerState, number]).sort((
    [a],
    [b],
  ) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function key(hasClock: boolean, band: Stretch | undefined): HTMLElement {
  return el(
    "span",
    { class: "key" },
    band === undefined ? null : el(
      "span",
      {},
      el("i", { class: "swatch band", "aria-hidden": "true" }),
      `the majority's bounds, ${formatOffset(band.from)} to ${
        formatOffset(band.to)
      }`,
    ),
    hasClock
      ? el(
        "span",
        {},
        el("i", { class: "swatch clock", "aria-hidden": "true" }),
        "the watcher's clock",
      )
      : null,
  );
}

function legend(): HTMLElement {
  return el(
    "details",
    { class: "legend" },
    el("summary", {}, "How to read this"),
    el(
      "p",
      {},
      "A bar is where a server puts true time, less the watcher's clock: the thick part is the radius that the server itself claims, the thin part the round trip, during which nobody knows when it looked at its clock. The mark is the middle of the claim. A bar that the band does not touch cannot be right if most operators are.",
    ),
    el(
      "dl",
      {},
      ...STATUSES.toReversed().flatMap((status) => [
        el("dt", {}, sign(status), STATUS_WORDS[status].label),
        el("dd", {}, STATUS_WORDS[status].meaning),
      ]),
    ),
  );
}

/** Says what a server claims as a moment, for whoever wants the time itself. */
export function claimOf({ midpointMicros, radiusMicros }: ServerState): string {
  return midpointMicros === null
    ? "no time"
    : `${formatMoment(Number(midpointMicros))} ± ${
      formatSpan(Number(radiusMicros ?? 0))
    }`;
}
