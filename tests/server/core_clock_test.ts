import assert from "node:assert/strict";
import type { Signer } from "../../lib/crypto/ed25519.ts";
import { Server } from "../../lib/server/core.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import {
  askAll,
  floorTo,
  only,
  SEED,
  Turned,
  turned,
  verified,
} from "../_support/core.ts";
import {
  ALL,
  LONG_TERM,
  NOW_MICROS,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const HOUR: bigint = 3600n * SECOND;

Deno.test("Server tells the time that getTime() gives", none, async () => {
  const times = [
    0n,
    1n,
    NOW_MICROS,
    NOW_MICROS + 1n,
    -5n * SECOND + NOW_MICROS,
    253_402_300_799_999_999n, // the end of the year 9999
  ];
  for (const now of times) {
    class Still extends Server {
      override getTime(): bigint {
        return now;
      }
    }
    const server = await Still.create({
      privateKey: SEED,
      greaseProbability: 0,
      validitySeconds: 7200,
    });
    for (const { dialect, verdict } of await askAll(server)) {
      assert.equal(verdict.midpointMicros, floorTo(dialect, now), dialect.id);
      const { notBeforeMicros, notAfterMicros } = verdict.delegation;
      const from = now < HOUR ? 0n : now - HOUR;
      assert.equal(notBeforeMicros, floorTo(dialect, from));
      assert.equal(notAfterMicros, floorTo(dialect, now + 2n * HOUR));
    }
  }
});

Deno.test("Server tells the system's time by itself", none, async () => {
  const server = await Server.create();
  const before = BigInt(Date.now()) * 1000n;
  const told = server.getTime();
  const after = BigInt(Date.now()) * 1000n;
  assert(before <= told && told <= after);
});

Deno.test(
  "Server survives times that cannot be written down",
  none,
  async () => {
    const server = await turned();
    for (const now of [-1n, -(2n ** 80n), 2n ** 63n, 2n ** 64n, 2n ** 80n]) {
      server.now = now;
      const requests = ALL.map(({ id }) => requestFor(id));
      const outcomes = await server.handleBatch(requests);
      assert.equal(outcomes.length, requests.length);
      for (const [i, outcome] of outcomes.entries()) {
        if ("reply" in outcome) {
          await verified(
            requests[i] as Uint8Array,
            outcome,
          );
        }
      }
      server.now = NOW_MICROS;
      await askAll(server);
    }
  },
);

Deno.test("Server goes on when its clock fails once", none, async () => {
  const server = await turned();
  const request = requestFor("rfc-10049");
  server.faults = 1;
  assert.deepEqual(await only(server, request), { drop: "internal" });
  await verified(request, await only(server, request));
});

Deno.test(
  "Server answers the others of a batch when its clock fails in between",
  none,
  async () => {
    const server = await turned();
    const requests = [0, 1, 2, 3].map((n) => requestFor("rfc-10049", n));
    // The batch as a whole, then the first two of it one by one.
    server.faults = 3;
    const outcomes = await server.handleBatch(requests);
    assert.deepEqual(outcomes.slice(0, 2), [
      { drop: "internal" },
      { drop: "internal" },
    ]);
    for (const i of [2, 3]) {
      await verified(requests[i] as Uint8Array, outcomes[i]);
    }

    server.faults = 100;
    assert.deepEqual(
      await server.handleBatch(requests),
      requests.map(() => ({ drop: "internal" })),
    );
    server.faults = 0;
    await askAll(server);
  },
);

Deno.test("Server goes on when getRadius() fails", none, async () => {
  class Unsure extends Turned {
    sure = true;
    override getRadius(): bigint {
      if (!this.sure) throw new Error("no idea");
      return super.getRadius();
    }
  }
  const server = await Unsure.create({ privateKey: SEED });
  const request = requestFor("google");
  server.sure = false;
  assert.deepEqual(await only(server, request), { drop: "internal" });
  server.sure = true;
  await verified(request, await only(server, request));
});

Deno.test(
  "Server replaces its online key as time goes by, both ways",
  none,
  async () => {
    const server = await turned({ validitySeconds: 3600 });
    /** Moves the clock, asks in every dialect, and gives the key that signed. */
    const keyAfter = async (move: bigint): Promise<string> => {
      server.now += move;
      const keys = new Set<string>();
      for (const { dialect, verdict } of await askAll(server)) {
        const { midpointMicros, delegation } = verdict;
        assert.equal(midpointMicros, floorTo(dialect, server.now));
        assert(delegation.notBeforeMicros <= midpointMicros);
        assert(midpointMicros <= delegation.notAfterMicros);
        keys.add(String(delegation.publicKey));
      }
      assert.equal(keys.size, 1);
      return [...keys][0] as string;
    };
    const seen = new Set<string>();
    let current = await keyAfter(0n);
    seen.add(current);
    const moves: [name: string, by: bigint, fresh: boolean][] = [
      ["ten minutes on", HOUR / 6n, false],
      ["forty more", HOUR * 4n / 6n, false],
      ["into the last eighth", HOUR / 20n, true],
      ["half an hour back", -HOUR / 2n, false],
      ["to the very beginning of the window", -HOUR / 2n, false],
      ["a microsecond before it", -1n, true],
      ["ten hours on", 10n * HOUR, true],
      ["ten hours back", -10n * HOUR, true],
      ["twenty hours back", -20n * HOUR, true],
      ["a second on", SECOND, false],
      ["ten years on", 87_660n * HOUR, true],
      ["ten years back", -87_660n * HOUR, true],
      ["nowhere", 0n, false],
    ];
    for (const [name, by, fresh] of moves) {
      const key = await keyAfter(by);
      assert.equal(key !== current, fresh, name);
      if (fresh) assert(!seen.has(key), `${name}: no key comes back`);
      seen.add(key);
      current = key;
    }
  },
);

Deno.test(
  "Server never answers outside the delegation, however often it is asked at once",
  none,
  async () => {
    const slow: Signer = {
      publicKey: LONG_TERM.publicKey,
      sign: async (message) => {
        await new Promise((resolve) => setTimeout(resolve));
        return await LONG_TERM.sign(message);
      },
    };
    const server = await turned({ longTerm: [slow], validitySeconds: 60 });
    const requests = ALL.map(({ id }) => requestFor(id));
    const batches: Promise<Outcome[]>[] = [];
    for (
      const move of [0n, HOUR, -HOUR, 30n * SECOND, 9n * HOUR, -40n * HOUR]
    ) {
      server.now += move;
      batches.push(server.handleBatch(requests));
    }
    for (const outcomes of await Promise.all(batches)) {
      for (const [i, outcome] of outcomes.entries()) {
        if ("reply" in outcome) {
          await verified(
            requests[i] as Uint8Array,
            outcome,
          );
        } else assert.equal(outcome.drop, "delegation");
      }
    }
    await askAll(server);
  },
);

Deno.test("Server says its radius, rounded up and never 0", none, async () => {
  for (
    const radiusSeconds of [undefined, 0.000001, 0.5, 1, 3, 3.25, 100, 4000]
  ) {
    const server = await turned({ radiusSeconds });
    const micros = BigInt(Math.round((radiusSeconds ?? 3) * 1e6));
    assert.equal(server.getRadius(), micros);
    for (const { dialect, verdict } of await askAll(server)) {
      const least = BigInt(dialect.leastRadiusSeconds) * SECOND;
      const wanted = micros < least ? least : micros;
      const expected = dialect.time === "unix-seconds"
        ? (wanted + SECOND - 1n) / SECOND * SECOND
        : wanted;
      assert.equal(verdict.radiusMicros, expected, dialect.id);
      assert(verdict.radiusMicros > 0n);
    }
  }
});

Deno.test("Server says what getRadius() gives", none, async () => {
  class Widening extends Turned {
    override getRadius(): bigint {
      return super.getRadius() + 20n * SECOND;
    }
  }
  const server = await Widening.create({
    privateKey: SEED,
    radiusSeconds: 5,
    greaseProbability: 0,
  });
  for (const { verdict } of await askAll(server)) {
    assert.equal(verdict.radiusMicros, 25n * SECOND);
  }
});
