/**
 * Colour for the words that say how something is, where a terminal shows it. The words say
 * all there is: colour only makes them easy to find.
 *
 * @module
 */

import { styleText } from "node:util";

/** How something is. */
export type Tone = "good" | "doubtful" | "bad";

const COLORS = { good: "green", doubtful: "yellow", bad: "red" } as const;

/** Colours a text, or leaves it as it is. */
export type Paint = (tone: Tone | undefined, text: string) => string;

/** Leaves every text as it is. */
export const PLAIN: Paint = (_tone, text) => text;

/** Colours for a channel that shows them; the text must be harmless already. */
export function painterFor(
  output: { hasColor?(channel: "stdout" | "stderr"): boolean },
): Paint {
  if (!output.hasColor?.("stdout")) return PLAIN;
  return (tone, text) => tone === undefined ? text : color(COLORS[tone], text);
}

const LABELS = { error: "red", warning: "yellow", hint: "cyan" } as const;

/** Our own words at the beginning: of a message, or of a line of the log. */
const LABEL =
  /^(roughly: |\d{4}-\d\d-\d\dT[\d:.]+Z )(error|warning|hint)(?=[: ])/;

/** Colours the label of a line such as `roughly: error: ...`. */
export function paintLabel(line: string): string {
  return line.replace(
    LABEL,
    (_, before: string, label: keyof typeof LABELS) =>
      before + color(LABELS[label], label),
  );
}

function color(name: Parameters<typeof styleText>[0], text: string): string {
  // Whether the channel is a terminal has been looked at.
  return styleText(name, text, { validateStream: false });
}
