/**
 * Measuring with several servers (RFC 10049, section 8.2): in random order, each request
 * made from the reply before, the same sequence twice; what they say together, who
 * contradicts whom, and who is alone with an opinion.
 *
 * One failing server changes nothing for the others.
 *
 * @module
 */

import { findViolations, type Violation } from "./chain.ts";
import { type Exchange, VerificationError } from "./errors.ts";
import { operatorOf } from "./operator.ts";
import {
  type Answer,
  askListed,
  type AskListedOptions,
  sampleByOperator,
  shuffle,
} from "./pick.ts";
import {
  advance,
  driftSlack,
  extremes,
  findQuorum,
  type Interval,
  type Quorum,
  type QuorumOptions,
} from "./quorum.ts";
import type { Evidence } from "./report.ts";
import type { ListedServer } from "./server_list.ts";

/** Options of everything that judges several servers together. */
export interface SurveyOptions extends AskListedOptions, QuorumOptions {
  /**
   * A server that claims a wider radius, in microseconds, knows too little to vote.
   *
   * @default {60000000n}
   */
  readonly maxRadiusMicros?: bigint | undefined;
  /**
   * How many microseconds the local monotonic clock gains or loses in a second, at most.
   *
   * @default {100}
   */
  readonly driftPpm?: number | undefined;
  /** The monotonic clock of the answers' `receivedAt`, in milliseconds; for tests. */
  readonly now?: (() => number) | undefined;
  /** Told who is being asked, for those who watch. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Options of {@linkcode measure}. */
export interface MeasureOptions extends SurveyOptions {
  /**
   * Ask so many servers of different operators, chosen at random.
   *
   * @default {All servers}
   */
  readonly count?: number | undefined;
  /**
   * How often the sequence is run. Once is not enough to catch a server that is ahead.
   *
   * @default {2}
   */
  readonly passes?: number | undefined;
  /** A fraction of one, for tests; the default cannot be foreseen. */
  readonly random?: (() => number) | undefined;
}

/** How far a measurement has got. */
export interface Progress {
  /** Questions that are over. */
  readonly done: number;
  /** Questions in all. */
  readonly total: number;
  /** Who has been asked last. */
  readonly server: ListedServer;
}

/** What is thought of a server after a measurement. */
export type ServerStatus =
  /** Agrees with the majority. */
  | "ok"
  /** Proven to have said what the majority holds impossible. */
  | "falseticker"
  /** Claims too wide a radius to have a say. */
  | "vague"
  /** Answered, but there is no majority to compare with. */
  | "unjudged"
  /** Answers came and none could be verified. */
  | "rejected"
  /** Nothing came. */
  | "no-answer";

/** What became of one server. */
export interface ServerOutcome {
  /** Which. */
  readonly server: ListedServer;
  /** Who runs it. */
  readonly operator: string;
  /** What is thought of it. That is an opinion; a contradiction is a proof. */
  readonly status: ServerStatus;
  /** Its verified answers. */
  readonly answers: readonly Answer[];
  /** Where it puts true time at the end; ends before it begins if its answers contradict. */
  readonly bounds: Interval | undefined;
  /** What the last question that failed threw. */
  readonly error: unknown;
}

/** A verified reply in a chain. */
export interface Link extends Evidence {
  /** Request, reply and key. */
  readonly exchange: Exchange;
  /** Position of the server in `outcomes`. */
  readonly server: number;
  /** The answer. */
  readonly answer: Answer;
}

/** What several servers say together. */
export interface Measurement {
  /** One for each server, in the order asked. */
  readonly outcomes: readonly ServerOutcome[];
  /** Verified replies in the order in which they came in, each request made from the one before. */
  readonly chain: readonly Link[];
  /** Pairs in `chain` that cannot both be true: proof that one of the two lied. */
  readonly violations: readonly Violation[];
  /** What a majority says, at `takenAt`. */
  readonly quorum: Quorum;
  /** The moment of all bounds, by the monotonic clock, in milliseconds. */
  readonly takenAt: number;
}

const MAX_RADIUS_MICROS = 60_000_000n;

/** What good quartz keeps, and bad quartz in bad weather. */
export const DRIFT_PPM = 100;

/** Servers asked at the same time where order does not matter. */
const CONCURRENT = 32;

interface Gathered {
  readonly server: ListedServer;
  readonly answers: Answer[];
  error: unknown;
}

/**
 * Measures with several servers, chained so that lies can be proven.
 *
 * @example
 * ```ts
 * import { bundledList, measure } from "@roughly/roughly/ecosystem";
 *
 * async function whatTimeIsIt(): Promise<void> {
 *   const { quorum, violations } = await measure(bundledList().servers, { count: 5 });
 *   if (quorum.ok) console.log(quorum.bounds.earliestMicros, quorum.bounds.latestMicros);
 *   if (violations.length > 0) console.log("somebody lied");
 * }
 * ```
 *
 * @param servers Out of these; of those with the same key only the first is asked.
 * @param options How many, how often, how.
 * @returns One outcome for each server, the contradictions, and what a majority says.
 * @throws The signal's reason if it aborts. Servers that fail do not make it throw.
 */
export async function measure(
  servers: readonly ListedServer[],
  options: MeasureOptions = {},
): Promise<Measurement> {
  const { count, random } = options;
  const distinct = distinctKeys(servers);
  const chosen = count === undefined
    ? shuffle(distinct, random)
    : sampleByOperator(distinct, count, random);
  return await queryServers(chosen, options);
}

/**
 * Asks servers one after the other, in the order given, each request made from the reply
 * before. This is {@linkcode measure} without the choice and the shuffling.
 *
 * @param servers In this order.
 * @param options How often, how.
 */
export async function queryServers(
  servers: readonly ListedServer[],
  options: MeasureOptions = {},
): Promise<Measurement> {
  const { passes = 2, onProgress } = options;
  const gathered = servers.map(gather);
  const chain: Link[] = [];
  const total = passes * servers.length;
  for (let done = 0; done < total; done++) {
    const index = done % servers.length;
    const one = gathered[index] as Gathered;
    onProgress?.({ done, total, server: one.server });
    // Whoever has failed is not waited for once more.
    if (one.error !== undefined) continue;
    try {
      const previous = chain.at(-1)?.exchange.response;
      const { answer, rand } = await askListed(one.server, options, previous);
      one.answers.push(answer);
      const { exchange } = answer;
      chain.push({ server: index, answer, exchange, rand });
    } catch (error) {
      options.signal?.throwIfAborted();
      one.error = error ?? new Error("failed without a reason");
    }
  }
  const violations = findViolations(chain.map(({ answer }) => answer.verdict));
  return { ...judge(gathered, options), chain, violations };
}

/**
 * Asks all servers at the same time, once. Quick, but nothing that is said can be proven to
 * contradict anything.
 *
 * @param servers Whom.
 * @param options How.
 */
export async function survey(
  servers: readonly ListedServer[],
  options: SurveyOptions = {},
): Promise<Measurement> {
  const gathered = servers.map(gather);
  const waiting = [...gathered];
  let done = 0;
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        try {
          one.answers.push((await askListed(one.server, options)).answer);
        } catch (error) {
          one.error = error ?? new Error("failed without a reason");
        }
        const total = gathered.length;
        options.onProgress?.({ done: ++done, total, server: one.server });
      }
    }),
  );
  options.signal?.throwIfAborted();
  return { ...judge(gathered, options), chain: [], violations: [] };
}

/**
 * Finds the servers that answer.
 *
 * @param servers Out of these.
 * @param options How to ask.
 * @returns Those that gave a verified answer, in the order given.
 */
export async function pickServers(
  servers: readonly ListedServer[],
  options: SurveyOptions = {},
): Promise<ListedServer[]> {
  const { outcomes } = await survey(servers, options);
  return outcomes.filter(({ answers }) => answers.length > 0)
    .map(({ server }) => server);
}

function gather(server: ListedServer): Gathered {
  return { server, answers: [], error: undefined };
}

function distinctKeys(servers: readonly ListedServer[]): ListedServer[] {
  const seen = new Map<string, ListedServer>();
  for (const server of servers) {
    const key = server.publicKey.join();
    if (!seen.has(key)) seen.set(key, server);
  }
  return [...seen.values()];
}

/** Takes all answers to one moment and lets the servers vote. */
function judge(
  gathered: readonly Gathered[],
  options: SurveyOptions,
): Pick<Measurement, "outcomes" | "quorum" | "takenAt"> {
  const { now = () => performance.now(), driftPpm = DRIFT_PPM } = options;
  const { maxRadiusMicros = MAX_RADIUS_MICROS } = options;
  const takenAt = now();
  const judged = gathered.map(({ server, answers, error }) => {
    const all = answers.map((one) => boundsAt(one, takenAt, driftPpm));
    const isVague = answers.some(({ verdict }) =>
      verdict.radiusMicros > maxRadiusMicros
    );
    return {
      server,
      answers,
      error,
      isVague,
      operator: operatorOf(server),
      bounds: all.length === 0 ? undefined : common(all),
    };
  });
  // Whoever holds a key is one voter, under however many names the key is listed.
  const holders = new Map<string, string>();
  const votes = judged.flatMap(
    ({ server, operator, bounds, isVague }, index) => {
      if (bounds === undefined || isVague) return [];
      const key = server.publicKey.join();
      const voter = holders.get(key) ?? operator;
      holders.set(key, voter);
      return [{ ...bounds, voter, index }];
    },
  );
  const quorum = findQuorum(votes, options);
  const agrees = new Map(
    votes.map(({ index }, i) => [index, quorum.ok && quorum.agrees[i]]),
  );
  return {
    takenAt,
    quorum,
    outcomes: judged.map(({ isVague, ...one }, index) => ({
      ...one,
      status: one.bounds === undefined
        ? one.error instanceof VerificationError ? "rejected" : "no-answer"
        : isVague
        ? "vague"
        : !quorum.ok
        ? "unjudged"
        : agrees.get(index)
        ? "ok"
        : "falseticker",
    })),
  };
}

/** Where an answer puts true time at a later moment, if the server is honest. */
function boundsAt(
  { verdict, rttMicros, receivedAt }: Answer,
  at: number,
  driftPpm: number,
): Interval {
  const { midpointMicros, radiusMicros } = verdict;
  const atReceipt = {
    earliestMicros: midpointMicros - radiusMicros,
    // Signed at some moment of the round trip, which the local clock has measured.
    latestMicros: midpointMicros + radiusMicros + rttMicros +
      driftSlack(rttMicros, driftPpm),
  };
  const elapsed = BigInt(Math.round(Math.max(0, at - receivedAt) * 1000));
  return advance(atReceipt, elapsed, driftPpm);
}

/** What a server's answers have in common; if that is nothing, it ends before it begins. */
function common(intervals: readonly Interval[]): Interval {
  const [earliestMicros, latestMicros] = extremes(intervals);
  return { earliestMicros, latestMicros };
}
