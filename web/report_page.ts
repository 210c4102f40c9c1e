/**
 * `report.html`: one file in which a report is judged, without a network.
 *
 * @module
 */

import bundled from "../ecosystem.json" with { type: "json" };
import { el } from "./dom.ts";
import { judge } from "./report_judge.ts";

/** Longest file that is read; no report is longer. */
const MAX_BYTES = 8 << 20;

const drop = document.getElementById("drop") as HTMLElement;
const input = document.getElementById("file") as HTMLInputElement;
const output = document.getElementById("output") as HTMLElement;

/** What servers are called whose keys are well known; it is the key that counts. */
const NAMES = new Map(
  bundled.servers.map(({ publicKey, name }) => [publicKey, name]),
);

/** Counts files, so that a slow verdict on an earlier one is thrown away. */
let turn = 0;

async function show(file: File | undefined): Promise<void> {
  if (file === undefined) return;
  const own = ++turn;
  output.replaceChildren(el("p", {}, "Checking …"));
  const text = file.size > MAX_BYTES ? "" : await file.text();
  const { content } = await judge(text, NAMES);
  if (own !== turn) return;
  output.replaceChildren(
    el("h2", {}, el("bdi", {}, file.name)),
    ...content,
  );
}

input.addEventListener("change", () => show(input.files?.[0]));
for (const type of ["dragenter", "dragover"]) {
  document.addEventListener(type, (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
}
document.addEventListener("dragleave", () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  show(event.dataTransfer?.files[0]);
});
document.addEventListener("paste", (event) => {
  const text = event.clipboardData?.getData("text/plain") ?? "";
  if (text.trim() !== "") show(new File([text], "what was pasted"));
});
