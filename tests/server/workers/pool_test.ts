import assert from "node:assert/strict";
import {
  createDelegation,
  parseDelegation,
} from "../../../lib/server/delegation.ts";
import { ServerError } from "../../../lib/wire/errors.ts";
import type { Delegated } from "../../../lib/server/keyring.ts";
import { Server } from "../../../lib/server/core.ts";
import { WorkerPool } from "../../../lib/server/workers/pool.ts";
import {
  ALL,
  bytes,
  corpus,
  LONG_TERM,
  requestFor,
  SECOND,
} from "../../_support/fixtures.ts";
import {
  aloneIn,
  assertBalanced,
  Client,
  linux,
  LOOPBACK,
  makeServer,
  openFiles,
  openPool,
  until,
  untilClosed,
  verified,
  withClients,
} from "../../_support/pool.ts";

const WORKER = new URL(
  "../../../lib/server/workers/thread.ts",
  import.meta.url,
);
/** Ends with an error when it is asked what it has done. */
const MORTAL = new URL("../../_support/mortal_worker.ts", import.meta.url);

const alone = aloneIn(import.meta.url);

function start(url: URL): Worker {
  return new Worker(url, { type: "module" });
}

async function delegation(
  number: number,
  exportable = true,
): Promise<Delegated> {
  const now = BigInt(Date.now()) * 1000n;
  const parsed = await parseDelegation(
    await createDelegation({
      longTerm: LONG_TERM,
      onlineSeed: bytes(32, 100 + number),
      notBeforeMicros: now - 3600n * SECOND,
      notAfterMicros: now + 3600n * SECOND,
    }),
    { exportable },
  );
  assert(parsed.ok);
  return parsed.delegated;
}

const onlineKeyOf = ({ online }: Delegated) =>
  Uint8Array.from(online.signer.publicKey).join();

for (const workers of [1, 2, 4]) {
  linux(
    `a pool of ${workers} answers many clients in every dialect`,
    async () => {
      const server = await makeServer({ singleBudget: Infinity });
      await using pool = await openPool(server, workers);
      const clients = 40;
      await withClients(pool, clients, async (all) => {
        await Promise.all(all.map(async (client, i) => {
          for (const [k, { id }] of ALL.entries()) {
            const { dialect } = await client.ask(requestFor(id, 100 * i + k));
            assert.equal(dialect, id);
          }
        }));
      });
      await pool.refresh();
      const { udp, versions, panics } = pool.counters;
      assert.equal(udp.received, clients * ALL.length);
      assert.equal(udp.answered, clients * ALL.length);
      assert.equal(
        [...versions.values()].reduce((a, b) => a + b),
        clients * ALL.length,
      );
      assert.equal(panics, 0);
      assertBalanced(udp);
      assert.deepEqual(pool.events, []);
    },
  );
}

linux("every worker of a pool gets clients", async () => {
  const reports = new Map<Worker, number>();
  await using pool = await openPool(await makeServer(), 2, {
    spawn: () => {
      const worker = start(WORKER);
      worker.addEventListener("message", ({ data }) => {
        if (data.kind === "counters") {
          reports.set(worker, data.counters.udp.received);
        }
      });
      return worker;
    },
  });
  // The chance that the kernel deals so many ports to one of two is 2 ** -63.
  await withClients(pool, 64, async (clients) => {
    for (const [i, client] of clients.entries()) {
      await client.ask(requestFor("rfc-10049", i));
    }
  });
  await pool.refresh();
  assert.equal(reports.size, 2);
  for (const received of reports.values()) assert(received > 0);
  assert.equal(pool.counters.udp.received, 64);
});

linux(
  "a pool's counters are exact after refresh(), broken requests included",
  async () => {
    await using pool = await openPool(await makeServer(), 2);
    using client = await Client.open(pool);
    const noise = [...corpus(requestFor("rfc-10049"))]
      .map(({ packet }) => packet).filter(({ length }) => length < 9000);
    let sent = 0;
    for (let at = 0; at < noise.length; at += 32) {
      const packets = noise.slice(at, at + 32);
      // An attacker of many ports, so that every worker gets some.
      using attacker = await Client.open(pool);
      await attacker.send(...packets);
      await client.ask(requestFor("rfc-10049", at));
      sent += packets.length + 1;
    }
    for (let asked = 0; pool.counters.udp.received < sent; asked++) {
      assert(asked < 1000, "some never arrived");
      await pool.refresh();
    }
    const { udp, panics } = pool.counters;
    assert.equal(udp.received, sent);
    assert.equal(panics, 0);
    assert.equal(udp.dropped.internal, 0);
    assert(udp.dropped.parse > 0 && udp.dropped.undersize > 0);
    assertBalanced(udp);
  },
);

linux(
  "keys that are replaced reach all workers, and no reply is ever wrong",
  async () => {
    const server = await makeServer({
      privateKey: undefined,
      delegated: [await delegation(0)],
      singleBudget: Infinity,
    });
    await using pool = await openPool(server, 2);
    await withClients(pool, 16, async (clients) => {
      let over = false;
      let asked = 0;
      const seen = new Set<string>();
      const load = clients.map(async (client, i) => {
        for (let round = 0; !over; round++) {
          const { id } = ALL[round % ALL.length] as typeof ALL[0];
          const reply = await client.ask(requestFor(id, 1000 * i + round));
          seen.add(Uint8Array.from(reply.delegation.publicKey).join());
          asked++;
        }
      });
      for (let number = 1; number <= 12; number++) {
        const delegated = await delegation(number);
        await server.replaceKeys({ delegated: [delegated] });
        await until(() => seen.has(onlineKeyOf(delegated)), "the new key");
      }
      over = true;
      await Promise.all(load);
      await pool.refresh();
      // After that nobody has an old one.
      const last = onlineKeyOf(await delegation(12));
      await Promise.all(clients.map(async (client, i) => {
        const { delegation } = await client.ask(requestFor("google", i));
        assert.equal(Uint8Array.from(delegation.publicKey).join(), last);
      }));
      await pool.refresh();
      const { udp, panics, rotations } = pool.counters;
      assert.equal(udp.answered, asked + clients.length);
      assert.equal(udp.received, udp.answered);
      assert.equal(panics, 0);
      // A change of keys is counted once, by whoever began it.
      assert.equal(rotations, 0);
      assert.equal(server.counters.rotations, 12);
    });
  },
);

linux(
  "an online key is renewed in time though this thread answers nothing",
  async () => {
    const server = await makeServer({ validitySeconds: 4 });
    await using pool = await openPool(server, 2);
    const first = server.notAfterMicros as bigint;
    await withClients(pool, 8, async (clients) => {
      for (let i = 0; server.notAfterMicros === first || i < 50; i++) {
        await Promise.all(
          clients.map((client, k) =>
            client.ask(requestFor("rfc-10049", 8 * i + k))
          ),
        );
        await new Promise((resolve) => setTimeout(resolve, 5)); // two seconds are long
      }
      // It is renewed every other second; what is asked must be asked of one key.
      let last: bigint | undefined;
      while (last !== server.notAfterMicros) {
        last = server.notAfterMicros as bigint;
        await pool.refresh();
        const ends = new Set<bigint>();
        await Promise.all(clients.map(async (client, k) => {
          const { delegation } = await client.ask(requestFor("draft-01", k));
          ends.add(delegation.notAfterMicros);
        }));
        if (last === server.notAfterMicros) assert.deepEqual([...ends], [last]);
      }
    });
    assertBalanced(pool.counters.udp);
    assert.equal(pool.counters.udp.dropped.delegation, 0);
  },
);

linux("threads that are replaced leave nothing unanswered", async () => {
  let spawned = 0;
  const all = Promise.withResolvers<void>();
  await using pool = await openPool(await makeServer(), 2, {
    spawn: () => {
      if (++spawned === 4) all.resolve();
      return start(WORKER);
    },
  });
  using client = await Client.open(pool);
  await client.ask(requestFor("rfc-10049", 1));
  assert.equal(await pool.answered(), 1);
  await pool.reopen();
  await pool.reopen(); // they are being replaced already
  for (let i = 2; i < 10; i++) await client.ask(requestFor("rfc-10049", i));
  await all.promise;
  for (let i = 10; i < 20; i++) await client.ask(requestFor("rfc-10049", i));
  assert.equal(spawned, 4);
  assert.deepEqual(
    pool.events.map((event) => event.kind === "restarted" && event.what),
    ["worker: it does not answer", "worker: it does not answer"],
  );
});

linux(
  "a worker that dies is replaced, and what waited for it is answered",
  async () => {
    let spawned = 0;
    await using pool = await openPool(await makeServer(), 1, {
      spawn: () => start(spawned++ < 2 ? MORTAL : WORKER),
    });
    using client = await Client.open(pool);
    for (let life = 1; life <= 3; life++) {
      await client.ask(requestFor("rfc-10049", life));
      await pool.refresh(); // which kills the first two
      await client.ask(requestFor("draft-08", life));
      assert.equal(spawned, Math.min(3, life + 1));
    }
    await pool.refresh();
    const restarts = pool.events.map((event) =>
      event.kind === "restarted" ? event.what : event.kind
    );
    assert.equal(restarts.length, 2, Deno.inspect(pool.events));
    for (const what of restarts) assert.match(what, /^worker: .*end of me/);
    assert.equal(pool.counters.panics, 2);
    assertBalanced(pool.counters.udp);
  },
);

linux(
  "a thread that is replaced is made to end before the next order",
  async () => {
    const { promise: ended, resolve: end } = Promise.withResolvers<number>();
    let spawned = 0;
    const spawn = () => {
      if (spawned++ > 0) return start(WORKER);
      let orders: Int32Array | undefined;
      let heard = 0;
      const worker = {
        onmessage: (_: { data: unknown }) => {},
        postMessage: (order: { orders?: Int32Array }) => {
          orders ??= order.orders;
          if (heard++ === 0) {
            queueMicrotask(() => worker.onmessage({ data: { kind: "ready" } }));
          }
        },
        terminate: () => end(Atomics.load(orders as Int32Array, 0) - heard),
      };
      return worker as unknown as Worker;
    };
    await using pool = await openPool(await makeServer(), 1, { spawn });
    await pool.reopen();
    // Asleep, it has no turn in which to end, and takes the next one's wakings: what it is told
    // of and never gets keeps it in its event loop.
    assert.equal(await ended, 1);
    using client = await Client.open(pool);
    await client.ask(requestFor("rfc-10049"));
  },
);

linux("a worker is replaced with the keys of that time", async () => {
  const server = await makeServer();
  let spawned = 0;
  await using pool = await openPool(server, 1, {
    spawn: () => start(spawned++ === 0 ? MORTAL : WORKER),
  });
  using client = await Client.open(pool);
  await pool.refresh();
  const delegated = await delegation(7);
  await server.replaceKeys({ delegated: [delegated] });
  const reply = await client.ask(requestFor("rfc-10049"));
  const key = Uint8Array.from(reply.delegation.publicKey).join();
  assert.equal(key, onlineKeyOf(delegated));
});

alone("a pool whose workers do not start opens nothing", async () => {
  const server = await makeServer();
  const before = await openFiles();
  for (const good of [0, 1, 2]) {
    let spawned = 0;
    await assert.rejects(
      openPool(server, 3, {
        spawn: () =>
          start(
            spawned++ < good
              ? WORKER
              : new URL("data:text/javascript,throw new Error('no')"),
          ),
      }),
      (error) => error instanceof ServerError && error.code === "config",
    );
    await untilClosed(before);
  }
  await using pool = await openPool(server, 2);
  using client = await Client.open(pool);
  await client.ask(requestFor("rfc-10049"));
});

linux(
  "two pools never share a port, also where only one thread serves it",
  async () => {
    const server = await makeServer();
    for (const [mine, theirs] of [[1, 1], [1, 2], [2, 1], [4, 4]] as const) {
      await using pool = await openPool(server, mine);
      const { port } = pool.address;
      await assert.rejects(
        openPool(server, theirs, { port }),
        Deno.errors.AddrInUse,
      );
    }
  },
);

linux("a pool that was never started frees its port, keys or not", async () => {
  const server = await makeServer();
  const options = {
    ...LOOPBACK,
    workers: 2,
    maxBatch: 1,
    maxDelayMicros: 0,
    onEvent: () => {},
    spawn: () => assert.fail("nobody asked for a thread"),
  };
  const pool = WorkerPool.bind(server, options);
  const { port } = pool.address;
  assert.throws(
    () => WorkerPool.bind(server, { ...options, port }),
    Deno.errors.AddrInUse,
  );
  await server.replaceKeys({ privateKey: bytes(32, 9) });
  await pool.refresh();
  await pool.close();
  await WorkerPool.bind(server, { ...options, port }).close();
});

linux(
  "a pool takes no server that cannot be told to other threads",
  async () => {
    class Own extends Server {}
    const set = await makeServer();
    set.getTime = () => 0n;
    const servers = [
      await makeServer({ exportable: false }),
      await makeServer({ random: Math.random }),
      await makeServer({ readClock: () => undefined }),
      await Own.create({ exportable: true }),
      set,
    ];
    for (const server of servers) {
      assert.throws(
        () =>
          WorkerPool.bind(server, {
            ...LOOPBACK,
            workers: 1,
            maxBatch: 1,
            maxDelayMicros: 1000,
            onEvent: () => {},
          }),
        (error) =>
          error instanceof ServerError && error.code === "config" &&
          /other threads/.test(error.message),
      );
    }
    // A key that cannot be handed on must not be missing over there.
    const kept = {
      privateKey: undefined,
      delegated: [await delegation(1, false)],
    };
    await assert.rejects(
      makeServer(kept),
      (error) => error instanceof ServerError && error.code === "key",
    );
  },
);

alone("a pool stops while blocked, at once and more than once", async () => {
  const server = await makeServer();
  const before = await openFiles();
  for (let i = 0; i < 10; i++) {
    const pool = await openPool(server, 2);
    pool.stop();
    pool.stop();
    await pool.finished;
    await pool.close();
    await pool.refresh();
  }
  const pool = await openPool(server, 2);
  await Promise.all([pool.refresh(), pool.close(), pool.refresh()]);
  await untilClosed(before);
});

linux("a pool stops while it is flooded, and frees its port", async () => {
  const server = await makeServer();
  const pool = await openPool(server, 2);
  const { port } = pool.address;
  await withClients(pool, 8, async (clients) => {
    let over = false;
    const flood = clients.map(async (client, i) => {
      const packets = Array.from(
        { length: 32 },
        (_, k) => requestFor("rfc-10049", 32 * i + k),
      );
      while (!over) await client.send(...packets);
    });
    await Promise.all(clients.map((client) => client.receive()));
    await pool.close();
    await using next = await openPool(server, 2, { port });
    using client = await Client.open(next);
    over = true;
    await Promise.all(flood);
    // What the flood has left may keep the first ones out.
    const request = requestFor("google", 1);
    let reply: Uint8Array | undefined;
    const receiving = client.receive().then((bytes) => reply = bytes);
    while (reply === undefined) {
      await client.send(request);
      await next.refresh();
    }
    await verified(request, await receiving);
  });
  assertBalanced(pool.counters.udp);
  assert(pool.counters.udp.answered > 0);
  assert.equal(pool.counters.panics, 0);
});

linux("small batches, and more than there are slots, are taken", async () => {
  for (const maxBatch of [1, 7, 1000]) {
    await using pool = await openPool(await makeServer({ maxBatch: 5 }), 1, {
      maxBatch,
    });
    using client = await Client.open(pool);
    const requests = Array.from(
      { length: 60 },
      (_, i) => requestFor("rfc-10049", i),
    );
    await client.send(...requests);
    for (const _ of requests) await client.receive();
    await client.ask(requestFor("draft-14", 1));
    await pool.refresh();
    assert.equal(pool.counters.udp.answered, 61);
    // Of the server's own batches none is larger than it was told.
    assert.deepEqual(pool.counters.batchSizes.slice(4), [0, 0, 0, 0, 0, 0]);
  }
});
