/**
 * Reaching a listed server: its addresses in turn, over UDP and then TCP, with what the list
 * says it speaks first, then the usual offer, then Google's protocol.
 *
 * @module
 */

import type { Transport } from "../net/transport.ts";
import {
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  GOOGLE_VERSION,
} from "../wire/dialect.ts";
import { NetworkError, VerificationError } from "../wire/errors.ts";
import { nonceSizeOf } from "../wire/request.ts";
import type { ServerAddress } from "../net/address.ts";
import type { ListedServer } from "./list.ts";
import type { Remembered, Way } from "./way_memory.ts";

/** What of a {@linkcode ListedServer} tells how to reach it. */
export type Reachable = Pick<
  ListedServer,
  "name" | "addresses" | "version" | "offer"
>;

/** One way to ask a server. */
export interface Attempt {
  /** Where. */
  readonly address: ServerAddress;
  /** Over what; `auto` is UDP with TCP beside it. */
  readonly transport: "auto" | Transport;
  /** What to offer, or `undefined` for the usual. */
  readonly versions: readonly number[] | undefined;
  /** What the nonce is made for: chained nonces follow a version's rule. */
  readonly dialect: Dialect;
  /** Bytes in the nonce. */
  readonly nonceSize: number;
  /** This attempt's part of the time, in milliseconds. */
  readonly timeoutMs: number;
}

/** Options of {@linkcode reach}. */
export interface ReachOptions {
  /** How to reach it. */
  readonly transport: "auto" | Transport;
  /** Milliseconds for all attempts together. */
  readonly timeoutMs: number;
  /** Offers this and nothing else. */
  readonly versions?: readonly number[] | undefined;
  /** What has worked before, which is then tried first. */
  readonly remembered?: Pick<Remembered, "recall" | "forget"> | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks in one way after the other until one succeeds.
 *
 * @param server Whom.
 * @param options How, and how long.
 * @param ask Asks in one way.
 * @returns What it gave.
 * @throws Of all that it threw what says most: a refused answer, then silence, then that there
 *   is no way to an address. A {@linkcode NetworkError} if none of the addresses can be used,
 *   or the signal's reason if it aborts.
 */
export async function reach<T>(
  server: Reachable,
  options: ReachOptions,
  ask: (attempt: Attempt) => Promise<T>,
): Promise<T> {
  const known = usableWay(options);
  const attempts = attemptsFor(server, options, known);
  const { signal } = options;
  const listed = (options.versions ?? offersFor(server)[0])?.join();
  let failure: unknown;
  for (const [i, attempt] of attempts.entries()) {
    signal?.throwIfAborted();
    const isKnown = known !== undefined && i === 0;
    // An answer, even one that is refused, shows that the list is right about the version.
    const isSpoken = server.version !== undefined &&
      failure instanceof VerificationError;
    if (isSpoken && attempt.versions?.join() !== listed) continue;
    try {
      return await ask(attempt);
    } catch (error) {
      signal?.throwIfAborted();
      if (isKnown) options.remembered?.forget(known);
      if (weight(error) > weight(failure)) failure = error;
    }
  }
  if (failure === undefined) throw noAddress(server, options);
  throw failure;
}

function noAddress(
  { name }: Reachable,
  { transport }: ReachOptions,
): NetworkError {
  const how = transport === "auto" ? "UDP or TCP" : transport.toUpperCase();
  return new NetworkError(
    "unreachable",
    `Cannot ask ${name}: the list has no address for it that can be used over ${how}`,
  );
}

/**
 * Lets an attempt that ended in silence say how long all of them had: it knows only of its
 * own part.
 *
 * @param asking The attempt.
 * @param address Where it asks.
 * @param timeoutMs Milliseconds for all attempts.
 */
export async function tellingAll<T>(
  asking: Promise<T>,
  { host, port }: ServerAddress,
  timeoutMs: number,
): Promise<T> {
  try {
    return await asking;
  } catch (error) {
    const isTimeout = error instanceof DOMException &&
      error.name === "TimeoutError";
    throw isTimeout
      ? new DOMException(
        `No answer from ${host} port ${port} within ${timeoutMs / 1000} s`,
        error.name,
      )
      : error;
  }
}

/** What a list says is rarely wrong, and a slow server needs its time: so much for one else. */
const LIKELY_PARTS = 8;

/** How much a failure says. */
function weight(error: unknown): number {
  if (error === undefined) return 0;
  if (error instanceof NetworkError) return 1;
  return error instanceof VerificationError ? 3 : 2;
}

/** The way that is remembered, if it is one that may be used now. */
function usableWay(
  { remembered, transport, versions }: ReachOptions,
): Way | undefined {
  const way = versions === undefined ? remembered?.recall() : undefined;
  const fits = transport === "auto" || way?.transport === transport;
  return fits ? way : undefined;
}

function attemptsFor(
  server: Reachable,
  { transport, timeoutMs, versions }: ReachOptions,
  known: Way | undefined,
): Attempt[] {
  const routes = routesTo(server, transport);
  const offers = versions === undefined ? offersFor(server) : [versions];
  const likely = server.version === undefined ? 2 : LIKELY_PARTS;
  const usual = offers.flatMap((versions, i) => {
    const parts = i > 0 ? 1 : likely;
    return routes.map((route) => ({ ...route, versions, parts }));
  });
  // UDP goes on having TCP beside it; over TCP there is nothing to wait for in UDP.
  const first = known && {
    ...known,
    transport: known.transport === "tcp" ? "tcp" as const : transport,
    parts: LIKELY_PARTS,
  };
  const others = first ? usual.filter((one) => !isSame(one, first)) : usual;
  const attempts = [...first ? [first] : [], ...others].flatMap((one) => {
    const numbers = one.versions ?? DEFAULT_OFFER;
    const dialect = dialectFor(numbers[0] ?? GOOGLE_VERSION, { typed: true });
    if (dialect === undefined) throw new RangeError("Cannot offer nothing");
    // Google's protocol has no TCP.
    if (!dialect.framed && one.transport === "tcp") return [];
    return [{ ...one, dialect, nonceSize: nonceSizeOf(numbers) }];
  });
  const parts = attempts.reduce((sum, attempt) => sum + attempt.parts, 0);
  return attempts.map(({ parts: own, ...attempt }) => ({
    ...attempt,
    timeoutMs: Math.max(1, timeoutMs * own / parts),
  }));
}

/**
 * What to offer, in order. A nonce that is chained has the length of one version, so what
 * cannot be offered with the same length is an attempt of its own. What a list says may be out
 * of date, so it rules nothing out.
 */
function offersFor({ offer }: Reachable): (readonly number[] | undefined)[] {
  const google = [GOOGLE_VERSION];
  if (offer === undefined) return [undefined, google];
  const size = nonceSizeOf(offer);
  const isUsual = size === nonceSizeOf(DEFAULT_OFFER) &&
    DEFAULT_OFFER.every((code) => offer.includes(code));
  return [
    offer,
    ...isUsual ? [] : [undefined],
    ...offer.includes(GOOGLE_VERSION) ? [] : [google],
  ];
}

type Asking = Route & Pick<Attempt, "versions">;

function isSame(a: Asking, b: Asking): boolean {
  return a.transport === b.transport && a.address.host === b.address.host &&
    a.address.port === b.address.port &&
    a.versions?.join() === b.versions?.join();
}

interface Route {
  readonly address: ServerAddress;
  readonly transport: "auto" | Transport;
}

/** Where a server can be reached, UDP first; TCP beside it unless it is listed for TCP alone. */
function routesTo(
  { addresses }: Reachable,
  wanted: "auto" | Transport,
): Route[] {
  const udp = unique(addresses.filter(({ transport }) => transport === "udp"));
  const tcp = unique(addresses.filter(({ transport }) => transport === "tcp"));
  // A server that answers UDP should answer TCP on the same port (section 5).
  if (wanted === "tcp") {
    return unique([...tcp, ...udp])
      .map((address) => ({ address, transport: wanted }));
  }
  const isListed = (address: ServerAddress) =>
    udp.some(({ host, port }) =>
      host === address.host && port === address.port
    );
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
