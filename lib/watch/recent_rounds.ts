/**
 * Rounds in memory: the last one, and evidence that no disk has taken yet.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type { ExchangeState, ReportState, RoundState } from "./api.ts";
import type { RoundRecord } from "./record.ts";

/** Evidence that waits for a disk; what is beyond is in its file, or in nobody's hands. */
const MAX_UNWRITTEN = 16;

/** Remembers what is recent. */
export class RecentRounds {
  #last: RoundRecord | undefined;
  #unwritten: RoundRecord[] = [];

  /** Takes the last round. */
  add(record: RoundRecord): void {
    this.#last = record;
    const evidence = this.#unwritten.filter(({ contradiction }) =>
      contradiction !== undefined
    );
    this.#unwritten = [...evidence.slice(-MAX_UNWRITTEN), record];
  }

  /** What is to be written: evidence, and the last round. */
  unwritten(): readonly RoundRecord[] {
    return this.#unwritten;
  }

  /** A round is on the disk. */
  wrote(record: RoundRecord): void {
    this.#unwritten = this.#unwritten.filter((one) => one !== record);
  }

  get #all(): RoundRecord[] {
    return [...this.#last ? [this.#last] : [], ...this.#unwritten];
  }

  /** A round, or the last one without a number. */
  round(id: number | undefined = this.#last?.round.id): RoundState | undefined {
    return this.#all.find(({ round }) => round.id === id)?.round;
  }

  /** The packets of an exchange. */
  exchange(id: number): ExchangeState | undefined {
    for (const { round, exchanges } of this.#all) {
      const at = exchanges.findIndex((one) => one.id === id);
      const found = exchanges[at];
      if (found === undefined) continue;
      const { request, response, publicKey } = found.exchange;
      return {
        schema: "roughly/watch-exchange/1",
        id,
        round: round.id,
        server: round.servers[found.server]?.name ?? "",
        receivedAtMs: found.receivedAtMs,
        request: base64.encode(request),
        response: base64.encode(response),
        publicKey: base64.encode(publicKey),
        rand: found.rand === undefined ? null : base64.encode(found.rand),
        previous: exchanges[at - 1]?.id ?? null,
      };
    }
    return undefined;
  }

  /** The newest reports first. */
  reports(): ReportState[] {
    const reports = new Map<number, ReportState>();
    for (const { round, contradiction } of this.#all) {
      for (const id of contradiction === undefined ? [] : round.reports) {
        const pairs = contradiction?.pairs ?? [];
        reports.set(id, { id, round: round.id, atMs: round.endedAtMs, pairs });
      }
    }
    return [...reports.values()].sort((a, b) => b.id - a.id);
  }

  /** A report as JSON. */
  report(id: number): string | undefined {
    return this.#all.find(({ round }) => round.reports.includes(id))
      ?.contradiction?.text;
  }
}
