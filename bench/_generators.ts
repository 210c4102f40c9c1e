/**
 * What `server_bench.ts` makes its load with: `roughly bench`, or another program with the
 * command line `HOST PORT SECONDS WINDOW VERSION PID`, or with a rate in the place of the
 * window, that prints one line of `name=value`.
 *
 * @module
 */

import { setTimeout as delay } from "node:timers/promises";
import { processCpuMicros } from "../lib/net/linux/libc.ts";
import { Child } from "./_child.ts";
import { program } from "./_contenders.ts";

const SERVER = "127.0.0.1";

/** So many requests under way at any time, or so many a second, whatever comes back. */
export type Amount =
  | { readonly kind: "window"; readonly window: number }
  | { readonly kind: "rate"; readonly rate: number };

/** What to do to a server. */
export interface Load {
  readonly port: number;
  readonly pid: number;
  readonly amount: Amount;
  readonly version: string;
  readonly seconds: number;
}

/** One line of the table. */
export interface Measured {
  readonly responsesPerSecond: number;
  readonly cpuMicrosPerResponse: number | undefined;
  readonly serverCoresBusy: number | undefined;
  readonly p50Micros: number | undefined;
  readonly p99Micros: number | undefined;
  readonly lost: number;
  readonly bottleneck: string;
}

/** Puts a load on a server; text is why nothing was measured. */
export type Generator = (
  load: Load,
  core: number,
  signal: AbortSignal,
) => Promise<Measured | string>;

/** Longer than it should take, in addition to the load itself. */
const SLACK_MILLIS = 15_000;

const SAMPLE_MILLIS = 100;

/** A generator busier than this may have been the bottleneck. */
const BUSY_CORES = 0.9;

/** Our own. */
export const roughlyBench: Generator = async (load, core, signal) => {
  const { port, pid, amount, version, seconds } = load;
  const launch = program(
    "cli.ts",
    ...["bench", `${SERVER}:${port}`, ...wordsFor(amount)],
    ...["--duration", String(seconds), "--warmup", "1", "--json"],
    ...["--offer", version, "--pid", String(pid)],
  );
  await using child = await Child.start(launch, core);
  await finish(child, seconds, signal);
  const { code, out, err } = await child.text();
  if (code !== 0) return `generator ended with ${code}: ${err.trim()}`;
  const summary = JSON.parse(out);
  return {
    responsesPerSecond: summary.responsesPerSecond,
    cpuMicrosPerResponse: summary.server?.cpuMicrosPerResponse,
    serverCoresBusy: summary.server?.coresBusy,
    p50Micros: summary.latencyMicros?.p50,
    p99Micros: summary.latencyMicros?.p99,
    lost: summary.lost,
    bottleneck: summary.bottleneck,
  };
};

function wordsFor(amount: Amount): string[] {
  return amount.kind === "window"
    ? ["--window", String(amount.window)]
    : ["--rate", String(amount.rate)];
}

/** What a server costs that nobody asks. */
export async function idle(
  { pid, seconds }: Pick<Load, "pid" | "seconds">,
  signal: AbortSignal,
): Promise<Measured | string> {
  const before = processCpuMicros(pid);
  await delay(seconds * 1000, undefined, { signal });
  const after = processCpuMicros(pid);
  if (typeof before !== "number" || typeof after !== "number") {
    return `its CPU time cannot be read: ${after}`;
  }
  return {
    responsesPerSecond: 0,
    cpuMicrosPerResponse: undefined,
    serverCoresBusy: (after - before) / seconds / 1e6,
    p50Micros: undefined,
    p99Micros: undefined,
    lost: 0,
    bottleneck: "none",
  };
}

/** Another program. */
export function external(command: string): Generator {
  return async (load, core, signal) => {
    const { port, pid, amount, version, seconds } = load;
    const number = amount.kind === "window" ? amount.window : amount.rate;
    const words = [SERVER, port, seconds, number, version, pid].map(String);
    await using child = await Child.start({ command, args: words }, core);
    const coresBusy = await finish(child, seconds, signal);
    const { code, out, err } = await child.text();
    const values = new Map(
      [...out.matchAll(/(\w+)=(\S+)/g)].map(([, name = "", value]) => [
        name,
        Number(value),
      ]),
    );
    const answers = values.get("rps") ?? (values.get("got") ?? 0) / seconds;
    if (answers === 0) {
      return `no answers (generator ended with ${code}): ${err.trim()}`;
    }
    const server = values.get("cpu_util") ?? values.get("core_share");
    return {
      responsesPerSecond: answers,
      cpuMicrosPerResponse: values.get("cpu_us_per_resp"),
      serverCoresBusy: server,
      p50Micros: values.get("p50_us"),
      p99Micros: values.get("p99_us"),
      lost: values.get("lost") ?? 0,
      bottleneck: (server ?? 0) >= BUSY_CORES
        ? "server"
        : coresBusy >= BUSY_CORES
        ? "generator"
        : "none",
    };
  };
}

/**
 * Waits for the end, but not for ever.
 *
 * @returns How busy the process was.
 */
async function finish(
  child: Child,
  seconds: number,
  signal: AbortSignal,
): Promise<number> {
  const started = performance.now();
  const deadline = started + seconds * 1000 + SLACK_MILLIS;
  let coresBusy = 0;
  while (!child.ended) {
    signal.throwIfAborted();
    const now = performance.now();
    if (now > deadline) {
      throw new Error("the generator does not come to an end");
    }
    const micros = processCpuMicros(child.pid);
    if (typeof micros === "number") coresBusy = micros / 1000 / (now - started);
    await delay(SAMPLE_MILLIS);
  }
  return coresBusy;
}
