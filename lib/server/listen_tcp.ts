/**
 * Opens what a server listens on for connections, and decides how many there may be.
 *
 * @module
 */

import { openFilesLimit } from "../net/open_files.ts";
import {
  TCP_LIMITS,
  type TcpLimits,
  type TcpObserver,
  TcpServerSocket,
} from "../net/tcp_server.ts";
import { ANY, hearsBoth, openWildcard } from "../net/wildcard.ts";
import type { Server } from "./core.ts";
import type { ServerEvent } from "./event.ts";
import { closeNow } from "./listener.ts";
import type { ListenAddress, ServeOptions } from "./serve_options.ts";
import { planTcp } from "./tcp_budget.ts";

/** Most packets of TCP connections answered in one go. */
const TCP_BATCH = 64;

/** What peers may use up, as far as the system lets the process have it. */
export interface TcpPlan extends TcpLimits {
  readonly backlog: number;
  /** What the operator should know of it. */
  readonly cut: ServerEvent | undefined;
}

/**
 * Says what peers may use up where a server listens.
 *
 * @param options What is wanted.
 * @param addresses Where it listens.
 * @param workers Threads on each of them.
 */
export async function planLimits(
  options: ServeOptions,
  addresses: readonly ListenAddress[],
  workers: number,
): Promise<TcpPlan> {
  const limits = { ...TCP_LIMITS, ...options.tcpLimits };
  const { maxConnections: wanted } = limits;
  const files = openFilesLimit();
  const threads = addresses.length * workers;
  const wildcards = addresses.filter(({ hostname }) => hostname === ANY);
  const opener = { open: openPlainTcp, close: closeNow };
  const isSplit = wildcards.length > 0 &&
    !(await hearsBoth<TcpServerSocket>(opener));
  const ports = addresses.length + (isSplit ? wildcards.length : 0);
  const { connections, backlog } = planTcp({ files, ports, threads, wanted });
  const cut = connections < wanted && (options.tcp ?? true)
    ? { kind: "connections-cut", wanted, given: connections, files } as const
    : undefined;
  return { ...limits, maxConnections: connections, backlog, cut };
}

function openPlainTcp(
  hostname: string,
  port: number,
): Promise<TcpServerSocket> {
  return TcpServerSocket.open({ hostname, port, maxBatch: 1 });
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

/** Opens one port for connections. */
export function openTcp(
  hostname: string,
  port: number,
  limits: TcpPlan,
  server: Server,
): Promise<TcpServerSocket> {
  const { backlog } = limits;
  const where = { hostname, port, maxBatch: TCP_BATCH, backlog };
  return TcpServerSocket.open(where, limits, observe(server));
}

/**
 * Opens what it takes to have connections to an address.
 *
 * @returns One socket, or two where a wildcard needs them.
 */
export async function openTcpSide(
  hostname: string,
  port: number,
  limits: TcpPlan,
  server: Server,
): Promise<TcpServerSocket[]> {
  const open = (hostname: string, port: number) =>
    openTcp(hostname, port, limits, server);
  return hostname === ANY
    ? await openWildcard<TcpServerSocket>({ open, close: closeNow }, port)
    : [await open(hostname, port)];
}
