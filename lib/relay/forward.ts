/**
 * One packet to one server, and what comes back.
 *
 * @module
 */

import { ask } from "../client/ask.ts";
import type { ListedServer } from "../ecosystem/list.ts";
import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import type { Lookup } from "../net/resolve.ts";
import { verifyResponse } from "../verify/response.ts";
import { isFramed } from "../wire/frame.ts";
import { parseResponse } from "../wire/response.ts";

/** Options of {@linkcode forward}. */
export interface ForwardOptions {
  /** Milliseconds. */
  readonly timeout: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Resolves names. */
  readonly lookup?: Lookup | undefined;
  /** Opens UDP sockets. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** Passes a packet on, as {@linkcode forward} does. */
export type Forward = (
  server: ListedServer,
  request: Uint8Array,
  options: ForwardOptions,
) => Promise<Uint8Array | undefined>;

/**
 * Sends a packet, once, over UDP; over TCP only where a server has nothing else.
 *
 * @returns A reply that holds; without one the last that might be meant as a reply, for the
 *   client to judge; `undefined` if there was nothing, or only what is longer than the request.
 * @throws {NetworkError} If the server cannot be asked at all.
 */
export async function forward(
  { addresses, publicKey }: ListedServer,
  request: Uint8Array,
  options: ForwardOptions,
): Promise<Uint8Array | undefined> {
  const address = addresses.find(({ transport }) => transport === "udp") ??
    addresses[0];
  if (address === undefined) return undefined;
  const framed = isFramed(request);
  if (address.transport === "tcp" && !framed) return undefined;
  let closest: Uint8Array | undefined;
  const answer = await ask({
    ...options,
    ...address,
    retries: 1,
    offers: 1,
    request: () => request,
    judge: async ({ response }) => {
      if (response.length > request.length) return undefined;
      const { ok } = await verifyResponse({ request, response, publicKey });
      if (!ok && parseResponse(response, { framed }).ok) closest = response;
      return ok ? response : undefined;
    },
  });
  return answer ?? closest;
}
