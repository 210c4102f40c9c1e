#!/usr/bin/env -S deno run --unstable-net --allow-all
/**
 * Servers next to each other: each alone on one core, the same load from another core,
 * one table. `docs/performance.md` says how to read it.
 *
 *     deno task bench:server [--json] [--seconds N] [--windows 1,64,256] [--rates 0,100]
 *         [--only TEXT] [--peer NAME=COMMAND]... [--generator PROGRAM]
 *         [--rate-generator PROGRAM]
 *
 * @module
 */
// deno-lint-ignore-file no-console

import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { parseVersions, toOffer } from "../lib/cli/arguments.ts";
import { onTermination } from "../lib/cli/terminal/signals.ts";
import { jsonLine } from "../lib/cli/terminal/output.ts";
import { canPin, Child, freePort, untilAnswered } from "./_child.ts";
import { type Contender, contenders } from "./_contenders.ts";
import {
  type Amount,
  external,
  type Generator,
  idle,
  roughlyBench,
} from "./_generators.ts";
import { type Row, tablesOf } from "./_server_table.ts";

const SCHEMA = "roughly/server-bench/1";
const SERVER_CORE = 0;
const GENERATOR_CORE = 1;
const OURS = "roughly bench";

/** A runtime that has just started is busy with itself. */
const SETTLE_MILLIS = 2000;

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    seconds: { type: "string", default: "3" },
    windows: { type: "string", default: "1,16,64,256" },
    rates: { type: "string", default: "0,100,1000,10000,50000" },
    only: { type: "string", multiple: true, default: [] },
    peer: { type: "string", multiple: true, default: [] },
    generator: { type: "string" },
    "rate-generator": { type: "string" },
  },
});
const seconds = Number(options.seconds);
const windows = numbersOf(options.windows);
const rates = numbersOf(options.rates);
if (
  !(seconds > 0 && seconds <= 60) || !windows.every((n) => n > 0) ||
  !rates.every((n) => n >= 0)
) {
  console.error("roughly: error: cannot use these numbers");
  Deno.exit(2);
}
const amounts: Amount[] = [
  ...rates.map((rate) => ({ kind: "rate", rate }) as const),
  ...windows.map((window) => ({ kind: "window", window }) as const),
];
const generators = {
  window: generatorFor(options.generator),
  rate: generatorFor(options["rate-generator"]),
};

const stop = new AbortController();
const forget = onTermination((signal) => stop.abort(signal));
const folder = await Deno.makeTempDir();
const rows: Row[] = [];
try {
  await printSetting();
  for (const server of await contenders(options.peer)) {
    const wanted = options.only.length === 0 ||
      options.only.some((text) => server.name.includes(text));
    if (wanted) rows.push(...await measure(server));
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
  console.error("ended early; what was measured until then:");
} finally {
  forget();
  await Deno.remove(folder, { recursive: true });
}
if (!options.json) { for (const line of tablesOf(rows)) console.log(line); }
Deno.exitCode = stop.signal.reason === "SIGTERM"
  ? 143
  : stop.signal.aborted
  ? 130
  : 0;

function numbersOf(list: string): number[] {
  return list === "" ? [] : list.split(",").map(Number);
}

function generatorFor(command: string | undefined): Generator {
  return command === undefined ? roughlyBench : external(command);
}

async function measure(server: Contender): Promise<Row[]> {
  console.error(`measuring ${server.name}, version ${server.version} ...`);
  const port = await freePort();
  const launch = await server.launch(port, folder);
  const [named] = parseVersions(server.version);
  if (typeof launch === "string" || named === undefined) {
    return [report({ server, measured: String(launch) })];
  }
  let child: Child;
  try {
    child = await Child.start(launch, SERVER_CORE);
  } catch (error) {
    return [report({ server, measured: String(error) })];
  }
  await using _ = child;
  const { versions: [version = 0], typed } = toOffer([named]);
  const offer = { version, typed };
  const silent = await untilAnswered(child, port, offer, stop.signal);
  if (silent !== undefined) return [report({ server, measured: silent })];
  await delay(SETTLE_MILLIS, undefined, { signal: stop.signal });
  const found: Row[] = [];
  for (const amount of amounts) {
    const { pid } = child;
    const load = { port, pid, amount, version: server.version, seconds };
    const isIdle = amount.kind === "rate" && amount.rate === 0;
    const measured = isIdle
      ? await idle(load, stop.signal)
      : await generators[amount.kind](load, GENERATOR_CORE, stop.signal);
    stop.signal.throwIfAborted(); // a terminal's Ctrl-C ends the generator, too
    found.push(report({ server, amount, measured }));
    if (child.ended) break;
  }
  return found;
}

function report(row: Row): Row {
  if (!options.json) return row;
  const { server, amount, measured } = row;
  const { kind: _, ...load } = amount ?? { kind: "" };
  const what = { schema: SCHEMA, server: server.name, version: server.version };
  console.log(
    typeof measured === "string"
      ? jsonLine({ ...what, ...load, available: false, reason: measured })
      : jsonLine({ ...what, ...load, available: true, ...measured }),
  );
  return row;
}

async function printSetting(): Promise<void> {
  const setting = {
    processor: await processorName(),
    cores: navigator.hardwareConcurrency,
    system: `${Deno.build.os} ${Deno.osRelease()} ${Deno.build.arch}`,
    deno: Deno.version.deno,
    loadAverage: Deno.loadavg().map((load) => Number(load.toFixed(2))),
    generator: options.generator ?? OURS,
    rateGenerator: options["rate-generator"] ?? OURS,
    seconds,
    pinned: await canPin(),
  };
  if (options.json) {
    console.log(jsonLine({ schema: SCHEMA, setting }));
    return;
  }
  for (const [name, value] of Object.entries(setting)) {
    console.log(`${`${name}:`.padEnd(15)}${value}`);
  }
  console.log(
    setting.pinned
      ? `Servers on core ${SERVER_CORE}, the generator on core ${GENERATOR_CORE}.\n`
      : "Nothing is pinned (no taskset, or one core): servers and generator disturb each other.\n",
  );
}

async function processorName(): Promise<string> {
  try {
    const text = await Deno.readTextFile("/proc/cpuinfo");
    return /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? Deno.build.arch;
  } catch {
    return Deno.build.arch;
  }
}
