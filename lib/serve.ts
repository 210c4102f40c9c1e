/**
 * The loop that puts a {@linkcode Server} on the network: take what is waiting, answer it
 * with one signature, send, go back. There is no batch timer.
 *
 * @module
 */

import type { PacketCounters, ServerCounters } from "./counters.ts";
import { ServerError } from "./errors.ts";
import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
  type PacketSocket,
} from "./net/datagram.ts";
import { enlargeReceiveBuffer, openFilesLimit } from "./net/libc.ts";
import {
  TCP_LIMITS,
  type TcpLimits,
  type TcpObserver,
  TcpServerSocket,
} from "./net/tcp_server.ts";
import { openUdp } from "./net/udp.ts";
import type { Server } from "./server.ts";
import type { EventSink } from "./server_event.ts";

/** Port of the servers in use today; RFC 10049 registers 5319. */
export const DEFAULT_PORT = 2002;

/** Most packets answered in one go. */
const DEFAULT_BATCH = 64;

/** An address to listen on. */
export interface ListenAddress {
  /** Literal address; `::` takes IPv4 as well where the system lets it. */
  readonly hostname: string;
  /** Port, 0 for any. */
  readonly port: number;
}

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /**
   * Literal address to listen on. By default all of them, IPv6 and IPv4; only IPv4 where
   * the system has no IPv6.
   *
   * @default {"::"}
   */
  readonly hostname?: string | undefined;
  /**
   * Port to listen on, 0 for any.
   *
   * @default {2002}
   */
  readonly port?: number | undefined;
  /** Addresses to listen on, instead of `hostname` and `port`. */
  readonly listen?: readonly ListenAddress[] | undefined;
  /**
   * Serve on TCP too, on the same ports?
   *
   * @default {true}
   */
  readonly tcp?: boolean | undefined;
  /** What TCP peers may use up; what is left out has the value of a public server. */
  readonly tcpLimits?: Partial<TcpLimits> | undefined;
  /**
   * Receive buffer to ask the system for, in bytes.
   *
   * @default {8388608}
   */
  readonly receiveBufferBytes?: number | undefined;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Most packets answered in one go.
   *
   * @default {64}
   */
  readonly maxBatch?: number | undefined;
  /** Told what an operator should know. */
  readonly onEvent?: EventSink | undefined;
  /** Opens UDP sockets; for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** A server on the network. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens first. */
  readonly address: ListenAddress;
  /** What the server has done so far: `server.counters`. */
  readonly counters: ServerCounters;
  /** Everywhere it listens. */
  readonly addresses: readonly ListenAddress[];
  /** Settles when it has stopped. */
  readonly finished: Promise<void>;
  /** Stops it after the batches that are being answered. */
  shutdown(): Promise<void>;
}

/**
 * Serves on UDP and TCP until shut down.
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
 * @returns The running server, once it listens everywhere.
 * @throws {ServerError} With code `bind` if an address cannot be had.
 */
export async function serve(
  server: Server,
  options: ServeOptions = {},
): Promise<RunningServer> {
  const { maxBatch = DEFAULT_BATCH } = options;
  const tell = guarded(options.onEvent);
  if (!Number.isInteger(maxBatch) || maxBatch < 1) {
    throw new ServerError("config", `Cannot take batches of ${maxBatch}`);
  }
  if (options.listen?.length === 0) {
    throw new ServerError("config", "Cannot listen nowhere");
  }
  const sockets: PacketSocket[] = [];
  const closeAll = () => sockets.forEach((socket) => socket.close());
  try {
    for (const address of await wanted(options)) {
      sockets.push(...await openPair(server, address, options, tell));
    }
  } catch (error) {
    closeAll();
    await Promise.all(sockets.map(closed));
    throw error;
  }
  enlargeBuffers(sockets, options, tell);
  for (const { transport, address } of sockets) {
    tell({
      kind: "listening",
      transport,
      address: formatAddress(address.hostname, address.port),
    });
  }
  const stopAll = () => sockets.forEach((socket) => socket.stop());
  const { signal } = options;
  const finished = Promise.all(sockets.map(async (socket) => {
    await pump(server, socket, tell);
    // Half a server would look alive: whoever restarts it has to see that it ended.
    stopAll();
    socket.close();
    await closed(socket);
  })).then(() => signal?.removeEventListener("abort", stopAll));
  signal?.addEventListener("abort", stopAll, { once: true });
  if (signal?.aborted) stopAll();
  const shutdown = async () => {
    stopAll();
    await finished;
  };
  const addresses = sockets.filter(({ transport }) => transport === "udp")
    .map(({ address }) => address);
  return {
    address: addresses[0] as ListenAddress,
    counters: server.counters,
    addresses,
    finished,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

/** Whoever listens must not be able to stop the server, nor to keep it from starting. */
function guarded(sink: EventSink | undefined): EventSink {
  return (event) => {
    try {
      sink?.(event);
    } catch {
      // Its fault, and nobody to tell.
    }
  };
}

async function closed(socket: PacketSocket): Promise<void> {
  if (socket instanceof TcpServerSocket) await socket.closed;
}

/** The addresses asked for; without any, all of the machine's. */
async function wanted(
  options: ServeOptions,
): Promise<readonly ListenAddress[]> {
  if (options.listen) return options.listen;
  const { hostname, port = DEFAULT_PORT } = options;
  if (hostname !== undefined) return [{ hostname, port }];
  const all = options.open !== undefined || await hasIpv6();
  return [{ hostname: all ? "::" : "0.0.0.0", port }];
}

async function hasIpv6(): Promise<boolean> {
  try {
    (await openUdp({ hostname: "::1", port: 0, maxBatch: 1 })).close();
    return true;
  } catch {
    return false;
  }
}

/**
 * How often another port is tried when any will do and TCP has not got the one of UDP. On
 * a busy machine most are taken, also by connections that have ended a minute ago.
 */
const PORT_TRIES = 64;

async function openPair(
  server: Server,
  { hostname, port }: ListenAddress,
  options: ServeOptions,
  tell: EventSink,
): Promise<PacketSocket[]> {
  const { maxBatch = DEFAULT_BATCH, tcp = true, open = openUdp } = options;
  const limits = tcpLimits(options, tell);
  for (let tries = 1;; tries++) {
    let udp: DatagramSocket | undefined;
    try {
      udp = await open({ hostname, port, maxBatch });
      if (!tcp) return [udp];
      const same = { hostname, port: udp.address.port, maxBatch };
      const observer = observe(server);
      return [udp, await TcpServerSocket.open(same, limits, observer)];
    } catch (cause) {
      udp?.close();
      if (udp && port === 0 && tries < PORT_TRIES) continue;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ServerError(
        "bind",
        `Cannot listen on ${formatAddress(hostname, port)}: ${reason}`,
        { cause },
      );
    }
  }
}

/** Files and sockets that a server needs besides its connections. */
const RESERVED_FILES = 64;

/**
 * The limits, with no more connections than the system lets the process have: once it runs
 * out of descriptors, the runtime's listener does not come back.
 */
function tcpLimits(options: ServeOptions, tell: EventSink): TcpLimits {
  const limits = { ...TCP_LIMITS, ...options.tcpLimits };
  const files = openFilesLimit();
  if (files === undefined) return limits;
  const ports = options.listen?.length ?? 1;
  const possible = Math.max(1, Math.floor((files - RESERVED_FILES) / ports));
  if (possible >= limits.maxConnections) return limits;
  tell({
    kind: "connections-cut",
    wanted: limits.maxConnections,
    given: possible,
  });
  return { ...limits, maxConnections: possible };
}

function observe({ counters }: Server): TcpObserver {
  return {
    accepted: () => void counters.tcpAccepted++,
    rejected: () => void counters.tcpRejected++,
    aborted: () => void counters.tcpAborted++,
    completed: () => void counters.tcpCompleted++,
  };
}

/**
 * Asks for a receive buffer that holds a burst. The system's default holds about a
 * hundred requests, and what does not fit is lost without a trace.
 */
function enlargeBuffers(
  sockets: readonly PacketSocket[],
  { receiveBufferBytes = 8 << 20 }: ServeOptions,
  tell: EventSink,
): void {
  const ports = new Set(
    sockets.filter(({ transport }) => transport === "udp")
      .map(({ address }) => address.port),
  );
  for (const port of ports) {
    const givenBytes = enlargeReceiveBuffer(port, receiveBufferBytes);
    if (givenBytes === undefined || givenBytes < receiveBufferBytes) {
      tell({
        kind: "buffer-cut",
        wantedBytes: receiveBufferBytes,
        givenBytes,
      });
    }
  }
}

/** Faults in a row after which a socket is taken to be beyond help. */
const MAX_FAULTS = 100;

async function pump(
  server: Server,
  socket: PacketSocket,
  tell: EventSink,
): Promise<void> {
  const counters = server.counters[socket.transport];
  for (let faults = 0; faults < MAX_FAULTS;) {
    try {
      const batch = await socket.receive();
      if (batch.length === 0) return;
      await answer(server, socket, batch, counters);
      faults = 0;
    } catch {
      // Nothing in here is meant to throw. If it does all the same, go on.
      faults++;
      server.counters.panics++;
      tell({ kind: "restarted", what: `${socket.transport} loop` });
    }
  }
  tell({ kind: "gave-up", what: `${socket.transport} loop` });
}

async function answer(
  server: Server,
  socket: PacketSocket,
  batch: readonly Datagram[],
  counters: PacketCounters,
): Promise<void> {
  counters.received += batch.length;
  let replies: Datagram[] = [];
  let sent = 0;
  let dropped = 0;
  try {
    const outcomes = await server.handleBatch(
      batch.map(({ bytes }) => bytes),
      { transport: socket.transport, peers: batch.map(({ peer }) => peer) },
    );
    outcomes.forEach((outcome, i) => {
      if ("drop" in outcome) {
        counters.dropped[outcome.drop]++;
        dropped++;
      } else {
        const { peer } = batch[i] as Datagram;
        replies.push({ bytes: outcome.reply, peer });
      }
    });
    sent = await socket.send(replies);
  } catch (error) {
    replies = [];
    throw error;
  } finally {
    // Every packet is counted once, also when something threw on the way.
    counters.answered += sent;
    counters.dropped.write += replies.length - sent;
    counters.dropped.internal += batch.length - dropped - replies.length;
    socket.settle?.(batch);
  }
}
