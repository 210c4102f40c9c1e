import assert from "node:assert/strict";
import net, { type AddressInfo } from "node:net";
import { type Arrival, ask } from "../../lib/client/ask.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { frame } from "../../lib/wire/frame.ts";
import {
  BAD,
  FakeNetwork,
  found,
  GOOD,
  options,
  refusing,
  REQUESTS,
} from "../_support/fake_network.ts";
import { bytes } from "../_support/fixtures.ts";

interface TcpServer extends AsyncDisposable {
  port: number;
  /** What came in, packet by packet. */
  packets: Uint8Array[];
  /** How many connected. */
  connections: number;
}

/** Answers each packet over TCP; without an answer the connection ends. */
async function listenTcp(
  answer: (packet: Uint8Array) => Uint8Array | undefined,
  hostname = "127.0.0.1",
  port = 0,
): Promise<TcpServer> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    server.connections++;
    const reader = new PacketReader(4096);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      for (const packet of reader.push(chunk)) {
        server.packets.push(packet);
        const reply = answer(packet);
        if (reply) socket.write(reply);
        else socket.end();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(port, hostname, resolve);
  });
  const server: TcpServer = {
    port: (listener.address() as AddressInfo).port,
    packets: [],
    connections: 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return server;
}

const FRAMED: readonly Uint8Array[] = [10, 11].map((n) => frame(bytes(64, n)));

const FRAMED_GOOD: Uint8Array = frame(bytes(100, 12));

function takeFramedGood(arrival: Arrival): Promise<Arrival | undefined> {
  const good = String(arrival.response) === String(FRAMED_GOOD);
  return Promise.resolve(good ? arrival : undefined);
}

Deno.test("ask() asks over TCP alone when it is told to", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival?.transport, "tcp");
  assert.equal(arrival.from, `127.0.0.1:${server.port}`);
  assert.deepEqual(server.packets, [FRAMED[0]]);
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() sends unframed requests over UDP only", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    offers: 2,
    request: (n) => [REQUESTS[0], FRAMED[0]][n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert(arrival);
  assert.deepEqual(server.packets, [FRAMED[0]]);
  assert.deepEqual(arrival.attempts.map(({ request }) => request), [FRAMED[0]]);
});

Deno.test("ask() does not begin with TCP where UDP answers", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "auto",
  }));
  assert.equal(arrival?.transport, "udp");
  assert.equal(server.connections, 0);
});

Deno.test("ask() turns to TCP where UDP stays silent, and still listens there", async () => {
  const network = new FakeNetwork();
  await using server = await listenTcp(() => {
    // The answer to the datagram comes while TCP is tried already.
    network.sent[0]?.reply(FRAMED_GOOD);
    return frame(BAD);
  });
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "auto",
    timeout: 1000,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival?.transport, "udp");
  assert.equal(server.connections, 1);
  assert.equal(arrival.attempts.length, 1, "one request, however it is sent");
});

Deno.test("ask() turns to TCP at once where UDP is impossible", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const failing: ((network: FakeNetwork) => void)[] = [
    (network) => network.onSend = () => false,
    (network) => network.onOpen = () => Promise.reject(new Error("no")),
  ];
  for (const fail of failing) {
    const network = new FakeNetwork();
    fail(network);
    const arrival = await ask(options(network, {
      host: "127.0.0.1",
      port: server.port,
      transport: "auto",
      timeout: 1_000_000,
      request: (n) => FRAMED[n] as Uint8Array,
      judge: takeFramedGood,
    }));
    assert.equal(arrival?.transport, "tcp");
  }
});

Deno.test("ask() fails at once where neither UDP nor TCP is possible", async () => {
  let port: number;
  {
    await using server = await listenTcp(() => undefined);
    port = server.port;
  }
  const network = new FakeNetwork();
  network.onSend = () => false;
  await assert.rejects(
    ask(options(network, {
      host: "127.0.0.1",
      port,
      transport: "auto",
      timeout: 1_000_000,
    })),
    { name: "NetworkError", code: "unreachable" },
  );
});

Deno.test("ask() throws the reason of a signal that aborts while TCP connects", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const reason = new Error("mine");
  const controller = new AbortController();
  const asking = ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    signal: controller.signal,
  }));
  // No connection is there before the event loop has turned.
  for (let i = 0; i < 100; i++) await Promise.resolve();
  controller.abort(reason);
  assert.equal(await asking.catch((error) => error), reason);
});

Deno.test("ask() throws the reason of a signal that aborts during talk over TCP", async () => {
  const reason = new Error("mine");
  const controller = new AbortController();
  await using server = await listenTcp(() => {
    controller.abort(reason);
    return FRAMED_GOOD;
  });
  const error = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    request: (n) => FRAMED[n] as Uint8Array,
    judge: () => Promise.resolve(undefined),
    signal: controller.signal,
  })).catch((error) => error);
  assert.equal(error, reason);
});

Deno.test("ask() gives up when the time is over and TCP says nothing good", async () => {
  await using server = await listenTcp(() => frame(BAD));
  const arrival = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    timeout: 100,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival, undefined);
  assert.deepEqual(server.packets, [FRAMED[0]]);
});

Deno.test("ask() takes a connection for having reached the server, though other addresses failed", async () => {
  await using server = await listenTcp(() => frame(BAD));
  const arrival = await ask(options(new FakeNetwork(), {
    host: "name",
    // Nobody listens at the first one.
    lookup: found("::1", "127.0.0.1"),
    port: server.port,
    transport: "tcp",
    timeout: 500,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival, undefined, "no answer, which is not out of reach");
  assert.equal(server.connections, 1);
});

Deno.test("ask() makes no further offer over TCP once it has its answer", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const asked: number[] = [];
  const arrival = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    offers: 2,
    request: (n) => {
      asked.push(n);
      return FRAMED[n] as Uint8Array;
    },
    judge: takeFramedGood,
  }));
  assert(arrival);
  assert.deepEqual(asked, [0]);
});

Deno.test("ask() goes to TCP at once where UDP is refused", async () => {
  const listener = net.createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.write(frame(GOOD)));
  });
  await new Promise<void>((resolve) =>
    listener.listen(0, "127.0.0.1", () => resolve())
  );
  const { port } = listener.address() as AddressInfo;
  const network = refusing();
  const framed = frame(new Uint8Array(52));
  const seen: string[] = [];
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port,
    transport: "auto",
    timeout: 3_600_000, // half of which would be waited for else
    request: () => framed,
    judge: (arrival) => Promise.resolve(arrival),
    onTrace: ({ kind }) => void seen.push(kind),
  }));
  assert.equal(arrival?.transport, "tcp");
  assert.deepEqual(seen, ["send", "fail", "connect", "send"]);
  await new Promise((resolve) => listener.close(resolve));
});
