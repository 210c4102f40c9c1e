/**
 * What `roughly watch` serves as JSON under `/api/v1` and over `/events`, and what its page
 * reads. Microseconds since 1970 are decimal strings (`...Micros`), local times are
 * milliseconds since 1970 (`...Ms`), bytes are base64.
 *
 * @module
 */

/**
 * What came of asking a server in a round. Silent is one that gave no answer at all; unjudged
 * one whose answer holds, but there is no majority to compare it with.
 */
export type WatchStatus =
  | "ok"
  | "falseticker"
  | "vague"
  | "rejected"
  | "silent"
  | "unjudged";

/** A server in one round. */
export interface ServerState {
  readonly name: string;
  readonly operator: string;
  /** As `host:port`. */
  readonly address: string;
  readonly publicKey: string;
  readonly status: WatchStatus;
  /** Why it is not `ok`, as a sentence; `null` where it is. */
  readonly reason: string | null;
  /** A code of the vocabulary where there is one: a rejection's or a network cause. */
  readonly code: string | null;
  readonly transport: "udp" | "tcp" | "relay" | null;
  /** As the docs write it, such as `1` or `0x8000000c`. */
  readonly version: string | null;
  readonly midpointMicros: string | null;
  readonly radiusMicros: string | null;
  readonly rttMicros: string | null;
  /**
   * True time minus the local clock at the reply, as the reply bounds it: from
   * `[MIDP - RADI, MIDP + RADI + RTT]` minus the local time of the receipt.
   */
  readonly offsetMicros:
    | { readonly earliest: string; readonly latest: string }
    | null;
  readonly delegationSecondsLeft: number | null;
  /** Identifiers for `/api/v1/exchanges/:id`, one for each pass that was answered. */
  readonly exchanges: readonly number[];
}

/** One chained measurement of all servers. */
export interface RoundState {
  readonly id: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Operators that have a vote, and those of them that agree. */
  readonly voters: number;
  readonly agreeing: number;
  /** The majority's bounds of true time minus the local clock; `null` without a quorum. */
  readonly quorumOffsetMicros: {
    readonly earliest: string;
    readonly latest: string;
  } | null;
  /** Why there is no quorum. */
  readonly noQuorumReason: string | null;
  /** Did the local clock jump while it was measured? Nobody is judged then. */
  readonly clockJumped: boolean;
  readonly servers: readonly ServerState[];
  /** Identifiers of the reports that this round gave. */
  readonly reports: readonly number[];
  /** In the order asked; for the chain's links a page checks each against the one before. */
  readonly chain: readonly ChainLink[];
}

/** Where an exchange stands in the chain of its round. */
export interface ChainLink {
  readonly exchange: number;
  /** Index into `servers`. */
  readonly server: number;
}

/** `GET /api/v1/state` and the `round` event. */
export interface WatchState {
  readonly schema: "roughly/watch-state/1";
  /** Where the list came from, how many servers it has, what was skipped of it. */
  readonly list: {
    readonly source: string;
    readonly servers: number;
    readonly skipped: number;
    readonly problem: string | null;
  };
  readonly intervalSeconds: number;
  readonly nextRoundAtMs: number | null;
  /** One sentence a person understands. */
  readonly summary: string;
  /** Is history being written? Why not. */
  readonly history: {
    readonly writing: boolean;
    readonly problem: string | null;
  };
  readonly relay: boolean;
  readonly round: RoundState | null;
  readonly contradictions: number;
}

/** One bucket of a history that had a round; `null` where the server never answered in it. */
export interface HistoryPoint {
  readonly atMs: number;
  readonly rounds: number;
  readonly answered: number;
  /** Rounds by status, in the order of {@linkcode WatchStatus}. */
  readonly statuses: readonly [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  readonly offsetMicros: MinMaxMean | null;
  readonly radiusMicros: MinMaxMean | null;
  readonly rttMicros: MinMaxMean | null;
}

/** Plain numbers: offsets here are small enough, and beyond 2^53 they are for drawing only. */
export interface MinMaxMean {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
}

/** `GET /api/v1/servers/:name/history?from=&to=&points=`, `from` and `to` in milliseconds. */
export interface History {
  readonly schema: "roughly/watch-history/1";
  readonly name: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Width of a bucket; `atMs` is where one begins. */
  readonly bucketMs: number;
  readonly points: readonly HistoryPoint[];
}

/** `GET /api/v1/exchanges/:id`. */
export interface ExchangeState {
  readonly schema: "roughly/watch-exchange/1";
  readonly id: number;
  readonly round: number;
  readonly server: string;
  readonly receivedAtMs: number;
  readonly request: string;
  readonly response: string;
  readonly publicKey: string;
  /** What the nonce was made with, from the reply before; `null` for the first of a chain. */
  readonly rand: string | null;
  /** The exchange before it in the chain. */
  readonly previous: number | null;
}

/** One of `GET /api/v1/reports`; the report itself is `GET /api/v1/reports/:id`, in the RFC's form. */
export interface ReportState {
  readonly id: number;
  readonly round: number;
  readonly atMs: number;
  /** Names of the servers of which one lied, pair by pair, and by how much they contradict. */
  readonly pairs: readonly {
    readonly before: string;
    readonly after: string;
    readonly byMicros: string;
  }[];
}

/** `GET /api/v1/reports`. */
export interface Reports {
  readonly schema: "roughly/watch-reports/1";
  readonly reports: readonly ReportState[];
}

/** What every failure of the API says. */
export interface ApiError {
  readonly error: { readonly code: string; readonly message: string };
}
