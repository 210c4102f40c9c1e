/**
 * The page as the server renders it.
 *
 * @module
 */

import type { WatchState } from "./api.ts";

/** The whole HTML of the page. */
export function renderPage({ summary, round }: WatchState): string {
  const rows = (round?.servers ?? []).map(({ name, status, reason }) =>
    `<tr><td>${escape(name)}<td>${status}<td>${escape(reason ?? "")}`
  );
  return `<!doctype html><html lang="en"><meta charset="utf-8">
<title>roughly watch</title><h1>${escape(summary)}</h1>
<table>${rows.join("\n")}</table></html>`;
}

function escape(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.codePointAt(0)};`);
}
