/**
 * The page as it is without JavaScript: the sentence and a table. With it, `web/` puts the
 * living page in its place.
 *
 * @module
 */

import type { RoundState, ServerState, WatchState } from "./api.ts";
import { plainText } from "./plain_text.ts";

/** Longest sentence; what is longer is no sentence. */
const MAX_TEXT = 600;

/**
 * Writes the page.
 *
 * @param state What is to be seen.
 * @returns HTML, in which everything from lists and replies is escaped.
 */
export function renderPage(state: WatchState): string {
  const { round, summary, list, history } = state;
  const troubles = [list.problem, history.problem].filter((one) =>
    one !== null
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>Roughtime watch</title>
<link rel="icon" href="icon.svg">
<link rel="stylesheet" href="style.css">
<script type="module" src="app.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to the servers</a>
<header>
<p class="brand">roughly watch</p>
<nav id="nav" aria-label="Views"></nav>
</header>
<main id="main" tabindex="-1">
<div class="verdict">
<h1 id="summary">${escape(summary)}</h1>
<p id="course">${round ? courseOf(round) : "The first round is under way."}</p>
<div id="trouble">${
    troubles.map((one) => `<p class="bad">${escape(one)}</p>`).join("")
  }</div>
</div>
<p id="news" class="hidden" role="status"></p>
<div id="app">${round ? tableOf(round) : ""}</div>
<noscript><p>With JavaScript, this page also draws the servers on one axis and checks every
signature in your browser. The data is at <a href="api/v1/state">api/v1/state</a>.</p></noscript>
</main>
</body>
</html>
`;
}

function courseOf({ id, endedAtMs }: RoundState): string {
  return `Round ${id}, measured until ${moment(endedAtMs)}`;
}

function tableOf({ servers }: RoundState): string {
  const head = ["Server", "Operator", "Status", "Time", "Radius", "Round trip"];
  return `<table class="plain">
<caption>What each server says</caption>
<thead><tr>${
    head.map((one) => `<th scope="col">${one}</th>`).join("")
  }</tr></thead>
<tbody>
${servers.map(rowOf).join("\n")}
</tbody>
</table>`;
}

function rowOf(server: ServerState): string {
  const { name, operator, status, reason } = server;
  const { midpointMicros, radiusMicros, rttMicros } = server;
  const cells = [
    `<bdi>${escape(operator)}</bdi>`,
    escape(reason === null ? status : `${status}: ${reason}`),
    midpointMicros === null ? "" : moment(Number(midpointMicros) / 1000),
    seconds(radiusMicros),
    seconds(rttMicros),
  ];
  return `<tr class="${escape(status)}"><th scope="row"><bdi>${
    escape(name)
  }</bdi></th>${cells.map((one) => `<td>${one}</td>`).join("")}</tr>`;
}

function seconds(micros: string | null): string {
  return micros === null ? "" : `${Number(micros) / 1e6} s`;
}

/** What a hostile server claims may be beyond what a `Date` can hold. */
function moment(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime())
    ? "beyond the calendar"
    : date.toISOString().replace("T", " ").replace("Z", " UTC");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML. */
function escape(text: string): string {
  return plainText(text, MAX_TEXT)
    .replaceAll(/[&<>"']/g, (one) => ENTITIES[one] as string);
}
