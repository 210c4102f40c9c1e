/**
 * What is watched as numbers for Prometheus.
 *
 * @module
 */

import type { ServerState, WatchState } from "./api.ts";
import { family, type Labels, type Sample } from "./openmetrics.ts";
import { WATCH_STATUSES } from "./server_state.ts";
import { clockOffMicros } from "./summary.ts";

/** What is not in the state. */
export interface WatchGauges {
  /** Version of this package. */
  readonly packageVersion: string;
  /** Rounds that have ended in this process. */
  readonly rounds: number;
  /** Pages that listen. */
  readonly listeners: number;
}

const P = "roughly_watch_";

/** Renders everything. */
export function renderWatchMetrics(
  state: WatchState,
  gauges: WatchGauges,
): string {
  return [
    ...aboutServers(state.round?.servers ?? []),
    ...aboutRound(state),
    ...aboutWatcher(state, gauges),
    "# EOF\n",
  ].join("");
}

const seconds = (micros: string | bigint) => Number(micros) / 1e6;
const truth = (is: boolean) => is ? 1 : 0;

function aboutServers(servers: readonly ServerState[]): string[] {
  const each = (
    name: string,
    help: string,
    value: (server: ServerState) => number | undefined,
  ) =>
    family(
      P + name,
      "gauge",
      help,
      servers.flatMap((server): Sample[] => {
        const number = value(server);
        return number === undefined ? [] : [[labelsOf(server), number]];
      }),
    );
  const micros = (value: string | null | undefined) =>
    value === null || value === undefined ? undefined : seconds(value);
  const status = `${P}server_status`;
  return [
    each(
      "server_up",
      "1 if the server gave an answer that holds.",
      ({ midpointMicros }) => truth(midpointMicros !== null),
    ),
    family(
      status,
      "stateset",
      "1 at what is thought of the server.",
      servers.flatMap((server) =>
        WATCH_STATUSES.map((one): Sample => [
          { ...labelsOf(server), [status]: one },
          truth(one === server.status),
        ])
      ),
    ),
    family(
      `${P}server`,
      "info",
      "Who runs the server, and how it answered.",
      servers.map(({ name, operator, address, version, transport }) => [
        {
          server: name,
          operator,
          address,
          version: version ?? "",
          transport: transport ?? "",
        },
        1,
      ]),
    ),
    each(
      "server_offset_earliest_seconds",
      "The least that true time can be ahead of the local clock, says the server.",
      ({ offsetMicros }) => micros(offsetMicros?.earliest),
    ),
    each(
      "server_offset_latest_seconds",
      "The most that true time can be ahead of the local clock, says the server.",
      ({ offsetMicros }) => micros(offsetMicros?.latest),
    ),
    each(
      "server_radius_seconds",
      "How far the server may be off, as it says itself.",
      ({ radiusMicros }) => micros(radiusMicros),
    ),
    each(
      "server_rtt_seconds",
      "From question to answer.",
      ({ rttMicros }) => micros(rttMicros),
    ),
    each(
      "server_delegation_left_seconds",
      "Until the server's online key ends, by the local clock.",
      ({ delegationSecondsLeft }) => delegationSecondsLeft ?? undefined,
    ),
  ];
}

function labelsOf({ name }: ServerState): Labels {
  return { server: name };
}

function aboutRound({ round, contradictions }: WatchState): string[] {
  const gauge = (name: string, help: string, value: number | undefined) =>
    family(P + name, "gauge", help, value === undefined ? [] : [[{}, value]]);
  const offset = round?.quorumOffsetMicros ?? undefined;
  return [
    gauge(
      "quorum",
      "1 if a majority of operators agrees.",
      round ? truth(offset !== undefined) : undefined,
    ),
    gauge("voters", "Operators that have a vote.", round?.voters),
    gauge("agreeing", "Operators that agree.", round?.agreeing),
    gauge(
      "clock_offset_earliest_seconds",
      "The least that true time can be ahead of the local clock, says the majority.",
      offset && seconds(offset.earliest),
    ),
    gauge(
      "clock_offset_latest_seconds",
      "The most that true time can be ahead of the local clock, says the majority.",
      offset && seconds(offset.latest),
    ),
    gauge(
      "clock_off_seconds",
      "By how much the local clock is certainly fast, or slow where it is negative.",
      round && offset ? seconds(clockOffMicros(round)) : undefined,
    ),
    gauge(
      "clock_jumped",
      "1 if the local clock jumped during the last round.",
      round ? truth(round.clockJumped) : undefined,
    ),
    family(
      `${P}contradictions`,
      "counter",
      "Reports that prove that somebody lied.",
      [[{}, contradictions]],
    ),
    gauge(
      "round_duration_seconds",
      "How long the last round took.",
      round
        ? Math.max(0, round.endedAtMs - round.startedAtMs) / 1000
        : undefined,
    ),
    gauge(
      "round_end_timestamp_seconds",
      "When the last round ended.",
      round ? round.endedAtMs / 1000 : undefined,
    ),
  ];
}

function aboutWatcher(
  { list, history, intervalSeconds }: WatchState,
  { packageVersion, rounds, listeners }: WatchGauges,
): string[] {
  const gauge = (name: string, help: string, value: number) =>
    family(P + name, "gauge", help, [[{}, value]]);
  return [
    family(`${P}rounds`, "counter", "Rounds since the start.", [[{}, rounds]]),
    gauge("interval_seconds", "Between rounds.", intervalSeconds),
    gauge("list_servers", "Servers that are watched.", list.servers),
    gauge(
      "list_skipped",
      "Entries of the list that are of no use.",
      list.skipped,
    ),
    gauge(
      "list_ok",
      "1 if the list could be read when that was tried last.",
      truth(list.problem === null),
    ),
    gauge(
      "history_writing",
      "1 if history is written.",
      truth(history.writing),
    ),
    gauge("listeners", "Pages that are told of each round.", listeners),
    family(`${P}build`, "info", "What is running.", [
      [{ version: packageVersion }, 1],
    ]),
  ];
}
