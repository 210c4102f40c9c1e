/**
 * Listening for browsers and monitors.
 *
 * @module
 */

import { ServerError } from "../wire/errors.ts";
import { formatAddress } from "../net/datagram.ts";

/** A web server that listens. */
export interface WebServer {
  /** Where. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Stops it; what is being answered has a moment to get there. */
  close(): Promise<void>;
}

/** Answers a request from a client at an address. */
export type Answering = (
  request: Request,
  client: string,
) => Response | Promise<Response>;

/** How long that moment is, in milliseconds. */
const LAST_MOMENT_MS = 100;

/**
 * Listens.
 *
 * @param hostname Literal address.
 * @param port Port, 0 for any.
 * @param answer What answers.
 * @throws {ServerError} With code `bind` if that cannot be.
 */
export function serveWeb(
  hostname: string,
  port: number,
  answer: Answering,
): WebServer {
  const stop = new AbortController();
  try {
    if (globalThis.Deno === undefined) {
      throw new Error("it takes Deno, or the program of a release");
    }
    const server = Deno.serve({
      hostname,
      port,
      signal: stop.signal,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }),
    }, (request, { remoteAddr }) => answer(request, clientOf(remoteAddr)));
    return {
      address: server.addr,
      close: async () => {
        // shutdown() would wait for whoever never ends, and cannot be cut short.
        await new Promise((resolve) => setTimeout(resolve, LAST_MOMENT_MS));
        stop.abort();
        await server.finished;
      },
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ServerError(
      "bind",
      `Cannot listen on ${formatAddress(hostname, port)}: ${
        why.replace(/ \(os error \d+\).*$/, "")
      }`,
      { cause },
    );
  }
}

function clientOf(address: Deno.Addr): string {
  return "hostname" in address ? address.hostname : "";
}
