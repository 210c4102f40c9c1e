/**
 * The page of `roughly watch`: gets the state, hears of each round, checks it, and shows it.
 *
 * @module
 */

import type { WatchState } from "../lib/watch/api.ts";
import { checkRound, type RoundCheck } from "./check.ts";
import { CheckBadge } from "./check_view.ts";
import { el } from "./dom.ts";
import { EvidenceView } from "./evidence_view.ts";
import { fetchExchange, fetchState, inTurn } from "./fetch.ts";
import { formatAgo, formatClock } from "./format.ts";
import { HistoryView } from "./history_view.ts";
import { NowView } from "./now_view.ts";
import { goOn, newsIn } from "./sentence.ts";

/** The views by the name in the address. */
const VIEWS = { now: "Now", history: "History", evidence: "Evidence" } as const;
type ViewName = keyof typeof VIEWS;

/** After a lost connection: so long until the next try. */
const RETRY_MS = 5000;

class App {
  #state: WatchState | undefined;
  #check: RoundCheck | undefined;
  /** Counts states, so that a slow check of an old one is thrown away. */
  #turn = 0;
  #lost = false;
  #isDue = false;
  /** When the state came, by the clock that nobody sets. */
  #stateAt = 0;
  /** The sentence without its time. */
  #news = "";
  readonly #badge = new CheckBadge();
  readonly #now = new NowView();
  readonly #history = new HistoryView();
  readonly #evidence = new EvidenceView();
  readonly #links = new Map<ViewName, HTMLAnchorElement>();

  start(): void {
    for (const [name, label] of Object.entries(VIEWS)) {
      const link = el("a", { href: `#${name}` }, label);
      this.#links.set(name as ViewName, link);
      find("nav").append(link);
    }
    find("course").after(this.#badge.element);
    find("app").replaceChildren(
      this.#now.element,
      this.#history.element,
      this.#evidence.element,
    );
    globalThis.addEventListener("hashchange", () => this.#route());
    globalThis.addEventListener("resize", () => this.#drawSoon());
    this.#route();
    this.#listen();
    setInterval(() => {
      this.#drawSummary();
      this.#drawCourse();
    }, 1000);
  }

  /** Hears of rounds. The stream begins with the state as it is. */
  #listen(): void {
    const stream = new EventSource("events");
    stream.addEventListener("round", (event) => {
      this.#lost = false;
      this.#take(JSON.parse(event.data) as WatchState);
    });
    stream.addEventListener("error", () => {
      this.#lost = true;
      this.#drawCourse();
      if (stream.readyState !== EventSource.CLOSED) return;
      // It was refused, as when there are too many: then the state is asked for now and again.
      fetchState().then((state) => this.#take(state)).catch(() => {})
        .finally(() => setTimeout(() => this.#listen(), RETRY_MS));
    });
  }

  async #take(state: WatchState): Promise<void> {
    const turn = ++this.#turn;
    const isNew = state.round?.id !== this.#state?.round?.id;
    this.#state = state;
    this.#stateAt = performance.now();
    if (isNew) this.#check = undefined;
    this.#draw();
    const { round } = state;
    if (!round || !isNew) return;
    this.#badge.begin(round.chain.length);
    const exchanges = await Promise.all(
      round.chain.map(({ exchange }) =>
        inTurn(() => fetchExchange(exchange)).catch(asError)
      ),
    );
    const check = await checkRound(round, exchanges, nextTurn);
    if (turn !== this.#turn) return;
    this.#check = check;
    this.#badge.show(round, check);
    this.#draw();
  }

  /** A window that is pulled at has many sizes, of which one per frame is seen. */
  #drawSoon(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      this.#draw();
    });
  }

  #draw(): void {
    const state = this.#state;
    if (state === undefined) return;
    this.#drawSummary();
    const troubles = [state.list.problem, state.history.problem];
    find("trouble").replaceChildren(
      ...troubles.flatMap((one) =>
        one === null ? [] : [el("p", { class: "bad" }, one)]
      ),
    );
    const { contradictions } = state;
    const evidence = this.#links.get("evidence");
    evidence?.replaceChildren(
      VIEWS.evidence,
      contradictions > 0
        ? el("b", { class: "count" }, String(contradictions))
        : "",
    );
    this.#drawCourse();
    const view = viewOf(location.hash).view;
    if (view === "now") this.#now.update(state, this.#check);
    if (view === "history") this.#history.update(state, this.#check);
    if (view === "evidence") this.#evidence.update(state);
  }

  /** The sentence, its time going on since it came; who listens hears only what is new. */
  #drawSummary(): void {
    if (this.#state === undefined) return;
    const passedMs = performance.now() - this.#stateAt;
    const text = goOn(this.#state.summary, passedMs);
    const summary = find("summary");
    if (summary.textContent !== text) summary.textContent = text;
    const news = newsIn(this.#state.summary);
    if (news === this.#news) return;
    // What the page begins with has been read already.
    if (this.#news !== "") find("news").textContent = this.#state.summary;
    this.#news = news;
  }

  #drawCourse(): void {
    const round = this.#state?.round;
    if (!round) return;
    const now = Date.now();
    const next = this.#state?.nextRoundAtMs ?? null;
    const parts = [
      `Round ${round.id}`,
      `${formatClock(round.endedAtMs)}, ${
        formatAgo(now - round.endedAtMs)
      } ago`,
      this.#lost
        ? "no connection to the watcher"
        : next === null
        ? ""
        : next > now
        ? `next in ${formatAgo(next - now)}`
        : "next is under way",
    ];
    const text = parts.filter((one) => one !== "").join(" · ");
    const course = find("course");
    if (course.textContent !== text) course.textContent = text;
    course.classList.toggle("bad", this.#lost);
  }

  #route(): void {
    const { view, server } = viewOf(location.hash);
    for (const [name, link] of this.#links) {
      if (name === view) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.body.dataset.view = view;
    this.#now.element.hidden = view !== "now";
    this.#history.element.hidden = view !== "history";
    this.#evidence.element.hidden = view !== "evidence";
    this.#history.choose(server ?? "");
    this.#draw();
  }
}

function viewOf(hash: string): { view: ViewName; server: string | undefined } {
  const [name = "", rest] = hash.replace(/^#/, "").split("/");
  const view = name in VIEWS ? name as ViewName : "now";
  return { view, server: rest === undefined ? undefined : decode(rest) };
}

/** An address that somebody has mangled leads to no server. */
function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

function find(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}`);
  return found;
}

new App().start();
