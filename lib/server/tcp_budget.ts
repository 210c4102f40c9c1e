/**
 * How many of a process's descriptors TCP may have. Once they run out, the runtime's listener
 * never takes a connection again, so there have to be some left whatever peers do.
 *
 * @module
 */

/** What a port may take up. */
export interface TcpBudget {
  /** Connections at one time. */
  readonly connections: number;
  /**
   * Connections that the kernel may hold ready. The runtime takes all of them in one go and
   * only then lets anybody close one, so each needs a descriptor besides `connections`.
   */
  readonly backlog: number;
}

/** What the budget is made of. */
export interface TcpDemand {
  /** Descriptors of the process, `undefined` where nobody knows. */
  readonly files: number | undefined;
  /** Ports with connections of their own. */
  readonly ports: number;
  /** Threads that answer datagrams, all ports together. */
  readonly threads: number;
  /** Connections that each port is to have. */
  readonly wanted: number;
}

/** Files and sockets that a server needs besides its connections. */
const RESERVED_FILES = 64;

/** Of a thread: its socket, what wakes it, duplicates of both, its event loop. */
const THREAD_FILES = 10;

/** Most that the kernel is asked to hold ready. */
const MAX_BACKLOG = 1024;

/** Where the limit is not known: what fits the lowest one that systems come with, 1024. */
const UNKNOWN: TcpBudget = { connections: 256, backlog: 128 };

/**
 * Divides the descriptors.
 *
 * @param demand What is there, and what is wanted.
 * @returns What each port may take up; one connection at least.
 */
export function planTcp(demand: TcpDemand): TcpBudget {
  const { files, ports, threads, wanted } = demand;
  if (files === Infinity) return { connections: wanted, backlog: MAX_BACKLOG };
  if (files === undefined) {
    const share = (most: number) => Math.max(1, Math.floor(most / ports));
    return {
      connections: Math.min(wanted, share(UNKNOWN.connections)),
      backlog: share(UNKNOWN.backlog),
    };
  }
  const free = files - RESERVED_FILES - THREAD_FILES * threads;
  const each = Math.floor(free / ports);
  // The kernel holds one more than it is told.
  const most = each - 1 - Math.max(1, Math.floor(each / 8));
  const connections = Math.max(1, Math.min(wanted, most));
  const backlog = Math.min(MAX_BACKLOG, each - 1 - connections);
  return { connections, backlog: Math.max(1, backlog) };
}
