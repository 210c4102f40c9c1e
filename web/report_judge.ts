/**
 * A report, judged here and put into words: what it proves and what it does not.
 *
 * @module
 */

import { base64 } from "@scure/base";
import {
  explainFault,
  findSuspects,
  judgeReport,
  parseReport,
  type Violation,
} from "../verify.ts";
import { chainPicture, type NamedEntry, widestOf } from "./chain_picture.ts";
import { count, formatSpan } from "./format.ts";
import { el, isolated } from "./dom.ts";

/** What came of judging a report. */
export interface JudgedReport {
  /** The finding: a contradiction is proven, none is there, or nothing is proven at all. */
  readonly outcome: "contradiction" | "no-contradiction" | "unproven";
  /** The contradiction in a few words, where there is one. */
  readonly title?: readonly (Node | string)[] | undefined;
  /** The finding, the picture, and what it means. */
  readonly content: readonly HTMLElement[];
}

/**
 * Judges a report.
 *
 * @param text Any form of report.
 * @param names Of servers by their key in base64; whoever is not there is called by the key.
 */
export async function judge(
  text: string,
  names: ReadonlyMap<string, string>,
): Promise<JudgedReport> {
  try {
    const report = parseReport(text);
    const publicKeys = [...names.keys()].map((key) => base64.decode(key));
    const verdict = await judgeReport(report, { publicKeys });
    if (!verdict.ok) {
      return unproven(
        `Entry ${verdict.entry + 1} is not proven: ${
          explainFault(verdict.fault)
        }.`,
      );
    }
    const entries = verdict.entries.map((entry): NamedEntry => {
      const key = base64.encode(entry.exchange.publicKey);
      return { ...entry, name: nameOf(key, names) };
    });
    const { violations } = verdict;
    const picture = chainPicture(entries, violations);
    if (violations.length === 0) {
      return {
        outcome: "no-contradiction",
        content: [
          finding(
            "plain",
            `All ${
              count(entries.length, "reply", "replies")
            } are proven, and they can all be true: the report accuses nobody.`,
          ),
          ...picture,
        ],
      };
    }
    const suspects = findSuspects(verdict)
      .map((key) => nameOf(base64.encode(key), names));
    return {
      outcome: "contradiction",
      title: titleOf(entries, violations),
      content: [
        contradiction(entries, violations),
        ...picture,
        meaning(suspects),
      ],
    };
  } catch (error) {
    return unproven(error instanceof Error ? error.message : String(error));
  }
}

/** A name, or as much of the key as tells it from others; the table has all of it. */
function nameOf(key: string, names: ReadonlyMap<string, string>): string {
  return names.get(key) ?? `key ${key.slice(0, 8)}…`;
}

function unproven(why: string): JudgedReport {
  return {
    outcome: "unproven",
    content: [finding("bad", `✗ This proves nothing. ${why}`)],
  };
}

function finding(kind: string, text: string): HTMLElement {
  return el("p", { class: `finding ${kind}` }, text);
}

function titleOf(
  entries: readonly NamedEntry[],
  violations: readonly Violation[],
): (Node | string)[] {
  const { earlier, later, gapMicros } = widestOf(violations) as Violation;
  return [
    isolated(entries[earlier]?.name ?? ""),
    " and ",
    isolated(entries[later]?.name ?? ""),
    ` contradict each other by ${formatSpan(Number(gapMicros))}`,
  ];
}

function contradiction(
  entries: readonly NamedEntry[],
  violations: readonly Violation[],
): HTMLElement {
  const { earlier, later, gapMicros } = widestOf(violations) as Violation;
  const name = (entry: number) => isolated(entries[entry]?.name ?? "?");
  return el(
    "p",
    { class: "finding good" },
    "✓ Verified here: ",
    name(earlier),
    ` (${earlier + 1}) and `,
    name(later),
    ` (${
      later + 1
    }) cannot both be right. The second was asked after the first had answered, and says that it was earlier, by ${
      formatSpan(Number(gapMicros))
    }.`,
  );
}

function meaning(suspects: readonly string[]): HTMLElement {
  return el(
    "div",
    { class: "meaning" },
    el(
      "div",
      {},
      el("h3", {}, "What it proves"),
      el(
        "p",
        {},
        "Each reply was signed under the key named, after the reply before it was known: its nonce was made from that reply. So the order is certain, whoever made the report. One of the two lied, or its clock was wrong beyond what it signed.",
      ),
    ),
    el(
      "div",
      {},
      el("h3", {}, "What it does not prove"),
      el(
        "p",
        {},
        "Which of the two. Nor that anybody meant to: a broken clock looks the same. Nor how much time passed between two questions.",
        suspects.length === 1
          ? el(
            "span",
            {},
            " Only ",
            isolated(suspects[0] as string),
            " has a part in every contradiction; if the others are honest, it is the one. That is an opinion.",
          )
          : null,
      ),
    ),
  );
}
