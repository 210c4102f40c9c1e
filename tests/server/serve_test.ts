import assert from "node:assert/strict";
import { ServerError } from "../../lib/wire/errors.ts";
import type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import { openUdp } from "../../lib/net/udp.ts";
import type { PacketCounters } from "../../lib/server/counters.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import {
  DEFAULT_PORT,
  type RunningServer,
  serve,
  type ServeOptions,
} from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  corpus,
  PUBLIC_KEY,
  requestFor,
} from "../_support/fixtures.ts";

/** The seed behind PUBLIC_KEY. */
const SEED: Uint8Array = bytes(32, 1);

/** Nobody asks but the test, however long it takes. */
const LOOPBACK = {
  hostname: "127.0.0.1",
  port: 0,
  selfCheckSeconds: 0,
} as const;

const BACKENDS = [["the default backend", openUdp], [
  "node:dgram",
  openNodeUdp,
]] as const;

function makeServer(options: ServerOptions = {}): Promise<Server> {
  return Server.create({ privateKey: SEED, greaseProbability: 0, ...options });
}

/** A client that sends bytes and takes what comes back. */
class Client {
  readonly #socket: DatagramSocket;
  readonly #running: { address: { hostname: string; port: number } };

  constructor(socket: DatagramSocket, running: RunningServer) {
    this.#socket = socket;
    this.#running = running;
  }

  static async open(running: RunningServer): Promise<Client> {
    const { hostname } = running.address;
    const options = { hostname, port: 0, maxBatch: 1 };
    return new Client(await openUdp(options), running);
  }

  async send(...packets: Uint8Array[]): Promise<void> {
    const { hostname, port } = this.#running.address;
    const peer = this.#socket.peer(hostname, port);
    // One by one, so that they arrive in this order.
    for (const bytes of packets) {
      assert.equal(await this.#socket.send([{ bytes, peer }]), 1);
    }
  }

  async receive(): Promise<Uint8Array> {
    const [datagram] = await this.#socket.receive();
    assert(datagram, "closed");
    return Uint8Array.from(datagram.bytes);
  }

  async ask(
    request: Uint8Array,
    publicKey: Uint8Array = PUBLIC_KEY,
  ): Promise<Verified> {
    await this.send(request);
    return await verified(request, await this.receive(), publicKey);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

async function verified(
  request: Uint8Array,
  response: Uint8Array,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  const verdict = await verifyResponse({ request, response, publicKey });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  return verdict;
}

function totalDropped({ dropped }: Readonly<PacketCounters>): number {
  return Object.values(dropped).reduce((sum, count) => sum + count, 0);
}

function assertBalanced(counters: Readonly<PacketCounters>): void {
  const { received, answered } = counters;
  assert.equal(
    received,
    answered + totalDropped(counters),
    Deno.inspect(counters),
  );
}

/** A socket of which the test says what comes in and whether sending works. */
class FakeSocket implements DatagramSocket {
  readonly transport = "udp";
  stop(): void {
    this.close();
  }
  readonly address = { hostname: "192.0.2.1", port: 2002 };
  readonly sent: Datagram[][] = [];
  closed = false;
  canSend: (datagram: Datagram) => boolean = () => true;
  readonly #batches: Datagram[][] = [];
  #wake: () => void = () => {};

  peer(hostname: string, port: number): Peer {
    return new AddressPeer(hostname, port);
  }

  arrive(...packets: Uint8Array[]): void {
    this.#batches.push(packets.map((bytes, i) => ({
      bytes,
      peer: this.peer("192.0.2.9", 1000 + i),
    })));
    this.#wake();
  }

  async receive(): Promise<readonly Datagram[]> {
    while (!this.closed && this.#batches.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.closed ? [] : this.#batches.shift() as Datagram[];
  }

  send(batch: readonly Datagram[]): Promise<number> {
    this.sent.push([...batch]);
    return Promise.resolve(batch.filter(this.canSend).length);
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }
}

for (const [backend, open] of BACKENDS) {
  const options: ServeOptions = { ...LOOPBACK, open };

  Deno.test(`serve() answers in every version over ${backend}`, async () => {
    await using running = await serve(await makeServer(), options);
    assert.equal(running.address.hostname, "127.0.0.1");
    assert(running.address.port > 0);
    using client = await Client.open(running);
    for (const { id } of ALL) {
      const { dialect } = await client.ask(requestFor(id));
      assert.equal(dialect, id);
    }
    await running.shutdown();
    assert.equal(running.counters.udp.received, ALL.length);
    assert.equal(running.counters.udp.answered, ALL.length);
  });

  Deno.test(`serve() answers a crowd over ${backend}, everyone in person`, async () => {
    await using running = await serve(await makeServer(), options);
    const clients = await Promise.all(
      Array.from({ length: 30 }, () => Client.open(running)),
    );
    try {
      await Promise.all(clients.map(async (client, i) => {
        for (let round = 0; round < 5; round++) {
          await client.ask(requestFor("rfc-10049", 100 * round + i));
        }
      }));
    } finally {
      for (const client of clients) client[Symbol.dispose]();
    }
    await running.shutdown();
    assert.equal(running.counters.udp.answered, 150);
    assertBalanced(running.counters.udp);
  });

  for (const id of ["google", "draft-11", "rfc-10049"] as const) {
    Deno.test(`serve() answers every good request among malformed ones of ${id} over ${backend}`, async () => {
      await using running = await serve(await makeServer(), options);
      using client = await Client.open(running);
      using attacker = await Client.open(running);
      const cases = [...corpus(requestFor(id))];
      let goods = 0;
      for (let at = 0; at < cases.length; at += 24) {
        const packets = cases.slice(at, at + 24).map(({ packet }) => packet);
        await attacker.send(...packets);
        await client.ask(requestFor(id, ++goods));
      }
      await running.shutdown();
      const { udp: counters } = running.counters;
      assert.equal(counters.received, cases.length + goods);
      assert(counters.answered >= goods);
      assert.equal(counters.dropped.internal, 0);
      assert(counters.dropped.undersize > 0);
      assert(counters.dropped.parse > 0);
      assertBalanced(counters);
    });
  }

  Deno.test(`serve() gives no answer to less than 1024 bytes over ${backend}`, async () => {
    await using running = await serve(await makeServer(), options);
    using client = await Client.open(running);
    const request = requestFor("rfc-10049", 1);
    assert.equal(request.length, 1024);
    await client.send(
      new Uint8Array(0),
      request.slice(0, 1023),
      requestFor("rfc-10049", 2, 1020),
    );
    // The first thing that comes back is the answer to this one.
    await client.ask(request);
    await running.shutdown();
    assert.equal(running.counters.udp.dropped.undersize, 3);
    assert.equal(running.counters.udp.answered, 1);
  });

  Deno.test(`serve() survives datagrams of all sizes over ${backend}`, async () => {
    await using running = await serve(await makeServer(), options);
    using client = await Client.open(running);
    using attacker = await Client.open(running);
    for (const length of [1, 1024, 2047, 2048, 2049, 3000, 9000]) {
      await attacker.send(bytes(length, length), new Uint8Array(length));
      await client.ask(requestFor("rfc-10049", length));
    }
    // As large as they come, and still good.
    const large = requestFor("rfc-10049", 1, 2048);
    await client.ask(large);
  });

  Deno.test(`serve() stops on shutdown(), idle or not, over ${backend}`, async () => {
    const idle = await serve(await makeServer(), options);
    await idle.shutdown();
    await idle.finished;
    await idle.shutdown();

    const used = await serve(await makeServer(), options);
    using client = await Client.open(used);
    await client.ask(requestFor("rfc-10049"));
    await used.shutdown();
    assert.equal(used.counters.udp.answered, 1);
  });

  Deno.test(`serve() frees its port when it stops over ${backend}`, async () => {
    const server = await makeServer();
    const first = await serve(server, options);
    const { port } = first.address;
    await first.shutdown();
    // The runtimes close a socket only once the reads under way are called off, some
    // turns of the event loop later.
    let second: RunningServer | undefined;
    for (let turn = 0; second === undefined && turn < 1000; turn++) {
      second = await serve(server, { ...options, port }).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve));
    }
    assert(second, "still taken");
    await using running = second;
    using client = await Client.open(running);
    await client.ask(requestFor("rfc-10049"));
  });

  Deno.test(`serve() says which address it cannot have over ${backend}`, async () => {
    const server = await makeServer();
    await using running = await serve(server, options);
    const { port } = running.address;
    await assert.rejects(serve(server, { ...options, port }), (error) => {
      assert(error instanceof ServerError);
      assert.equal(error.name, "ServerError");
      assert.equal(error.code, "bind");
      assert(error.cause instanceof Error);
      assert(error.message.includes(`127.0.0.1:${port}`), error.message);
      return true;
    });
    // Whoever had it still has it.
    using client = await Client.open(running);
    await client.ask(requestFor("rfc-10049"));
  });
}

Deno.test("serve() stops when its scope ends", async () => {
  let ended: Promise<void>;
  {
    await using running = await serve(await makeServer(), LOOPBACK);
    ended = running.finished;
  }
  await ended;
});

Deno.test("serve() stops when its signal aborts", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const running = await serve(await makeServer(), { ...LOOPBACK, signal });
  using client = await Client.open(running);
  await client.ask(requestFor("rfc-10049"));
  controller.abort(new Error("not of interest"));
  await running.finished;
  await running.shutdown();
});

Deno.test("serve() stops at once when its signal has aborted before", async () => {
  const signal = AbortSignal.abort();
  const running = await serve(await makeServer(), { ...LOOPBACK, signal });
  await running.finished;
  assert.equal(running.counters.udp.received, 0);
});

Deno.test("serve() has no use for its signal once it has stopped", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const running = await serve(await makeServer(), { ...LOOPBACK, signal });
  await running.shutdown();
  controller.abort();
  await running.finished;
});

Deno.test("serve() runs as many servers as there are ports", async () => {
  const one = await makeServer();
  const other = await makeServer({ privateKey: bytes(32, 2) });
  await using first = await serve(one, LOOPBACK);
  await using second = await serve(other, LOOPBACK);
  assert.notEqual(first.address.port, second.address.port);
  using left = await Client.open(first);
  using right = await Client.open(second);
  const [theirs] = other.publicKeys as [Uint8Array];
  for (let i = 0; i < 3; i++) {
    await Promise.all([
      left.ask(requestFor("google", i)),
      right.ask(requestFor("google", i), theirs),
    ]);
  }
  await first.shutdown();
  await right.ask(requestFor("google", 3), theirs);
});

Deno.test("serve() puts one server on two ports", async () => {
  const server = await makeServer();
  await using first = await serve(server, LOOPBACK);
  await using second = await serve(server, LOOPBACK);
  using left = await Client.open(first);
  using right = await Client.open(second);
  const ours = await left.ask(requestFor("rfc-10049", 1));
  const theirs = await right.ask(requestFor("rfc-10049", 2));
  assert.deepEqual(ours.delegation, theirs.delegation);
  await first.shutdown();
  // They are the server's, whichever way its packets came.
  assert.equal(first.counters.udp.answered, 2);
  assert.equal(second.counters, first.counters);
});

function loopbackHasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

const IPV6 = loopbackHasIpv6();

Deno.test({
  name: IPV6
    ? "serve() listens on IPv6"
    : "serve() listens on IPv6 (skipped: no IPv6 on this machine)",
  ignore: !IPV6,
  async fn() {
    await using running = await serve(await makeServer(), {
      hostname: "::1",
      port: 0,
    });
    assert.equal(running.address.hostname, "::1");
    using client = await Client.open(running);
    await client.ask(requestFor("rfc-10049"));
    const { port } = running.address;
    await assert.rejects(
      serve(await makeServer(), { hostname: "::1", port }),
      (error: Error) => error.message.includes(`[::1]:${port}`),
    );
  },
});

Deno.test("serve() needs permission to listen", {
  permissions: "none",
}, async () => {
  await assert.rejects(serve(await makeServer(), LOOPBACK), {
    name: "ServerError",
    code: "bind",
  });
});

Deno.test("serve() tells the time of its server", async () => {
  class Back extends Server {
    override getTime(): bigint {
      return 1_000_000_000_000_000n;
    }
  }
  const server = await Back.create({ privateKey: SEED, greaseProbability: 0 });
  await using running = await serve(server, LOOPBACK);
  using client = await Client.open(running);
  const { midpointMicros } = await client.ask(requestFor("draft-08"));
  assert.equal(midpointMicros, 1_000_000_000_000_000n);
});

Deno.test("serve() goes on when its server's clock fails", async () => {
  class Faulty extends Server {
    broken = false;
    override getTime(): bigint {
      if (this.broken) throw new Error("no time");
      return super.getTime();
    }
  }
  const server = await Faulty.create({ privateKey: SEED });
  await using running = await serve(server, LOOPBACK);
  using client = await Client.open(running);
  await client.ask(requestFor("google", 1));
  server.broken = true;
  await client.send(requestFor("google", 2));
  await client.send(requestFor("google", 3).slice(4));
  while (running.counters.udp.received < 3) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  server.broken = false;
  await client.ask(requestFor("google", 4));
  await running.shutdown();
  assert.equal(running.counters.udp.answered, 2);
  assertBalanced(running.counters.udp);
});

Deno.test("serve() opens its socket as it is told", {
  permissions: "none",
}, async () => {
  const server = await makeServer();
  const opened: DatagramOptions[] = [];
  const run = async (options: ServeOptions) => {
    const socket = new FakeSocket();
    const running = await serve(server, {
      ...options,
      open: (options) => {
        opened.push(options);
        return Promise.resolve(socket);
      },
      tcp: false,
    });
    assert.equal(running.address, socket.address);
    await running.shutdown();
    assert(socket.closed);
  };
  await run({});
  await run({ hostname: "::1", port: 5319, maxBatch: 7 });
  assert.deepEqual(opened, [
    { hostname: "::", port: DEFAULT_PORT, maxBatch: 64 },
    { hostname: "::1", port: 5319, maxBatch: 7 },
  ]);
  assert.equal(DEFAULT_PORT, 2002);
});

Deno.test("serve() answers a batch with one signature, and each to its own", {
  permissions: "none",
}, async () => {
  const batches: number[] = [];
  const answered = Promise.withResolvers<void>();
  const server = await makeServer({
    onBatch: (_, size) => batches.push(size),
  });
  const socket = new FakeSocket();
  const { send } = socket;
  socket.send = async (batch) => {
    const taken = await send.call(socket, batch);
    answered.resolve();
    return taken;
  };
  const running = await serve(server, {
    open: () => Promise.resolve(socket),
    tcp: false,
  });
  const requests = Array.from(
    { length: 20 },
    (_, i) =>
      // One in four is no request at all.
      i % 4 === 3 ? bytes(1024, i) : requestFor("rfc-10049", i),
  );
  socket.arrive(...requests);
  await answered.promise;
  await running.shutdown();
  assert.deepEqual(batches, [15]);
  const [replies, ...more] = socket.sent;
  assert.deepEqual(more, []);
  assert.equal(replies?.length, 15);
  for (const { bytes, peer } of replies) {
    const slot = Number(String(peer).split(":")[1]) - 1000;
    await verified(requests[slot] as Uint8Array, bytes);
  }
  assert.equal(running.counters.udp.received, 20);
  assert.equal(running.counters.udp.answered, 15);
  assert.equal(totalDropped(running.counters.udp), 5);
});

Deno.test("serve() counts everything once", {
  permissions: "none",
}, async () => {
  const socket = new FakeSocket();
  // Every third reply cannot be sent.
  let turn = 0;
  socket.canSend = () => ++turn % 3 !== 0;
  const running = await serve(await makeServer(), {
    open: () => Promise.resolve(socket),
    tcp: false,
  });
  const { udp: counters } = running.counters;
  assert.deepEqual(counters, {
    received: 0,
    answered: 0,
    dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])),
  });
  const good = Array.from({ length: 9 }, (_, i) => requestFor("draft-11", i));
  const [reframed] = good as [Uint8Array];
  const wrongFrame = reframed.slice();
  wrongFrame[8] = 0;
  socket.arrive(...good.slice(0, 4), new Uint8Array(10), bytes(1024, 1));
  socket.arrive(wrongFrame, ...good.slice(4));
  while (counters.received < 12 || socket.sent.length < 2) {
    await new Promise((resolve) => setTimeout(resolve));
  }
  await running.shutdown();
  assert.equal(counters.received, 12);
  assert.equal(counters.answered, 6);
  assert.equal(counters.dropped.write, 3);
  const { undersize, parse, framing } = counters.dropped;
  assert.deepEqual({ undersize, parse, framing }, {
    undersize: 1,
    parse: 1,
    framing: 1,
  });
  assertBalanced(counters);
});

for (const [backend, open] of BACKENDS) {
  for (const how of ["shutdown()", "its signal"] as const) {
    Deno.test(`serve() answers what it has taken before ${how} stops it over ${backend}`, async () => {
      const inside = Promise.withResolvers<void>();
      const gate = Promise.withResolvers<void>();
      class Slow extends Server {
        override async handleBatch(
          packets: readonly Uint8Array[],
        ): Promise<Outcome[]> {
          inside.resolve();
          await gate.promise;
          return await super.handleBatch(packets);
        }
      }
      const server = await Slow.create({
        privateKey: SEED,
        greaseProbability: 0,
      });
      const controller = new AbortController();
      const { signal } = controller;
      await using running = await serve(server, { ...LOOPBACK, open, signal });
      using client = await Client.open(running);
      const request = requestFor("rfc-10049");
      await client.send(request);
      await inside.promise;
      let stopped: Promise<void>;
      if (how === "shutdown()") stopped = running.shutdown();
      else {
        controller.abort();
        stopped = running.finished;
      }
      gate.resolve();
      await stopped;
      assert.equal(running.counters.udp.received, 1);
      assert.equal(running.counters.udp.answered, 1);
      await verified(request, await client.receive());
    });
  }
}
