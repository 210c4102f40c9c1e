/**
 * The table that `server_bench.ts` prints.
 *
 * @module
 */

import { table } from "../lib/cli/terminal/table.ts";
import type { Contender } from "./_contenders.ts";
import type { Amount, Measured } from "./_generators.ts";

/** What came of one server under one load; text is why nothing did. */
export interface Row {
  readonly server: Contender;
  readonly amount?: Amount;
  readonly measured: Measured | string;
}

const HEAD = [
  ...["CPU us/response", "x OURS", "SERVER CPU", "responses/s"],
  ...["p50 us", "p99 us", "LOST", "BOTTLENECK"],
];

/** Lines: a table for each kind of load, what is missing, and what they compare with. */
export function tablesOf(rows: readonly Row[]): string[] {
  const base = baseOf(rows);
  const lines: string[] = [];
  for (const kind of ["rate", "window"] as const) {
    const cells = rows.filter(({ amount }) => amount?.kind === kind)
      .flatMap((row) => cellsOf(rows, base, row));
    const head = ["SERVER", "VERSION", kind.toUpperCase(), ...HEAD];
    if (cells.length > 0) lines.push(...table([head, ...cells]), "");
  }
  for (const { server: { name, version }, amount, measured } of rows) {
    if (typeof measured !== "string") continue;
    const at = amount === undefined ? "" : `, ${textOf(amount)}`;
    lines.push(`not available: ${name} (${version}${at}): ${measured}`);
  }
  if (base !== undefined) {
    lines.push(
      `"x OURS" is CPU time over that of "${base}", same version and load.`,
    );
  }
  return lines;
}

function textOf(amount: Amount): string {
  return amount.kind === "window"
    ? `window ${amount.window}`
    : `${amount.rate}/s`;
}

function cellsOf(
  rows: readonly Row[],
  base: string | undefined,
  row: Row,
): string[][] {
  const { server: { name, version }, amount, measured } = row;
  if (typeof measured === "string" || amount === undefined) return [];
  return [[
    ...[name, version],
    String(amount.kind === "window" ? amount.window : amount.rate || "idle"),
    number(measured.cpuMicrosPerResponse, 2),
    number(ratio(rows, base, row), 2),
    `${number((measured.serverCoresBusy ?? NaN) * 100, 2)} %`,
    number(measured.responsesPerSecond, 0),
    number(measured.p50Micros, 0),
    number(measured.p99Micros, 0),
    String(measured.lost),
    measured.bottleneck,
  ]];
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
  { server, amount, measured }: Row,
): number {
  const isIdle = amount?.kind === "rate" && amount.rate === 0;
  const costOf = (measured: Row["measured"] | undefined): number => {
    if (typeof measured !== "object") return NaN;
    const { cpuMicrosPerResponse, serverCoresBusy } = measured;
    return (isIdle ? serverCoresBusy : cpuMicrosPerResponse) ?? NaN;
  };
  const other = rows.find((row) =>
    row.server.name === base && row.server.version === server.version &&
    row.amount !== undefined && amount !== undefined &&
    textOf(row.amount) === textOf(amount)
  );
  return costOf(measured) / costOf(other?.measured);
}
