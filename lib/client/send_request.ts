/**
 * The client for one server: it sends a request and gives back a verified time, or throws.
 *
 * @module
 */

import { checkRequestOptions } from "./check_options.ts";
import { type Arrival, ask, type AskOptions } from "./ask.ts";
import type { Transport } from "../net/transport.ts";
import type { Delegation } from "../wire/certificate.ts";
import { KEY_BYTES } from "../crypto/ed25519.ts";
import { type DialectId, MAX_OFFERED, OFFERS } from "../wire/dialect.ts";
import { type Exchange, WireError } from "../wire/errors.ts";
import { isFramed } from "../wire/frame.ts";
import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import type { Lookup } from "../net/resolve.ts";
import { buildRequest, nonceSizeOf } from "../wire/request.ts";
import { type ParsedResponse, parseResponse } from "../wire/response.ts";
import { NoAnswerError } from "./no_answer.ts";
import { keyBytes, verifiableKeyBytes } from "./public_key.ts";
import { Refusals, tellAnswer, tellDrop } from "./refusals.ts";
import { type TraceSink, Trail, type Tried } from "./trace.ts";
import { answeredBy, roundTripMicros } from "./round_trip.ts";
import {
  type Verdict,
  type Verified,
  verifyResponse,
} from "../verify/response.ts";

/** Options common to both ways of asking. */
export interface RequestOptions {
  /** Name or literal address; an IPv6 address with or without brackets. */
  readonly host: string;
  /** Port; 2002 is what most servers use today, 5319 is the RFC's. */
  readonly port: number;
  /**
   * Versions to offer first, at most 8 and all fit for one request; or `GOOGLE_VERSION` alone.
   *
   * @default {RFC 10049 and drafts 07, 11, 12-19}
   */
  readonly versions?: readonly number[] | undefined;
  /**
   * Offer other versions when the first ones stay unanswered?
   *
   * @default {true}
   */
  readonly fallback?: boolean | undefined;
  /** Send TYPE with 0x8000000c? `false` asks as drafts 12-13 did. */
  readonly typed?: boolean | undefined;
  /**
   * A nonce to use, such as a chained one. Offers that need another length are left out.
   *
   * @default {Random bytes}
   */
  readonly nonce?: Uint8Array | undefined;
  /**
   * UDP, TCP, or UDP with TCP beside it when UDP stays silent.
   *
   * @default {"auto"}
   */
  readonly transport?: "auto" | Transport | undefined;
  /**
   * Milliseconds until the query is given up.
   *
   * @default {5000}
   */
  readonly timeout?: number | undefined;
  /**
   * How many requests are sent by UDP at most; they go out 1 s, 1.5 s, 2.25 s ... apart.
   *
   * @default {As many as fit in the timeout}
   */
  readonly retries?: number | undefined;
  /** Ends the query with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Size of a request in bytes, frame included.
   *
   * @default {1024}
   */
  readonly size?: number | undefined;
  /** Told each step, for those who want to see why it takes long or fails; must not throw. */
  readonly onTrace?: TraceSink | undefined;
  /** Resolves names, for those who do not want the system to. */
  readonly lookup?: Lookup | undefined;
  /** Opens UDP sockets, for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** Options of {@linkcode sendRequest}. */
export interface SendRequestOptions extends RequestOptions {
  /** The server's long-term key: 32 bytes, or text in base64, base64url or hex. */
  readonly publicKey: Uint8Array | string;
}

/** A verified answer and what follows from it. */
export interface QueryResult {
  /** The middle of what the server claims, in microseconds since 1970. */
  readonly midpointMicros: bigint;
  /** How far the server says it may be off, in microseconds. */
  readonly radiusMicros: bigint;
  /**
   * From the first sending of a request that the reply answers to the reply, in microseconds,
   * rounded up. By the wall clock if that saw more time pass, as when the machine slept.
   */
  readonly rttMicros: bigint;
  /** If the server is honest, true time lay within these when the reply came in. */
  readonly bounds: {
    /** Midpoint less radius, in microseconds since 1970. */
    readonly earliestMicros: bigint;
    /** Midpoint plus radius plus round trip, in microseconds since 1970. */
    readonly latestMicros: bigint;
  };
  /** The midpoint as a `Date`; invalid if the server claims a time that no `Date` can hold. */
  readonly midpoint: Date;
  /** `performance.now()` when the reply came in. */
  readonly receivedAt: number;
  /** The version on the wire; `GOOGLE_VERSION` where there is none. */
  readonly version: number;
  /** How the server spoke. */
  readonly dialect: DialectId;
  /** What was signed, in seconds. */
  readonly signedResponse: {
    /** Seconds since 1970; with a fraction where the version has microseconds. */
    readonly midpoint: number;
    /** Seconds. */
    readonly radius: number;
    /** The version on the wire. */
    readonly version: number;
    /** Versions the server says it speaks; empty before draft 12. */
    readonly versions: readonly number[];
  };
  /** The online key and its window. */
  readonly delegation: Delegation;
  /** The whole verdict, with the place in the batch and the spelling of contexts. */
  readonly verdict: Verified;
  /** The evidence: keep it to prove later what the server said. */
  readonly exchange: Exchange;
  /** Which address answered, in its one spelling, as `host:port`. */
  readonly address: string;
  /** How. */
  readonly transport: Transport;
  /**
   * What was tried in vain before: where TCP answered and UDP is in here, UDP may be blocked
   * on the way.
   */
  readonly tried: readonly Tried[];
}

/** An answer nobody has checked. */
export interface UnverifiedResult {
  /** What the reply says. Anybody may have written it. */
  readonly unverified: ParsedResponse;
  /** The request packet. */
  readonly request: Uint8Array;
  /** The reply packet. */
  readonly response: Uint8Array;
  /** From the first sending of any request to the reply, in microseconds, rounded up. */
  readonly rttMicros: bigint;
  /** Which address answered, as `host:port`. */
  readonly address: string;
  /** How. */
  readonly transport: Transport;
}

/**
 * Asks a server for the time and verifies the answer. Bad, foreign or forged datagrams
 * do not end the query; it goes on listening until its time is up.
 *
 * @example
 * ```ts
 * import { sendRequest } from "@roughly/roughly";
 * import { serve, Server } from "@roughly/roughly/server";
 *
 * const server = await Server.create();
 * await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
 * const { midpoint, bounds } = await sendRequest({
 *   host: "127.0.0.1",
 *   port: running.address.port,
 *   publicKey: server.publicKeys[0]!,
 * });
 * console.log(midpoint.toISOString(), bounds.earliestMicros, bounds.latestMicros);
 * ```
 *
 * @param options Whom to ask, and the key that must answer.
 * @returns The verified answer.
 * @throws {VerificationError} If answers came but none could be verified.
 * @throws {NoAnswerError} Named `TimeoutError`, if nothing came in time.
 * @throws {NetworkError} If there is no such host, or no way to it.
 * @throws {WireError} If the key, the offer or the nonce is unusable.
 * @throws {RangeError} If a number is out of range.
 * @throws The signal's reason if it aborts.
 */
export async function sendRequest(
  options: SendRequestOptions,
): Promise<QueryResult> {
  const publicKey = verifiableKeyBytes(options.publicKey);
  const refused = new Refusals();
  const trail = new Trail(options.onTrace);
  const judge = async (arrival: Arrival): Promise<QueryResult | undefined> => {
    const { response } = arrival;
    for (const { request } of arrival.attempts) {
      const exchange = { request, response, publicKey };
      const verdict: Verdict = await verifyResponse(exchange);
      if (verdict.ok) {
        const result = toResult(verdict, exchange, arrival);
        tellAnswer(trail, arrival, result);
        return { ...result, tried: trail.tried };
      }
      refused.add(verdict.rejection, exchange, arrival);
      tellDrop(trail, arrival, verdict.rejection);
    }
    return undefined;
  };
  const answer = await ask({ ...plan(options, publicKey, trail), judge });
  if (answer !== undefined) return answer;
  throw refused.closest ?? timedOut(options, trail);
}

/**
 * Asks a server and believes whatever comes back. For looking at servers whose key is not
 * known; never use the time in it.
 *
 * @param options Whom to ask.
 * @returns The first reply that can be parsed.
 * @throws {VerificationError} If replies came but none could be parsed.
 * @throws {NoAnswerError} Named `TimeoutError`, if nothing came in time.
 * @throws {NetworkError} If there is no such host, or no way to it.
 * @throws {RangeError} If a number is out of range.
 */
export async function veryDangerouslySendRequestAndDoNotVerify(
  options: RequestOptions & {
    readonly publicKey?: Uint8Array | string | undefined;
  },
): Promise<UnverifiedResult> {
  const key = options.publicKey === undefined
    ? undefined
    : keyBytes(options.publicKey);
  const refused = new Refusals();
  const trail = new Trail(options.onTrace);
  const judge = (arrival: Arrival): Promise<UnverifiedResult | undefined> => {
    const { response, from, transport } = arrival;
    for (const { request } of arrival.attempts) {
      const parsed = parseResponse(response, { framed: isFramed(request) });
      if (parsed.ok) {
        const rttMicros = roundTripMicros(arrival, () => true);
        tellAnswer(trail, arrival, { ...parsed.response, rttMicros });
        return Promise.resolve({
          unverified: parsed.response,
          request,
          response,
          rttMicros,
          address: from,
          transport,
        });
      }
      const publicKey = key ?? new Uint8Array(KEY_BYTES);
      const exchange = { request, response, publicKey };
      refused.add(parsed.rejection, exchange, arrival);
      tellDrop(trail, arrival, parsed.rejection);
    }
    return Promise.resolve(undefined);
  };
  const answer = await ask({ ...plan(options, key, trail), judge });
  if (answer !== undefined) return answer;
  throw refused.closest ?? timedOut(options, trail);
}

function timedOut(
  { host, port, timeout = 5000 }: RequestOptions,
  trail: Trail,
): NoAnswerError {
  return new NoAnswerError(host, port, timeout, trail.tried, trail.strangers);
}

/** What is offered, in order, and the requests for it. */
function plan(
  options: RequestOptions,
  publicKey: Uint8Array | undefined,
  { follow: onTrace }: Trail,
): Omit<AskOptions<never>, "judge"> {
  checkRequestOptions(options);
  const { versions, nonce, fallback = true, timeout = 5000 } = options;
  const { port, typed, size, retries = Infinity } = options;
  if (versions && versions.length > MAX_OFFERED) {
    throw new WireError(
      "offer",
      `Cannot offer ${versions.length} versions: some servers read no more than ${MAX_OFFERED}`,
    );
  }
  const offers = versions === undefined
    ? OFFERS
    : fallback
    ? [versions, ...OFFERS]
    : [versions];
  const usable = offers.filter((offer) =>
    nonce === undefined || nonceSizeOf(offer) === nonce.length
  );
  if (usable.length === 0) {
    throw new WireError(
      "nonce",
      `Cannot use nonce of ${nonce?.length} bytes with the versions offered`,
    );
  }
  const build = (offer: readonly number[]): Uint8Array =>
    buildRequest({
      versions: offer,
      nonce: nonce ??
        crypto.getRandomValues(new Uint8Array(nonceSizeOf(offer))),
      publicKey,
      size,
      typed,
    });
  // The same offer goes out as the same packet: a late answer to an early copy still counts.
  const [first, ...others] = usable as [readonly number[]];
  const packets = [build(first)];
  const offered = [first];
  for (const offer of others) {
    try {
      packets.push(build(offer));
      offered.push(offer);
    } catch (error) {
      // A fallback that does not fit the size asked for is no fallback.
      if (!(error instanceof WireError)) throw error;
    }
  }
  const { host, transport = "auto", signal, lookup, open } = options;
  if (transport === "tcp" && !packets.some(isFramed)) {
    throw new WireError(
      "offer",
      "Cannot ask over TCP: Google's protocol is UDP only",
    );
  }
  return {
    host,
    port,
    transport,
    timeout,
    retries,
    signal,
    offers: packets.length,
    request: (n) => packets[n] as Uint8Array,
    versions: (n) => offered[n] as readonly number[],
    onTrace,
    lookup,
    open,
  };
}

function toResult(
  verdict: Verified,
  exchange: Exchange,
  arrival: Arrival,
): Omit<QueryResult, "tried"> {
  const { midpointMicros, radiusMicros, version, versions, dialect } = verdict;
  const { delegation } = verdict;
  const { receivedAt, from, transport } = arrival;
  const rttMicros = roundTripMicros(arrival, answeredBy(verdict, exchange));
  return {
    midpointMicros,
    radiusMicros,
    rttMicros,
    bounds: {
      earliestMicros: midpointMicros - radiusMicros,
      // The server signed after we asked, so by now at most the round trip is over.
      latestMicros: midpointMicros + radiusMicros + rttMicros,
    },
    midpoint: new Date(Number(midpointMicros / 1000n)),
    receivedAt,
    version,
    dialect,
    signedResponse: {
      midpoint: Number(midpointMicros) / 1e6,
      radius: Number(radiusMicros) / 1e6,
      version,
      versions,
    },
    delegation,
    verdict,
    exchange,
    address: from,
    transport,
  };
}
