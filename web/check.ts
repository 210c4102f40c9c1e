/**
 * "Checked here": does what the watcher says follow from the packets? Every signature, tree
 * and link of the chain is verified anew, under the keys of the list, and what the watcher
 * makes of it is made once more and compared. Pure.
 *
 * @module
 */

import { base64 } from "@scure/base";
import type {
  ChainLink,
  ExchangeState,
  RoundState,
  ServerState,
} from "../lib/watch/api.ts";
import { findQuorum, type Vote } from "../lib/ecosystem/quorum.ts";
import {
  explainFault,
  findViolations,
  judgeEntry,
  type ReportEntry,
  type Verified,
} from "../verify.ts";

/** An exchange of a round, once it was looked at. */
export interface CheckedExchange {
  readonly id: number;
  /** Index into the round's servers. */
  readonly server: number;
  /** What it proves. */
  readonly verdict: Verified | undefined;
  /** When the watcher got the reply, by its clock. */
  readonly receivedAtMs: number;
  /** Why it is not confirmed; `undefined` if it is. */
  readonly problem: string | undefined;
}

/** What came of checking a round. */
export interface RoundCheck {
  /** In the order asked. */
  readonly exchanges: readonly CheckedExchange[];
  /** How many of them hold in every respect. */
  readonly confirmed: number;
  /** For each server what does not hold of what the watcher says; one sentence each. */
  readonly servers: readonly (readonly string[])[];
  /** What does not hold of the round as a whole. */
  readonly round: readonly string[];
}

/** The watcher counts with a finer clock, and takes drift into account. */
const TOLERANCE_MICROS = 50_000n;

/** Replies after which others get their turn: without native Ed25519 each takes a while. */
const REPLIES_PER_TURN = 8;

/** Does everything hold? */
export function holds(check: RoundCheck): boolean {
  return check.round.length === 0 &&
    check.confirmed === check.exchanges.length &&
    check.servers.every((problems) => problems.length === 0);
}

/**
 * Checks a round.
 *
 * @param round What the watcher says.
 * @param exchanges As it stores them, for each link of the chain; or why one cannot be had.
 * @param yieldTurn Waits until others had their turn.
 */
export async function checkRound(
  round: RoundState,
  exchanges: readonly (ExchangeState | Error)[],
  yieldTurn: () => Promise<void> = () => Promise.resolve(),
): Promise<RoundCheck> {
  const checked: CheckedExchange[] = [];
  let before: ReportEntry | undefined;
  for (const i of round.chain.keys()) {
    if (i % REPLIES_PER_TURN === 0) await yieldTurn();
    const stored = exchanges[i];
    const entry = stored && !(stored instanceof Error)
      ? entryOf(stored)
      : undefined;
    checked.push(await checkExchange(round, i, stored, entry, before));
    before = entry;
  }
  return {
    exchanges: checked,
    confirmed: checked.filter(({ problem }) => problem === undefined).length,
    servers: checkServers(round, checked),
    round: checkWhole(round, checked),
  };
}

/** What is stored, as an entry of a report; `undefined` if it is not even base64. */
function entryOf(stored: ExchangeState): ReportEntry | undefined {
  try {
    return {
      request: base64.decode(stored.request),
      response: base64.decode(stored.response),
      publicKey: base64.decode(stored.publicKey),
      rand: stored.rand === null ? undefined : base64.decode(stored.rand),
      nonce: undefined,
    };
  } catch {
    return undefined;
  }
}

async function checkExchange(
  { chain, servers }: RoundState,
  place: number,
  stored: ExchangeState | Error | undefined,
  entry: ReportEntry | undefined,
  before: ReportEntry | undefined,
): Promise<CheckedExchange> {
  const { exchange: id, server } = chain[place] as ChainLink;
  const failed = (problem: string, verdict?: Verified): CheckedExchange => ({
    id,
    server,
    verdict,
    receivedAtMs: stored instanceof Error ? 0 : stored?.receivedAtMs ?? 0,
    problem,
  });
  if (stored === undefined || stored instanceof Error) {
    return failed(
      `its packets cannot be had: ${stored?.message ?? "nothing came"}`,
    );
  }
  if (entry === undefined) return failed("its packets are not base64");
  const said = servers[server];
  if (said === undefined || stored.publicKey !== said.publicKey) {
    return failed("it was made under another key than the list's");
  }
  if (place > 0 && before === undefined) {
    return failed(
      "the reply before it is missing, so its place in the chain is open",
    );
  }
  const proven = await judgeEntry(entry, before).catch((error: unknown) =>
    String(error)
  );
  if (typeof proven === "string") return failed(proven);
  if ("code" in proven) return failed(explainFault(proven));
  return {
    id,
    server,
    verdict: proven.verdict,
    receivedAtMs: stored.receivedAtMs,
    problem: undefined,
  };
}

function checkServers(
  round: RoundState,
  checked: readonly CheckedExchange[],
): string[][] {
  const agreement = voteAnew(round, checked);
  return round.servers.map((said, index) => {
    const own = checked.filter(({ server }) => server === index);
    const problems = own.flatMap(({ problem }) => problem ?? []);
    const hasAnswer = said.midpointMicros !== null;
    if (said.exchanges.length !== own.length) {
      problems.push("its answers are not all in the chain");
    }
    if (hasAnswer && own.length === 0) {
      problems.push(
        "nothing is there to prove what it is said to have answered",
      );
    }
    // What was not confirmed has been said already.
    if (problems.length > 0 || own.length === 0) return problems;
    problems.push(...checkClaims(said, own));
    const judged = agreement.get(index);
    if (said.status === "ok" && judged === "outside") {
      problems.push("the watcher says that it agrees, and its replies do not");
    }
    if (said.status === "falseticker" && judged === "inside") {
      problems.push("the watcher says that it is wrong, and its replies agree");
    }
    return problems;
  });
}

/** Is what is said of a server in one of its verified replies? */
function checkClaims(
  said: ServerState,
  own: readonly CheckedExchange[],
): string[] {
  const proven = own.flatMap(({ verdict, receivedAtMs }) =>
    verdict ? [{ verdict, receivedAtMs }] : []
  );
  const same = proven.filter(({ verdict }) =>
    String(verdict.midpointMicros) === said.midpointMicros &&
    String(verdict.radiusMicros) === said.radiusMicros
  );
  if (same.length === 0) {
    return ["the time that the watcher says is in none of its replies"];
  }
  const offset = said.offsetMicros;
  if (offset === null) return [];
  const rtt = BigInt(said.rttMicros ?? 0);
  const isMade = same.some(({ verdict, receivedAtMs }) => {
    const at = BigInt(Math.round(receivedAtMs * 1000));
    const { midpointMicros, radiusMicros } = verdict;
    return isNear(
      midpointMicros - radiusMicros - at,
      BigInt(offset.earliest),
    ) &&
      isNear(midpointMicros + radiusMicros + rtt - at, BigInt(offset.latest));
  });
  return isMade
    ? []
    : ["the offset that the watcher says does not follow from its replies"];
}

function isNear(a: bigint, b: bigint): boolean {
  const apart = a < b ? b - a : a - b;
  return apart <= TOLERANCE_MICROS;
}

/**
 * The vote once more, from verified replies alone. Whoever is on the line is not judged: the
 * round trips of all replies but one are the watcher's secret.
 */
function voteAnew(
  round: RoundState,
  checked: readonly CheckedExchange[],
): ReadonlyMap<number, "inside" | "outside"> {
  const votes = (slack: bigint) =>
    round.servers.flatMap((said, index) => {
      const own = checked.filter(({ server, verdict }) =>
        server === index && verdict !== undefined
      );
      if (own.length === 0 || said.status === "vague") return [];
      const rtt = BigInt(said.rttMicros ?? 0) + slack;
      const ends = own.map(({ verdict, receivedAtMs }) => {
        const { midpointMicros, radiusMicros } = verdict as Verified;
        const offset = midpointMicros - BigInt(Math.round(receivedAtMs * 1000));
        return [offset - radiusMicros - slack, offset + radiusMicros + rtt];
      }) as [bigint, bigint][];
      const earliestMicros = ends.map(([one]) => one).reduce((a, b) =>
        a > b ? a : b
      );
      const latestMicros = ends.map(([, one]) => one).reduce((a, b) =>
        a < b ? a : b
      );
      return [{ voter: said.operator, earliestMicros, latestMicros, index }];
    });
  const verdicts = new Map<number, "inside" | "outside">();
  if (round.quorumOffsetMicros === null) return verdicts;
  const wide = agreeing(votes(TOLERANCE_MICROS));
  const narrow = agreeing(votes(-TOLERANCE_MICROS));
  for (const index of round.servers.keys()) {
    if (narrow.get(index)) verdicts.set(index, "inside");
    else if (wide.get(index) === false) verdicts.set(index, "outside");
  }
  return verdicts;
}

function agreeing(
  votes: readonly (Vote & { readonly index: number })[],
): ReadonlyMap<number, boolean> {
  const quorum = findQuorum(votes);
  return new Map(
    quorum.ok
      ? votes.map(({ index }, i) => [index, quorum.agrees[i] === true])
      : [],
  );
}

function checkWhole(
  round: RoundState,
  checked: readonly CheckedExchange[],
): string[] {
  const verdicts = checked.flatMap(({ verdict }) => verdict ?? []);
  if (verdicts.length < checked.length) return [];
  const found = findViolations(verdicts).length > 0;
  const said = round.reports.length > 0;
  if (found && !said) {
    return [
      "Replies of this round contradict each other, and the watcher does not say so.",
    ];
  }
  return said && !found
    ? [
      "The watcher says that replies contradict each other, and in this round none do.",
    ]
    : [];
}
