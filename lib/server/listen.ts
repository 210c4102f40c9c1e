/**
 * Opens what a server listens on: sockets of this thread, or threads with sockets of their
 * own, and TCP beside them.
 *
 * @module
 */

import { checkServeOptions } from "./check_options.ts";
import { ServerError } from "../wire/errors.ts";
import {
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
  type PacketSocket,
} from "../net/datagram.ts";
import { enlargeReceiveBuffer, openFilesLimit } from "../net/linux/libc.ts";
import {
  TCP_LIMITS,
  type TcpLimits,
  type TcpObserver,
  TcpServerSocket,
} from "../net/tcp_server.ts";
import {
  chooseServerIo,
  type ChosenIo,
  openServerUdp,
  openUdp,
  type ServerIo,
} from "../net/udp.ts";
import type { Server } from "./core.ts";
import type { EventSink } from "./event.ts";
import { WorkerPool } from "./workers/pool.ts";

/** Port of the servers in use today; RFC 10049 registers 5319. */
export const DEFAULT_PORT = 2002;

/** Most packets answered in one go, through the runtime's sockets and through the system's. */
const PORTABLE_BATCH = 64;
const LINUX_BATCH = 128;

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
   * How datagrams travel: through the runtime's sockets, or through the system's own calls,
   * which take Linux and `--allow-ffi` and cost a third.
   *
   * @default {"auto"}
   */
  readonly io?: ServerIo | undefined;
  /**
   * Threads that answer on each UDP address, where the system's own calls are used and the
   * server was made with `exportable`; 0 for none but this one.
   *
   * @default {0}
   */
  readonly workers?: number | undefined;
  /**
   * Most packets answered in one go.
   *
   * @default {64, or 128 with the system's own calls}
   */
  readonly maxBatch?: number | undefined;
  /** Told what an operator should know. */
  readonly onEvent?: EventSink | undefined;
  /** Opens UDP sockets; for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** What a server listens on. */
export interface Listening {
  /** Sockets that this thread has to look after, UDP before TCP of the same address. */
  readonly sockets: PacketSocket[];
  /** Threads that look after themselves. */
  readonly pools: WorkerPool[];
}

/** How datagrams are to travel, once that is decided. */
interface Backend extends ChosenIo {
  readonly workers: number;
}

/**
 * Opens everything, or nothing.
 *
 * @param server Answers the requests.
 * @param options Where, and how.
 * @param tell Told what an operator should know.
 * @throws {ServerError} With code `bind` or `config`.
 */
export async function openAll(
  server: Server,
  options: ServeOptions,
  tell: EventSink,
): Promise<Listening> {
  checkServeOptions(options);
  if (options.listen?.length === 0) {
    throw new ServerError("config", "Cannot listen nowhere");
  }
  const backend = chooseBackend(server, options);
  const listening: Listening = { sockets: [], pools: [] };
  try {
    for (const address of await wanted(options)) {
      await openPair(server, address, backend, options, tell, listening);
    }
  } catch (error) {
    await closeAll(listening);
    throw error;
  }
  if (options.open === undefined) tell({ kind: "io", ...backend });
  enlargeBuffers(listening, options, tell);
  for (
    const { transport, address } of [...listening.pools, ...listening.sockets]
  ) {
    tell({
      kind: "listening",
      transport,
      address: formatAddress(address.hostname, address.port),
    });
  }
  return listening;
}

/** Closes all that was opened. */
export async function closeAll({ sockets, pools }: Listening): Promise<void> {
  sockets.forEach((socket) => socket.close());
  await Promise.all([
    ...pools.map((pool) => pool.close()),
    ...sockets.map(closed),
  ]);
}

/** Settles when a socket that was closed is gone. */
export async function closed(socket: PacketSocket): Promise<void> {
  if (socket instanceof TcpServerSocket) await socket.closed;
}

function chooseBackend(
  server: Server,
  { io = "auto", workers = 0, open }: ServeOptions,
): Backend {
  if (open !== undefined) {
    return { io: "portable", workers: 0, reason: undefined };
  }
  const chosen = chooseServerIo(io);
  const threads = chosen.io === "linux" && server.export() !== undefined;
  return { ...chosen, workers: threads ? workers : 0 };
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
  backend: Backend,
  options: ServeOptions,
  tell: EventSink,
  { sockets, pools }: Listening,
): Promise<void> {
  const limits = tcpLimits(options, tell);
  for (let tries = 1;; tries++) {
    let udp: DatagramSocket | WorkerPool | undefined;
    try {
      udp = await openDatagrams(server, hostname, port, backend, options, tell);
      let tcp: TcpServerSocket | undefined;
      if (options.tcp ?? true) {
        const same = { hostname, port: udp.address.port, maxBatch: TCP_BATCH };
        tcp = await TcpServerSocket.open(same, limits, observe(server));
      }
      if (udp instanceof WorkerPool) pools.push(udp);
      else sockets.push(udp);
      if (tcp) sockets.push(tcp);
      return;
    } catch (cause) {
      await udp?.close();
      if (udp && port === 0 && tries < PORT_TRIES) continue;
      if (cause instanceof ServerError) throw cause;
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ServerError(
        "bind",
        `Cannot listen on ${formatAddress(hostname, port)}: ${reason}`,
        { cause },
      );
    }
  }
}

async function openDatagrams(
  server: Server,
  hostname: string,
  port: number,
  { io, workers }: Backend,
  { open, maxBatch, receiveBufferBytes = RECEIVE_BUFFER }: ServeOptions,
  onEvent: EventSink,
): Promise<DatagramSocket | WorkerPool> {
  const size = maxBatch ?? (io === "linux" ? LINUX_BATCH : PORTABLE_BATCH);
  const where = { hostname, port, maxBatch: size };
  if (open) return await open(where);
  if (workers === 0) return await openServerUdp(io, where);
  return await WorkerPool.open(server, {
    ...where,
    workers,
    receiveBufferBytes,
    onEvent,
  });
}

/** Most packets of TCP connections answered in one go. */
const TCP_BATCH = 64;

/** Receive buffer to ask for: room for a burst of some thousand requests. */
const RECEIVE_BUFFER = 8 << 20;

/** Files and sockets that a server needs besides its connections. */
const RESERVED_FILES = 64;

/** Files of a UDP socket: it, what wakes it, and a worker's duplicates of both. */
const SOCKET_FILES = 4;

/**
 * The limits, with no more connections than the system lets the process have: once it runs
 * out of descriptors, the runtime's listener does not come back.
 */
function tcpLimits(options: ServeOptions, tell: EventSink): TcpLimits {
  const limits = { ...TCP_LIMITS, ...options.tcpLimits };
  const files = openFilesLimit();
  if (files === undefined) return limits;
  const ports = options.listen?.length ?? 1;
  const perPort = SOCKET_FILES * Math.max(1, options.workers ?? 0);
  const possible = Math.max(
    1,
    Math.floor((files - RESERVED_FILES) / ports) - perPort,
  );
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
    evicted: () => void counters.tcpEvicted++,
    aborted: () => void counters.tcpAborted++,
    completed: () => void counters.tcpCompleted++,
  };
}

/**
 * Asks for a receive buffer that holds a burst. The system's default holds about a
 * hundred requests, and what does not fit is lost without a trace.
 */
function enlargeBuffers(
  { sockets, pools }: Listening,
  { receiveBufferBytes = RECEIVE_BUFFER }: ServeOptions,
  tell: EventSink,
): void {
  const judge = (givenBytes: number | undefined) => {
    if (givenBytes === undefined || givenBytes < receiveBufferBytes) {
      tell({
        kind: "buffer-cut",
        wantedBytes: receiveBufferBytes,
        givenBytes,
      });
    }
  };
  pools.forEach((pool) => judge(pool.receiveBufferBytes));
  const ports = new Set(
    sockets.filter(({ transport }) => transport === "udp")
      .map(({ address }) => address.port),
  );
  for (const port of ports) {
    judge(enlargeReceiveBuffer(port, receiveBufferBytes));
  }
}
