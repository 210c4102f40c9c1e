/**
 * Measuring with several servers (RFC 10049, section 8.2): in random order, each request
 * made from the reply before, the same sequence twice; what they say together, who
 * contradicts whom, and who is alone with an opinion.
 *
 * One failing server changes nothing for the others.
 *
 * @module
 */

import { checkMeasureOptions } from "./check_options.ts";
import type { Violation } from "../verify/chain.ts";
import type { Exchange } from "../wire/errors.ts";
import {
  type Answer,
  askListed,
  type AskListedOptions,
  sampleByOperator,
  shuffle,
} from "./pick.ts";
import type { Evidence } from "../verify/report.ts";
import { judgeEvidence } from "../verify/judge.ts";
import type { ListedServer } from "./list.ts";
import {
  type Gathered,
  vote,
  type Voted,
  type VoteOptions,
  watchFor,
} from "./vote.ts";

/** Options of everything that judges several servers together. */
export interface SurveyOptions extends AskListedOptions, VoteOptions {
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
export interface Measurement extends Voted {
  /** Verified replies in the order in which they came in, each request made from the one before. */
  readonly chain: readonly Link[];
  /** Pairs in `chain` that cannot both be true: proof that one of the two lied. */
  readonly violations: readonly Violation[];
}

/** Servers asked at the same time where order does not matter. */
const CONCURRENT = 32;

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
 * @throws {RangeError} If an option is out of range.
 * @throws The signal's reason if it aborts. Servers that fail do not make it throw.
 */
export async function measure(
  servers: readonly ListedServer[],
  options: MeasureOptions = {},
): Promise<Measurement> {
  checkMeasureOptions(options);
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
  checkMeasureOptions(options);
  const { passes = 2, onProgress } = options;
  const gathered = servers.map(gather);
  const watch = watchFor(options);
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
      watch?.look();
      const { exchange } = answer;
      chain.push({ server: index, answer, exchange, rand });
    } catch (error) {
      options.signal?.throwIfAborted();
      one.error = error ?? new Error("failed without a reason");
    }
  }
  const voted = vote(gathered, options, watch);
  const proof = await judgeEvidence(chain);
  return { ...voted, chain, violations: proof.ok ? proof.violations : [] };
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
  checkMeasureOptions(options);
  const gathered = servers.map(gather);
  const watch = watchFor(options);
  const waiting = [...gathered];
  let done = 0;
  await Promise.all(
    Array.from({ length: CONCURRENT }, async () => {
      for (let one = waiting.shift(); one; one = waiting.shift()) {
        try {
          one.answers.push((await askListed(one.server, options)).answer);
          watch?.look();
        } catch (error) {
          one.error = error ?? new Error("failed without a reason");
        }
        const total = gathered.length;
        options.onProgress?.({ done: ++done, total, server: one.server });
      }
    }),
  );
  options.signal?.throwIfAborted();
  return { ...vote(gathered, options, watch), chain: [], violations: [] };
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
