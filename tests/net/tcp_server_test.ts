import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { writeUint32 } from "../../lib/wire/uint.ts";
import { type PacketCounters, sumDropped } from "../../lib/server/counters.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { frame, FRAME_BYTES } from "../../lib/wire/frame.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import {
  TCP_LIMITS,
  type TcpLimits,
  type TcpObserver,
  TcpServerSocket,
} from "../../lib/net/tcp_server.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { buildRequest, REQUEST_BYTES } from "../../lib/wire/request.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import {
  type RunningServer,
  serve,
  type ServeOptions,
} from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  corpus,
  edit,
  entriesOf,
  messageOf,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../_support/fixtures.ts";

/** The seed behind PUBLIC_KEY. */
const SEED: Uint8Array = bytes(32, 1);

const LOOPBACK = { hostname: "127.0.0.1", port: 0 } as const;

/** Limits that no test is to run into. */
const PATIENT: Partial<TcpLimits> = {
  idleMs: 600_000,
  readMs: 600_000,
  writeMs: 600_000,
  maxConnectionsPerAddress: TCP_LIMITS.maxConnections,
};

async function start(
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
class Remote implements Disposable {
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

async function verified(
  request: Uint8Array,
  response: Uint8Array,
): Promise<Verified> {
  const verdict = await verifyResponse({
    request,
    response,
    publicKey: PUBLIC_KEY,
  });
  assert(verdict.ok, Deno.inspect(verdict));
  return verdict;
}

/** Asks once over a connection of its own. */
async function askTcp(
  running: RunningServer,
  request: Uint8Array = requestFor("rfc-10049", 4242),
): Promise<Verified> {
  using remote = await Remote.open(running);
  return await remote.ask(request);
}

async function askUdp(running: RunningServer): Promise<Verified> {
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

function nonceOf(packet: Uint8Array): string {
  const entry = entriesOf(messageOf(packet)).find(([tag]) => tag === TAG.NONC);
  assert(entry, "no NONC");
  return entry[1].join();
}

/** Holds if every request has exactly one reply, in whatever order, and it is good. */
async function assertAnswered(
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

function assertBalanced(counters: Readonly<PacketCounters>): void {
  assert.equal(
    counters.received,
    counters.answered + sumDropped(counters),
    Deno.inspect(counters),
  );
}

/** Holds once the server has stopped. */
function assertSettled({ counters }: RunningServer): void {
  assert.equal(counters.tcpAccepted, counters.tcpCompleted);
  assert.equal(counters.panics, 0);
  assertBalanced(counters.tcp);
  assertBalanced(counters.udp);
}

/** Waits for something that is bound to happen. */
async function until(happened: () => boolean, what: string): Promise<void> {
  for (let turn = 0; !happened(); turn++) {
    assert(turn < 30_000, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/**
 * Waits until a number stays the same for a while. If that is seen too early, a test
 * proves less, no more.
 */
async function stalled(count: () => number): Promise<void> {
  let seen = -1;
  for (let same = 0; same < 200; same++) {
    if (count() !== seen) same = 0;
    seen = count();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function requests(id: DialectId, count: number, size?: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => requestFor(id, i, size));
}

Deno.test("serve() answers every framed version over TCP", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  const framed = ALL.filter(({ framed }) => framed);
  assert(framed.length > 10);
  for (const { id } of framed) {
    const { dialect } = await remote.ask(requestFor(id));
    assert.equal(dialect, id);
  }
  await running.shutdown();
  assert.equal(running.counters.tcp.received, framed.length);
  assert.equal(running.counters.tcp.answered, framed.length);
  assert.equal(running.counters.udp.received, 0);
  assert.equal(running.counters.tcpAborted, 0);
  assertSettled(running);
});

Deno.test("serve() closes a TCP connection on which something else comes", async () => {
  await using running = await start();
  const magic = requestFor("rfc-10049");
  magic[0] = 0x72;
  const strange: Record<string, Uint8Array> = {
    "Google's protocol": requestFor("google"),
    "another protocol": new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    "a wrong magic": magic,
    "zeros": new Uint8Array(12),
    "a bare length": concat(Uint8Array.of(0, 4, 0, 0), bytes(1024, 1)),
  };
  let count = 0;
  for (const [what, packet] of Object.entries(strange)) {
    using remote = await Remote.open(running);
    await remote.ask(requestFor("rfc-10049", count));
    await remote.write(packet);
    assert.deepEqual(await remote.rest(), [], what);
    count++;
    await until(() => running.counters.tcpCompleted === count, what);
    assert.equal(running.counters.tcpAborted, count);
  }
  await askTcp(running);
  await running.shutdown();
  assert.equal(running.counters.tcp.received, count + 1);
  assertSettled(running);
});

Deno.test("serve() closes a TCP connection on the first bytes of a malformed frame", async () => {
  await using running = await start();
  // Fewer bytes than a header has: nobody may be left waiting for the rest.
  const starts = [Uint8Array.of(0x47), new TextEncoder().encode("ROUGHTIN")];
  let count = 0;
  for (const wrong of starts) {
    using remote = await Remote.open(running);
    await remote.ask(requestFor("rfc-10049", count));
    await remote.write(wrong);
    assert.deepEqual(await remote.rest(), []);
    count++;
    await until(() => running.counters.tcpCompleted === count, "closed");
    assert.equal(running.counters.tcpAborted, count);
  }
  await running.shutdown();
  assertSettled(running);
});

Deno.test("serve() keeps a TCP connection on which a packet says nothing", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  await remote.write(frame(new Uint8Array(0)), frame(bytes(1012, 1)));
  await remote.write(frame(requestFor("google")));
  // The first thing that comes back is the answer to this one.
  await remote.ask(requestFor("rfc-10049"));
  await running.shutdown();
  assert.equal(running.counters.tcp.received, 4);
  assert.equal(running.counters.tcp.answered, 1);
  assertSettled(running);
});

Deno.test("serve() survives the corpus over TCP", async () => {
  await using running = await start();
  const request = requestFor("rfc-10049");
  let framed = 0;
  let remote = await Remote.open(running);
  try {
    for (const { packet } of corpus(request)) {
      // Only a packet that is whole leaves the stream in step.
      const cutter = new PacketReader(TCP_LIMITS.maxMessageBytes);
      cutter.push(packet);
      if (cutter.broken || cutter.partial) {
        if (packet.length % 16) continue; // one in sixteen is enough of them
        using other = await Remote.open(running);
        await other.write(packet);
        await other.closeWrite();
        await other.rest();
        continue;
      }
      framed++;
      await remote.write(packet);
      if (framed % 50 === 0) {
        await remote.write(requestFor("draft-11", framed));
        await remote.closeWrite();
        const replies = await remote.rest();
        assert(replies.length > 0);
        remote[Symbol.dispose]();
        remote = await Remote.open(running);
      }
    }
  } finally {
    remote[Symbol.dispose]();
  }
  await askTcp(running);
  await running.shutdown();
  assert(framed > 500);
  assert.equal(running.counters.tcp.dropped.internal, 0);
  assertSettled(running);
});

for (const id of ["rfc-10049", "draft-11", "draft-05"] as const) {
  Deno.test(`serve() answers 200 requests of ${id} written at once over TCP`, async () => {
    await using running = await start();
    using remote = await Remote.open(running);
    const asked = requests(id, 200);
    await remote.write(...asked);
    await assertAnswered(asked, await remote.take(200));
    await running.shutdown();
    assert.equal(running.counters.tcp.answered, 200);
    assertSettled(running);
  });
}

Deno.test("serve() answers requests that come byte by byte over TCP", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  const asked = requests("rfc-10049", 3);
  for (const byte of concat(...asked)) await remote.write(Uint8Array.of(byte));
  await assertAnswered(asked, await remote.take(3));
});

Deno.test("serve() answers what is whole, and the rest once it is", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  const asked = requests("rfc-10049", 3);
  const stream = concat(...asked);
  await remote.write(stream.subarray(0, 2560));
  const first = await remote.take(2);
  assert.equal(running.counters.tcp.received, 2);
  await remote.write(stream.subarray(2560));
  await assertAnswered(asked, [...first, ...await remote.take(1)]);
});

Deno.test("serve() answers a peer that has closed its half", async () => {
  await using running = await start();
  for (const count of [1, 3, 200]) {
    using remote = await Remote.open(running);
    const asked = requests("rfc-10049", count);
    await remote.write(...asked);
    await remote.closeWrite();
    // And then closes its own.
    await assertAnswered(asked, await remote.rest());
  }
  // With nothing to answer, or nothing that can be.
  for (const packet of [new Uint8Array(0), requestFor("draft-11").slice(99)]) {
    using remote = await Remote.open(running);
    await remote.write(packet.subarray(0, 500));
    await remote.closeWrite();
    assert.deepEqual(await remote.rest(), []);
  }
  using half = await Remote.open(running);
  await half.write(requestFor("draft-11").subarray(0, 500));
  await half.closeWrite();
  assert.deepEqual(await half.rest(), []);
  await running.shutdown();
  assert.equal(running.counters.tcp.answered, 204);
  assertSettled(running);
});

Deno.test("serve() reads messages of 8192 bytes over TCP, and no longer ones", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  await remote.ask(requestFor("rfc-10049", 1, FRAME_BYTES + 8192));
  for (const length of [8193, 8196, 0x7fffffff, 0xffffffff]) {
    using other = await Remote.open(running);
    const header = frame(new Uint8Array(0));
    writeUint32(header, 8, length);
    // It is closed although nothing of the message was sent.
    await other.write(header);
    assert.deepEqual(await other.rest(), []);
  }
  await remote.ask(requestFor("rfc-10049", 2));
  await running.shutdown();
  assert.equal(running.counters.tcpAborted, 4);
  assertSettled(running);
});

Deno.test("serve() answers short requests over TCP, where a peer has proven its address", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  let count = 0;
  let longer = 0;
  for (const { id, framed, code, nonceSize, type } of ALL) {
    if (!framed) continue;
    const typed = type === "required";
    const nonce = bytes(nonceSize, count + 1);
    const least = FRAME_BYTES + 8 * (typed ? 4 : 3) + nonceSize + 4 +
      (typed ? 4 : 0);
    for (const size of [least, 116, 512, 1020, 1024]) {
      if (size < least) continue;
      const request = buildRequest({ versions: [code], nonce, size, typed });
      assert.equal(request.length, size);
      await remote.write(request);
      const [reply] = await remote.take(1) as [Uint8Array];
      assert(reply.length <= Math.max(REQUEST_BYTES, request.length), id);
      if (reply.length > request.length) longer++;
      await verified(request, reply);
      count++;
    }
  }
  assert(longer > 0);
  await running.shutdown();
  assert.equal(running.counters.tcp.answered, count);
  assertSettled(running);
});

Deno.test("serve() sends no reply beyond 1024 bytes and its request over TCP", async () => {
  class Long extends Server {
    override rewriteReply(reply: Uint8Array): Uint8Array {
      return edit(
        reply,
        (e) => put(e, TAG.ZZZZ, new Uint8Array(1200 - reply.length - 8)),
      );
    }
  }
  const server = await Long.create({ privateKey: bytes(32, 1) });
  await using running = await serve(server, { ...LOOPBACK, port: 0 });
  using remote = await Remote.open(running);
  await remote.write(requestFor("rfc-10049", 1));
  await remote.write(requestFor("rfc-10049", 2, 1196));
  await remote.write(requestFor("rfc-10049", 3, 1200));
  const [reply] = await remote.take(1) as [Uint8Array];
  assert.equal(reply.length, 1200);
  await running.shutdown();
  assert.equal(running.counters.tcp.dropped.amplification, 2);
  assertSettled(running);
});

Deno.test("serve() closes a TCP connection that rests", async () => {
  await using running = await start({ ...PATIENT, idleMs: 100 });
  using silent = await Remote.open(running);
  using once = await Remote.open(running);
  await once.ask(requestFor("rfc-10049"));
  assert.deepEqual(await silent.rest(), []);
  assert.deepEqual(await once.rest(), []);
  await askTcp(running);
  await until(() => running.counters.tcpCompleted === 3, "all gone");
  assert.equal(running.counters.tcpAborted, 2);
  await running.shutdown();
  assertSettled(running);
});

Deno.test("serve() closes a TCP connection whose packet takes too long", async () => {
  await using running = await start({ ...PATIENT, readMs: 100 });
  using remote = await Remote.open(running);
  await remote.ask(requestFor("rfc-10049"));
  const slow = requestFor("rfc-10049", 1, FRAME_BYTES + 8192);
  let gone = false;
  const rest = remote.rest().then((packets) => {
    gone = true;
    return packets;
  });
  for (let i = 0; i < slow.length - 1 && !gone; i++) {
    await remote.write(slow.subarray(i, i + 1)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.deepEqual(await rest, []);
  await askTcp(running);
  await running.shutdown();
  assert.equal(running.counters.tcpAborted, 1);
  assertSettled(running);
});

for (
  const [what, packet] of [
    ["an empty message", frame(new Uint8Array(0))],
    ["a message that is none", frame(bytes(1012, 1))],
    ["an old protocol", frame(requestFor("google"))],
  ] as const
) {
  Deno.test(`serve() does not keep a TCP connection for ${what}`, async () => {
    await using running = await start({ ...PATIENT, idleMs: 200 });
    using remote = await Remote.open(running);
    let gone = false;
    const rest = remote.rest().then((packets) => {
      gone = true;
      return packets;
    });
    // Far more often than needed, and also many at a time.
    const one = Math.max(1, Math.ceil(64 / packet.length));
    for (let i = 0; i < 3000 && !gone; i++) {
      const packets = new Array(i % 2 ? 1 : one).fill(packet);
      await remote.write(...packets).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert(gone, "kept as long as it went on");
    assert.deepEqual(await rest, []);
    await running.shutdown();
    assert.equal(running.counters.tcpAborted, 1);
    assertSettled(running);
  });
}

Deno.test("serve() cuts a TCP peer off while it still trickles", async () => {
  await using running = await start({ ...PATIENT, readMs: 100 });
  using remote = await Remote.open(running);
  const slow = requestFor("rfc-10049", 1, FRAME_BYTES + 8192);
  let gone = false;
  const rest = remote.rest().then(() => gone = true);
  let sent = 0;
  for (; sent < slow.length - 1 && !gone; sent++) {
    await remote.write(slow.subarray(sent, sent + 1)).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert(gone, "it went on for as long as it liked");
  await rest;
  await running.shutdown();
  assert.equal(running.counters.tcpAborted, 1);
});

Deno.test("serve() times only packets that have begun", async () => {
  await using running = await start({ ...PATIENT, readMs: 100 });
  // Both rest for longer than the one that is cut, which is the last to come.
  using silent = await Remote.open(running);
  using once = await Remote.open(running);
  await once.ask(requestFor("rfc-10049", 1));
  using partial = await Remote.open(running);
  await partial.write(requestFor("rfc-10049", 2).subarray(0, 700));
  assert.deepEqual(await partial.rest(), []);
  await once.ask(requestFor("rfc-10049", 3));
  await silent.ask(requestFor("rfc-10049", 4));
  await running.shutdown();
  assert.equal(running.counters.tcpAborted, 1);
  assertSettled(running);
});

Deno.test("TcpServerSocket closes a half-closed connection after its last answer", async () => {
  const socket = await openSocket(64);
  for (const answered of [true, false]) {
    using remote = await Remote.open(socket);
    await remote.write(frame(bytes(40, 1)));
    const batch = await socket.receive();
    assert.equal(batch.length, 1);
    await remote.closeWrite();
    const [{ peer }] = batch as [Datagram];
    const state = peer as unknown as { readonly ended: boolean };
    await until(() => state.ended, "half closed");
    if (answered) assert.equal(await socket.send(batch), 1);
    socket.settle(batch);
    assert.equal((await remote.rest()).length, answered ? 1 : 0);
  }
  socket.close();
  await socket.closed;
});

Deno.test("serve() gives a new TCP peer the place of the one that is idle longest", async () => {
  await using running = await start({ ...PATIENT, maxConnections: 3 });
  using first = await Remote.open(running);
  using second = await Remote.open(running);
  using third = await Remote.open(running);
  // By what was answered, not by when it came or what it sent.
  await third.ask(requestFor("rfc-10049", 1));
  await second.write(frame(new Uint8Array(0)));
  await first.ask(requestFor("rfc-10049", 2));
  await until(() => running.counters.tcp.received === 3, "received");
  await askTcp(running, requestFor("rfc-10049", 3));
  assert.deepEqual(await second.rest(), []);
  await first.ask(requestFor("rfc-10049", 4));
  await third.ask(requestFor("rfc-10049", 5));
  await running.shutdown();
  assert.equal(running.counters.tcpEvicted, 1);
  assert.equal(running.counters.tcpRejected, 0);
  assertSettled(running);
});

Deno.test("serve() gives one address its share of TCP connections", async () => {
  await using running = await start({
    ...PATIENT,
    maxConnections: 40,
    maxConnectionsPerAddress: 8,
  });
  const { counters } = running;
  const crowd: Remote[] = [];
  for (let i = 0; i < 30; i++) crowd.push(await Remote.open(running));
  await until(() => counters.tcpAccepted === 30, "all seen");
  await until(() => counters.tcpCompleted === 22, "those beyond are gone");
  assert.equal(counters.tcpEvicted, 22);
  for (const [i, remote] of crowd.entries()) {
    if (i < 22) assert.deepEqual(await remote.rest(), []);
    else await remote.ask(requestFor("rfc-10049", i));
    remote[Symbol.dispose]();
  }
  await running.shutdown();
  assertSettled(running);
});

Deno.test("TcpServerSocket closes nobody who waits for an answer", async () => {
  const tally = new Tally();
  const socket = await TcpServerSocket.open(
    { ...LOOPBACK, maxBatch: 64 },
    { ...TCP_LIMITS, ...PATIENT, maxConnections: 2 },
    tally,
  );
  const batch: Datagram[] = [];
  using one = await Remote.open(socket);
  await one.write(frame(bytes(40, 1)));
  batch.push(...await socket.receive());
  using two = await Remote.open(socket);
  await two.write(frame(bytes(40, 2)));
  batch.push(...await socket.receive());
  assert.equal(batch.length, 2);
  using three = await Remote.open(socket);
  assert.deepEqual(await three.rest(), []);
  assert.equal(tally.counts.rejected, 1);
  assert.equal(await socket.send(batch), 2);
  socket.settle(batch);
  assert.equal((await one.take(1)).length, 1);
  assert.equal((await two.take(1)).length, 1);
  // Now they do not any more.
  using four = await Remote.open(socket);
  await four.write(frame(bytes(40, 4)));
  assert.equal((await socket.receive()).length, 1);
  assert.deepEqual(await one.rest(), []);
  assert.equal(tally.counts.evicted, 1);
  socket.close();
  await socket.closed;
});

Deno.test("serve() closes a TCP connection that does not read its answers", async () => {
  await using running = await start({ ...PATIENT, writeMs: 100 });
  using remote = await Remote.open(running);
  const chunk = concat(...requests("rfc-10049", 64));
  const total = 1024; // 64 MiB, if it were let
  const written = await remote.flood(chunk, total);
  assert(written < total * chunk.length, "took all of it");
  await until(() => running.counters.tcpCompleted === 1, "gone");
  assert.equal(running.counters.tcpAborted, 1);
  await askTcp(running);
  await askUdp(running);
  await running.shutdown();
  assertSettled(running);
});

Deno.test("serve() answers a peer that reads late", async () => {
  await using running = await start();
  using remote = await Remote.open(running);
  const asked = requests("rfc-10049", 64);
  const chunk = concat(...asked);
  let bytes = 0;
  const flood = remote.flood(chunk, 1024, (total) => bytes = total);
  await stalled(() => bytes);
  const count = 1024 * asked.length;
  const replies = await remote.take(count);
  assert.equal(await flood, 1024 * chunk.length);
  assert.equal(replies.length, count);
  await assertAnswered(asked, replies.slice(0, 64));
  await running.shutdown();
  assert.equal(running.counters.tcp.answered, count);
  assertSettled(running);
});

Deno.test("serve() takes 64 MiB of garbage over TCP for what it is", async () => {
  await using running = await start();
  using noise = await Remote.open(running);
  const chunk = bytes(65536, 1);
  assert(await noise.flood(chunk, 1024) < 1024 * chunk.length);
  assert.deepEqual(await noise.rest(), []);
  assert.equal(running.counters.tcpAborted, 1);
  assert.equal(running.counters.tcp.received, 0);

  // In step, but nothing that can be answered: long packets, and the shortest.
  using framed = await Remote.open(running);
  const long = frame(bytes(8180, 2));
  const many = concat(...Array.from({ length: 8 }, () => long));
  assert.equal(await framed.flood(many, 1024), 1024 * many.length);
  await framed.ask(requestFor("rfc-10049", 1));
  const short = frame(new Uint8Array(0));
  const swarm = concat(...Array.from({ length: 8192 }, () => short));
  assert.equal(await framed.flood(swarm, 8), 8 * swarm.length);
  await framed.ask(requestFor("rfc-10049", 2));
  await running.shutdown();
  const { tcp: counters } = running.counters;
  assert.equal(counters.received, 8 * 1024 + 8 * 8192 + 2);
  assert.equal(counters.answered, 2);
  assertSettled(running);
});

Deno.test("serve() takes no more TCP connections than it should", async () => {
  await using running = await start({ ...PATIENT, maxConnections: 50 });
  const { counters } = running;
  const remotes = await Promise.all(
    Array.from({ length: 500 }, () => Remote.open(running)),
  );
  try {
    const total = () => counters.tcpAccepted + counters.tcpRejected;
    await until(() => total() === 500, "all seen");
    // None of them waits for an answer, so that the last ones are in.
    assert.equal(counters.tcpAccepted, 500);
    assert.equal(counters.tcpEvicted, 450);
    // Who is in is served; who is not finds the connection closed.
    const replies = await Promise.all(remotes.map(async (remote, i) => {
      const request = requestFor("rfc-10049", i);
      await remote.write(request).catch(() => {});
      const [reply] = await remote.take(1);
      if (reply) await verified(request, reply);
      return reply;
    }));
    assert.equal(replies.filter((reply) => reply).length, 50);
    await askUdp(running);
  } finally {
    for (const remote of remotes) remote[Symbol.dispose]();
  }
  // Once they have gone there is room again.
  await until(() => counters.tcpCompleted === 500, "gone");
  await askTcp(running);
  await running.shutdown();
  assert.equal(counters.tcpAccepted, 501);
  assert.equal(counters.tcpAborted, 0);
  assertSettled(running);
});

Deno.test("serve() answers after 10,000 TCP connections", async () => {
  await using running = await start();
  const request = requestFor("rfc-10049");
  for (let wave = 0; wave < 50; wave++) {
    const remotes = await Promise.all(
      Array.from({ length: 200 }, () => Remote.open(running)),
    );
    // Some ask, some say a little, some say nothing, and some do not wait.
    await Promise.all(remotes.map(async (remote, i) => {
      if (i === 0) await remote.ask(requestFor("rfc-10049", wave));
      if (i % 4 === 1) await remote.write(request.subarray(0, i));
      if (i % 40 === 2) await remote.write(request, request);
      remote[Symbol.dispose]();
    }));
  }
  await until(() => running.counters.tcpAccepted === 10_000, "all accepted");
  await until(() => running.counters.tcpCompleted === 10_000, "all completed");
  await askTcp(running);
  await askUdp(running);
  await running.shutdown();
  assert.equal(running.counters.tcpRejected, 0);
  assertSettled(running);
});

Deno.test("serve() listens on one port for UDP and TCP", async () => {
  for (let i = 0; i < 10; i++) {
    await using running = await start();
    assert.equal(running.addresses.length, 1);
    assert(running.address.port > 0);
    await askTcp(running);
    await askUdp(running);
    await running.shutdown();
    assert.equal(running.counters.tcp.answered, 1);
    assert.equal(running.counters.udp.answered, 1);
    assertSettled(running);
  }
});

Deno.test("serve() does without TCP if told so", async () => {
  await using running = await start(PATIENT, { tcp: false });
  await askUdp(running);
  await assert.rejects(Remote.open(running), { name: "ConnectionRefused" });
});

Deno.test("serve() frees its TCP port when it stops", async () => {
  const running = await start();
  using remote = await Remote.open(running);
  await remote.ask(requestFor("rfc-10049"));
  await running.shutdown();
  await assert.rejects(Remote.open(running), { name: "ConnectionRefused" });
});

Deno.test("shutdown() ends with TCP connections in every state", async () => {
  const running = await start();
  using silent = await Remote.open(running);
  using used = await Remote.open(running);
  using partial = await Remote.open(running);
  using deaf = await Remote.open(running);
  await used.ask(requestFor("rfc-10049", 1));
  await partial.write(requestFor("rfc-10049", 2).subarray(0, 700));
  // This one has more answers under way than the system holds for it.
  let written = 0;
  const chunk = concat(...requests("rfc-10049", 64));
  const flood = deaf.flood(chunk, 1024, (total) => written = total);
  await stalled(() => written);
  assert.equal(running.counters.tcpAccepted, 4);
  await running.shutdown();
  await running.finished;
  assert.deepEqual(await silent.rest(), []);
  assert.deepEqual(await used.rest(), []);
  assert.deepEqual(await partial.rest(), []);
  await flood;
  assert.equal(running.counters.tcpAccepted, 4);
  assertSettled(running);
});

Deno.test("shutdown() answers what was taken over TCP", async () => {
  const inside = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  class Slow extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
    ): Promise<Outcome[]> {
      inside.resolve();
      await gate.promise;
      return await super.handleBatch(packets, { transport: "tcp" });
    }
  }
  const server = await Slow.create({
    privateKey: SEED,
    greaseProbability: 0,
  });
  const running = await serve(server, { ...LOOPBACK, tcpLimits: PATIENT });
  using remote = await Remote.open(running);
  const asked = requests("rfc-10049", 200);
  await remote.write(...asked);
  await inside.promise;
  const stopped = running.shutdown();
  gate.resolve();
  const replies = await remote.rest();
  await stopped;
  const { received, answered } = running.counters.tcp;
  assert(received > 0);
  assert.equal(answered, received);
  assert.equal(replies.length, answered);
  const nonces = new Set(replies.map(nonceOf));
  await assertAnswered(
    asked.filter((request) => nonces.has(nonceOf(request))),
    replies,
  );
  assertSettled(running);
});

Deno.test("serve() counts what it could not write over TCP", async () => {
  const inside = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  class Slow extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
    ): Promise<Outcome[]> {
      inside.resolve();
      await gate.promise;
      return await super.handleBatch(packets, { transport: "tcp" });
    }
  }
  const server = await Slow.create({ privateKey: SEED });
  await using running = await serve(server, LOOPBACK);
  using remote = await Remote.open(running);
  await remote.write(requestFor("rfc-10049"));
  await inside.promise;
  // Gone before the answer is there.
  await remote.write(bytes(100, 1));
  await until(() => running.counters.tcpAborted === 1, "aborted");
  gate.resolve();
  await until(() => running.counters.tcp.dropped.write === 1, "counted");
  assert.equal(running.counters.tcp.answered, 0);
  await running.shutdown();
  assertSettled(running);
});

/** Counts what it is told. */
class Tally implements TcpObserver {
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

function openSocket(
  maxBatch: number,
  observer?: TcpObserver,
): Promise<TcpServerSocket> {
  return TcpServerSocket.open(
    { ...LOOPBACK, maxBatch },
    { ...TCP_LIMITS, ...PATIENT },
    observer,
  );
}

Deno.test("TcpServerSocket gives batches, and sends each reply to its own", async () => {
  const tally = new Tally();
  const socket = await openSocket(4, tally);
  assert.equal(socket.transport, "tcp");
  assert.equal(socket.address.hostname, "127.0.0.1");
  const remotes = await Promise.all([Remote.open(socket), Remote.open(socket)]);
  const [left, right] = remotes as [Remote, Remote];
  const packets = Array.from({ length: 10 }, (_, i) => frame(bytes(40, i)));
  await left.write(...packets.slice(0, 6));
  await right.write(...packets.slice(6));
  const taken: Datagram[] = [];
  while (taken.length < 10) {
    const batch = await socket.receive();
    assert(batch.length >= 1 && batch.length <= 4);
    taken.push(...batch);
    assert.equal(await socket.send(batch), batch.length);
    socket.settle(batch);
  }
  assert.deepEqual(await left.take(6), packets.slice(0, 6));
  assert.deepEqual(await right.take(4), packets.slice(6));
  for (const { peer } of taken) assert.match(`${peer}`, /^127\.0\.0\.1:\d+$/);
  assert.equal(new Set(taken.map(({ peer }) => `${peer}`)).size, 2);
  for (const remote of remotes) remote[Symbol.dispose]();
  socket.close();
  assert.deepEqual(await socket.receive(), []);
  await socket.closed;
  assert.deepEqual(tally.counts, {
    accepted: 2,
    rejected: 0,
    evicted: 0,
    aborted: 0,
    completed: 2,
  });
});

Deno.test("TcpServerSocket reads no further while nobody answers", async () => {
  const socket = await openSocket(64);
  const remotes = await Promise.all(
    Array.from({ length: 40 }, () => Remote.open(socket)),
  );
  const swarm = concat(
    ...Array.from({ length: 4096 }, () => frame(new Uint8Array(4))),
  );
  let bytes = 0;
  const floods = remotes.map((remote) =>
    remote.flood(swarm, 64, () => void bytes++)
  );
  await stalled(() => bytes);
  // One chunk of 64 KiB is 4096 of these packets; each connection would have had one.
  socket.stop();
  let held = 0;
  for (;;) {
    const batch = await socket.receive();
    if (batch.length === 0) break;
    held += batch.length;
  }
  assert(held >= 64 && held <= 2 * 4096, `${held}`);
  socket.close();
  for (const remote of remotes) remote[Symbol.dispose]();
  await Promise.all(floods);
  await socket.closed;
});

Deno.test("TcpServerSocket takes nothing more once it is stopped", async () => {
  const socket = await openSocket(64);
  using remote = await Remote.open(socket);
  const packet = frame(bytes(40, 1));
  await remote.write(packet);
  const batch = await socket.receive();
  assert.equal(batch.length, 1);
  socket.stop();
  socket.stop();
  await remote.write(packet);
  assert.deepEqual(await socket.receive(), []);
  // But what was taken can still be answered.
  assert.equal(await socket.send(batch), 1);
  socket.settle(batch);
  assert.deepEqual(await remote.take(1), [packet]);
  socket.close();
  socket.close();
  assert.deepEqual(await remote.rest(), []);
  await socket.closed;
  assert.equal(await socket.send(batch), 0);
});

Deno.test("TcpServerSocket stops somebody who waits", async () => {
  for (const how of ["stop", "close"] as const) {
    const socket = await openSocket(64);
    const waiting = socket.receive();
    socket[how]();
    assert.deepEqual(await waiting, []);
    socket.close();
    await socket.closed;
  }
});

Deno.test("TcpServerSocket says which port it cannot have", async () => {
  const socket = await openSocket(64);
  const { port } = socket.address;
  await assert.rejects(
    TcpServerSocket.open({ hostname: "127.0.0.1", port, maxBatch: 1 }),
    { code: "EADDRINUSE" },
  );
  socket.close();
  await socket.closed;
});
