/**
 * What checking came to: one line that everybody sees, and behind it every finding.
 *
 * @module
 */

import type { RoundState } from "../lib/watch/api.ts";
import { holds, type RoundCheck } from "./check.ts";
import { el, isolated } from "./dom.ts";
import { count } from "./format.ts";

/** The line with its findings. */
export class CheckBadge {
  readonly element: HTMLDetailsElement = el("details", {
    id: "checked",
    class: "checked",
    hidden: true,
  });
  readonly #line = el("span", { role: "status" });
  readonly #findings = el("div", {});

  constructor() {
    this.element.append(el("summary", {}, this.#line), this.#findings);
  }

  /** Says that it is under way. */
  begin(replies: number): void {
    this.element.hidden = false;
    this.element.classList.remove("good", "bad");
    this.#line.textContent = `Checking ${
      count(replies, "reply", "replies")
    } in this browser …`;
    this.#findings.replaceChildren();
  }

  /** Says what came of it. */
  show(round: RoundState, check: RoundCheck): void {
    const isGood = holds(check);
    this.element.classList.toggle("good", isGood);
    this.element.classList.toggle("bad", !isGood);
    const { confirmed, exchanges } = check;
    const all = count(exchanges.length, "reply", "replies");
    const claims = findingsOf(round, check);
    this.#line.textContent = isGood
      ? `✓ Checked here: ${confirmed} of ${all}`
      : `✗ Checked here: ${confirmed} of ${all}; ${
        count(claims.length, "thing")
      } could not be confirmed`;
    if (!isGood) this.element.open = true;
    this.#findings.replaceChildren(
      claims.length === 0 ? "" : el("ul", {}, ...claims),
      el(
        "p",
        { class: "quiet" },
        "Your browser fetched the packets of this round and verified every signature, tree and link of the chain with the same code that the watcher uses, under the keys that the list names; then it let the servers vote once more. It takes the watcher's word for its own clock, for the round trips, for silence, and for the list itself. If you do not trust whoever serves this page, run your own watcher.",
      ),
    );
  }
}

function findingsOf(round: RoundState, check: RoundCheck): HTMLElement[] {
  return [
    ...check.round.map((one) => el("li", {}, one)),
    ...check.servers.flatMap((problems, index) =>
      problems.map((one) =>
        el("li", {}, isolated(round.servers[index]?.name ?? "?"), `: ${one}`)
      )
    ),
  ];
}
