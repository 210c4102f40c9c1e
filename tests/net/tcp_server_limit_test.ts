import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import type { Datagram } from "../../lib/net/datagram.ts";
import { TCP_LIMITS, TcpServerSocket } from "../../lib/net/tcp_server.ts";
import { frame, FRAME_BYTES } from "../../lib/wire/frame.ts";
import { bytes, requestFor } from "../_support/fixtures.ts";
import { LOOPBACK, until, verified } from "../_support/pool.ts";
import {
  askTcp,
  askUdp,
  assertAnswered,
  assertSettled,
  openSocket,
  PATIENT,
  Remote,
  requests,
  stalled,
  start,
  Tally,
} from "../_support/tcp_server.ts";

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

Deno.test("serve() closes a TCP connection that rests after there were none", async () => {
  await using running = await start({ ...PATIENT, idleMs: 100 });
  await askTcp(running);
  await until(() => running.counters.tcpCompleted === 1, "the first is gone");
  // While there are none, nobody looks for such.
  await new Promise((resolve) => setTimeout(resolve, 1200));
  using silent = await Remote.open(running);
  assert.deepEqual(await silent.rest(), []);
  await running.shutdown();
  assert.equal(running.counters.tcpAborted, 1);
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
  const flood = remote.flood(chunk, 512, (total) => bytes = total);
  await stalled(() => bytes);
  const count = 512 * asked.length;
  const replies = await remote.take(count);
  assert.equal(await flood, 512 * chunk.length);
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
