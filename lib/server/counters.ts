/**
 * What a server has done so far. Every packet that came in is counted once as received,
 * and once as answered or as dropped for a reason.
 *
 * @module
 */

import { DROP_REASONS, type DropReason } from "./drop_reason.ts";

/** Packets on one transport. */
export interface PacketCounters {
  /** Packets that came in. */
  received: number;
  /** Replies that the system took. */
  answered: number;
  /** Packets without a reply, by reason. */
  readonly dropped: Record<DropReason, number>;
}

/** Upper ends of the buckets in which batch sizes are counted. */
export const BATCH_BUCKETS: readonly number[] = [
  1,
  2,
  4,
  8,
  16,
  32,
  64,
  128,
  256,
];

/** The numbers of one server; they only grow. */
export interface ServerCounters {
  /** Datagrams. */
  readonly udp: PacketCounters;
  /** Packets in streams. */
  readonly tcp: PacketCounters;
  /** Requests that were signed for, by version. */
  readonly versions: Map<number, number>;
  /** Signatures made, each for one batch. */
  batches: number;
  /** Requests that those signatures answer. */
  batchedRequests: number;
  /** Batches by size: as many as {@linkcode BATCH_BUCKETS}, and one for what is larger. */
  readonly batchSizes: number[];
  /** Times that an online key was replaced. */
  rotations: number;
  /** Times that the wall clock was found to have jumped. */
  clockSteps: number;
  /** Faults nobody foresaw; each cost at most its own packet the answer. */
  panics: number;
  /** Connections that were taken. */
  tcpAccepted: number;
  /** Connections beyond the limit, closed at once. */
  tcpRejected: number;
  /** Connections that were idle, closed to make room for others. */
  tcpEvicted: number;
  /** Connections that the server ended because the other side stalled or broke the rules. */
  tcpAborted: number;
  /** Connections that are gone. */
  tcpCompleted: number;
  /** Times that workers looked for more before they went to sleep. */
  looks: number;
  /** Of these, those that found something. */
  looksThatPaid: number;
  /** Times that workers let datagrams gather. */
  gathers: number;
  /** Datagrams taken after that. */
  gathered: number;
}

function packetCounters(): PacketCounters {
  const dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]));
  return {
    received: 0,
    answered: 0,
    dropped: dropped as Record<DropReason, number>,
  };
}

/** All zero. */
export function createCounters(): ServerCounters {
  return {
    udp: packetCounters(),
    tcp: packetCounters(),
    versions: new Map(),
    batches: 0,
    batchedRequests: 0,
    batchSizes: new Array(BATCH_BUCKETS.length + 1).fill(0),
    rotations: 0,
    clockSteps: 0,
    panics: 0,
    tcpAccepted: 0,
    tcpRejected: 0,
    tcpEvicted: 0,
    tcpAborted: 0,
    tcpCompleted: 0,
    looks: 0,
    looksThatPaid: 0,
    gathers: 0,
    gathered: 0,
  };
}

/** Counts a signature. */
export function countBatch(
  counters: ServerCounters,
  version: number,
  size: number,
): void {
  counters.batches++;
  counters.batchedRequests += size;
  counters.versions.set(version, (counters.versions.get(version) ?? 0) + size);
  const bucket = BATCH_BUCKETS.findIndex((limit) => size <= limit);
  const i = bucket < 0 ? BATCH_BUCKETS.length : bucket;
  counters.batchSizes[i] = (counters.batchSizes[i] ?? 0) + 1;
}

/** Has it that nothing was signed so far. */
export function forgetBatches(counters: ServerCounters): void {
  counters.batches = 0;
  counters.batchedRequests = 0;
  counters.versions.clear();
  counters.batchSizes.fill(0);
}

/** Packets dropped on one transport, all reasons together. */
export function sumDropped({ dropped }: PacketCounters): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

function addPackets(sum: PacketCounters, more: PacketCounters): void {
  sum.received += more.received;
  sum.answered += more.answered;
  for (const reason of DROP_REASONS) {
    sum.dropped[reason] += more.dropped[reason];
  }
}

/** Those that are one number each. */
const PLAIN = [
  ...["batches", "batchedRequests", "rotations", "clockSteps", "panics"],
  ...["tcpAccepted", "tcpRejected", "tcpEvicted", "tcpAborted", "tcpCompleted"],
  ...["looks", "looksThatPaid", "gathers", "gathered"],
] as const;

/** The numbers of several threads together. */
export function sumCounters(all: readonly ServerCounters[]): ServerCounters {
  const sum = createCounters();
  for (const one of all) {
    addPackets(sum.udp, one.udp);
    addPackets(sum.tcp, one.tcp);
    for (const [version, count] of one.versions) {
      sum.versions.set(version, (sum.versions.get(version) ?? 0) + count);
    }
    one.batchSizes.forEach((count, i) => {
      sum.batchSizes[i] = (sum.batchSizes[i] ?? 0) + count;
    });
    for (const name of PLAIN) sum[name] += one[name];
  }
  return sum;
}
