/**
 * The table that `server_bench.ts` prints.
 *
 * @module
 */

import { table } from "../lib/cli/terminal/table.ts";
import type { Contender } from "./_contenders.ts";
import type { Measured } from "./_generators.ts";

/** What came of one server at one window; text is why nothing did. */
export interface Row {
  readonly server: Contender;
  readonly window?: number;
  readonly measured: Measured | string;
}

const HEAD = [
  ...["SERVER", "VERSION", "WINDOW", "CPU us/response", "x OURS"],
  ...["responses/s", "p50 us", "LOST", "SERVER CPU", "BOTTLENECK"],
];

/** Lines: the table, what is missing from it, and what it compares with. */
export function tableOf(rows: readonly Row[]): string[] {
  const cells = [HEAD];
  const missing: string[] = [];
  const base = baseOf(rows);
  for (const row of rows) {
    const { server, window, measured } = row;
    const { name, version } = server;
    if (typeof measured === "string") {
      const at = window === undefined ? "" : `, window ${window}`;
      missing.push(`not available: ${name} (${version}${at}): ${measured}`);
      continue;
    }
    cells.push([
      ...[name, version, String(window)],
      number(measured.cpuMicrosPerResponse, 2),
      number(ratio(rows, base, row), 2),
      number(measured.responsesPerSecond, 0),
      number(measured.p50Micros, 0),
      String(measured.lost),
      `${number((measured.serverCoresBusy ?? NaN) * 100, 0)} %`,
      measured.bottleneck,
    ]);
  }
  const lines = [...table(cells), "", ...missing];
  if (base !== undefined) {
    lines.push(
      `"x OURS" is CPU time over that of "${base}", same version and window.`,
    );
  }
  return lines;
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value)
    ? "-"
    : value.toFixed(digits);
}

/** Ours that others are held against: one worker, the fast backend where it was measured. */
function baseOf(rows: readonly Row[]): string | undefined {
  const names = rows.filter(({ server, measured }) =>
    server.base && typeof measured !== "string"
  ).map(({ server }) => server.name);
  return names.find((name) => name.includes("linux")) ?? names[0];
}

function ratio(
  rows: readonly Row[],
  base: string | undefined,
  { server, window, measured }: Row,
): number {
  const cpuOf = (measured: Row["measured"] | undefined): number =>
    typeof measured === "object" ? measured.cpuMicrosPerResponse ?? NaN : NaN;
  const other = rows.find((row) =>
    row.server.name === base && row.server.version === server.version &&
    row.window === window
  );
  return cpuOf(measured) / cpuOf(other?.measured);
}
