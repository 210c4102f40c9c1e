/**
 * The loop that puts a {@linkcode Server} on the network: take what is waiting, answer it
 * with one signature, send, go back. There is no batch timer.
 *
 * @module
 */

import { ServerError } from "./errors.ts";
import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
} from "./net/datagram.ts";
import { openUdp } from "./net/udp.ts";
import { DROP_REASONS, type DropReason } from "./responder.ts";
import type { Server } from "./server.ts";

/** Port of the servers in use today; RFC 10049 registers 5319. */
export const DEFAULT_PORT = 2002;

/** What a running server has done so far. */
export interface ServerCounters {
  /** Datagrams that came in. */
  received: number;
  /** Replies that the system took. */
  answered: number;
  /** Replies that the system refused to send. */
  sendFailures: number;
  /** Requests that got no reply, by reason. */
  readonly dropped: Record<DropReason, number>;
}

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /**
   * Literal address to listen on.
   *
   * @default {"0.0.0.0"}
   */
  readonly hostname?: string | undefined;
  /**
   * Port to listen on, 0 for any.
   *
   * @default {2002}
   */
  readonly port?: number | undefined;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Most datagrams answered in one go. */
  readonly maxBatch?: number | undefined;
  /** Opens the socket; for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** A server on the network. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** What it has done so far; these numbers only grow. */
  readonly counters: Readonly<ServerCounters>;
  /** Settles when it has stopped. */
  readonly finished: Promise<void>;
  /** Stops it after the batch that is being answered. */
  shutdown(): Promise<void>;
}

/**
 * Serves on UDP until shut down.
 *
 * @example
 * ```ts
 * import { serve, Server } from "@roughly/roughly/server";
 *
 * const server = await Server.create();
 * await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
 * console.log(running.address.port);
 * ```
 *
 * @param server Answers the requests.
 * @param options Where to listen.
 * @returns The running server, once it listens.
 * @throws {ServerError} With code `bind` if the address cannot be had.
 */
export async function serve(
  server: Server,
  options: ServeOptions = {},
): Promise<RunningServer> {
  const { hostname = "0.0.0.0", port = DEFAULT_PORT, maxBatch = 64 } = options;
  let socket: DatagramSocket;
  try {
    socket = await (options.open ?? openUdp)({ hostname, port, maxBatch });
  } catch (cause) {
    throw new ServerError(
      "bind",
      `Cannot listen on ${formatAddress(hostname, port)}: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
  const counters: ServerCounters = {
    received: 0,
    answered: 0,
    sendFailures: 0,
    dropped: Object.fromEntries(
      DROP_REASONS.map((reason) => [reason, 0]),
    ) as Record<DropReason, number>,
  };
  const finished = pump(server, socket, counters);
  const close = () => socket.close();
  const { signal } = options;
  signal?.addEventListener("abort", close, { once: true });
  if (signal?.aborted) close();
  finished.then(() => signal?.removeEventListener("abort", close));
  const shutdown = async () => {
    close();
    await finished;
  };
  return {
    address: socket.address,
    counters,
    finished,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

async function pump(
  server: Server,
  socket: DatagramSocket,
  counters: ServerCounters,
): Promise<void> {
  while (true) {
    const batch = await socket.receive();
    if (batch.length === 0) return;
    counters.received += batch.length;
    const outcomes = await server.handleBatch(batch.map(({ bytes }) => bytes));
    const replies: Datagram[] = [];
    outcomes.forEach((outcome, i) => {
      if ("drop" in outcome) counters.dropped[outcome.drop]++;
      else {
        const { peer } = batch[i] as Datagram;
        replies.push({ bytes: outcome.reply, peer });
      }
    });
    const sent = await socket.send(replies);
    counters.answered += sent;
    counters.sendFailures += replies.length - sent;
  }
}
