/**
 * One contract for every UDP backend: what holds here is all that the client and the
 * server may rely on.
 */

import assert from "node:assert/strict";
import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
  isOverlong,
  MAX_DATAGRAM_BYTES,
  RECEIVE_BYTES,
} from "../../lib/net/datagram.ts";
import { hasDenoUdp, openDenoUdp } from "../../lib/net/deno_udp.ts";
import { linuxUdpProblem, openLinuxUdp } from "../../lib/net/linux/udp.ts";
import { openNodeUdp } from "../../lib/net/node_udp.ts";
import { isPermissionError } from "../../lib/net/resolve.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { bytes, PUBLIC_KEY, requestFor } from "../_support/fixtures.ts";

interface Backend {
  name: string;
  missing?: string;
  open(options: DatagramOptions): Promise<DatagramSocket>;
}

const LINUX_PROBLEM = linuxUdpProblem();

const BACKENDS: readonly Backend[] = [
  {
    name: "deno_udp",
    ...(hasDenoUdp() ? {} : { missing: "Deno.listenDatagram is not there" }),
    // deno-lint-ignore require-await
    open: async (options) => openDenoUdp(options),
  },
  { name: "node_udp", open: openNodeUdp },
  {
    name: "linux_udp",
    ...(LINUX_PROBLEM === undefined ? {} : { missing: LINUX_PROBLEM }),
    // deno-lint-ignore require-await
    open: async (options) => openLinuxUdp(options),
  },
];

function loopbackHasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

const FAMILIES: readonly { hostname: string; missing?: string }[] = [
  { hostname: "127.0.0.1" },
  {
    hostname: "::1",
    ...(loopbackHasIpv6() ? {} : { missing: "no IPv6 on this machine" }),
  },
];

/** Opens that many sockets and closes them whatever happens. */
async function withSockets(
  open: Backend["open"],
  options: readonly Partial<DatagramOptions>[],
  use: (...sockets: DatagramSocket[]) => Promise<void>,
): Promise<void> {
  const sockets: DatagramSocket[] = [];
  try {
    for (const each of options) {
      const defaults = { hostname: "127.0.0.1", port: 0, maxBatch: 8 };
      sockets.push(await open({ ...defaults, ...each }));
    }
    await use(...sockets);
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** The address of a socket as another one writes it. */
function addressOf({ address }: DatagramSocket): string {
  return formatAddress(address.hostname, address.port);
}

/** A socket as the destination of another one's datagrams. */
function towards(from: DatagramSocket, to: DatagramSocket): Datagram["peer"] {
  return from.peer(to.address.hostname, to.address.port);
}

/** Sends one after the other, so that they also arrive in this order. */
async function sendInOrder(
  from: DatagramSocket,
  to: DatagramSocket,
  payloads: readonly Uint8Array[],
): Promise<void> {
  for (const payload of payloads) {
    const datagram = { bytes: payload, peer: towards(from, to) };
    assert.equal(await from.send([datagram]), 1);
  }
}

interface Copy {
  bytes: Uint8Array;
  from: string;
}

/** Takes one batch, and copies what is valid only until the next. */
async function takeBatch(socket: DatagramSocket): Promise<Copy[]> {
  const batch = await socket.receive();
  return batch.map(({ bytes, peer }) => ({
    bytes: Uint8Array.from(bytes),
    from: String(peer),
  }));
}

/** Takes batches until that many datagrams are there. */
async function take(socket: DatagramSocket, count: number): Promise<Copy[]> {
  const taken: Copy[] = [];
  while (taken.length < count) {
    const batch = await takeBatch(socket);
    assert.notEqual(batch.length, 0, "closed too early");
    taken.push(...batch);
  }
  return taken;
}

function skippable(
  name: string,
  reason: string | undefined,
  fn: () => Promise<void>,
): void {
  const skipped = reason === undefined ? name : `${name} (skipped: ${reason})`;
  Deno.test({ name: skipped, ignore: reason !== undefined, fn });
}

for (const { name, missing, open } of BACKENDS) {
  const test = (what: string, fn: () => Promise<void>) =>
    skippable(`${name} ${what}`, missing, fn);

  for (const { hostname, missing: lacking } of FAMILIES) {
    skippable(
      `${name} carries datagrams there and back over ${hostname}`,
      missing ?? lacking,
      () =>
        withSockets(open, [{ hostname }, { hostname }], async (near, far) => {
          for (const { address } of [near, far]) {
            assert.equal(address.hostname, hostname);
            assert(address.port > 0 && address.port < 65536);
          }
          assert.notEqual(near.address.port, far.address.port);
          assert.equal(String(towards(near, far)), addressOf(far));

          const question = bytes(1024, 1);
          await sendInOrder(near, far, [question]);
          const [asked] = await far.receive() as [Datagram];
          assert.deepEqual(Uint8Array.from(asked.bytes), question);
          assert.equal(String(asked.peer), addressOf(near));

          // What a datagram came from is what the reply goes to.
          const reply = bytes(500, 2);
          assert.equal(
            await far.send([{ bytes: reply, peer: asked.peer }]),
            1,
          );
          const [answer] = await take(near, 1);
          assert.deepEqual(answer, { bytes: reply, from: addressOf(far) });
        }),
    );
  }

  test("binds the port it is told", () => {
    // TCP's ports are others than UDP's, so this one is probably free here too.
    const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = probe.addr as Deno.NetAddr;
    probe.close();
    return withSockets(open, [{ port }], (socket) => {
      assert.deepEqual(socket.address, { hostname: "127.0.0.1", port });
      return Promise.resolve();
    });
  });

  test("keeps the order and never gives more than a batch", () =>
    withSockets(open, [{}, { maxBatch: 4 }], async (near, far) => {
      const payloads = Array.from({ length: 23 }, (_, i) => bytes(64 + i, i));
      await sendInOrder(near, far, payloads);
      const taken: Copy[] = [];
      while (taken.length < payloads.length) {
        const batch = await takeBatch(far);
        assert(batch.length >= 1 && batch.length <= 4, `${batch.length}`);
        taken.push(...batch);
      }
      assert.deepEqual(taken.map(({ bytes }) => bytes), payloads);
    }));

  test("gives one at a time where a batch is one", () =>
    withSockets(open, [{}, { maxBatch: 1 }], async (near, far) => {
      const payloads = Array.from({ length: 5 }, (_, i) => bytes(32, i));
      await sendInOrder(near, far, payloads);
      for (const payload of payloads) {
        const batch = await takeBatch(far);
        assert.deepEqual(batch.map(({ bytes }) => bytes), [payload]);
      }
    }));

  test("keeps the payloads of a batch apart from each other", () =>
    withSockets(open, [{}, { maxBatch: 16 }], async (near, far) => {
      const payloads = Array.from({ length: 40 }, (_, i) => bytes(200, i));
      await sendInOrder(near, far, payloads);
      let next = 0;
      while (next < payloads.length) {
        const batch = await far.receive();
        // Only looked at when the whole batch is there.
        for (const { bytes } of batch) {
          assert.deepEqual(Uint8Array.from(bytes), payloads[next++]);
        }
      }
    }));

  test("sends a batch to several destinations", () =>
    withSockets(open, [{}, {}, {}], async (near, one, other) => {
      const batch = [one, other, one].map((to, i) => ({
        bytes: bytes(100, i),
        peer: towards(near, to),
      }));
      assert.equal(await near.send(batch), 3);
      assert.equal((await take(one, 2)).length, 2);
      const [only] = await take(other, 1);
      assert.deepEqual(only?.bytes, bytes(100, 1));
    }));

  test("sends nothing of an empty batch", () =>
    withSockets(open, [{}], async (socket) => {
      assert.equal(await socket.send([]), 0);
    }));

  test("takes no harm from a datagram of 3000 bytes", () =>
    withSockets(open, [{}, {}], async (near, far) => {
      const long = bytes(3000, 1);
      const good = bytes(1024, 2);
      await sendInOrder(near, far, [good, long, good]);
      const taken = await take(far, 2);
      // Some systems drop what does not fit.
      if (taken.length < 3 && taken[1]?.bytes.length !== good.length) {
        taken.push(...await take(far, 1));
      }
      assert.deepEqual(taken[0]?.bytes, good);
      assert.deepEqual(taken.at(-1)?.bytes, good);
      for (const { bytes } of taken.slice(1, -1)) {
        assert(bytes.length >= MAX_DATAGRAM_BYTES);
        assert.deepEqual(bytes, long.slice(0, bytes.length));
      }
    }));

  test("gives of a long datagram more than is accepted, and of no other", () =>
    withSockets(open, [{}, { maxBatch: 1 }], async (near, far) => {
      const lengths = [2048, 2049, 2050, 4096, 9000, 60_000, 2047];
      const sent = lengths.map((length) => bytes(length, length));
      await sendInOrder(near, far, sent);
      const taken = await take(far, lengths.length);
      for (const [i, { bytes }] of taken.entries()) {
        const whole = sent[i] as Uint8Array;
        assert.deepEqual(bytes, whole.slice(0, RECEIVE_BYTES));
        const overlong = whole.length > MAX_DATAGRAM_BYTES;
        assert.equal(isOverlong(taken[i] as unknown as Datagram), overlong);
      }
    }));

  for (const kind of ["plain", "subclass"]) {
    test(`lets a ${kind} server answer nothing that was cut`, () =>
      withSockets(open, [{}], async (near) => {
        class Other extends Server {
          override acceptRequest(): boolean {
            return true;
          }
        }
        const options = { privateKey: bytes(32, 1), greaseProbability: 0 };
        await using running = await serve(
          await (kind === "plain" ? Server : Other).create(options),
          { hostname: "127.0.0.1", port: 0, tcp: false, open },
        );
        const { hostname, port } = running.address;
        const peer = near.peer(hostname, port);
        // The first 2048 bytes of these are good requests themselves: only padding is lost.
        const sizes = [2052, 3000, 60_000, 2048];
        for (const [i, size] of sizes.entries()) {
          const request = requestFor("google", i, size);
          assert.equal(request.length, size);
          assert.equal(await near.send([{ bytes: request, peer }]), 1);
        }
        const [reply] = await take(near, 1);
        const verdict = await verifyResponse({
          request: requestFor("google", sizes.length - 1, 2048),
          response: reply?.bytes as Uint8Array,
          publicKey: PUBLIC_KEY,
        });
        assert(verdict.ok, "the answer to another one");
        await running.shutdown();
        const { received, answered, dropped } = running.counters.udp;
        assert.deepEqual([received, answered, dropped.framing], [4, 1, 3]);
      }));
  }

  test("gives an empty datagram like any other", () =>
    withSockets(open, [{}, {}], async (near, far) => {
      await sendInOrder(near, far, [new Uint8Array(0), bytes(8, 1)]);
      assert.deepEqual(
        (await take(far, 2)).map(({ bytes }) => bytes),
        [new Uint8Array(0), bytes(8, 1)],
      );
    }));

  test("ends a receive() under way when it is closed", () =>
    withSockets(open, [{}], async (socket) => {
      const receiving = socket.receive();
      socket.close();
      assert.deepEqual(await receiving, []);
      assert.deepEqual(await socket.receive(), []);
    }));

  test("gives nothing more once closed, whatever is waiting", () =>
    withSockets(open, [{}, { maxBatch: 1 }], async (near, far) => {
      await sendInOrder(near, far, [bytes(8, 1), bytes(8, 2), bytes(8, 3)]);
      assert.equal((await take(far, 1)).length, 1);
      far.close();
      assert.deepEqual(await far.receive(), []);
    }));

  test("can be closed before anything is received", () =>
    withSockets(open, [{}], (socket) => {
      socket.close();
      return Promise.resolve();
    }));

  test("can be closed twice", () =>
    withSockets(open, [{}], async (socket) => {
      const receiving = socket.receive();
      socket.close();
      socket.close();
      assert.deepEqual(await receiving, []);
      socket.close();
    }));

  test("sends nothing once closed", () =>
    withSockets(open, [{}, {}], async (near, far) => {
      const peer = towards(near, far);
      near.close();
      const batch = [{ bytes: bytes(8, 1), peer }, {
        bytes: bytes(8, 2),
        peer,
      }];
      assert.equal(await near.send(batch), 0);
    }));

  for (
    const [what, hostname, port] of [
      // A datagram may well claim to come from there.
      ["port 0", "127.0.0.1", 0],
      ["an address of the other family", "::1", 9],
    ] as const
  ) {
    test(`sends the others where one goes to ${what}`, () =>
      withSockets(open, [{}, {}], async (near, far) => {
        const nowhere = { bytes: bytes(8, 1), peer: near.peer(hostname, port) };
        const good = [2, 3].map((seed) => ({
          bytes: bytes(8, seed),
          peer: towards(near, far),
        }));
        assert.equal(
          await near.send([nowhere, ...good.slice(0, 1), nowhere, ...good]),
          3,
        );
        const taken = await take(far, 3);
        assert.deepEqual(
          taken.map(({ bytes }) => String(bytes)).sort(),
          [good[0], ...good].map((each) => String(each?.bytes)).sort(),
        );
        // And it goes on as if nothing had been.
        await sendInOrder(near, far, [bytes(8, 4)]);
        assert.deepEqual((await take(far, 1))[0]?.bytes, bytes(8, 4));
      }));
  }

  test("goes on after a datagram to a port where nobody listens", () =>
    withSockets(open, [{}, {}, {}], async (near, far, gone) => {
      const nobody = towards(near, gone);
      gone.close();
      const receiving = take(near, 3);
      for (let i = 0; i < 3; i++) {
        await near.send([{ bytes: bytes(8, i), peer: nobody }]);
        await sendInOrder(far, near, [bytes(8, i)]);
      }
      assert.equal((await receiving).length, 3);
    }));

  test("rejects where the port is taken, and harms nobody by it", () =>
    withSockets(open, [{}, {}], async (near, far) => {
      const { hostname, port } = far.address;
      await assert.rejects(
        open({ hostname, port, maxBatch: 8 }),
        (error: Error & { code?: string }) =>
          error.name === "AddrInUse" || error.code === "EADDRINUSE",
      );
      await sendInOrder(near, far, [bytes(8, 1)]);
      assert.equal((await take(far, 1)).length, 1);
    }));
}

skippable(
  "deno_udp and node_udp understand each other",
  BACKENDS[0]?.missing,
  () =>
    withSockets(
      (options) =>
        options.maxBatch === 1 ? openNodeUdp(options) : openUdp(options),
      [{ maxBatch: 1 }, { maxBatch: 2 }],
      async (near, far) => {
        await sendInOrder(near, far, [bytes(8, 1)]);
        await sendInOrder(far, near, [bytes(8, 2)]);
        assert.deepEqual(await take(far, 1), [
          { bytes: bytes(8, 1), from: addressOf(near) },
        ]);
        assert.deepEqual(await take(near, 1), [
          { bytes: bytes(8, 2), from: addressOf(far) },
        ]);
      },
    ),
);

Deno.test("openUdp() does without Deno.listenDatagram where it is not there", async () => {
  const descriptor = Object.getOwnPropertyDescriptor(Deno, "listenDatagram");
  Object.defineProperty(Deno, "listenDatagram", {
    value: undefined,
    configurable: true,
  });
  try {
    assert(!hasDenoUdp());
    await withSockets(openUdp, [{}, {}], async (near, far) => {
      await sendInOrder(near, far, [bytes(8, 1)]);
      assert.deepEqual((await take(far, 1))[0]?.bytes, bytes(8, 1));
    });
  } finally {
    if (descriptor) Object.defineProperty(Deno, "listenDatagram", descriptor);
  }
  assert.equal(hasDenoUdp(), BACKENDS[0]?.missing === undefined);
});

Deno.test("formatAddress() puts IPv6 addresses in brackets", {
  permissions: "none",
}, () => {
  assert.equal(formatAddress("127.0.0.1", 2002), "127.0.0.1:2002");
  assert.equal(formatAddress("::1", 2002), "[::1]:2002");
  assert.equal(formatAddress("time.example", 5319), "time.example:5319");
});

// Last, because a runtime that does not take the refusal well ends the whole file.
for (const { name, missing, open } of BACKENDS) {
  Deno.test({
    name: `${name} rejects without permission`,
    ignore: missing !== undefined,
    permissions: "none",
    fn: () =>
      assert.rejects(
        open({ hostname: "127.0.0.1", port: 0, maxBatch: 8 }),
        isPermissionError,
      ),
  });
}
