/**
 * What the tests of servers over TCP share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import {
  TCP_LIMITS,
  type TcpLimits,
  type TcpObserver,
  TcpServerSocket,
} from "../../lib/net/tcp_server.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import {
  type RunningServer,
  serve,
  type ServeOptions,
} from "../../lib/server/serve.ts";
import type { Verified } from "../../lib/verify/response.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { bytes, entriesOf, messageOf, requestFor } from "./fixtures.ts";
import { assertBalanced, LOOPBACK, verified } from "./pool.ts";

/** The seed behind PUBLIC_KEY. */
export const SEED: Uint8Array = bytes(32, 1);

/** Limits that no test is to run into. */
export const PATIENT: Partial<TcpLimits> = {
  idleMs: 600_000,
  readMs: 600_000,
  writeMs: 600_000,
  maxConnectionsPerAddress: TCP_LIMITS.maxConnections,
};

/** Serves on any port of loopback. */
export async function start(
  tcpLimits: Partial<TcpLimits> = PATIENT,
  { server = {}, ...options }: ServeOptions & { server?: ServerOptions } = {},
): Promise<RunningServer> {
  return await serve(
    await Server.create({ privateKey: SEED, greaseProbability: 0, ...server }),
    // Its own questions would be counted too.
    { ...LOOPBACK, tcpLimits, selfCheckSeconds: 0, ...options },
  );
}

/** The other end of a connection, which does as it is told. */
export class Remote implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #reader = new PacketReader(16384);
  readonly #packets: Uint8Array[] = [];
  readonly #buffer = new Uint8Array(65536);

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  static async open(
    { address: { hostname, port } }: {
      address: { hostname: string; port: number };
    },
  ): Promise<Remote> {
    const conn = await Deno.connect({ hostname, port });
    conn.setNoDelay();
    return new Remote(conn);
  }

  async write(...packets: Uint8Array[]): Promise<void> {
    const all = concat(...packets);
    for (let at = 0; at < all.length;) {
      at += await this.#conn.write(all.subarray(at));
    }
  }

  /** Writes as long as it goes; tells how many bytes went. */
  async flood(
    chunk: Uint8Array,
    count: number,
    onBytes: (total: number) => void = () => {},
  ): Promise<number> {
    let total = 0;
    try {
      for (let i = 0; i < count; i++) {
        for (let at = 0; at < chunk.length;) {
          const written = await this.#conn.write(chunk.subarray(at));
          at += written;
          onBytes(total += written);
        }
      }
    } catch {
      // The other end had enough.
    }
    return total;
  }

  /** Says that nothing more will come. */
  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  /** So many packets; fewer if the connection ends before. */
  async take(count: number): Promise<Uint8Array[]> {
    while (this.#packets.length < count) {
      const length = await this.#conn.read(this.#buffer).catch(() => null);
      if (length === null) break;
      const chunk = this.#buffer.subarray(0, length);
      this.#packets.push(...this.#reader.push(chunk));
      assert(!this.#reader.broken, "out of step");
    }
    return this.#packets.splice(0, count);
  }

  /** All that comes until the connection ends. */
  rest(): Promise<Uint8Array[]> {
    return this.take(Infinity);
  }

  async ask(request: Uint8Array): Promise<Verified> {
    await this.write(request);
    const [response] = await this.take(1);
    assert(response, "closed");
    return await verified(request, response);
  }

  [Symbol.dispose](): void {
    try {
      this.#conn.close();
    } catch {
      // It was closed in the middle of the test.
    }
  }
}

/** Asks once over a connection of its own. */
export async function askTcp(
  running: RunningServer,
  request: Uint8Array = requestFor("rfc-10049", 4242),
): Promise<Verified> {
  using remote = await Remote.open(running);
  return await remote.ask(request);
}

/** Asks once over UDP. */
export async function askUdp(running: RunningServer): Promise<Verified> {
  const { hostname, port } = running.address;
  const socket = await openUdp({ hostname, port: 0, maxBatch: 1 });
  try {
    const request = requestFor("rfc-10049", 4343);
    await socket.send([{ bytes: request, peer: socket.peer(hostname, port) }]);
    const [datagram] = await socket.receive();
    assert(datagram);
    return await verified(request, datagram.bytes);
  } finally {
    socket.close();
  }
}

/** The nonce of a packet, as text to compare. */
export function nonceOf(packet: Uint8Array): string {
  const entry = entriesOf(messageOf(packet)).find(([tag]) => tag === TAG.NONC);
  assert(entry, "no NONC");
  return entry[1].join();
}

/** Holds if every request has exactly one reply, in whatever order, and it is good. */
export async function assertAnswered(
  requests: readonly Uint8Array[],
  replies: readonly Uint8Array[],
): Promise<void> {
  const byNonce = new Map(replies.map((reply) => [nonceOf(reply), reply]));
  assert.equal(replies.length, requests.length);
  assert.equal(byNonce.size, requests.length);
  for (const request of requests) {
    const reply = byNonce.get(nonceOf(request));
    assert(reply, "a request without a reply");
    await verified(request, reply);
  }
}

/** Holds once the server has stopped. */
export function assertSettled({ counters }: RunningServer): void {
  assert.equal(counters.tcpAccepted, counters.tcpCompleted);
  assert.equal(counters.panics, 0);
  assertBalanced(counters.tcp);
  assertBalanced(counters.udp);
}

/**
 * Waits until a number stays the same for a while. If that is seen too early, a test
 * proves less, no more.
 */
export async function stalled(count: () => number): Promise<void> {
  let seen = -1;
  for (let same = 0; same < 200; same++) {
    if (count() !== seen) same = 0;
    seen = count();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** So many requests, each with its own nonce. */
export function requests(
  id: DialectId,
  count: number,
  size?: number,
): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => requestFor(id, i, size));
}

/** Counts what it is told. */
export class Tally implements TcpObserver {
  readonly counts = {
    accepted: 0,
    rejected: 0,
    evicted: 0,
    aborted: 0,
    completed: 0,
  };
  accepted(): void {
    this.counts.accepted++;
  }
  rejected(): void {
    this.counts.rejected++;
  }
  evicted(): void {
    this.counts.evicted++;
  }
  aborted(): void {
    this.counts.aborted++;
  }
  completed(): void {
    this.counts.completed++;
  }
}

/** Opens one on loopback. */
export function openSocket(
  maxBatch: number,
  observer?: TcpObserver,
): Promise<TcpServerSocket> {
  return TcpServerSocket.open(
    { ...LOOPBACK, maxBatch },
    { ...TCP_LIMITS, ...PATIENT },
    observer,
  );
}
