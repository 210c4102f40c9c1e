/**
 * What is thought of a server, in words, colour and shape: whoever sees no colours sees
 * shapes, and whoever sees neither hears the words.
 *
 * @module
 */

import type { WatchStatus } from "../lib/watch/api.ts";
import { svg } from "./dom.ts";

/** In the order in which trouble should be seen. */
export const STATUSES = [
  "falseticker",
  "rejected",
  "silent",
  "vague",
  "unjudged",
  "ok",
] as const satisfies readonly WatchStatus[];

/** One status for people. */
interface Words {
  readonly label: string;
  readonly meaning: string;
  /** A path in a square from -6 to 6. */
  readonly path: string;
}

/** What each is called, means, and looks like. */
export const STATUS_WORDS: Readonly<Record<WatchStatus, Words>> = {
  ok: {
    label: "agrees",
    meaning: "Its time is what a majority of operators holds possible.",
    path: "M0-5A5 5 0 1 1 0 5A5 5 0 1 1 0-5Z",
  },
  falseticker: {
    label: "wrong",
    meaning: "It says a time that the majority holds impossible.",
    path: "M0-6 6 5H-6Z",
  },
  vague: {
    label: "vague",
    meaning: "It claims too wide a radius to have a say.",
    path: "M0-6 6 0 0 6-6 0ZM0-3-3 0 0 3 3 0Z",
  },
  rejected: {
    label: "rejected",
    meaning: "It answers, and the answer cannot be verified.",
    path: "M-5-3-3-5 0-2 3-5 5-3 2 0 5 3 3 5 0 2-3 5-5 3-2 0Z",
  },
  silent: {
    label: "silent",
    meaning: "It gives no answer.",
    path: "M-6-1.5H6V1.5H-6Z",
  },
  unjudged: {
    label: "unjudged",
    meaning: "Its answer holds, and there is no majority to compare it with.",
    path: "M-5-5H5V5H-5ZM-3-3V3H3V-3Z",
  },
};

/** The sign of a status, 12 pixels wide; says nothing to a screen reader. */
export function sign(status: WatchStatus): SVGSVGElement {
  return svg(
    "svg",
    {
      class: `sign ${status}`,
      viewBox: "-7 -7 14 14",
      width: 14,
      height: 14,
      "aria-hidden": "true",
    },
    mark(status),
  );
}

/** The bare mark, to be put somewhere in a picture. */
export function mark(status: WatchStatus): SVGPathElement {
  return svg("path", {
    class: `mark ${status}`,
    d: STATUS_WORDS[status].path,
    "fill-rule": "evenodd",
  });
}
