/**
 * Asking through a relay, where there is HTTP and no UDP: in browsers, Workers, Deno Deploy.
 *
 * @module
 */

import { base64urlnopad } from "@scure/base";
import { roundTripMicros } from "../client/round_trip.ts";
import type { Answer, AskServer, Question } from "../ecosystem/pick.ts";
import { formatServerAddress } from "../net/address.ts";
import { OFFERS } from "../wire/dialect.ts";
import { NetworkError, VerificationError } from "../wire/errors.ts";
import { buildRequest, nonceSizeOf } from "../wire/request.ts";
import { verifyResponse } from "../verify/response.ts";
import { readReply } from "./reply_body.ts";

/** Options of {@linkcode askThroughRelay}. */
export interface ThroughRelayOptions {
  /**
   * Fetches.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/**
 * Gives a way to ask servers for `measure()`, `survey()` and `TrustedClock`: through a relay,
 * as `relay()` makes one. Nonces are made and replies verified here, so that the relay can
 * delay and refuse, but not lie; and its delay makes bounds wider, never wrong. It is
 * experimental: RFC 10049 knows no relay. Over HTTPS the clock has to be right enough for
 * the relay's certificate.
 *
 * @example
 * ```ts
 * import { bundledList, measure } from "@roughly/roughly/ecosystem";
 * import { askThroughRelay } from "@roughly/roughly/relay";
 *
 * async function whatTimeIsIt(): Promise<void> {
 *   const ask = askThroughRelay("https://watch.example/relay");
 *   const { quorum } = await measure(bundledList().servers, { count: 5, ask });
 *   if (quorum.ok) console.log(quorum.bounds);
 * }
 * ```
 *
 * @param relay Where the relay is; the server's key is put behind it.
 * @param options How to fetch.
 * @returns Rejects as `sendRequest()` does. Its answers name the transport that was asked for,
 *   since nobody knows which one the relay has taken.
 * @throws {TypeError} If the relay is no HTTP URL.
 */
export function askThroughRelay(
  relay: string | URL,
  options: ThroughRelayOptions = {},
): AskServer {
  const base = new URL(relay);
  if (!/^https?:$/.test(base.protocol)) {
    throw new TypeError(`Cannot ask through ${base.href}: it is no HTTP URL`);
  }
  const { fetch = globalThis.fetch } = options;
  return async (question) => {
    const { publicKey, nonce, timeout, versions } = question;
    const target = new URL(base);
    const path = base.pathname.replace(/\/$/, "");
    target.pathname = `${path}/${base64urlnopad.encode(publicKey)}`;
    const offers = [...versions ? [versions] : [], ...OFFERS]
      .filter((offer) => nonceSizeOf(offer) === nonce.length);
    // A server that is silent to one offer may know another.
    for (const offer of offers) {
      const request = buildRequest({ versions: offer, nonce, publicKey });
      const answer = await post(
        target,
        request,
        { ...question, timeout: timeout / offers.length },
        fetch,
      );
      if (answer !== undefined) return answer;
    }
    const { host, port } = question.address;
    throw new DOMException(
      `No answer from ${host} port ${port} through ${base.host} within ${
        timeout / 1000
      } s`,
      "TimeoutError",
    );
  };
}

/** Asks once; gives nothing where the server was silent. */
async function post(
  target: URL,
  request: Uint8Array,
  { address, publicKey, timeout, transport, signal }: Question,
  fetch: typeof globalThis.fetch,
): Promise<Answer | undefined> {
  const patience = AbortSignal.timeout(Math.ceil(timeout));
  const sentAt = performance.now();
  const sentWallAt = Date.now();
  let reply: Uint8Array | undefined;
  try {
    const response = await fetch(target, {
      method: "POST",
      body: Uint8Array.from(request),
      headers: { "content-type": "application/octet-stream" },
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    if (response.status === 504) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) {
      await response.body?.cancel();
      throw refused(target, `it answers ${response.status}`);
    }
    reply = await readReply(response.body, request.length);
  } catch (error) {
    signal?.throwIfAborted();
    if (patience.aborted) return undefined;
    if (error instanceof NetworkError) throw error;
    throw refused(target, "it cannot be reached", { cause: error });
  }
  const receivedAt = performance.now();
  const receivedWallAt = Date.now();
  if (reply === undefined) {
    throw refused(target, "its answer is longer than a reply can be");
  }
  const exchange = { request, response: reply, publicKey };
  const verdict = await verifyResponse(exchange);
  if (!verdict.ok) {
    throw new VerificationError(verdict.rejection, exchange, {
      server: formatServerAddress(address),
    });
  }
  const attempts = [{ request, sentAt, sentWallAt }];
  const trip = { attempts, receivedAt, receivedWallAt };
  return {
    verdict,
    exchange,
    rttMicros: roundTripMicros(trip, () => true),
    receivedAt,
    address: formatServerAddress(address),
    transport: transport === "tcp" ? "tcp" : "udp",
  };
}

function refused(
  target: URL,
  why: string,
  options: ErrorOptions = {},
): NetworkError {
  return new NetworkError(
    "unreachable",
    `Cannot ask through relay ${target.host}: ${why}`,
    { ...options, server: target.origin, reason: "other" },
  );
}
