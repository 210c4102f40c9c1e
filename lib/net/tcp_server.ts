/**
 * Roughtime over TCP for a server: many connections behind the same seam as a UDP socket.
 * Everything a peer can make the server hold is bounded, in bytes and in time.
 *
 * @module
 */

import net from "node:net";
import { every } from "./heartbeat.ts";
import { ConnectionShare } from "./connection_share.ts";
import type { Datagram, PacketSocket } from "./datagram.ts";
import { AddressPeer } from "./peer.ts";
import { PacketReader } from "./tcp.ts";

/** Limits of a {@linkcode TcpServerSocket}. */
export interface TcpLimits {
  /** Longest message taken, in bytes. */
  readonly maxMessageBytes: number;
  /**
   * Connections at one time. Beyond it, the one that has been idle longest goes for each that
   * comes.
   */
  readonly maxConnections: number;
  /**
   * Connections at one time from one address, which is an IPv4 address or a /64 of IPv6.
   * Beyond it, the idlest of that address goes, or the new one if none is idle. Behind a
   * proxy, where all come from one address, this has to be as many as `maxConnections`.
   */
  readonly maxConnectionsPerAddress: number;
  /** Milliseconds that a connection may last without an answer; what is dropped is none. */
  readonly idleMs: number;
  /** Milliseconds that a packet may take from its first byte to its last. */
  readonly readMs: number;
  /** Milliseconds that replies may wait for the peer to read. */
  readonly writeMs: number;
}

/**
 * What suits a public server. The share of an address leaves room for people behind one
 * router, and needs 64 such addresses to fill the server.
 */
export const TCP_LIMITS: TcpLimits = {
  maxMessageBytes: 8192,
  maxConnections: 4096,
  maxConnectionsPerAddress: 64,
  idleMs: 10_000,
  readMs: 5_000,
  writeMs: 5_000,
};

/** Told of connections, for counting. */
export interface TcpObserver {
  accepted(): void;
  rejected(): void;
  /** One was closed to make room. */
  evicted(): void;
  aborted(): void;
  completed(): void;
}

/** Requests of one connection that may wait for their answers before it is read further. */
const MAX_OUTSTANDING = 64;

/** Requests of all connections that may wait before none of them is read further. */
const MAX_QUEUED = 1024;

/** Connections that the kernel holds ready where nobody says how many. */
const BACKLOG = 128;

/** How often stalled connections are looked for. */
const SWEEP_MS = 500;

/** How long peers have to take the last answers once the socket is closed. */
const LINGER_MS = 250;

class Connection extends AddressPeer {
  readonly reader: PacketReader;
  outstanding = 0;
  ended = false;
  /** Is it done with, whatever still comes of it? */
  dropped = false;
  /**
   * When it began or was last answered. A packet that gets no answer renews nothing: 12 bytes
   * now and then would hold a connection for ever.
   */
  activeAt: number;
  /** When the packet began that is not complete yet. */
  partialSince: number | undefined;
  /** When the peer stopped taking what is sent. */
  blockedSince: number | undefined;
  readonly socket: net.Socket;

  constructor(socket: net.Socket, maxMessageBytes: number, now: number) {
    // At once: a socket that is closed does not know any more whose it was.
    super(socket.remoteAddress ?? "?", socket.remotePort ?? 0);
    this.socket = socket;
    this.reader = new PacketReader(maxMessageBytes);
    this.activeAt = now;
  }
}

/** A listening TCP port, seen as a source and sink of packets. */
export class TcpServerSocket implements PacketSocket {
  readonly transport = "tcp";
  readonly address: { hostname: string; port: number };
  /** Connections that came in so far, those included that were closed at once. */
  arrived = 0;
  readonly #server: net.Server;
  readonly #limits: TcpLimits;
  readonly #observer: TcpObserver | undefined;
  readonly #maxBatch: number;
  readonly #connections = new Set<Connection>();
  readonly #share: ConnectionShare<Connection>;
  readonly #paused = new Set<Connection>();
  #endSweeps: (() => void) | undefined;
  readonly #gone: Promise<void>;
  #isGone: () => void = () => {};
  #queue: Datagram[] = [];
  #wake: (() => void) | undefined;
  #stopped = false;
  #closed = false;

  private constructor(
    server: net.Server,
    limits: TcpLimits,
    maxBatch: number,
    observer: TcpObserver | undefined,
  ) {
    this.#server = server;
    this.#limits = limits;
    this.#maxBatch = maxBatch;
    this.#observer = observer;
    this.#share = new ConnectionShare(
      limits,
      ({ outstanding }) => outstanding === 0,
    );
    const { address, port } = server.address() as net.AddressInfo;
    this.address = { hostname: address, port };
    server.on("connection", (socket) => this.#accept(socket));
    server.on("error", () => {}); // about single connections; the port stays open
    this.#gone = new Promise((resolve) => this.#isGone = resolve);
    server.once("close", () => this.#isGone());
  }

  /**
   * Listens. Rejects with the system's error, such as `EADDRINUSE`.
   *
   * The runtime takes all connections that the kernel holds ready before one of them can be
   * closed, and where it runs out of descriptors on the way, it never takes one again, without
   * a word. So `maxConnections` and `backlog` together have to stay below what is free.
   *
   * @param options Where, how many packets `receive()` gives at once, and how many
   *   connections the kernel may hold ready.
   * @param limits What peers may use up.
   * @param observer Told of connections.
   */
  static async open(
    options: {
      readonly hostname: string;
      readonly port: number;
      readonly maxBatch: number;
      readonly backlog?: number | undefined;
    },
    limits: TcpLimits = TCP_LIMITS,
    observer?: TcpObserver,
  ): Promise<TcpServerSocket> {
    const { hostname: host, port, maxBatch, backlog = BACKLOG } = options;
    // A peer may close its half after the last request and still read the answers.
    const server = net.createServer({ allowHalfOpen: true, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, backlog }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    return new TcpServerSocket(server, limits, maxBatch, observer);
  }

  async receive(): Promise<readonly Datagram[]> {
    while (!this.#closed && !this.#stopped && this.#queue.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    if (this.#closed) return [];
    const batch = this.#queue.splice(0, this.#maxBatch);
    if (this.#queue.length < MAX_QUEUED / 2) {
      for (const connection of this.#paused) this.#resume(connection);
    }
    return batch;
  }

  send(batch: readonly Datagram[]): Promise<number> {
    const now = performance.now();
    let sent = 0;
    for (const { bytes, peer } of batch) {
      const connection = peer as Connection;
      // Gone, or about to be: what is written then is thrown away without a word.
      if (!connection.socket.writable) continue;
      const free = connection.socket.write(bytes);
      if (!free) connection.blockedSince ??= now;
      connection.activeAt = now;
      this.#share.renew(connection);
      sent++;
    }
    return Promise.resolve(sent);
  }

  settle(batch: readonly Datagram[]): void {
    const now = performance.now();
    for (const { peer } of batch) {
      const connection = peer as Connection;
      connection.outstanding--;
      if (connection.ended && connection.outstanding === 0) {
        connection.socket.end();
      } else if (now - connection.activeAt > this.#limits.idleMs) {
        // The sweeper may never find it without a packet that waits to be dropped.
        this.#abort(connection);
      } else this.#resume(connection);
    }
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#server.close();
    for (const { socket } of this.#connections) socket.pause();
    this.#wake?.();
  }

  close(): void {
    if (this.#closed) return;
    this.stop();
    this.#closed = true;
    this.#endSweeps?.();
    // What was answered is on its way; whoever does not read it by then loses it. What
    // still comes in is thrown away: a socket closed with something unread resets the
    // connection, and with it go the answers that the peer has not got yet.
    for (const { socket } of this.#connections) {
      socket.end();
      socket.resume();
    }
    let timer = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
      // Deno 2.4 does not say that a server has closed once it had a connection.
      timer = setTimeout(() => this.#isGone(), LINGER_MS);
    }, LINGER_MS);
    void this.#gone.then(() => clearTimeout(timer));
    this.#wake?.();
  }

  /** Settles when the port and all connections are closed. */
  get closed(): Promise<void> {
    return this.#gone;
  }

  #accept(socket: net.Socket): void {
    this.arrived++;
    const connection = new Connection(
      socket,
      this.#limits.maxMessageBytes,
      performance.now(),
    );
    const { admitted, evicted } = this.#stopped
      ? { admitted: false }
      : this.#share.admit(connection, socket.remoteAddress ?? "");
    if (!admitted) {
      socket.on("error", () => {});
      socket.destroy();
      this.#observer?.rejected();
      return;
    }
    if (evicted && this.#drop(evicted)) this.#observer?.evicted();
    this.#observer?.accepted();
    this.#connections.add(connection);
    this.#endSweeps ??= every(SWEEP_MS, () => this.#sweep());
    socket.on("data", (chunk: Uint8Array) => this.#take(connection, chunk));
    socket.on("drain", () => {
      connection.blockedSince = undefined;
      this.#resume(connection);
    });
    socket.on("end", () => {
      connection.ended = true;
      if (connection.outstanding === 0) socket.end();
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#connections.delete(connection);
      this.#paused.delete(connection);
      this.#share.remove(connection);
      this.#observer?.completed();
    });
    if (this.#overloaded(connection)) this.#pause(connection);
  }

  #take(connection: Connection, chunk: Uint8Array): void {
    if (this.#closed || connection.dropped) return;
    const { reader } = connection;
    const now = performance.now();
    const packets = reader.push(chunk);
    if (reader.broken) return this.#abort(connection);
    if (packets.length > 0) connection.partialSince = undefined;
    // Counted from the first byte: one that sends a byte a second must not go on forever.
    connection.partialSince = reader.partial
      ? connection.partialSince ?? now
      : undefined;
    for (const bytes of packets) {
      connection.outstanding++;
      this.#queue.push({ bytes, peer: connection });
    }
    if (this.#queue.length >= MAX_QUEUED) {
      // All of them, or each could add another chunk of tiny packets.
      for (const one of this.#connections) this.#pause(one);
    } else if (this.#overloaded(connection)) this.#pause(connection);
    if (packets.length > 0) this.#wake?.();
  }

  #overloaded(connection: Connection): boolean {
    return connection.outstanding >= MAX_OUTSTANDING ||
      connection.blockedSince !== undefined ||
      this.#queue.length >= MAX_QUEUED;
  }

  #pause(connection: Connection): void {
    this.#paused.add(connection);
    connection.socket.pause();
  }

  #resume(connection: Connection): void {
    if (this.#stopped || !this.#paused.has(connection)) return;
    if (this.#overloaded(connection)) return;
    this.#paused.delete(connection);
    if (connection.partialSince !== undefined) {
      connection.partialSince = performance.now(); // not read so far: not its fault
    }
    connection.socket.resume();
  }

  #abort(connection: Connection): void {
    if (this.#drop(connection)) this.#observer?.aborted();
  }

  /** Closes a connection at once; tells whether it was not already. */
  #drop(connection: Connection): boolean {
    if (connection.dropped) return false;
    connection.dropped = true;
    this.#share.remove(connection);
    connection.socket.destroy();
    return true;
  }

  #sweep(): void {
    if (this.#connections.size === 0) {
      this.#endSweeps?.();
      this.#endSweeps = undefined;
      return;
    }
    const now = performance.now();
    const { idleMs, readMs, writeMs } = this.#limits;
    for (const connection of this.#connections) {
      const { partialSince, blockedSince, activeAt, outstanding } = connection;
      // While it is not being read, that nothing comes is not the peer's fault.
      const reading = !this.#paused.has(connection);
      if (
        (reading && partialSince !== undefined &&
          now - partialSince > readMs) ||
        (blockedSince !== undefined && now - blockedSince > writeMs) ||
        (reading && outstanding === 0 && now - activeAt > idleMs)
      ) this.#abort(connection);
    }
  }
}
