/**
 * A server's counters as Prometheus text (exposition format 0.0.4). Names and labels are
 * those that another Roughtime server has in use, where they mean the same, so that one
 * dashboard reads both.
 *
 * @module
 */

import type { ClockStatus } from "./clock_guard.ts";
import type { ListenerState } from "./self_check.ts";
import { BATCH_BUCKETS, type ServerCounters } from "./counters.ts";
import type { Transport } from "../net/transport.ts";
import { formatVersion } from "../wire/dialect.ts";

/** What is not counted but measured when asked. */
export interface Gauges {
  /** Version of this package. */
  readonly packageVersion: string;
  /** How the clock is doing. */
  readonly clockStatus: ClockStatus;
  /** Now, in microseconds since 1970. */
  readonly nowMicros: bigint;
  /** When the first of the online keys ends, in microseconds since 1970. */
  readonly notAfterMicros: bigint | undefined;
  /** Long-term keys in base64. */
  readonly publicKeys: readonly string[];
  /** Did a key file change on disk without being taken into use? */
  readonly rootChanged: boolean;
  /** Whether the server answers where it listens. */
  readonly listeners?: readonly ListenerState[] | undefined;
  /** Questions that it has asked itself. */
  readonly selfChecks?: number | undefined;
}

type Labels = Readonly<Record<string, string>>;

/** Escapes a label's value: backslash, quote and line feed. */
function escapeLabel(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(
    /\n/g,
    "\\n",
  );
}

function sample(name: string, labels: Labels, value: number): string {
  const inner = Object.entries(labels)
    .map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(",");
  return `${name}${inner && `{${inner}}`} ${value}`;
}

function family(
  name: string,
  type: "counter" | "gauge" | "histogram",
  help: string,
  samples: readonly string[],
): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
}

const TRANSPORTS: readonly Transport[] = ["udp", "tcp"];
const STATUSES: readonly ClockStatus[] = [
  "ok",
  "widened",
  "stopped",
  "unknown",
];

/**
 * Renders everything.
 *
 * @param counters The server's counters.
 * @param gauges What is measured now.
 * @returns The body of `/metrics`.
 */
export function renderMetrics(
  counters: ServerCounters,
  gauges: Gauges,
): string {
  const p = "roughtime_";
  const one = (name: string, help: string, value: number) =>
    family(`${p}${name}`, "counter", help, [sample(`${p}${name}`, {}, value)]);
  const each = (
    name: string,
    help: string,
    value: (transport: Transport) => number,
  ) =>
    family(
      `${p}${name}`,
      "counter",
      help,
      TRANSPORTS.map((transport) =>
        sample(
          `${p}${name}`,
          { transport, scheme: "ed25519" },
          value(transport),
        )
      ),
    );
  const lines = [
    ...each(
      "requests_received_total",
      "Packets that came in.",
      (t) => counters[t].received,
    ),
    ...each(
      "requests_responded_total",
      "Replies that were sent.",
      (t) => counters[t].answered,
    ),
    ...family(
      `${p}requests_dropped_total`,
      "counter",
      "Packets without a reply, by reason.",
      TRANSPORTS.flatMap((transport) =>
        Object.entries(counters[transport].dropped).map(([reason, count]) =>
          sample(`${p}requests_dropped_total`, { transport, reason }, count)
        )
      ),
    ),
    ...family(
      `${p}responses_by_version_total`,
      "counter",
      "Requests that were signed for, by version.",
      [...counters.versions].map(([version, count]) =>
        sample(
          `${p}responses_by_version_total`,
          { version: formatVersion(version) },
          count,
        )
      ),
    ),
    ...one("batches_total", "Signatures made.", counters.batches),
    ...one(
      "batched_reqs_total",
      "Requests that those signatures answer.",
      counters.batchedRequests,
    ),
    ...batchHistogram(counters),
    ...one("cert_rotations_total", "Online keys replaced.", counters.rotations),
    ...one(
      "clock_steps_total",
      "Jumps of the wall clock.",
      counters.clockSteps,
    ),
    ...one("panics_total", "Faults nobody foresaw.", counters.panics),
    ...one(
      "udp_amp_suppressed_total",
      "Datagrams unanswered as the reply would have been longer.",
      counters.udp.dropped.amplification,
    ),
    ...one("tcp_accepted_total", "Connections taken.", counters.tcpAccepted),
    ...one(
      "tcp_rejected_total",
      "Connections beyond the limit.",
      counters.tcpRejected,
    ),
    ...one(
      "tcp_evicted_total",
      "Idle connections closed to make room for others.",
      counters.tcpEvicted,
    ),
    ...one(
      "tcp_aborted_total",
      "Connections ended because the peer stalled or broke the rules.",
      counters.tcpAborted,
    ),
    ...one("tcp_completed_total", "Connections gone.", counters.tcpCompleted),
    ...family(
      `${p}worker_looks_total`,
      "counter",
      "Looks for more datagrams before sleep, by whether there were some.",
      [
        [true, counters.looksThatPaid] as const,
        [false, counters.looks - counters.looksThatPaid] as const,
      ].map(([found, count]) =>
        sample(`${p}worker_looks_total`, { found: String(found) }, count)
      ),
    ),
    ...one(
      "worker_gathers_total",
      "Times that workers let datagrams gather.",
      counters.gathers,
    ),
    ...one(
      "worker_gathered_reqs_total",
      "Datagrams taken after that.",
      counters.gathered,
    ),
    ...renderGauges(gauges),
  ];
  return lines.join("\n") + "\n";
}

function batchHistogram(counters: ServerCounters): string[] {
  const name = "roughtime_batch_size";
  let sum = 0;
  const buckets = BATCH_BUCKETS.map((limit, i) => {
    sum += counters.batchSizes[i] ?? 0;
    return sample(`${name}_bucket`, { le: String(limit) }, sum);
  });
  return family(name, "histogram", "Requests under one signature.", [
    ...buckets,
    sample(`${name}_bucket`, { le: "+Inf" }, counters.batches),
    sample(`${name}_sum`, {}, counters.batchedRequests),
    sample(`${name}_count`, {}, counters.batches),
  ]);
}

function renderGauges(gauges: Gauges): string[] {
  const { notAfterMicros, nowMicros, clockStatus, publicKeys } = gauges;
  const { listeners, selfChecks } = gauges;
  const gauge = (name: string, help: string, samples: [Labels, number][]) =>
    family(
      name,
      "gauge",
      help,
      samples.map(([labels, value]) => sample(name, labels, value)),
    );
  return [
    ...gauge(
      "roughtime_clock_status",
      "1 at the state the clock is in.",
      STATUSES.map((status) => [{ status }, status === clockStatus ? 1 : 0]),
    ),
    ...(notAfterMicros === undefined ? [] : [
      ...gauge(
        "roughtime_cert_expiry_timestamp_seconds",
        "When the first online key ends.",
        [[{}, Math.floor(Number(notAfterMicros) / 1e6)]],
      ),
      ...gauge(
        "roughtime_delegation_seconds_left",
        "Until the first online key ends.",
        [[{}, Math.floor(Number(notAfterMicros - nowMicros) / 1e6)]],
      ),
    ]),
    ...gauge(
      "roughtime_root_changed",
      "1 if a key file changed on disk and was not taken into use.",
      [[{}, gauges.rootChanged ? 1 : 0]],
    ),
    ...(listeners === undefined ? [] : gauge(
      "roughtime_listener_up",
      "1 if the server answered itself here, 0 if not.",
      listeners.filter(({ up }) => up !== undefined).map((
        { transport, address, up },
      ) => [{ transport, address }, up ? 1 : 0]),
    )),
    ...(selfChecks === undefined ? [] : family(
      "roughtime_self_checks_total",
      "counter",
      "Questions that the server asked itself.",
      [sample("roughtime_self_checks_total", {}, selfChecks)],
    )),
    ...gauge(
      "roughtime_cert_info",
      "The long-term keys.",
      publicKeys.map((key) => [{ scheme: "ed25519", root_pubkey: key }, 1]),
    ),
    ...gauge("roughtime_build_info", "What is running.", [
      [{ version: gauges.packageVersion }, 1],
    ]),
  ];
}
