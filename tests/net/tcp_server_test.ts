import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { TCP_LIMITS } from "../../lib/net/tcp_server.ts";
import { Server } from "../../lib/server/core.ts";
import { serve } from "../../lib/server/serve.ts";
import { frame, FRAME_BYTES } from "../../lib/wire/frame.ts";
import { buildRequest, REQUEST_BYTES } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { writeUint32 } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  corpus,
  edit,
  put,
  requestFor,
} from "../_support/fixtures.ts";
import { LOOPBACK, until, verified } from "../_support/pool.ts";
import {
  askTcp,
  assertAnswered,
  assertSettled,
  openSocket,
  Remote,
  requests,
  stalled,
  start,
  Tally,
} from "../_support/tcp_server.ts";

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
