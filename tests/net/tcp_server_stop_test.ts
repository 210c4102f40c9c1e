import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { TcpServerSocket } from "../../lib/net/tcp_server.ts";
import { Server } from "../../lib/server/core.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { serve } from "../../lib/server/serve.ts";
import { frame } from "../../lib/wire/frame.ts";
import { bytes, requestFor } from "../_support/fixtures.ts";
import { LOOPBACK, until } from "../_support/pool.ts";
import {
  askTcp,
  askUdp,
  assertAnswered,
  assertSettled,
  nonceOf,
  openSocket,
  PATIENT,
  Remote,
  requests,
  SEED,
  stalled,
  start,
} from "../_support/tcp_server.ts";

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
