/**
 * Rows in columns.
 *
 * @module
 */

import { type Paint, PLAIN, type Tone } from "./paint.ts";

/** A text, or one that says how something is. */
export type Cell = string | { readonly text: string; readonly tone: Tone };

/**
 * Lays rows out in columns.
 *
 * @param rows Cells that are harmless on a terminal.
 * @param paint Colours those that have a tone.
 */
export function table(
  rows: readonly (readonly Cell[])[],
  paint: Paint = PLAIN,
): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, widthOf(cell));
    });
  }
  return rows.map((row) =>
    row.map((cell, i) => {
      const { text, tone } = typeof cell === "string"
        ? { text: cell, tone: undefined }
        : cell;
      const rest = i === row.length - 1 ? 0 : (widths[i] ?? 0) - widthOf(cell);
      return paint(tone, text) + " ".repeat(rest);
    }).join("  ").trimEnd()
  );
}

function widthOf(cell: Cell): number {
  return [...(typeof cell === "string" ? cell : cell.text)].length;
}
