/**
 * What a watcher keeps of one round: the state that it tells, the packets that prove it, and
 * the evidence if somebody lied.
 *
 * @module
 */

import type { Measurement } from "../ecosystem/measure.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import type { Quorum } from "../ecosystem/quorum.ts";
import type { Exchange } from "../wire/errors.ts";
import type { RoundState } from "./api.ts";
import { type Contradiction, findContradiction } from "./contradiction.ts";
import { describeServer } from "./server_state.ts";

/** A verified exchange of a round. */
export interface ExchangeRecord {
  /** Its number. */
  readonly id: number;
  /** Index into the round's servers. */
  readonly server: number;
  /** By the local clock, in milliseconds since 1970. */
  readonly receivedAtMs: number;
  /** Request, reply and key. */
  readonly exchange: Exchange;
  /** What made the nonce from the reply before; nothing for the first. */
  readonly rand: Uint8Array | undefined;
}

/** Everything of one round. */
export interface RoundRecord {
  /** What is told. */
  readonly round: RoundState;
  /** In the order asked. */
  readonly exchanges: readonly ExchangeRecord[];
  /** Proof that somebody lied, under the number that `round.reports` has. */
  readonly contradiction: Contradiction | undefined;
}

/** What a round is recorded with. */
export interface RecordContext {
  /** The servers, in the order in which they are to be told, each under a name of its own. */
  readonly servers: readonly ListedServer[];
  /** By the local clock, in milliseconds since 1970. */
  readonly startedAtMs: number;
  /** By the local clock, in milliseconds since 1970. */
  readonly endedAtMs: number;
  /** The local clock at a moment of the monotonic one, in microseconds since 1970. */
  readonly localMicrosAt: (at: number) => bigint;
  /** The first numbers that are free. */
  readonly ids: NextIds;
}

/** The next numbers. */
export interface NextIds {
  readonly round: number;
  readonly exchange: number;
  readonly report: number;
}

/** Puts a measurement into the form that is kept and told. */
export async function recordRound(
  measurement: Measurement,
  context: RecordContext,
): Promise<RoundRecord> {
  const { outcomes, chain, quorum, takenAt } = measurement;
  const { servers, ids, localMicrosAt, startedAtMs, endedAtMs } = context;
  const byName = new Map(outcomes.map((one) => [one.server.name, one]));
  // A key that is listed twice is asked once, under its first name.
  const told = servers.flatMap(({ name }) => byName.get(name) ?? []);
  const exchanges = chain.map(({ server, answer, exchange, rand }, i) => ({
    id: ids.exchange + i,
    server: told.indexOf(outcomes[server] as typeof outcomes[number]),
    receivedAtMs: Number(localMicrosAt(answer.receivedAt) / 1000n),
    exchange,
    rand,
  }));
  const contradiction = await findContradiction(measurement);
  const local = localMicrosAt(takenAt);
  return {
    round: {
      id: ids.round,
      startedAtMs,
      endedAtMs,
      voters: quorum.voters,
      agreeing: quorum.agreeing,
      quorumOffsetMicros: quorum.ok
        ? {
          earliest: String(quorum.bounds.earliestMicros - local),
          latest: String(quorum.bounds.latestMicros - local),
        }
        : null,
      noQuorumReason: explainNoQuorum(quorum),
      clockJumped: !quorum.ok && quorum.reason === "suspended",
      servers: told.map((outcome, index) => ({
        ...describeServer(outcome, quorum, localMicrosAt),
        exchanges: exchanges.filter(({ server }) => server === index)
          .map(({ id }) => id),
      })),
      reports: contradiction === undefined ? [] : [ids.report],
      chain: exchanges.map(({ id, server }) => ({ exchange: id, server })),
    },
    exchanges,
    contradiction,
  };
}

/** The numbers after those of a round. */
export function idsAfter(
  { round, exchanges }: RoundRecord,
  ids: NextIds,
): NextIds {
  return {
    round: ids.round + 1,
    exchange: ids.exchange + exchanges.length,
    report: ids.report + round.reports.length,
  };
}

/** Why there is no majority, as a sentence. */
function explainNoQuorum(quorum: Quorum): string | null {
  if (quorum.ok) return null;
  const { voters, agreeing, needed } = quorum;
  switch (quorum.reason) {
    case "too-few":
      return `Answers that count came from ${voters} of the ${needed} operators that it takes.`;
    case "no-majority":
      return `Of ${voters} operators ${agreeing} agree, and it takes ${needed}.`;
    case "suspended":
      return "This machine slept, or its clock was set, while servers were asked.";
  }
}
