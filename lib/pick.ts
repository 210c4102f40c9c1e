/**
 * Servers from a list: choosing some of different operators, and asking one of them by
 * whatever address and version it can be reached.
 *
 * @module
 */

import { chainNonce } from "./chain.ts";
import { type QueryResult, sendRequest } from "./client.ts";
import type { Transport } from "./counters.ts";
import { DEFAULT_OFFER, dialectFor, GOOGLE_VERSION } from "./dialect.ts";
import { NetworkError, VerificationError } from "./errors.ts";
import type { DatagramOptions, DatagramSocket } from "./net/datagram.ts";
import type { Lookup } from "./net/resolve.ts";
import { nonceSizeOf } from "./request.ts";
import { operatorOf } from "./operator.ts";
import type { ServerAddress } from "./server_address.ts";
import type { ListedServer } from "./server_list.ts";

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
 * Asks a listed server at each of its addresses until it answers.
 *
 * @param server Whom.
 * @param options How.
 * @param previousReply The reply that the request has to be made after.
 * @throws What the last try threw, see `sendRequest()`; or the last rejection if there was one.
 */
export async function askListed(
  server: ListedServer,
  options: AskListedOptions,
  previousReply?: Uint8Array,
): Promise<ChainedAnswer> {
  const { timeout = TIMEOUT_MS, signal } = options;
  const routes = routesTo(server, options.transport ?? "auto");
  const tries = offersFor(server).flatMap((offer) =>
    routes.filter(({ transport }) => !offer.udpOnly || transport !== "tcp")
      .map((route) => ({ ...offer, ...route }))
  );
  const weight = tries.reduce((sum, one) => sum + one.weight, 0);
  let failure: unknown = new NetworkError(
    "unreachable",
    `Cannot ask ${server.name}: none of its addresses can be used here`,
  );
  for (const one of tries) {
    signal?.throwIfAborted();
    const blind = crypto.getRandomValues(new Uint8Array(one.nonceSize));
    const nonce = previousReply === undefined
      ? blind
      : chainNonce(one.dialect, previousReply, blind);
    try {
      const answer = await (options.ask ?? askOver(options))({
        address: one.address,
        transport: one.transport,
        publicKey: server.publicKey,
        versions: one.versions,
        nonce,
        timeout: Math.max(1, timeout * one.weight / weight),
        signal,
      });
      return { answer, rand: previousReply && blind };
    } catch (error) {
      signal?.throwIfAborted();
      // That answers came and were bad says more than that none came elsewhere.
      const isSilence = failure instanceof VerificationError &&
        !(error instanceof VerificationError);
      if (!isSilence) failure = error;
    }
  }
  throw failure;
}

function askOver({ lookup, open }: AskListedOptions): AskServer {
  return ({ address, ...question }) =>
    sendRequest({
      ...question,
      host: address.host,
      port: address.port,
      lookup,
      open,
    });
}

/**
 * What to offer, in order. A chained nonce has the length of one version, so what cannot be
 * offered with the same length is a try of its own; Google's protocol is one where the list
 * does not say which version a server speaks.
 */
function offersFor(server: ListedServer) {
  const offers = [server.offer];
  if (server.version === undefined) offers.push([GOOGLE_VERSION]);
  return offers.map((versions, i) => {
    const numbers = versions ?? DEFAULT_OFFER;
    const dialect = dialectFor(numbers[0] ?? GOOGLE_VERSION, { typed: true });
    if (dialect === undefined) throw new RangeError("Cannot offer nothing");
    return {
      versions,
      dialect,
      nonceSize: nonceSizeOf(numbers),
      udpOnly: !dialect.framed,
      weight: i === 0 ? 2 : 1,
    };
  });
}

/** Where a server can be reached, UDP first; TCP beside it unless it is listed for TCP alone. */
function routesTo(
  { addresses }: ListedServer,
  wanted: "auto" | Transport,
): { address: ServerAddress; transport: "auto" | Transport }[] {
  const udp = addresses.filter(({ transport }) => transport === "udp");
  const isListed = (address: ServerAddress) =>
    udp.some(({ host, port }) =>
      host === address.host && port === address.port
    );
  const tcp = addresses.filter(({ transport }) => transport === "tcp");
  if (wanted === "tcp") {
    // A server that answers UDP should answer TCP on the same port (section 5).
    return unique([...tcp, ...udp])
      .map((address) => ({ address, transport: "tcp" }));
  }
  return [
    ...udp.map((address) => ({ address, transport: wanted })),
    ...(wanted === "udp" ? [] : tcp.filter((one) => !isListed(one)))
      .map((address) => ({ address, transport: "tcp" as const })),
  ];
}

function unique(addresses: readonly ServerAddress[]): ServerAddress[] {
  const seen = new Map(
    addresses.map((one) => [`${one.host} ${one.port}`, one] as const),
  );
  return [...seen.values()];
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
 */
export function sampleByOperator(
  servers: readonly ListedServer[],
  count: number,
  random?: () => number,
): ListedServer[] {
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
