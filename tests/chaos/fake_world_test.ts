import assert from "node:assert/strict";
import { FakeWorld } from "../../lib/chaos/fake_world.ts";
import { survey } from "../../lib/ecosystem/measure.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  midpointIn,
  NOW_MICROS,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import { buildRequest } from "../../lib/wire/request.ts";

const none = { permissions: "none" } as const;

const nowMicros = () => NOW_MICROS;
const REQUEST = buildRequest({ versions: [1], nonce: new Uint8Array(32) });

async function midpoint(world: FakeWorld, which: number): Promise<bigint> {
  const server = world.servers[which];
  const response = await world.ask(which, REQUEST);
  assert(server && response);
  const { publicKey } = server;
  const verdict = await verifyResponse({
    request: REQUEST,
    response,
    publicKey,
  });
  assert(verdict.ok);
  return verdict.midpointMicros;
}

Deno.test(
  "FakeWorld has servers with keys, names and operators of their own",
  none,
  async () => {
    const world = await FakeWorld.create({ servers: 5, nowMicros });
    assert.equal(world.servers.length, 5);
    for (const pick of ["name", "operator", "publicKey"] as const) {
      assert.equal(new Set(world.servers.map((one) => `${one[pick]}`)).size, 5);
    }
    const keys = (made: FakeWorld) =>
      made.servers.map(({ publicKey }) => publicKey);
    assert.deepEqual(keys(await FakeWorld.create({ servers: 5 })), keys(world));
    assert.notDeepEqual(
      keys(await FakeWorld.create({ servers: 5, seed: 2 })),
      keys(world),
    );
  },
);

Deno.test(
  "FakeWorld.ask() finds a server by place or key and carries both ways",
  none,
  async () => {
    const world = await FakeWorld.create({ servers: 2, nowMicros });
    const [, second] = world.servers;
    assert(second);
    for (const dialect of ALL) {
      const raw = requestFor(dialect.id);
      // The fixture's requests name another key where the dialect can.
      const request = dialect.srv === "ignored" ? raw : buildRequest({
        versions: [dialect.code],
        nonce: new Uint8Array(dialect.nonceSize),
        typed: dialect.type === "required",
      });
      const response = await world.ask(second.publicKey, request);
      assert(response, dialect.id);
      const verdict = await verifyResponse({
        request,
        response,
        publicKey: second.publicKey,
      });
      assert(verdict.ok);
      assert.equal(verdict.midpointMicros, midpointIn(dialect));
    }
    assert.equal(await world.ask(2, REQUEST), undefined);
    assert.equal(await world.ask(new Uint8Array(32), REQUEST), undefined);
    assert.equal(await world.ask(0, new Uint8Array(1024)), undefined);
  },
);

Deno.test(
  "FakeWorld lets some lie, by exactly as much as they should",
  none,
  async () => {
    const world = await FakeWorld.create({
      servers: 3,
      lying: [{ server: 2, offsetMicros: -90n * SECOND }],
      nowMicros,
    });
    const truth = NOW_MICROS / SECOND * SECOND;
    assert.equal(await midpoint(world, 0), truth);
    assert.equal(await midpoint(world, 2), truth - 90n * SECOND);
    world.servers[2]?.server.behave([]);
    assert.equal(await midpoint(world, 2), truth);
    await assert.rejects(
      FakeWorld.create({
        servers: 1,
        lying: [{ server: 1, offsetMicros: 1n }],
      }),
      RangeError,
    );
  },
);

Deno.test(
  "FakeWorld's time goes where the test lets it go, also while a reply is late",
  none,
  async () => {
    let now = NOW_MICROS;
    const world = await FakeWorld.create({
      servers: [
        {
          name: "slow",
          operator: "one",
          behaviours: [{ kind: "delay", delayMs: 2500 }],
        },
        { nowMicros: () => now - 7n * SECOND, radiusSeconds: 10 },
      ],
      nowMicros: () => now,
      sleep: (ms) => Promise.resolve(void (now += BigInt(ms) * 1000n)),
    });
    assert.equal(world.servers[0]?.name, "slow");
    assert.equal(await midpoint(world, 0), NOW_MICROS / SECOND * SECOND);
    assert.equal(now, NOW_MICROS + 2_500_000n);
    assert.equal(
      await midpoint(world, 1),
      (now - 7n * SECOND) / SECOND * SECOND,
    );
    now += 365n * 86_400n * SECOND;
    assert.equal(
      await midpoint(world, 1),
      (now - 7n * SECOND) / SECOND * SECOND,
    );
  },
);

Deno.test(
  "FakeWorld.asks() counts the time that a late reply takes",
  none,
  async () => {
    let micros = 0n;
    const world = await FakeWorld.create({
      servers: [{ behaviours: [{ kind: "delay", delayMs: 60_000 }] }],
      nowMicros: () => NOW_MICROS + micros,
      sleep: (ms) => Promise.resolve(void (micros += BigInt(ms) * 1000n)),
    });
    const now = () => Number(micros) / 1000;
    const ask = world.asks(now);
    const { outcomes: [late] } = await survey(world.list, { ask, now });
    assert(late?.bounds);
    assert(late.bounds.earliestMicros <= NOW_MICROS + micros);
    assert(late.bounds.latestMicros >= NOW_MICROS + micros);
    assert.equal(late.answers[0]?.rttMicros, 60_000_000n);
  },
);
