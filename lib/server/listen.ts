/**
 * Opens what a server listens on: sockets of this thread, or threads with sockets of their
 * own, and TCP beside them.
 *
 * @module
 */

import { checkServeOptions } from "./check_options.ts";
import { ServerError } from "../wire/errors.ts";
import {
  type DatagramSocket,
  formatAddress,
  type PacketSocket,
} from "../net/datagram.ts";
import { enlargeReceiveBuffer } from "../net/linux/receive_buffer.ts";
import { addressesToListenOn } from "../net/listen_names.ts";
import { mayUse } from "../net/permission.ts";
import {
  ANY,
  ANY_IPV4,
  isInUse,
  mergeWildcards,
  openWildcard,
} from "../net/wildcard.ts";
import {
  chooseServerIo,
  type ChosenIo,
  openServerUdp,
  openUdp,
} from "../net/udp.ts";
import type { Server } from "./core.ts";
import type { EventSink } from "./event.ts";
import {
  openTcp,
  openTcpSide,
  planLimits,
  type TcpPlan,
} from "./listen_tcp.ts";
import { closed, closeNow } from "./listener.ts";
import { DEFAULT_DELAY_MICROS, DEFAULT_PORT } from "./check_options.ts";
import type { ListenAddress, ServeOptions } from "./serve_options.ts";
import { WorkerPool } from "./workers/pool.ts";

/** Most packets answered in one go, through the runtime's sockets and through the system's. */
const PORTABLE_BATCH = 64;
const LINUX_BATCH = 128;

/** What a server listens on. */
export interface Listening {
  /** Sockets that this thread has to look after, UDP before TCP of the same address. */
  readonly sockets: PacketSocket[];
  /** What opens another socket in the place of one that was closed. */
  readonly reopen: Map<PacketSocket, () => Promise<PacketSocket>>;
  /** Of the sockets, those that are to an operator part of another one's address. */
  readonly halves: Set<PacketSocket>;
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
  const listening: Listening = {
    sockets: [],
    reopen: new Map(),
    halves: new Set(),
    pools: [],
  };
  try {
    const addresses = await wanted(options);
    const limits = await planLimits(options, addresses, backend.workers);
    for (const address of addresses) {
      await openPair(
        server,
        address,
        backend,
        limits,
        options,
        tell,
        listening,
      );
    }
    if (limits.cut) tell(limits.cut);
    // A thread takes a while to start; an address that is taken is told of at once.
    await Promise.all(listening.pools.map((pool) => pool.start()));
  } catch (error) {
    await closeAll(listening);
    throw error;
  }
  if (options.open === undefined) tell({ kind: "io", ...backend });
  tellOfSources(listening, backend, options, tell);
  enlargeBuffers(listening, options, tell);
  for (const { transport, address } of announced(listening)) {
    tell({
      kind: "listening",
      transport,
      address: formatAddress(address.hostname, address.port),
    });
  }
  return listening;
}

/** Only the system's own calls tell which address a datagram was sent to. */
function tellOfSources(
  listening: Listening,
  { io }: Backend,
  { open }: ServeOptions,
  tell: EventSink,
): void {
  if (io === "linux" || open !== undefined) return;
  for (const { transport, address } of announced(listening)) {
    const { hostname, port } = address;
    if (transport === "udp" && [ANY, ANY_IPV4].includes(hostname)) {
      tell({ kind: "any-source", address: formatAddress(hostname, port) });
    }
  }
}

/** What an operator is told of: the two sockets of one wildcard as one. */
export function announced(
  { pools, sockets, halves }: Listening,
): (WorkerPool | PacketSocket)[] {
  return [...pools, ...sockets.filter((socket) => !halves.has(socket))];
}

/** Closes all that was opened. */
export async function closeAll({ sockets, pools }: Listening): Promise<void> {
  sockets.forEach((socket) => socket.close());
  await Promise.all([
    ...pools.map((pool) => pool.close()),
    ...sockets.map(closed),
  ]);
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
  const { hostname = ANY, port = DEFAULT_PORT, open } = options;
  const given = await named(options.listen ?? [{ hostname, port }]);
  refuseTwice(given);
  const asked = mergeWildcards(given);
  const isAny = (one: ListenAddress) => one.hostname === ANY;
  if (open !== undefined || !asked.some(isAny) || await hasIpv6()) return asked;
  return asked.map((one) => isAny(one) ? { ...one, hostname: ANY_IPV4 } : one);
}

/** The system would say that somebody has the address, and not that we are that one. */
function refuseTwice(given: readonly ListenAddress[]): void {
  const seen = new Set<string>();
  for (const { hostname, port } of given) {
    const name = formatAddress(hostname, port);
    if (port !== 0 && seen.has(name)) {
      throw new ServerError("config", `Cannot listen on ${name} twice`);
    }
    seen.add(name);
  }
}

async function named(
  listen: readonly ListenAddress[],
): Promise<ListenAddress[]> {
  const groups = await Promise.all(
    listen.map((where) => addressesToListenOn(where, hasIpv6)),
  );
  return groups.flat();
}

async function hasIpv6(): Promise<boolean> {
  if (!mayUse("::1", 0)) return true; // opening will tell
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
  limits: TcpPlan,
  options: ServeOptions,
  tell: EventSink,
  { sockets, pools, reopen, halves }: Listening,
): Promise<void> {
  for (let tries = 1;; tries++) {
    let udp: readonly (DatagramSocket | WorkerPool)[] = [];
    try {
      udp = await openUdpSide(server, hostname, port, backend, options, tell);
      const bound = udp[0]?.address.port ?? port;
      const tcp = (options.tcp ?? true)
        ? await openTcpSide(hostname, bound, limits, server)
        : [];
      for (const socket of [...udp, ...tcp]) {
        if (socket instanceof WorkerPool) {
          pools.push(socket);
          continue;
        }
        sockets.push(socket);
        const { address: { hostname: host }, transport } = socket;
        if (hostname === ANY && host === ANY_IPV4) halves.add(socket);
        reopen.set(
          socket,
          transport === "udp"
            ? () => openAgain(host, bound, backend, options)
            : () => openTcp(host, bound, limits, server),
        );
      }
      return;
    } catch (cause) {
      await Promise.all(udp.map((one) => one.close()));
      const mayTryAgain = udp.length > 0 || isInUse(cause);
      if (mayTryAgain && port === 0 && tries < PORT_TRIES) continue;
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

/** Sockets through the system's own calls say themselves that they hear both families. */
async function openUdpSide(
  server: Server,
  hostname: string,
  port: number,
  backend: Backend,
  options: ServeOptions,
  tell: EventSink,
): Promise<(DatagramSocket | WorkerPool)[]> {
  if (hostname === ANY && backend.io === "portable" && !options.open) {
    const maxBatch = batchSize(backend.io, options);
    const open = (hostname: string, port: number) =>
      openUdp({ hostname, port, maxBatch });
    return await openWildcard<DatagramSocket>({ open, close: closeNow }, port);
  }
  return [
    await openDatagrams(server, hostname, port, backend, options, tell),
  ];
}

/** A UDP socket of this thread's, in the place of one that was closed. */
async function openAgain(
  hostname: string,
  port: number,
  { io }: Backend,
  options: ServeOptions,
): Promise<DatagramSocket> {
  const { open, receiveBufferBytes = RECEIVE_BUFFER } = options;
  const maxBatch = batchSize(io, options);
  const where = { hostname, port, maxBatch };
  const socket = await (open ? open(where) : openServerUdp(io, where));
  enlargeReceiveBuffer(port, receiveBufferBytes);
  return socket;
}

function batchSize(io: Backend["io"], { maxBatch }: ServeOptions): number {
  return maxBatch ?? (io === "linux" ? LINUX_BATCH : PORTABLE_BATCH);
}

async function openDatagrams(
  server: Server,
  hostname: string,
  port: number,
  { io, workers }: Backend,
  options: ServeOptions,
  onEvent: EventSink,
): Promise<DatagramSocket | WorkerPool> {
  const {
    open,
    receiveBufferBytes = RECEIVE_BUFFER,
    maxDelayMicros = DEFAULT_DELAY_MICROS,
  } = options;
  const where = { hostname, port, maxBatch: batchSize(io, options) };
  if (open) return await open(where);
  if (workers === 0) return await openServerUdp(io, where);
  return WorkerPool.bind(server, {
    ...where,
    workers,
    maxDelayMicros,
    receiveBufferBytes,
    onEvent,
  });
}

/** Receive buffer to ask for: room for a burst of some thousand requests. */
const RECEIVE_BUFFER = 8 << 20;

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
