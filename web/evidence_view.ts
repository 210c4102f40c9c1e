/**
 * Evidence: every contradiction, judged in this browser.
 *
 * @module
 */

import type { ReportState, WatchState } from "../lib/watch/api.ts";
import { el, isolated } from "./dom.ts";
import { fetchReport, fetchReports, reportPath } from "./fetch.ts";
import { count, formatClock, formatSpan } from "./format.ts";
import { judge } from "./report_judge.ts";

/** So many of the newest are shown opened. */
const OPEN = 1;

/** The view of what has been proven. */
export class EvidenceView {
  readonly element: HTMLElement = el("section", {
    id: "evidence",
    "aria-labelledby": "evidence-title",
  });
  readonly #list = el("div", {});
  #names: ReadonlyMap<string, string> = new Map();
  #shown = "";

  constructor() {
    this.element.append(
      el("h2", { id: "evidence-title" }, "Evidence"),
      el(
        "p",
        { class: "quiet" },
        "Replies that cannot both be true. A report can be checked by anybody, for ever, without trusting whoever made it: ",
        el(
          "a",
          { href: "report.html", download: "report.html" },
          "a page for that",
        ),
        " works offline.",
      ),
      this.#list,
    );
  }

  /** Shows all reports; they only ever become more. */
  update(state: WatchState): void {
    const servers = state.round?.servers ?? [];
    this.#names = new Map(servers.map((one) => [one.publicKey, one.name]));
    const key = `${state.contradictions} ${state.round?.reports.join()}`;
    if (key === this.#shown) return;
    this.#shown = key;
    this.#load().catch((error: unknown) => {
      this.#shown = "";
      this.#list.replaceChildren(el("p", { class: "bad" }, String(error)));
    });
  }

  async #load(): Promise<void> {
    const { reports } = await fetchReports();
    const newest = reports.toSorted((a, b) => b.id - a.id);
    if (newest.length === 0) {
      this.#list.replaceChildren(
        el(
          "p",
          { class: "empty" },
          "No server has contradicted another so far.",
        ),
      );
      return;
    }
    const before = new Map(
      [...this.#list.children].map((
        one,
      ) => [one.getAttribute("data-report"), one]),
    );
    this.#list.replaceChildren(
      ...newest.map((report, i) =>
        before.get(String(report.id)) ?? this.#article(report, i < OPEN)
      ),
    );
  }

  #article(report: ReportState, isOpen: boolean): HTMLElement {
    const { id, atMs, round, pairs } = report;
    const title = el("b", {}, ...titleOf(report));
    const content = el("div", { class: "judged" }, el("p", {}, "Checking …"));
    const article = el(
      "details",
      { class: "report", "data-report": id, open: isOpen },
      el(
        "summary",
        {},
        title,
        el(
          "span",
          { class: "quiet" },
          `${formatClock(atMs)} · round ${round}${
            pairs.length > 1 ? ` · ${count(pairs.length, "pair")}` : ""
          }`,
        ),
      ),
      content,
      el(
        "p",
        {},
        el(
          "a",
          {
            class: "button",
            href: reportPath(id),
            download: `roughtime-report-${id}.json`,
          },
          "Download the report",
        ),
      ),
    );
    let isJudged = false;
    const open = async () => {
      if (!article.open || isJudged) return;
      isJudged = true;
      const text = await fetchReport(id).catch((error: unknown) => `${error}`);
      const judged = await judge(text, this.#names);
      const { outcome, content: made } = judged;
      // What was verified counts, not what was said of it.
      if (judged.title) title.replaceChildren(...judged.title);
      const doubt = outcome === "contradiction" ? [] : [
        el(
          "p",
          { class: "bad" },
          "✗ The watcher says that this report proves a contradiction, and it does not.",
        ),
      ];
      content.replaceChildren(...doubt, ...made);
    };
    article.addEventListener("toggle", open);
    open();
    return article;
  }
}

function titleOf({ pairs }: ReportState): (Node | string)[] {
  const [widest] = pairs.toSorted((a, b) =>
    Number(b.byMicros) - Number(a.byMicros)
  );
  return widest === undefined ? ["A contradiction"] : [
    isolated(widest.before),
    " and ",
    isolated(widest.after),
    ` contradict each other by ${formatSpan(Number(widest.byMicros))}`,
  ];
}
