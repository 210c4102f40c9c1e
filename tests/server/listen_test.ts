import assert from "node:assert/strict";
import { freePort } from "../_support/free_port.ts";
import { ServerError } from "../../lib/wire/errors.ts";
import { type Listening, openAll } from "../../lib/server/listen.ts";
import { closed } from "../../lib/server/listener.ts";
import { sendRequest } from "../../mod.ts";
import { formatAddress } from "../../lib/net/datagram.ts";
import { resolve } from "../../lib/net/resolve.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import { serve, type ServeOptions } from "../../lib/server/serve.ts";
import { requestFor } from "../_support/fixtures.ts";
import {
  aloneIn,
  assertBalanced,
  Client,
  linux,
  LOOPBACK,
  makeServer,
  openFiles,
  untilClosed,
} from "../_support/pool.ts";

type Opened = Listening & AsyncDisposable & { events: ServerEvent[] };

async function open(
  options: ServeOptions = {},
  server?: Server,
): Promise<Opened> {
  const events: ServerEvent[] = [];
  const listening = await openAll(
    server ?? await makeServer(),
    { ...LOOPBACK, receiveBufferBytes: 4096, ...options },
    (event) => void events.push(event),
  );
  return {
    ...listening,
    events,
    [Symbol.asyncDispose]: async () => {
      for (const socket of listening.sockets) socket.close();
      await Promise.all([
        ...listening.pools.map((pool) => pool.close()),
        ...listening.sockets.map(closed),
      ]);
    },
  };
}

/** How it was decided that datagrams travel. */
function decision({ events }: Opened): Omit<ServerEvent, "kind"> {
  const [first, ...more] = events.filter(({ kind }) => kind === "io");
  assert(first && more.length === 0, Deno.inspect(events));
  const { kind: _, ...rest } = first;
  return rest;
}

function isConfig(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert(error instanceof ServerError);
    assert.equal(error.code, "config");
    assert.match(error.message, message);
    return true;
  };
}

linux("datagrams travel by the system's own calls where they can", async () => {
  for (const io of ["auto", "linux", undefined] as const) {
    await using opened = await open({ io, workers: 1 });
    assert.deepEqual(decision(opened), {
      io: "linux",
      workers: 1,
      reason: undefined,
    });
    assert.equal(opened.pools.length, 1);
    assert.deepEqual(opened.sockets.map(({ transport }) => transport), ["tcp"]);
  }
});

Deno.test("datagrams travel by the runtime where that is asked for", async () => {
  await using opened = await open({ io: "portable", workers: 2 });
  assert.deepEqual(decision(opened), {
    io: "portable",
    workers: 0,
    reason: undefined,
  });
  assert.equal(opened.pools.length, 0);
  assert.deepEqual(
    opened.sockets.map(({ transport }) => transport),
    ["udp", "tcp"],
  );
});

Deno.test(
  "datagrams travel by the runtime without permission for more, and that is told",
  {
    permissions: { net: ["127.0.0.1"], ffi: false },
  },
  async () => {
    await using opened = await open({ workers: 2 });
    const { reason, ...rest } = decision(opened) as { reason: string };
    assert.deepEqual(rest, { io: "portable", workers: 0 });
    assert(reason.length > 0);
    if (Deno.build.os === "linux") assert.match(reason, /--allow-ffi/);
    await assert.rejects(
      open({ io: "linux" }),
      isConfig(/^Cannot use Linux sockets: ./),
    );
  },
);

Deno.test("sockets that somebody else opens are theirs to choose", async () => {
  await using opened = await open({ open: openUdp, io: "linux", workers: 4 });
  assert.deepEqual(opened.events.filter(({ kind }) => kind === "io"), []);
  assert.equal(opened.pools.length, 0);
});

Deno.test("an address that is named twice is refused, in whatever spelling", async () => {
  const port = 2002; // never opened
  const pairs = [
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.1", "::ffff:127.0.0.1"],
    ["[::1]", "0::1"],
    ["::", "0::0"],
    ["localhost", "localhost"],
  ];
  for (const names of pairs) {
    const listen = names.map((hostname) => ({ hostname, port }));
    await assert.rejects(
      open({ listen }),
      isConfig(/^Cannot listen on (127\.0\.0\.1|\[::1?\]):2002 twice$/),
    );
  }
});

linux(
  "a server that other threads cannot be told of has no workers",
  async () => {
    class Own extends Server {}
    const options = { trustClock: true, exportable: true };
    const servers = [
      await Own.create(options),
      await Server.create({ ...options, exportable: false }),
      await Server.create({ ...options, random: Math.random }),
    ];
    for (const server of servers) {
      await using opened = await open({ workers: 2 }, server);
      assert.deepEqual(decision(opened), {
        io: "linux",
        workers: 0,
        reason: undefined,
      });
      assert.equal(opened.pools.length, 0);
    }
  },
);

Deno.test("numbers that make no sense are refused before anything is opened", async () => {
  for (const workers of [-1, 0.5, NaN, Infinity]) {
    await assert.rejects(
      open({ workers }),
      isConfig(/^Cannot use workers of /),
    );
  }
  for (const maxBatch of [0, -1, 1.5, NaN, Infinity]) {
    await assert.rejects(
      open({ maxBatch }),
      isConfig(/^Cannot use maxBatch of /),
    );
  }
  await assert.rejects(open({ listen: [] }), isConfig(/nowhere/));
});

/** All in which openAll() may find that an address is not to be had. */
const alone = aloneIn(import.meta.url);

const WAYS: readonly [name: string, options: ServeOptions][] = [
  ["portable", { io: "portable" }],
  ["linux", { io: "linux" }],
  ["linux with workers", { io: "linux", workers: 2 }],
];

for (const [name, options] of WAYS) {
  alone(`everything is opened or nothing: ${name}`, async () => {
    const server = await makeServer();
    using taken = Deno.listen(LOOPBACK);
    const { port: bad } = taken.addr as Deno.NetAddr;
    const port = freePort();
    const before = await openFiles();
    for (let i = 0; i < 5; i++) {
      const listen = [{ ...LOOPBACK, port }, { ...LOOPBACK, port: bad }];
      await assert.rejects(open({ ...options, listen }, server), (error) => {
        assert(error instanceof ServerError);
        assert.equal(error.code, "bind");
        assert(error.message.includes(`127.0.0.1:${bad}`), error.message);
        return true;
      });
    }
    await untilClosed(before);
    // Nobody is left on the port, neither UDP nor TCP, and no thread either.
    await using running = await serve(server, {
      ...options,
      listen: [{ ...LOOPBACK, port }],
    });
    using client = await Client.open(running);
    for (let i = 0; i < 20; i++) await client.ask(requestFor("rfc-10049", i));
    await running.refresh();
    assert.equal(running.counters.udp.answered, 20);
  });
}

linux(
  "UDP and TCP have one port, also where the system chooses it",
  async () => {
    const listen = [LOOPBACK, LOOPBACK, LOOPBACK];
    await using opened = await open({ listen, workers: 1 });
    const ports = opened.pools.map(({ address }) => address.port);
    assert.equal(new Set(ports).size, 3);
    assert.deepEqual(opened.sockets.map(({ address }) => address.port), ports);
    assert.deepEqual(
      opened.events.flatMap((event) =>
        event.kind === "listening" ? `${event.transport} ${event.address}` : []
      ),
      ["udp", "tcp"].flatMap((transport) =>
        ports.map((port) => `${transport} 127.0.0.1:${port}`)
      ),
    );
  },
);

linux(
  "a receive buffer that was cut is told once for each address",
  async () => {
    const receiveBufferBytes = 0x7fff_0000;
    for (const workers of [0, 2]) {
      await using opened = await open({ workers, receiveBufferBytes });
      const cuts = opened.events.flatMap((event) =>
        event.kind === "buffer-cut" ? event : []
      );
      assert.equal(cuts.length, 1);
      assert((cuts[0]?.givenBytes ?? 0) < receiveBufferBytes);
    }
  },
);

linux(
  "serve() answers on several addresses with workers, UDP and TCP",
  async () => {
    const server = await makeServer();
    const listen = [LOOPBACK, LOOPBACK];
    const running = await serve(server, { listen, workers: 2 });
    assert.equal(running.addresses.length, 2);
    for (const address of running.addresses) {
      using client = await Client.open({ address });
      for (let i = 0; i < 10; i++) await client.ask(requestFor("google", i));
    }
    const before = running.refresh();
    await Promise.all([before, running.shutdown(), running.refresh()]);
    assert.equal(running.counters.udp.answered, 20);
    assertBalanced(running.counters.udp);
  },
);

linux("serve() with workers stops when its signal aborts", async () => {
  const server = await makeServer();
  const controller = new AbortController();
  const { signal } = controller;
  const running = await serve(server, { ...LOOPBACK, workers: 2, signal });
  using client = await Client.open(running);
  await client.ask(requestFor("rfc-10049"));
  controller.abort();
  await running.finished;
  assert.equal(running.counters.udp.answered, 1);
  const over = await serve(server, {
    ...LOOPBACK,
    workers: 2,
    signal: AbortSignal.abort(),
  });
  await over.finished;
});

Deno.test("serve() listens on every address that a name has, over UDP and TCP", async () => {
  const found = await resolve("localhost");
  const server = await Server.create({ greaseProbability: 0 });
  const publicKey = server.publicKeys[0] as Uint8Array;
  for (const listen of [undefined, [{ hostname: "localhost", port: 0 }]]) {
    await using running = await serve(server, {
      ...(listen ? { listen } : { hostname: "localhost" }),
      port: 0,
    });
    assert.deepEqual(
      new Set(running.addresses.map(({ hostname }) => hostname)),
      new Set(found.map(({ hostname }) => hostname)),
    );
    for (const { hostname: host, port } of running.addresses) {
      for (const transport of ["udp", "tcp"] as const) {
        const to = { host, port, publicKey, transport };
        const { address } = await sendRequest(to);
        assert.equal(address, formatAddress(host, port));
      }
    }
  }
});
