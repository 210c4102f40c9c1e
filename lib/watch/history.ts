/**
 * What a watcher writes of its rounds: each in one transaction, with what has become too old
 * taken out.
 *
 * @module
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { RoundState, ServerState } from "./api.ts";
import type { NextIds, RoundRecord } from "./record.ts";
import type { Cutoffs } from "./retention.ts";
import { WATCH_STATUSES } from "./server_state.ts";
import { inTransaction } from "./sqlite.ts";
import { toSql } from "./sql_value.ts";

/** Writes rounds to a database that is open. */
export class HistoryWriter {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /**
   * Writes here.
   *
   * @param database In the newest form.
   */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** The first numbers that are free. */
  nextIds(): NextIds {
    const next = (sql: string) => Number(this.#prepare(sql).get()?.next ?? 1);
    return {
      round: next("SELECT max(id) + 1 AS next FROM round"),
      exchange: next("SELECT max(id) + 1 AS next FROM exchange"),
      report: next("SELECT max(id) + 1 AS next FROM report"),
    };
  }

  /**
   * Writes a round, and takes out what is too old; all of that or nothing.
   *
   * @throws SQLite's error, such as that the disk is full.
   */
  append(record: RoundRecord, cutoffs: Cutoffs): void {
    inTransaction(this.#database, () => {
      this.#writeRound(record.round);
      this.#writeReport(record);
      this.#writeExchanges(record);
      this.#prune(cutoffs);
    });
  }

  /** Takes out names and sentences that nothing speaks of any more. */
  tidy(): void {
    inTransaction(this.#database, () =>
      this.#database.exec(`
        DELETE FROM phrase WHERE id NOT IN (
          SELECT reason FROM sample WHERE reason IS NOT NULL
          UNION SELECT code FROM sample WHERE code IS NOT NULL
          UNION SELECT no_quorum FROM round WHERE no_quorum IS NOT NULL);
        DELETE FROM server WHERE id NOT IN (
          SELECT server FROM sample UNION SELECT server FROM exchange);
      `));
  }

  #writeRound(round: RoundState): void {
    const { quorumOffsetMicros: offset, startedAtMs } = round;
    this.#prepare(`INSERT INTO round VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`).run(
      round.id,
      startedAtMs,
      round.endedAtMs,
      round.voters,
      round.agreeing,
      toSql(offset?.earliest),
      toSql(offset?.latest),
      this.#phrase(round.noQuorumReason),
      round.clockJumped ? 1 : 0,
    );
    const insert = this.#prepare(
      `INSERT INTO sample VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    for (const [place, server] of round.servers.entries()) {
      insert.run(
        this.#server(server),
        startedAtMs,
        round.id,
        place,
        WATCH_STATUSES.indexOf(server.status),
        this.#phrase(server.reason),
        this.#phrase(server.code),
        server.transport,
        server.version,
        toSql(server.midpointMicros),
        toSql(server.radiusMicros),
        toSql(server.rttMicros),
        toSql(server.offsetMicros?.earliest),
        middleOf(server),
        server.delegationSecondsLeft,
      );
    }
  }

  #writeReport({ round, contradiction }: RoundRecord): void {
    if (contradiction === undefined) return;
    this.#prepare("INSERT INTO report VALUES (?, ?, ?, ?)").run(
      round.reports[0] as number,
      round.id,
      round.endedAtMs,
      JSON.stringify(contradiction.pairs),
    );
  }

  #writeExchanges({ round, exchanges, contradiction }: RoundRecord): void {
    const insert = this.#prepare(
      "INSERT INTO exchange VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    for (const [position, one] of exchanges.entries()) {
      const { request, response } = one.exchange;
      const length = lengthWithoutZeros(request);
      const isEvidence = contradiction !== undefined &&
        position >= contradiction.first && position <= contradiction.last;
      insert.run(
        one.id,
        round.id,
        this.#server(round.servers[one.server] as ServerState),
        one.receivedAtMs,
        request.subarray(0, length),
        request.length - length,
        response,
        one.rand ?? null,
        isEvidence ? round.reports[0] as number : null,
      );
    }
  }

  /** Exchanges that are evidence stay for ever. */
  #prune({ rounds, packets }: Cutoffs): void {
    const old = "SELECT id FROM round WHERE (started_ms < ? OR id < ?)";
    // All rounds but the last days' have no packets any more, and need no look.
    const first = "SELECT min(round) FROM exchange WHERE report IS NULL";
    this.#prepare(
      `DELETE FROM exchange
       WHERE report IS NULL AND round IN (${old} AND id >= (${first}))`,
    ).run(packets.beforeMs, packets.beforeId);
    this.#prepare(`DELETE FROM sample WHERE round IN (${old})`)
      .run(rounds.beforeMs, rounds.beforeId);
    this.#prepare(`DELETE FROM round WHERE started_ms < ? OR id < ?`)
      .run(rounds.beforeMs, rounds.beforeId);
  }

  #server({ name, operator, address, publicKey }: ServerState): number {
    const key = Uint8Array.from(atob(publicKey), (c) => c.charCodeAt(0));
    const values = [name, operator, address, key] as const;
    this.#prepare(
      `INSERT OR IGNORE INTO server (name, operator, address, public_key)
       VALUES (?, ?, ?, ?)`,
    ).run(...values);
    const row = this.#prepare(
      `SELECT id FROM server
       WHERE name = ? AND operator = ? AND address = ? AND public_key = ?`,
    ).get(...values);
    return Number(row?.id);
  }

  #phrase(text: string | null): number | null {
    if (text === null) return null;
    this.#prepare("INSERT OR IGNORE INTO phrase (text) VALUES (?)").run(text);
    return Number(
      this.#prepare("SELECT id FROM phrase WHERE text = ?").get(text)?.id,
    );
  }

  #prepare(sql: string): StatementSync {
    const known = this.#statements.get(sql) ?? this.#database.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }
}

/** True time minus the local clock, as nearly as can be told; for drawing. */
function middleOf({ offsetMicros }: ServerState): number | null {
  if (offsetMicros === null) return null;
  const { earliest, latest } = offsetMicros;
  return Number(BigInt(earliest) + BigInt(latest)) / 2;
}

function lengthWithoutZeros(bytes: Uint8Array): number {
  let length = bytes.length;
  while (length > 0 && bytes[length - 1] === 0) length--;
  return length;
}
