/**
 * Servers from a list: choosing some of different operators, and asking one of them by
 * whatever address and version it can be reached.
 *
 * @module
 */

import { COUNT, requireInRange } from "../wire/range.ts";
import { chainNonce } from "../verify/chain.ts";
import { type QueryResult, sendRequest } from "../client/send_request.ts";
import type { TraceEvent } from "../client/trace.ts";
import type { Transport } from "../net/transport.ts";
import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import type { Lookup } from "../net/resolve.ts";
import { DEFAULT_OFFER } from "../wire/dialect.ts";
import { parseRequest } from "../wire/request.ts";
import { operatorOf } from "./operator.ts";
import { reach, tellingAll } from "./reach.ts";
import type { ServerAddress } from "../net/address.ts";
import type { ListedServer } from "./list.ts";
import { memoryFor } from "./way_memory.ts";

/** A verified answer: what of a {@linkcode QueryResult} counts when there are several. */
export type Answer = Pick<
  QueryResult,
  | "verdict"
  | "exchange"
  | "rttMicros"
  | "receivedAt"
  | "address"
  | "transport"
>;

/** What a server is asked. */
export interface Question {
  /** Where. */
  readonly address: ServerAddress;
  /** Over what. */
  readonly transport: "auto" | Transport;
  /** The key that must answer, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What to offer, or `undefined` for the usual. */
  readonly versions: readonly number[] | undefined;
  /** The nonce to send. */
  readonly nonce: Uint8Array;
  /** Milliseconds. */
  readonly timeout: number;
  /** Ends it early. */
  readonly signal: AbortSignal | undefined;
}

/** Asks one server; rejects as `sendRequest()` does. */
export type AskServer = (question: Question) => Promise<Answer>;

/** Options of everything that asks several servers. */
export interface AskListedOptions {
  /**
   * Milliseconds until a server is given up.
   *
   * @default {3000}
   */
  readonly timeout?: number | undefined;
  /**
   * How to reach servers.
   *
   * @default {"auto"}
   */
  readonly transport?: "auto" | Transport | undefined;
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Asks one server; for tests and other ways to reach them. */
  readonly ask?: AskServer | undefined;
  /** Told each step of asking a server, and which; must not throw. */
  readonly onTrace?:
    | ((event: TraceEvent, server: ListedServer) => void)
    | undefined;
  /** Resolves names, for those who do not want the system to. */
  readonly lookup?: Lookup | undefined;
  /** Opens UDP sockets, for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** How long one server may take, in milliseconds. */
const TIMEOUT_MS = 3000;

/** An answer, and what made its nonce if there was a reply before. */
export interface ChainedAnswer {
  /** The answer. */
  readonly answer: Answer;
  /** Hashed with the previous reply; `undefined` without one. */
  readonly rand: Uint8Array | undefined;
}

/**
 * Asks a listed server in every way there is until it answers. The way that worked is tried
 * first when the same server is asked again in this process.
 *
 * @param server Whom.
 * @param options How.
 * @param previousReply The reply that the request has to be made after.
 * @throws As `reach()` does, of what `sendRequest()` threw.
 */
export async function askListed(
  server: ListedServer,
  options: AskListedOptions,
  previousReply?: Uint8Array,
): Promise<ChainedAnswer> {
  const { timeout = TIMEOUT_MS, transport = "auto", signal } = options;
  const ask = options.ask ?? askOver(options, server);
  const remembered = memoryFor(options.ask ?? options.open ?? options.lookup)
    .of(server);
  return await reach(
    server,
    { transport, timeoutMs: timeout, signal, remembered },
    async ({ address, transport, versions, dialect, nonceSize, timeoutMs }) => {
      const blind = crypto.getRandomValues(new Uint8Array(nonceSize));
      const nonce = previousReply === undefined
        ? blind
        : chainNonce(dialect, previousReply, blind);
      const { publicKey } = server;
      const answer = await ask({
        address,
        transport,
        publicKey,
        versions,
        nonce,
        timeout: timeoutMs,
        signal,
      });
      remembered.keep({
        address,
        transport: answer.transport,
        versions: offeredIn(answer.exchange, versions),
      });
      return { answer, rand: previousReply && blind };
    },
  );
}

/** What was offered when an answer came: that may be a fall-back within one attempt. */
function offeredIn(
  { request }: Answer["exchange"],
  asked: readonly number[] | undefined,
): readonly number[] | undefined {
  const parsed = parseRequest(request);
  if (!parsed.ok) return asked;
  const { versions } = parsed.request;
  return versions.join() === DEFAULT_OFFER.join() ? undefined : versions;
}

function askOver(
  { lookup, open, timeout = TIMEOUT_MS, onTrace: tell }: AskListedOptions,
  server: ListedServer,
): AskServer {
  const onTrace = tell && ((event: TraceEvent) => tell(event, server));
  return ({ address, ...question }) => {
    const { host, port } = address;
    const asking = sendRequest({
      ...question,
      host,
      port,
      lookup,
      open,
      onTrace,
    });
    return tellingAll(asking, address, timeout);
  };
}

/** Puts things into an order that nobody can foresee. */
export function shuffle<T>(
  items: readonly T[],
  random: () => number = randomFraction,
): T[] {
  const shuffled = [...items];
  for (let i = shuffled.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [shuffled[i], shuffled[j]] = [shuffled[j] as T, shuffled[i] as T];
  }
  return shuffled;
}

/** A server that knew the order could tell whom it may contradict; so not `Math.random()`. */
function randomFraction(): number {
  const [value = 0] = crypto.getRandomValues(new Uint32Array(1));
  return value / 0x1_0000_0000;
}

/**
 * Chooses servers at random, each of another operator and with another key (RFC 10049,
 * section 8.2).
 *
 * @param servers Out of these.
 * @param count How many at most.
 * @param random A fraction of one; for tests.
 * @throws {RangeError} If `count` is not a whole number.
 */
export function sampleByOperator(
  servers: readonly ListedServer[],
  count: number,
  random?: () => number,
): ListedServer[] {
  requireInRange("count", count, { ...COUNT, min: 0 });
  const seen = new Set<string>();
  const sample: ListedServer[] = [];
  for (const server of shuffle(servers, random)) {
    const operator = operatorOf(server);
    const key = server.publicKey.join();
    if (sample.length >= count || seen.has(operator) || seen.has(key)) continue;
    seen.add(operator).add(key);
    sample.push(server);
  }
  return sample;
}
