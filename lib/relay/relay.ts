/**
 * A relay for those who have HTTP and no UDP: it passes one packet on to a server of its list,
 * and the reply back.
 *
 * @module
 */

import type { ListedServer } from "../ecosystem/list.ts";
import { findCause } from "../net/cause.ts";
import { formatKey, parseKey } from "../wire/key_text.ts";
import { checkRelayOptions } from "./check_options.ts";
import type { Forward, ForwardOptions } from "./forward.ts";
import { readPacket } from "./packet_body.ts";
import { RateLimit } from "./rate_limit.ts";

/** Options of {@linkcode relay}. */
export interface RelayOptions extends Pick<ForwardOptions, "lookup" | "open"> {
  /** The only servers that are asked; a function where the list may change. */
  readonly servers:
    | readonly ListedServer[]
    | (() => readonly ListedServer[]);
  /**
   * The client's address, where the runtime or a proxy tells it. Those without share one limit.
   *
   * @default {Nobody has one}
   */
  readonly clientOf?: ((request: Request) => string | undefined) | undefined;
  /**
   * Requests of one client in a minute: of an IPv4 address, or of a /64 of IPv6.
   *
   * @default {60}
   */
  readonly perMinute?: number | undefined;
  /**
   * Requests of all clients in a minute.
   *
   * @default {600}
   */
  readonly perMinuteInAll?: number | undefined;
  /**
   * Requests under way at one time.
   *
   * @default {64}
   */
  readonly maxPending?: number | undefined;
  /**
   * Milliseconds until a server is given up.
   *
   * @default {3000}
   */
  readonly timeout?: number | undefined;
  /**
   * Whose pages may read the replies, as in `Access-Control-Allow-Origin`.
   *
   * @default {"*"}
   */
  readonly origin?: string | undefined;
  /** A clock that nobody sets, in milliseconds; for tests. */
  readonly now?: (() => number) | undefined;
  /** Asks a server; for tests, and for runtimes with sockets of their own. */
  readonly forward?: Forward | undefined;
}

/** Media type of a packet. */
export const PACKET_TYPE = "application/octet-stream";

/**
 * Makes a relay, which is experimental: RFC 10049 knows none. A POST to `.../NAME` with one
 * request packet of 1024 to 1472 bytes is answered with the raw reply; NAME is a server's name
 * in the list, or its public key in base64url. The relay can delay and refuse, and not lie:
 * whoever asks verifies the reply.
 *
 * @example
 * ```ts
 * import { bundledList } from "@roughly/roughly/ecosystem";
 * import { relay } from "@roughly/roughly/relay";
 * import assert from "node:assert/strict";
 *
 * const handler = relay({ servers: bundledList().servers }); // Deno.serve(handler)
 * const answer = await handler(new Request("http://relay.example/relay/nobody", { method: "POST" }));
 * assert.equal(answer.status, 404);
 * ```
 *
 * @param options Whom to ask, how often.
 * @returns Never rejects: what goes wrong is a response with a code in JSON.
 * @throws {RangeError} If a number is out of range.
 */
export function relay(
  options: RelayOptions,
): (request: Request) => Promise<Response> {
  checkRelayOptions(options);
  const { servers, clientOf, origin = "*", maxPending = 64 } = options;
  const { now = () => performance.now(), timeout = 3000 } = options;
  const { perMinute = 60, perMinuteInAll = 600 } = options;
  const limit = new RateLimit({ perMinute, perMinuteInAll, now });
  let pending = 0;
  const answer = async (request: Request): Promise<Response> => {
    if (request.method === "OPTIONS") return preflight();
    if (request.method !== "POST") {
      return refuse(405, "method", "A packet is sent by POST.", {
        allow: "POST, OPTIONS",
      });
    }
    const list = typeof servers === "function" ? servers() : servers;
    const server = findTarget(list, request.url);
    if (server === undefined) {
      return refuse(404, "server", "The list has no such server.");
    }
    const waitMs = limit.take(clientOf?.(request));
    if (waitMs > 0 || pending >= maxPending) {
      const seconds = Math.max(1, Math.ceil(waitMs / 1000));
      return refuse(429, "rate", "Too many requests; try again later.", {
        "retry-after": String(seconds),
      });
    }
    pending++;
    try {
      const packet = await readPacket(request);
      if ("code" in packet) {
        return refuse(packet.status, packet.code, packet.message);
      }
      // Loaded when it is needed: a browser that imports this room has no sockets.
      const send = options.forward ?? (await import("./forward.ts")).forward;
      const { lookup, open } = options;
      const reply = await send(server, packet, {
        timeout,
        lookup,
        open,
      });
      return reply === undefined || reply.length > packet.length
        ? refuse(504, "no-answer", "The server did not answer in time.")
        : new Response(Uint8Array.from(reply), {
          headers: { "content-type": PACKET_TYPE },
        });
    } finally {
      pending--;
    }
  };
  return async (request) => {
    let response: Response;
    try {
      response = await answer(request);
    } catch (error) {
      const { reason } = findCause(error);
      response = refuse(502, reason, "The server could not be asked.");
    }
    for (const [name, value] of Object.entries(COMMON)) {
      response.headers.set(name, value);
    }
    response.headers.set("access-control-allow-origin", origin);
    if (origin !== "*") response.headers.set("vary", "origin");
    return response;
  };
}

const COMMON: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "cross-origin",
  "access-control-expose-headers": "retry-after",
};

function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      "access-control-allow-methods": "POST",
      "access-control-allow-headers": "content-type",
      "access-control-max-age": "86400",
    },
  });
}

function refuse(
  status: number,
  code: string,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json({ error: { code, message } }, { status, headers });
}

function findTarget(
  servers: readonly ListedServer[],
  url: string,
): ListedServer | undefined {
  const last = new URL(url).pathname.split("/").at(-1) ?? "";
  let name: string;
  try {
    name = decodeURIComponent(last);
  } catch {
    return undefined;
  }
  return servers.find((server) => server.name === name) ??
    servers.find(({ publicKey }) => formatKey(publicKey) === keyOf(name));
}

function keyOf(text: string): string | undefined {
  try {
    return formatKey(parseKey(text));
  } catch {
    return undefined;
  }
}
