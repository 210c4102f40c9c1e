import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { sendRequest } from "../../../lib/client/send_request.ts";
import {
  hasLinuxUdp,
  linuxUdpProblem,
  openLinuxUdp,
  openPacketRing,
  wakeRing,
} from "../../../lib/net/linux/udp.ts";
import { CUT, type PacketRing } from "../../../lib/net/linux/packet_ring.ts";
import { chooseServerIo, openServerUdp } from "../../../lib/net/udp.ts";
import { serve } from "../../../lib/server/serve.ts";
import { Server } from "../../../lib/server/core.ts";
import { linesOf } from "../../_support/cli.ts";
import { bytes, requestFor } from "../../_support/fixtures.ts";
import { hasIpv6 } from "../../_support/ipv6.ts";

const MISSING = linuxUdpProblem();

/** Sockets on all addresses need all of --allow-net; then these run in another process. */
const CLOSED = MISSING ??
  ((await Deno.permissions.query({ name: "net" })).state === "granted"
    ? undefined
    : "no --allow-net for everything, so in a process of its own");

/** The tests that open them. */
const elsewhere: string[] = [];

function test(
  name: string,
  fn: () => void | Promise<void>,
  missing: string | undefined = MISSING,
): void {
  if (missing === CLOSED) elsewhere.push(name);
  Deno.test({
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
    fn,
  });
}

Deno.test({
  name: "sockets on all addresses, in a process that may open them" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined || CLOSED === undefined,
  fn: async () => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--allow-all", "--no-check", "--unstable-net"],
        `--filter=/^(${elsewhere.join("|")})/`,
        fileURLToPath(import.meta.url),
      ],
      env: { NO_COLOR: "1" },
    }).output();
    const out = linesOf(stdout);
    assert.equal(code, 0, [...out, ...linesOf(stderr)].join("\n"));
    const ended = out.filter((line) => / \.\.\. (ok|ignored)/.test(line));
    assert.equal(ended.length, elsewhere.length);
  },
});

/** Memory such as a WebAssembly module's: slots first, then room for replies. */
interface RingOptions {
  hostname?: string;
  port?: number;
  slots?: number;
  slotBytes?: number;
  reusePort?: boolean;
}

const INPUT = 64;

type TestRing = PacketRing & Disposable & {
  readonly memory: Uint8Array;
  slot(i: number): Uint8Array;
};

function openRing(
  {
    hostname = "127.0.0.1",
    port = 0,
    slots = 128,
    slotBytes = 256,
    reusePort = false,
  }: RingOptions = {},
): TestRing {
  const pages = Math.ceil((INPUT + slots * slotBytes) / 65536) + 1;
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const memory = new Uint8Array(buffer);
  const ring = openPacketRing({
    hostname,
    port,
    reusePort,
    receiveBufferBytes: 1 << 20,
    memory: {
      bytes: memory,
      inputOffset: INPUT,
      inputStride: slotBytes,
      slots,
    },
  });
  return Object.assign(ring, {
    memory,
    slot: (i: number) =>
      memory.subarray(INPUT + i * slotBytes).subarray(0, ring.lengths[i]),
    [Symbol.dispose]: () => ring.close(),
  });
}

/** A client that is not made of what is tested. */
interface Client extends Disposable {
  readonly name: string;
  send(payload: Uint8Array, hostname: string, port: number): Promise<void>;
  receive(): Promise<{ bytes: Uint8Array; hostname: string; port: number }>;
}

function openClient(hostname = "127.0.0.1"): Client {
  const socket = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
  const { port } = socket.addr as Deno.NetAddr;
  return {
    name: hostname.includes(":")
      ? `[${hostname}]:${port}`
      : `${hostname}:${port}`,
    send: async (payload, hostname, port) => {
      await socket.send(payload, { transport: "udp", hostname, port });
    },
    receive: async () => {
      const [bytes, from] = await socket.receive();
      const { hostname, port } = from as Deno.NetAddr;
      return { bytes, hostname, port };
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

// On loopback, what has been sent is waiting already: nothing here blocks for long.
for (const waiting of [1, 2, 127, 128, 300]) {
  test(`a ring takes and answers ${waiting} datagrams`, async () => {
    using ring = openRing();
    using client = openClient();
    const { port } = ring.address;
    const payload = (i: number) => bytes(20 + i % 100, i);
    for (let i = 0; i < waiting; i++) {
      await client.send(payload(i), "127.0.0.1", port);
    }
    const reply = ring.memory.length - 300;
    for (let next = 0; next < waiting;) {
      const count = ring.receive();
      assert.equal(count, Math.min(128, waiting - next));
      for (let i = 0; i < count; i++) {
        assert.deepEqual(Uint8Array.from(ring.slot(i)), payload(next + i));
        assert.equal(String(ring.peerOf(i)), client.name);
        ring.memory[reply + i] = next + i;
        ring.queue(i, reply + i, 1);
      }
      assert.equal(ring.flush(), count);
      for (let i = 0; i < count; i++) {
        const { bytes, hostname } = await client.receive();
        assert.deepEqual(bytes, Uint8Array.of(next + i));
        assert.equal(hostname, "127.0.0.1");
      }
      next += count;
    }
    assert.equal(ring.take(), 0);
    assert.equal(ring.flush(), 0);
  });
}

test("a ring tells a datagram that was cut from one that just fits", async () => {
  using ring = openRing({ slots: 8, slotBytes: 64 });
  using client = openClient();
  for (const length of [64, 65, 3000, 63, 0]) {
    await client.send(bytes(length, 1), "127.0.0.1", ring.address.port);
  }
  assert.equal(ring.receive(), 5);
  assert.deepEqual([...ring.lengths.subarray(0, 5)], [64, CUT, CUT, 63, 0]);
  // And what was cut has not run over into its neighbour's slot.
  const neighbour = INPUT + 3 * 64;
  assert.deepEqual(
    ring.memory.slice(neighbour, neighbour + 63),
    bytes(63, 1),
  );
});

test("a ring goes on where a reply cannot be sent", async () => {
  using ring = openRing({ slots: 8 });
  using client = openClient();
  await client.send(bytes(8, 1), "127.0.0.1", ring.address.port);
  assert.equal(ring.receive(), 1);
  // Port 0 and another family are refused; nobody listens on the last one.
  const nowhere = ring.peer("127.0.0.1", 0);
  const alien = ring.peer("2001:db8::1", 9);
  const silent = ring.peer("127.0.0.1", 1);
  const good = ring.peerOf(0);
  for (const peer of [nowhere, good, alien, alien, good, silent, nowhere]) {
    ring.queueTo(peer, INPUT, 8);
  }
  ring.queue(0, INPUT, 8);
  assert.equal(ring.flush(), 4);
  for (let i = 0; i < 3; i++) {
    assert.deepEqual((await client.receive()).bytes, bytes(8, 1));
  }
  await client.send(bytes(8, 2), "127.0.0.1", ring.address.port);
  assert.equal(ring.receive(), 1);
});

test("a ring sends nothing from outside of its memory", () => {
  using ring = openRing({ slots: 2 });
  const { length } = ring.memory;
  for (
    const [slot, offset, size] of [
      [0, length - 3, 4],
      [0, -1, 4],
      [0, 0, -1],
      [0, 2 ** 40, 4],
      [0, NaN, 4],
      [2, 0, 4],
      [-1, 0, 4],
    ] as const
  ) assert.throws(() => ring.queue(slot, offset, size), RangeError);
  const peer = ring.peer("127.0.0.1", 1);
  ring.queueTo(peer, length - 4, 4);
  ring.queueTo(peer, 0, 0);
  assert(ring.isFull);
  assert.throws(() => ring.queueTo(peer, 0, 4), RangeError);
  assert.equal(ring.flush(), 2);
  assert(!ring.isFull);
});

test("slots have to be inside of the memory", () => {
  const memory = { inputOffset: 8, inputStride: 64, slots: 2 };
  for (const size of [0, 135]) {
    assert.throws(
      () =>
        openPacketRing({
          hostname: "127.0.0.1",
          port: 0,
          memory: { ...memory, bytes: new Uint8Array(size) },
        }),
      RangeError,
    );
  }
});

test("a ring is woken even while it is flooded", async () => {
  using ring = openRing({ slots: 1 });
  using client = openClient();
  for (let i = 0; i < 100; i++) {
    await client.send(bytes(8, i), "127.0.0.1", ring.address.port);
  }
  ring.wake();
  let batches = 0;
  while (ring.receive() > 0) batches++;
  assert(batches < 100, "the wake came too late");
  // It was for once: the rest is still there.
  assert.equal(ring.receive(), 1);
});

test("a stopped ring takes nothing more and answers what it has", async () => {
  using ring = openRing({ slots: 1 });
  using client = openClient();
  await client.send(bytes(8, 1), "127.0.0.1", ring.address.port);
  await client.send(bytes(8, 2), "127.0.0.1", ring.address.port);
  assert.equal(ring.receive(), 1);
  ring.stop();
  assert.equal(ring.receive(), 0);
  assert.equal(ring.take(), 0);
  ring.queue(0, INPUT, 8);
  assert.equal(ring.flush(), 1);
  assert.deepEqual((await client.receive()).bytes, bytes(8, 1));
});

test("a ring that blocks its thread is woken by another", async () => {
  const url = new URL("../../_support/ring_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  const next = () =>
    new Promise<MessageEvent>((resolve, reject) => {
      worker.onmessage = resolve;
      worker.onerror = reject;
    });
  const { port, wakeFd } = (await next()).data as {
    port: number;
    wakeFd: number;
  };
  using client = openClient();
  for (let i = 0; i < 3; i++) {
    await client.send(bytes(100, i), "127.0.0.1", port);
    assert.deepEqual((await client.receive()).bytes, bytes(100, i));
  }
  const closed = next();
  wakeRing(wakeFd);
  assert.equal((await closed).data, "closed");
  worker.terminate();
});

test("rings share a port, and the senders are dealt out", async () => {
  using one = openRing({ reusePort: true });
  const { port } = one.address;
  using other = openRing({ port, reusePort: true });
  assert.throws(() => openRing({ port }), Deno.errors.AddrInUse);
  const senders = 64;
  for (let i = 0; i < senders; i++) {
    using client = openClient();
    await client.send(bytes(8, i), "127.0.0.1", port);
  }
  const [mine, theirs] = [one.take(), other.take()];
  assert.equal(mine + theirs, senders);
  assert(mine > 0 && theirs > 0, `${mine} and ${theirs}`);
});

const SOURCES = [
  { bound: "0.0.0.0", asked: "127.0.0.2", from: "127.0.0.1" },
  { bound: "0.0.0.0", asked: "127.0.0.1", from: "127.0.0.1" },
  { bound: "::", asked: "127.0.0.2", from: "127.0.0.1" },
  { bound: "::", asked: "::1", from: "::1" },
];

for (const { bound, asked, from } of SOURCES) {
  const missing = CLOSED ??
    (bound === "::" && !hasIpv6() ? "no IPv6 on this machine" : undefined);
  test(
    `a ring on ${bound} answers as ${asked} when that is asked`,
    async () => {
      using ring = openRing({ hostname: bound, slots: 4 });
      using client = openClient(from);
      const { port } = ring.address;
      assert.equal(ring.address.hostname, bound);
      // More rounds than one: what the kernel has written is made good again.
      for (let round = 0; round < 3; round++) {
        for (let i = 0; i < 3; i++) {
          await client.send(bytes(8, i), asked, port);
        }
        assert.equal(ring.receive(), 3);
        assert.equal(String(ring.peerOf(0)), client.name);
        ring.queue(2, INPUT, 8);
        ring.queueTo(ring.peerOf(0), INPUT, 8);
        assert.equal(ring.flush(), 2);
        for (let i = 0; i < 2; i++) {
          const { hostname, port: answering } = await client.receive();
          assert.equal(hostname, asked);
          assert.equal(answering, port);
        }
        // Who was not heard of before is written to from whatever address suits.
        const [, clientPort] = /:(\d+)$/.exec(
          client.name,
        ) as unknown as string[];
        ring.queueTo(ring.peer(from, Number(clientPort)), INPUT, 8);
        assert.equal(ring.flush(), 1);
        assert.equal((await client.receive()).hostname, from);
      }
    },
    missing,
  );

  test(
    `a socket on ${bound} answers as ${asked} when that is asked`,
    async () => {
      const socket = openLinuxUdp({ hostname: bound, port: 0, maxBatch: 4 });
      using client = openClient(from);
      await client.send(bytes(8, 1), asked, socket.address.port);
      const batch = await socket.receive();
      assert.deepEqual(batch.map(({ peer }) => String(peer)), [client.name]);
      assert.equal(await socket.send(batch), 1);
      assert.equal((await client.receive()).hostname, asked);
      socket.close();
    },
    missing,
  );
}

test("a socket sends more than fits into a batch or its buffer", async () => {
  const near = openLinuxUdp({ hostname: "127.0.0.1", port: 0, maxBatch: 4 });
  const far = openLinuxUdp({
    ...{ hostname: "127.0.0.1", port: 0, maxBatch: 4 },
    receiveBufferBytes: 1 << 20,
  });
  const peer = near.peer("127.0.0.1", far.address.port);
  const batch = [100, 60000, 60000, 60000, 100, 100, 100, 100, 100, 100]
    .map((length, i) => ({ bytes: bytes(length, i), peer }));
  batch.push({ bytes: bytes(70000, 0), peer }, {
    bytes: bytes(1 << 18, 0),
    peer,
  });
  const sent = await near.send(batch);
  // Long ones may not fit into the other end's buffer, which the sender does not see.
  assert.equal(sent, batch.length - 2);
  const [first] = await far.receive();
  assert.deepEqual(first?.bytes, bytes(100, 0));
  assert.equal(String(first?.peer), `127.0.0.1:${near.address.port}`);
  near.close();
  far.close();
});

test("a socket tells what buffer it was given", () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 4 };
  const socket = openLinuxUdp({ ...where, receiveBufferBytes: 64 << 10 });
  assert.equal(socket.receiveBufferBytes, 64 << 10);
  socket.close();
});

test("a stopped socket ends its receive() and can still answer", async () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 4 };
  const socket = openLinuxUdp(where);
  using client = openClient();
  await client.send(bytes(8, 1), "127.0.0.1", socket.address.port);
  const batch = await socket.receive();
  const receiving = socket.receive();
  socket.stop();
  assert.deepEqual(await receiving, []);
  assert.equal(await socket.send(batch), 1);
  assert.deepEqual((await client.receive()).bytes, bytes(8, 1));
  socket.close();
});

test("a flooded socket leaves their turn to timers and other sockets", async () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 4 };
  const socket = openLinuxUdp(where);
  const peer = socket.peer("127.0.0.1", socket.address.port);
  // Whatever it takes, it sends to itself again: there is always something waiting.
  await socket.send(
    Array.from({ length: 8 }, (_, i) => ({ bytes: bytes(8, i), peer })),
  );
  let others = 0;
  const timer = new Promise<void>((resolve) => setTimeout(resolve, 1))
    .then(() => others++);
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept().then((connection) => {
    connection.close();
    others++;
  });
  const { port } = listener.addr as Deno.NetAddr;
  const connected = Deno.connect({ hostname: "127.0.0.1", port });
  let batches = 0;
  for (; others < 2 && batches < 300_000; batches++) {
    const batch = await socket.receive();
    assert(batch.length > 0);
    assert.equal(await socket.send(batch), batch.length);
  }
  assert.equal(others, 2, `nothing else had a turn in ${batches} batches`);
  await Promise.all([timer, accepted]);
  (await connected).close();
  listener.close();
  socket.close();
});

test("a server serves through such a socket", async () => {
  const server = await Server.create({ greaseProbability: 0 });
  await using running = await serve(server, {
    hostname: "127.0.0.1",
    port: 0,
    tcp: false,
    open: (options) => openServerUdp("linux", options),
  });
  const { midpoint } = await sendRequest({
    host: "127.0.0.1",
    port: running.address.port,
    publicKey: server.publicKeys[0] as Uint8Array,
  });
  assert(!Number.isNaN(midpoint.getTime()));
  assert.equal(running.counters.udp.answered, 1);
});

/** May a port of loopback be bound? */
function isFree(port: number): boolean {
  const where = { transport: "udp", hostname: "127.0.0.1", port } as const;
  try {
    Deno.listenDatagram(where).close();
    return true;
  } catch {
    return false;
  }
}

const DOOMED = [
  { what: "that serves", workers: 0, isFlooded: false },
  { what: "that is flooded", workers: 0, isFlooded: true },
  { what: "with workers", workers: 2, isFlooded: false },
  { what: "whose workers are flooded", workers: 2, isFlooded: true },
];

for (const { what, workers, isFlooded } of DOOMED) {
  test(`a thread ${what} frees its port when it is terminated`, async () => {
    const url = new URL("../../_support/doomed_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    worker.onmessage = ({ data }) => resolve(data.port);
    worker.onerror = reject;
    worker.postMessage(workers);
    const port = await promise;
    // Somebody was there, and what waits has been used.
    using client = openClient();
    const request = requestFor("rfc-10049");
    const ask = () => client.send(request, "127.0.0.1", port);
    await ask();
    assert((await client.receive()).bytes.length > 0);
    assert(!isFree(port));
    worker.terminate();
    for (let turn = 0; !isFree(port); turn++) {
      assert(turn < 5000, "never free");
      for (let i = 0; i < (isFlooded ? 50 : 0); i++) await ask();
      await new Promise((resolve) => setTimeout(resolve));
    }
  });
}

test("a process serves on 40 addresses, and files keep their turn", async () => {
  const server = await Server.create({
    privateKey: bytes(32, 1), // behind PUBLIC_KEY
    greaseProbability: 0,
  });
  await using running = await serve(server, {
    listen: Array.from({ length: 40 }, () => ({
      hostname: "127.0.0.1",
      port: 0,
    })),
    tcp: false,
    io: "linux",
  });
  const ports = new Set(running.addresses.map(({ port }) => port));
  assert.equal(ports.size, 40);
  using client = openClient();
  for (let round = 1; round <= 3; round++) {
    for (const port of ports) {
      await client.send(requestFor("rfc-10049", port), "127.0.0.1", port);
    }
    const answered = new Set<number>();
    while (answered.size < 40) answered.add((await client.receive()).port);
    assert.deepEqual(answered, ports);
    const text = await Deno.readTextFile(new URL(import.meta.url));
    assert(text.includes("files keep their turn"));
    assert.equal(running.counters.udp.answered, 40 * round);
  }
});

test("a socket is woken while others wait, and they go on waiting", async () => {
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 4 };
  const [one, other] = [openLinuxUdp(where), openLinuxUdp(where)];
  const [first, second] = [one.receive(), other.receive()];
  one.stop();
  assert.deepEqual(await first, []);
  one.close();
  using client = openClient();
  await client.send(bytes(8, 1), "127.0.0.1", other.address.port);
  const batch = await second;
  assert.deepEqual(batch.map(({ bytes }) => bytes.length), [8]);
  // And somebody new comes while one waits.
  const third = other.receive();
  const late = openLinuxUdp(where);
  await client.send(bytes(9, 1), "127.0.0.1", late.address.port);
  assert.deepEqual((await late.receive()).map(({ bytes }) => bytes.length), [
    9,
  ]);
  other.close();
  late.close();
  assert.deepEqual(await third, []);
});

test("a server's backend is the fastest that is there", async () => {
  assert(hasLinuxUdp());
  assert.equal(chooseServerIo("auto").io, "linux");
  assert.equal(chooseServerIo("linux").io, "linux");
  assert.equal(chooseServerIo("portable").io, "portable");
  const where = { hostname: "127.0.0.1", port: 0, maxBatch: 4 };
  for (const io of ["auto", "portable", "linux"] as const) {
    const socket = await openServerUdp(chooseServerIo(io).io, where);
    assert.equal(socket.address.hostname, "127.0.0.1");
    socket.close();
  }
});

test("binding fails in the runtime's words", () => {
  const where = { port: 0, maxBatch: 1 };
  assert.throws(
    () => openLinuxUdp({ ...where, hostname: "192.0.2.1" }),
    Deno.errors.AddrNotAvailable,
  );
  assert.throws(() => openLinuxUdp({ ...where, hostname: "name" }), TypeError);
}, CLOSED);

Deno.test("without permission there is no such backend, and no question", {
  permissions: "none",
}, () => {
  const problem = linuxUdpProblem();
  assert.match(problem ?? "", /--allow-ffi|not Linux/);
  assert(!hasLinuxUdp());
  assert.equal(chooseServerIo("auto").io, "portable");
  assert.throws(
    () => chooseServerIo("linux"),
    (error: Error) => error.message.includes(String(problem)),
  );
  wakeRing(-1);
});
