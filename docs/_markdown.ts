/**
 * Markdown exactly as `deno fmt` leaves it: what is generated is also formatted, and a
 * comparison with the committed file needs no formatter.
 *
 * @module
 */

const WIDTH = 80;

/** Fills a paragraph to 80 columns; code in backquotes is not broken. */
export function paragraph(text: string, indent: string = ""): string {
  const words = text.match(/`[^`]*`\S*|\S+/g) ?? [];
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent.length + longer.length > WIDTH) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  lines.push(line);
  return lines.join(`\n${indent}`);
}

/** A list, one filled paragraph for each item. */
export function bullets(items: readonly string[]): string {
  return items.map((item) => `- ${paragraph(item, "  ")}`).join("\n");
}

/** A table with columns padded to equal width. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const escaped = rows.map((row) =>
    row.map((cell) => cell.replaceAll("|", "\\|"))
  );
  const widths = head.map((title, i) =>
    Math.max(title.length, 3, ...escaped.map((row) => row[i]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  return [
    line(head),
    line(widths.map((width) => "-".repeat(width))),
    ...escaped.map(line),
  ].join("\n");
}

/** Joins blocks with the blank line that belongs between them. */
export function page(blocks: readonly string[]): string {
  return `${blocks.join("\n\n")}\n`;
}
