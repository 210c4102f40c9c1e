/**
 * What a load brought to light: from counts to the numbers people compare, and to text.
 *
 * @module
 */

import type { Histogram } from "./histogram.ts";
import type { Rejection } from "../wire/rejection.ts";

/** Counts of one run, of requests planned while measuring unless they say otherwise. */
export interface LoadMeasurement {
  /** How long was measured, in milliseconds. */
  readonly elapsedMillis: number;
  /** Was it ended before its time? */
  readonly interrupted: boolean;
  /** Requests: answered, lost, or still under way when it was interrupted. */
  readonly sent: number;
  /** Requests with a reply in time. */
  readonly answered: number;
  /** Replies that came while measuring, be it to requests from just before. */
  readonly repliesWhileMeasuring: number;
  /** Requests given up. */
  readonly lost: number;
  /** Requests given up whose reply came after all. */
  readonly late: number;
  /** Requests that the system would not send; they are among the lost. */
  readonly unsent: number;
  /** Requests that were planned and never sent, because the generator was too slow. */
  readonly overdue: number;
  /** Requests still under way at the end. */
  readonly unfinished: number;
  /** Packets that answer no request that is under way. */
  readonly bad: number;
  /** Replies without a nonce, taken for the answer to the oldest request of their socket. */
  readonly matchedByOrder: number;
  /** Bytes of all replies. */
  readonly replyBytes: number;
  /** Replies by the number of hashes in PATH. */
  readonly pathLengths: readonly number[];
  /** From when a request was to be sent until its reply was read, in nanoseconds. */
  readonly latencyNanos: Histogram;
  /** How long after its planned time a request was sent; only at a given rate. */
  readonly sendDelayNanos: Histogram | undefined;
  /** Replies that were verified, good or bad. */
  readonly verified: number;
  /** Replies that did not verify. */
  readonly rejected: number;
  /** Why the first of them did not. */
  readonly rejection: Rejection | undefined;
  /** CPU time of the generator itself, where that can be known. */
  readonly generatorCpuMicros: number | undefined;
  /** CPU time of the server, where that was asked for. */
  readonly serverCpuMicros: number | undefined;
}

/** The distribution of a time in microseconds. */
export interface Distribution {
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

/** Numbers to print and to compare, ready for JSON. */
export interface LoadSummary {
  readonly elapsedSeconds: number;
  readonly interrupted: boolean;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly late: number;
  readonly bad: number;
  readonly unsent: number;
  readonly overdue: number;
  readonly unfinished: number;
  readonly responsesPerSecond: number;
  readonly latencyMicros: Distribution | undefined;
  readonly sendDelayMicros: Distribution | undefined;
  readonly replyBytes: number | undefined;
  /** How many replies came from batches of so many requests, as far as PATH tells. */
  readonly batches: readonly BatchCount[];
  readonly matchedByOrder: number;
  readonly verified: number;
  readonly rejected: number;
  readonly rejection: Rejection | undefined;
  readonly server: CpuShare | undefined;
  readonly generator: CpuShare | undefined;
  /** What kept the rate down, as far as the numbers tell. */
  readonly bottleneck: Bottleneck;
}

/** Replies from batches of one depth. */
export interface BatchCount {
  /** The largest batch that this depth of tree can be. */
  readonly sizeUpTo: number;
  readonly replies: number;
}

/** What a process worked. */
export interface CpuShare {
  /** User and system time. */
  readonly cpuMicrosPerResponse: number | undefined;
  /** 1 is one core all the time. */
  readonly coresBusy: number;
}

/**
 * - `generator`: the figures say more about the generator than about the server.
 * - `server`: it used a whole core or more.
 * - `unknown`: the generator was busy, and what the server did is not known.
 * - `none`: neither was busy; the window, the rate or the network kept it down.
 */
export type Bottleneck = "generator" | "server" | "unknown" | "none";

/** A process with one busy thread is at its limit from here on. */
const BUSY_CORES = 0.9;

/** Sent that late, a request at a given rate says something about the generator. */
const SEND_DELAY_MICROS = 5_000;

/** Works out the numbers. */
export function summarizeLoad(measured: LoadMeasurement): LoadSummary {
  const { answered, repliesWhileMeasuring, elapsedMillis } = measured;
  const seconds = elapsedMillis / 1000;
  const share = (cpuMicros: number | undefined): CpuShare | undefined =>
    cpuMicros === undefined || seconds <= 0 ? undefined : {
      cpuMicrosPerResponse: repliesWhileMeasuring === 0
        ? undefined
        : round(cpuMicros / repliesWhileMeasuring, 2),
      coresBusy: round(cpuMicros / elapsedMillis / 1000, 3),
    };
  const server = share(measured.serverCpuMicros);
  const generator = share(measured.generatorCpuMicros);
  const sendDelayMicros = distributionOf(measured.sendDelayNanos);
  return {
    elapsedSeconds: round(seconds, 3),
    interrupted: measured.interrupted,
    sent: measured.sent,
    answered,
    lost: measured.lost,
    late: measured.late,
    bad: measured.bad,
    unsent: measured.unsent,
    overdue: measured.overdue,
    unfinished: measured.unfinished,
    responsesPerSecond: seconds > 0
      ? round(repliesWhileMeasuring / seconds, 1)
      : 0,
    latencyMicros: distributionOf(measured.latencyNanos),
    sendDelayMicros,
    replyBytes: answered === 0
      ? undefined
      : round(measured.replyBytes / answered, 1),
    batches: measured.pathLengths.map((replies, depth) => ({
      sizeUpTo: 2 ** depth,
      replies,
    })).filter(({ replies }) => replies > 0),
    matchedByOrder: measured.matchedByOrder,
    verified: measured.verified,
    rejected: measured.rejected,
    rejection: measured.rejection,
    server,
    generator,
    bottleneck: bottleneckOf(measured, server, generator, sendDelayMicros),
  };
}

function bottleneckOf(
  { sent, overdue }: LoadMeasurement,
  server: CpuShare | undefined,
  generator: CpuShare | undefined,
  sendDelay: Distribution | undefined,
): Bottleneck {
  const serverBusy = (server?.coresBusy ?? 0) >= BUSY_CORES;
  if (sendDelay !== undefined) {
    // At a given rate the generator spends its spare time waiting busily, so its CPU time
    // says nothing; being late does.
    const late = sendDelay.p99 > SEND_DELAY_MICROS || overdue > sent / 100;
    if (late) return "generator";
    return serverBusy ? "server" : "none";
  }
  const generatorBusy = (generator?.coresBusy ?? 0) >= BUSY_CORES;
  if (serverBusy) return "server";
  if (!generatorBusy) return "none";
  return server === undefined ? "unknown" : "generator";
}

function distributionOf(
  nanos: Histogram | undefined,
): Distribution | undefined {
  if (nanos === undefined || nanos.count === 0) return undefined;
  const micros = (value = 0) => round(value / 1000, 1);
  return {
    min: micros(nanos.min),
    p50: micros(nanos.quantile(0.5)),
    p90: micros(nanos.quantile(0.9)),
    p99: micros(nanos.quantile(0.99)),
    p999: micros(nanos.quantile(0.999)),
    max: micros(nanos.max),
    mean: micros(nanos.mean),
  };
}

function round(value: number, digits: number): number {
  const factor = 10 ** digits;
  return Math.round(value * factor) / factor;
}

/** The summary for people, a line for each subject. */
export function describeLoad(summary: LoadSummary): string[] {
  const { latencyMicros, sendDelayMicros, server, generator } = summary;
  const rows: [label: string, text: string][] = [
    ["Requests:", describeRequests(summary)],
    ["Rate:", `${summary.responsesPerSecond.toFixed(0)} responses/s`],
  ];
  if (latencyMicros) rows.push(["Latency:", describeTimes(latencyMicros)]);
  if (sendDelayMicros) {
    rows.push(["Sent late:", describeTimes(sendDelayMicros)]);
  }
  if (summary.replyBytes !== undefined) {
    rows.push(["Reply size:", `${summary.replyBytes.toFixed(0)} bytes`]);
    rows.push(["Batches:", describeBatches(summary)]);
  }
  if (summary.verified > 0) {
    rows.push([
      "Verified:",
      `${summary.verified} replies, ${summary.rejected} rejected`,
    ]);
  }
  if (server) rows.push(["Server CPU:", describeShare(server)]);
  if (generator) rows.push(["Own CPU:", describeShare(generator)]);
  const lines = rows.map(([label, text]) => label.padEnd(12) + text);
  return [...lines, ...notesOn(summary)];
}

function describeRequests(summary: LoadSummary): string {
  const { sent, answered, lost, late, bad, unsent } = summary;
  const { overdue, unfinished } = summary;
  const parts = [`${sent} sent`, `${answered} answered`, `${lost} lost`];
  if (unsent > 0) parts.push(`${unsent} of them refused by this system`);
  parts.push(`${late} late`, `${bad} bad`);
  if (overdue > 0) parts.push(`${overdue} planned but never sent`);
  if (unfinished > 0) parts.push(`${unfinished} unfinished`);
  return `${parts.join(", ")}, in ${summary.elapsedSeconds.toFixed(1)} s`;
}

function describeTimes(times: Distribution): string {
  const { min, p50, p90, p99, p999, max, mean } = times;
  return `${
    Object.entries({ min, p50, p90, p99, "p99.9": p999, max, mean })
      .map(([name, micros]) => `${name} ${digits(micros)}`).join(", ")
  } us`;
}

/** No more digits than one can tell apart. */
function digits(micros: number): string {
  return micros.toFixed(micros < 100 ? 1 : 0);
}

function describeBatches({ batches, answered }: LoadSummary): string {
  return batches.map(({ sizeUpTo, replies }) => {
    const size = sizeUpTo < 3 ? sizeUpTo : `${sizeUpTo / 2 + 1}-${sizeUpTo}`;
    return `of ${size}: ${(100 * replies / answered).toFixed(1)} %`;
  }).join(", ");
}

function describeShare({ cpuMicrosPerResponse, coresBusy }: CpuShare): string {
  const each = cpuMicrosPerResponse === undefined
    ? ""
    : `${cpuMicrosPerResponse.toFixed(2)} us per response, `;
  return `${each}${(100 * coresBusy).toFixed(0)} % of a core`;
}

const NOTES: Readonly<Record<Bottleneck, string | undefined>> = {
  generator:
    "the generator was the bottleneck: these figures are about it, the server can do more",
  unknown:
    "the generator used a whole core and may be the bottleneck; --pid tells what the server did",
  server: undefined,
  none: undefined,
};

function notesOn({ bottleneck, matchedByOrder }: LoadSummary): string[] {
  const notes = [NOTES[bottleneck]];
  if (matchedByOrder > 0) {
    notes.push(
      `${matchedByOrder} replies do not repeat the nonce and were matched by their order; latency is exact only without loss`,
    );
  }
  return notes.filter((note) => note !== undefined)
    .map((note) => `Note:       ${note}`);
}
