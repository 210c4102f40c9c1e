/**
 * What a history tells: rounds, packets and reports by number, the past of one server.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { DatabaseSync, SQLInputValue } from "node:sqlite";
import { type Evidence, malfeasanceReport } from "../verify/report.ts";
import type {
  ExchangeState,
  History,
  ReportState,
  RoundState,
  ServerState,
} from "./api.ts";
import { DOWNSAMPLE, type HistoryQuery, toPoint } from "./downsample.ts";
import { evidenceOf } from "./contradiction.ts";
import { WATCH_STATUSES } from "./server_state.ts";

type Row = Record<string, unknown>;

/** Reports that are told of at once; the newest. */
export const MAX_REPORTS = 1000;

/** Reads a database that is open. */
export class HistoryReader {
  readonly #database: DatabaseSync;

  /**
   * Reads from here.
   *
   * @param database In the newest form.
   */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** A round, or the last one without a number. */
  round(id?: number): RoundState | undefined {
    const which = id === undefined
      ? this.#get("SELECT max(id) AS id FROM round")?.id
      : id;
    if (typeof which !== "number") return undefined;
    const round = this.#get(
      `SELECT round.*, phrase.text AS reason,
        CAST(earliest_micros AS TEXT) AS earliest,
        CAST(latest_micros AS TEXT) AS latest
       FROM round LEFT JOIN phrase ON phrase.id = no_quorum WHERE round.id = ?`,
      which,
    );
    if (round === undefined) return undefined;
    const exchanges = this.#all(
      "SELECT id, server FROM exchange WHERE round = ? ORDER BY id",
      which,
    );
    const samples = this.#all(SAMPLES, which);
    const places = new Map(samples.map(({ server }, place) => [server, place]));
    return {
      id: which,
      startedAtMs: round.started_ms as number,
      endedAtMs: round.ended_ms as number,
      voters: round.voters as number,
      agreeing: round.agreeing as number,
      quorumOffsetMicros: round.earliest === null ? null : {
        earliest: round.earliest as string,
        latest: round.latest as string,
      },
      noQuorumReason: round.reason as string | null,
      clockJumped: round.clock_jumped === 1,
      servers: samples.map((sample) => toServer(sample, exchanges)),
      reports: this.#all("SELECT id FROM report WHERE round = ?", which)
        .map((row) => row.id as number),
      chain: exchanges.flatMap(({ id, server }) => {
        const place = places.get(server);
        return place === undefined
          ? []
          : [{ exchange: id as number, server: place }];
      }),
    };
  }

  /** The packets of an exchange. */
  exchange(id: number): ExchangeState | undefined {
    const row = this.#get(`${EXCHANGES} WHERE exchange.id = ?`, id);
    if (row === undefined) return undefined;
    const before = this.#get(
      "SELECT max(id) AS id FROM exchange WHERE round = ? AND id < ?",
      row.round as number,
      id,
    );
    const { exchange, rand } = toEvidence(row);
    return {
      schema: "roughly/watch-exchange/1",
      id,
      round: row.round as number,
      server: row.name as string,
      receivedAtMs: row.received_ms as number,
      request: base64.encode(exchange.request),
      response: base64.encode(exchange.response),
      publicKey: base64.encode(exchange.publicKey),
      rand: rand === undefined ? null : base64.encode(rand),
      previous: before?.id as number | null ?? null,
    };
  }

  /** The newest reports first. */
  reports(): ReportState[] {
    return this.#all(
      `SELECT * FROM report ORDER BY id DESC LIMIT ${MAX_REPORTS}`,
    ).map((row) => ({
      id: row.id as number,
      round: row.round as number,
      atMs: row.at_ms as number,
      pairs: JSON.parse(row.pairs as string),
    }));
  }

  /** How many reports there are. */
  contradictions(): number {
    return Number(this.#get("SELECT count(*) AS n FROM report")?.n ?? 0);
  }

  /** A report in the form of RFC 10049, section 8.4. */
  report(id: number): string | undefined {
    const rows = this.#all(`${EXCHANGES} WHERE report = ? ORDER BY 1`, id);
    return rows.length === 0
      ? undefined
      : malfeasanceReport(evidenceOf(rows.map(toEvidence)));
  }

  /** The past of a server in buckets, or nothing if there never was one of that name. */
  history(query: HistoryQuery): History | undefined {
    const { name, fromMs, toMs, bucketMs } = query;
    const servers = this.#all("SELECT id FROM server WHERE name = ?", name);
    if (servers.length === 0) return undefined;
    const rows = this.#all(DOWNSAMPLE, fromMs, bucketMs, name, fromMs, toMs);
    return {
      schema: "roughly/watch-history/1",
      name,
      fromMs,
      toMs,
      bucketMs,
      points: rows.map((row) => toPoint(row, query)),
    };
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#database.prepare(sql).all(...values) as Row[];
  }

  #get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#database.prepare(sql).get(...values) as Row | undefined;
  }
}

const EXCHANGES = `
  SELECT exchange.id, round, received_ms, request, zeros, response, rand,
    name, public_key
  FROM exchange JOIN server ON server.id = exchange.server`;

const SAMPLES = `
  SELECT sample.server, name, operator, address, public_key, status,
    why.text AS reason, word.text AS code, transport, version,
    CAST(midpoint_micros AS TEXT) AS midpoint,
    CAST(radius_micros AS TEXT) AS radius,
    CAST(rtt_micros AS TEXT) AS rtt,
    CAST(earliest_micros AS TEXT) AS earliest,
    delegation_seconds
  FROM sample JOIN server ON server.id = sample.server
    LEFT JOIN phrase AS why ON why.id = reason
    LEFT JOIN phrase AS word ON word.id = code
  WHERE round = ? ORDER BY place`;

function toServer(row: Row, exchanges: readonly Row[]): ServerState {
  const { earliest, radius, rtt } = row as Record<string, string | null>;
  return {
    name: row.name as string,
    operator: row.operator as string,
    address: row.address as string,
    publicKey: base64.encode(row.public_key as Uint8Array),
    status: WATCH_STATUSES[row.status as number] ?? "unjudged",
    reason: row.reason as string | null,
    code: row.code as string | null,
    transport: row.transport as ServerState["transport"],
    version: row.version as string | null,
    midpointMicros: row.midpoint as string | null,
    radiusMicros: radius ?? null,
    rttMicros: rtt ?? null,
    offsetMicros: earliest == null || radius == null || rtt == null ? null : {
      earliest,
      latest: String(BigInt(earliest) + 2n * BigInt(radius) + BigInt(rtt)),
    },
    delegationSecondsLeft: row.delegation_seconds as number | null,
    exchanges: exchanges.filter(({ server }) => server === row.server)
      .map(({ id }) => id as number),
  };
}

function toEvidence(row: Row): Evidence {
  const head = row.request as Uint8Array;
  const request = new Uint8Array(head.length + (row.zeros as number));
  request.set(head);
  return {
    exchange: {
      request,
      response: row.response as Uint8Array,
      publicKey: row.public_key as Uint8Array,
    },
    rand: row.rand as Uint8Array | null ?? undefined,
  };
}
