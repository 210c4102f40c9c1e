/**
 * Nobody answered in time: whom that concerns, and what was tried.
 *
 * @module
 */

import { describeReason } from "../net/cause.ts";
import type { Tried } from "./trace.ts";

/** Addresses that a sentence names. */
const MAX_NAMED = 4;

/** No answer came in time. Its `name` is `TimeoutError`, as that of the platform's. */
export class NoAnswerError extends DOMException {
  /** Whom it concerns. */
  readonly server: string;
  /** What became of each address, over each transport. */
  readonly tried: readonly Tried[];
  /** Who sent something without having been asked, the first few. */
  readonly strangers: readonly string[];

  /**
   * Made by this package.
   *
   * @param host Whom.
   * @param port Where.
   * @param timeoutMs How long it was waited for, in milliseconds.
   * @param tried What was tried; nothing if the name's addresses were not even known by then.
   * @param strangers Who sent something without having been asked.
   */
  constructor(
    host: string,
    port: number,
    timeoutMs: number,
    tried: readonly Tried[],
    strangers: readonly string[] = [],
  ) {
    const others = strangers.length === 0
      ? ""
      : `; packets came from ${strangers.join(", ")}, which was not asked`;
    super(
      `No answer from ${host} port ${port} within ${timeoutMs / 1000} s: ${
        describeTried(tried)
      }${others}`,
      "TimeoutError",
    );
    this.server = host.includes(":") && !host.startsWith("[")
      ? `[${host}]:${port}`
      : `${host}:${port}`;
    this.tried = tried;
    this.strangers = strangers;
  }
}

/** Puts what was tried into words. */
export function describeTried(tried: readonly Tried[]): string {
  if (tried.length === 0) return "its name was not resolved in that time";
  const groups = new Map<string, string[]>();
  for (const { transport, address, outcome } of tried) {
    const what = `${transport.toUpperCase()} ${wordsFor(outcome)}`;
    groups.set(what, [...groups.get(what) ?? [], address]);
  }
  return [...groups].map(([what, addresses]) => {
    const more = addresses.length - MAX_NAMED;
    const named = addresses.slice(0, MAX_NAMED).join(", ");
    return `${what} (${named}${more > 0 ? ` and ${more} more` : ""})`;
  }).join(", ");
}

function wordsFor(outcome: Tried["outcome"]): string {
  switch (outcome) {
    case "silent":
      return "brought nothing";
    case "closed":
      return "was closed by the other end without an answer";
    case "nonsense":
      return "speaks another protocol";
    case "rejected":
      return "brought an answer that was refused";
    default:
      return `failed: ${describeReason(outcome)}`;
  }
}
