import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import net from "node:net";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import { writeUint32 } from "../../lib/wire/uint.ts";
import { frame, FRAME_BYTES } from "../../lib/wire/frame.ts";
import { connectTcp, PacketReader } from "../../lib/net/tcp.ts";
import { bytes, flip } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** So many packets with messages of these lengths. */
function packets(...lengths: number[]): Uint8Array[] {
  return lengths.map((length, i) => frame(bytes(length, i + 1)));
}

function reader(maxMessageBytes = 4096): PacketReader {
  return new PacketReader(maxMessageBytes);
}

Deno.test("PacketReader gives a packet that comes whole", none, () => {
  const packet = frame(bytes(1012, 1));
  const cutter = reader();
  assert.deepEqual(cutter.push(packet), [packet]);
  assert(!cutter.partial && !cutter.broken);
  assert.deepEqual(cutter.push(packet), [packet]);
});

Deno.test("PacketReader gives a packet that comes byte by byte", none, () => {
  const packet = frame(bytes(64, 1));
  const cutter = reader();
  for (let i = 0; i < packet.length - 1; i++) {
    assert.deepEqual(cutter.push(packet.slice(i, i + 1)), []);
    assert(cutter.partial && !cutter.broken);
  }
  assert.deepEqual(cutter.push(packet.slice(-1)), [packet]);
  assert(!cutter.partial && !cutter.broken);
});

Deno.test(
  "PacketReader gives all packets of a chunk and keeps the rest",
  none,
  () => {
    const [a, b, c] = packets(100, 4, 360) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const cutter = reader();
    assert.deepEqual(
      cutter.push(concat(a, b, c.subarray(0, 50))),
      [a, b],
    );
    assert(cutter.partial);
    assert.deepEqual(cutter.push(concat(c.subarray(50), a)), [c, a]);
    assert(!cutter.partial);
  },
);

Deno.test("PacketReader takes empty chunks and empty messages", none, () => {
  const [empty] = packets(0) as [Uint8Array];
  const cutter = reader();
  assert.deepEqual(cutter.push(new Uint8Array(0)), []);
  assert(!cutter.partial);
  assert.deepEqual(cutter.push(concat(empty, empty)), [empty, empty]);
  assert.deepEqual(cutter.push(new Uint8Array(0)), []);
  assert(!cutter.broken);
});

Deno.test("PacketReader keeps nothing of the caller's buffers", none, () => {
  const [a, b] = packets(40, 80) as [Uint8Array, Uint8Array];
  const stream = concat(a, b);
  const cutter = reader();
  const given: Uint8Array[] = [];
  const buffer = new Uint8Array(7);
  for (let at = 0; at < stream.length; at += buffer.length) {
    const part = stream.subarray(at, at + buffer.length);
    buffer.set(part);
    given.push(...cutter.push(buffer.subarray(0, part.length)));
    buffer.fill(0xff);
  }
  assert.deepEqual(given, [a, b]);
  // Nor is what it gave still part of a chunk.
  const chunk = a.slice();
  const [packet] = cutter.push(chunk) as [Uint8Array];
  chunk.fill(0);
  assert.deepEqual(packet, a);
});

Deno.test("PacketReader makes plain copies out of a Buffer", none, () => {
  // Its slice() does not copy, and what is kept as evidence must not be a window
  // into somebody's pool.
  const [a, b] = packets(40, 80) as [Uint8Array, Uint8Array];
  const chunk = Buffer.concat([a, b.subarray(0, 30)]);
  const cutter = reader();
  const first = cutter.push(chunk);
  chunk.fill(0xff);
  const rest = Buffer.from(b.subarray(30));
  const second = cutter.push(rest);
  rest.fill(0xff);
  assert.deepEqual([...first, ...second], [a, b]);
});

Deno.test(
  "PacketReader breaks at a wrong magic and gives nothing more",
  none,
  () => {
    const [good] = packets(64) as [Uint8Array];
    for (let bit = 0; bit < 64; bit++) {
      const cutter = reader();
      assert.deepEqual(cutter.push(concat(good, flip(good, bit), good)), [
        good,
      ]);
      assert(cutter.broken, `bit ${bit}`);
      assert(!cutter.partial);
      assert.deepEqual(cutter.push(good), []);
      assert(cutter.broken);
    }
  },
);

Deno.test(
  "PacketReader breaks as soon as a whole header is wrong",
  none,
  () => {
    const [good] = packets(64) as [Uint8Array];
    const bad = flip(good, 0);
    const cutter = reader();
    assert.deepEqual(cutter.push(bad.subarray(0, FRAME_BYTES)), []);
    assert(cutter.broken);
  },
);

Deno.test(
  "PacketReader breaks at the first byte that no header has",
  none,
  () => {
    const [good] = packets(64) as [Uint8Array];
    for (let wrong = 0; wrong < 8; wrong++) {
      const bad = flip(good, 8 * wrong);
      const cutter = reader();
      for (let at = 0; at < wrong; at++) {
        assert.deepEqual(cutter.push(bad.subarray(at, at + 1)), []);
        assert(!cutter.broken, `byte ${at} of ${wrong}`);
      }
      cutter.push(bad.subarray(wrong, wrong + 1));
      assert(cutter.broken, `byte ${wrong}`);
      assert(!cutter.partial);
    }
    const cutter = reader();
    assert.deepEqual(cutter.push(concat(good, Uint8Array.of(0x47))), [good]);
    assert(cutter.broken);
  },
);

Deno.test(
  "PacketReader takes the longest message and breaks at a longer one",
  none,
  () => {
    const longest = frame(bytes(256, 1));
    const cutter = reader(256);
    assert.deepEqual(cutter.push(longest), [longest]);
    assert.deepEqual(cutter.push(concat(longest, frame(bytes(257, 1)))), [
      longest,
    ]);
    assert(cutter.broken);
    assert.deepEqual(cutter.push(longest), []);

    for (const length of [257, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const header = frame(new Uint8Array(0));
      writeUint32(header, 8, length);
      const cutter = reader(256);
      // It does not wait for gigabytes before it says so.
      assert.deepEqual(cutter.push(header), []);
      assert(cutter.broken, `${length}`);
    }
  },
);

Deno.test(
  "PacketReader gives the same packets however the stream is cut",
  none,
  () => {
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 700 }), { maxLength: 40 }),
      (messages, cuts) => {
        const sent = messages.map((message) => frame(message));
        const stream = concat(...sent);
        const ends = [...cuts.filter((cut) => cut < stream.length)]
          .sort((a, b) => a - b);
        const cutter = reader(80);
        const given: Uint8Array[] = [];
        let start = 0;
        for (const end of [...ends, stream.length]) {
          given.push(...cutter.push(stream.slice(start, end)));
          start = end;
        }
        assert.deepEqual(given, sent);
        assert(!cutter.partial && !cutter.broken);
      },
    ));
  },
);

Deno.test(
  "PacketReader gives no packet that was not sent, whatever comes in",
  none,
  () => {
    fc.assert(fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.boolean(),
      (chunks, framed) => {
        const cutter = reader(16);
        const given: Uint8Array[] = [];
        for (const chunk of chunks) {
          given.push(...cutter.push(framed ? frame(chunk) : chunk));
        }
        const stream = concat(
          ...chunks.map((chunk) => framed ? frame(chunk) : chunk),
        );
        const joined = concat(...given);
        assert.deepEqual(joined, stream.slice(0, joined.length));
      },
    ));
  },
);

interface Listener extends AsyncDisposable {
  port: number;
  /** Settles when the next connection is there. */
  connected: Promise<net.Socket>;
  /** Settles when a connection has ended. */
  ended: Promise<void>;
}

/** A server on loopback that leaves nothing behind. */
async function listen(
  serve: (socket: net.Socket) => void = () => {},
): Promise<Listener> {
  const sockets = new Set<net.Socket>();
  const connected = Promise.withResolvers<net.Socket>();
  const ended = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      ended.resolve();
    });
    serve(socket);
    connected.resolve(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connected: connected.promise,
    ended: ended.promise,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Collects packets, and says when so many are there. */
function collector(
  count: number,
): { take: (packet: Uint8Array) => void; all: Promise<Uint8Array[]> } {
  const { promise, resolve } = Promise.withResolvers<Uint8Array[]>();
  const taken: Uint8Array[] = [];
  return {
    take: (packet) => {
      taken.push(packet);
      if (taken.length === count) resolve(taken);
    },
    all: promise,
  };
}

/** For connections on which nothing may arrive. */
function nothing(packet: Uint8Array): never {
  throw new Error(`${packet.length} bytes arrived`);
}

const never: AbortSignal = new AbortController().signal;

Deno.test("connectTcp() sends packets and hands on those that come back", async () => {
  const cutter = reader();
  await using server = await listen((socket) =>
    socket.on("data", (chunk) => {
      for (const packet of cutter.push(chunk)) socket.write(packet);
    })
  );
  const sent = packets(1012, 100, 0, 1012);
  const { take, all } = collector(sent.length);
  const connection = await connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    take,
    never,
  );
  for (const packet of sent) connection.send(packet);
  assert.deepEqual(await all, sent);
  connection.close();
  await connection.closed;
  await server.ended;
});

Deno.test("connectTcp() hands on packets that come in pieces and in one go", async () => {
  const sent = packets(300, 40, 900);
  const stream = concat(...sent);
  await using server = await listen((socket) => {
    socket.setNoDelay(true);
    socket.write(stream.slice(0, 5));
    socket.write(stream.slice(5, 200));
    socket.write(stream.slice(200));
  });
  const { take, all } = collector(sent.length);
  const connection = await connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    take,
    never,
  );
  assert.deepEqual(await all, sent);
  connection.close();
  await connection.closed;
});

Deno.test("connectTcp() settles closed when the other end goes", async () => {
  for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
    await using server = await listen();
    const connection = await connectTcp(
      { hostname: "127.0.0.1", port: server.port },
      nothing,
      never,
    );
    (await server.connected)[leave]();
    await connection.closed;
    // Too late, but no harm.
    connection.send(frame(bytes(8, 1)));
    connection.close();
  }
});

Deno.test("connectTcp() hands on what came before the other end went", async () => {
  const sent = packets(500, 60);
  await using server = await listen((socket) => socket.end(concat(...sent)));
  const { take, all } = collector(sent.length);
  const connection = await connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    take,
    never,
  );
  assert.deepEqual(await all, sent);
  await connection.closed;
});

Deno.test("connectTcp() closes when the other end talks nonsense", async () => {
  const [good] = packets(64) as [Uint8Array];
  const tooLong = frame(new Uint8Array(0));
  writeUint32(tooLong, 8, 0xfffffff0);
  const nonsense: Record<string, Uint8Array> = {
    "another protocol": new TextEncoder().encode(
      "HTTP/1.1 400 Bad Request\r\n",
    ),
    "noise": bytes(2000, 7),
    "an endless packet": tooLong,
  };
  for (const [what, garbage] of Object.entries(nonsense)) {
    await using server = await listen((socket) => {
      socket.write(concat(good, garbage, good));
    });
    const taken: Uint8Array[] = [];
    const connection = await connectTcp(
      { hostname: "127.0.0.1", port: server.port },
      (packet) => taken.push(packet),
      never,
    );
    await connection.closed;
    await server.ended;
    assert.deepEqual(taken, [good], what);
  }
});

Deno.test("connectTcp() rejects where nobody listens", async () => {
  let port: number;
  {
    await using server = await listen();
    port = server.port;
  }
  await assert.rejects(
    connectTcp({ hostname: "127.0.0.1", port }, nothing, never),
    { code: "ECONNREFUSED" },
  );
});

Deno.test("connectTcp() rejects without permission", {
  permissions: "none",
}, async () => {
  await assert.rejects(
    connectTcp({ hostname: "127.0.0.1", port: 9 }, nothing, never),
    { name: "NotCapable" },
  );
});

Deno.test("connectTcp() rejects where the signal has aborted before", async () => {
  await using server = await listen();
  await assert.rejects(
    connectTcp(
      { hostname: "127.0.0.1", port: server.port },
      nothing,
      AbortSignal.abort(),
    ),
    Error,
  );
});

Deno.test("connectTcp() rejects where the signal aborts while it connects", async () => {
  await using server = await listen();
  const controller = new AbortController();
  const connecting = connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    nothing,
    controller.signal,
  );
  controller.abort();
  await assert.rejects(connecting, Error);
});

Deno.test("connectTcp() closes the connection when the signal aborts later", async () => {
  await using server = await listen();
  const controller = new AbortController();
  const connection = await connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    nothing,
    controller.signal,
  );
  await server.connected;
  controller.abort();
  await connection.closed;
  await server.ended;
});

Deno.test("connectTcp() can be closed twice", async () => {
  await using server = await listen();
  const connection = await connectTcp(
    { hostname: "127.0.0.1", port: server.port },
    nothing,
    never,
  );
  connection.close();
  connection.close();
  await connection.closed;
  connection.close();
});
