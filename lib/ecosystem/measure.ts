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
  shuffle,
} from "./pick.ts";
import { Draw } from "./draw.ts";
import type { Evidence } from "../verify/report.ts";
import { judgeEvidence } from "../verify/judge.ts";
import type { ListedServer } from "./list.ts";
import {
  type Gathered,
  MAX_RADIUS_MICROS,
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
   * So many operators are to answer, one server of each, drawn at random. For one that fails,
   * or claims too wide a radius to have a vote, another is drawn as long as there are any.
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
  /** Questions in all, as far as can be told: for a server that fails another may be asked. */
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
 * @param servers Out of these; those with the same key are one, named as the first of them.
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
  if (count === undefined) {
    return await queryServers(shuffle(distinct, random), options);
  }
  return await askInTurn(new Draw(distinct, count, random), options);
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
  const waiting = [...servers];
  return await askInTurn({
    next: () => waiting.shift(),
    heard: () => {},
    get wanting() {
      return waiting.length;
    },
  }, options);
}

/** Asks whom the first pass draws, and in the other passes whoever has answered, in that order. */
async function askInTurn(
  draw: Pick<Draw, "next" | "heard" | "wanting">,
  options: MeasureOptions,
): Promise<Measurement> {
  const { passes = 2, onProgress } = options;
  const { maxRadiusMicros = MAX_RADIUS_MICROS } = options;
  const gathered: Gathered[] = [];
  const watch = watchFor(options);
  const chain: Link[] = [];
  let done = 0;
  const askNext = async (index: number): Promise<Answer | undefined> => {
    const one = gathered[index] as Gathered;
    const total = passes * (gathered.length + draw.wanting);
    onProgress?.({ done: done++, total, server: one.server });
    // Whoever has failed is not waited for once more.
    if (one.error !== undefined) return undefined;
    try {
      const previous = chain.at(-1)?.exchange.response;
      const { answer, rand } = await askListed(one.server, options, previous);
      one.answers.push(answer);
      watch?.look();
      const { exchange } = answer;
      chain.push({ server: index, answer, exchange, rand });
      return answer;
    } catch (error) {
      options.signal?.throwIfAborted();
      one.error = error ?? new Error("failed without a reason");
      return undefined;
    }
  };
  for (let server = draw.next(); server; server = draw.next()) {
    const answer = await askNext(gathered.push(gather(server)) - 1);
    const hasVote = answer !== undefined &&
      answer.verdict.radiusMicros <= maxRadiusMicros;
    if (hasVote) draw.heard(server);
  }
  for (let pass = 1; pass < passes; pass++) {
    for (const index of gathered.keys()) await askNext(index);
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

/** One server for each key. What is listed again under another name may still live. */
function distinctKeys(servers: readonly ListedServer[]): ListedServer[] {
  const byKey = new Map<string, ListedServer>();
  for (const server of servers) {
    const key = server.publicKey.join();
    const first = byKey.get(key);
    const addresses = [...first?.addresses ?? [], ...server.addresses];
    byKey.set(key, first ? { ...first, addresses } : server);
  }
  return [...byKey.values()];
}
