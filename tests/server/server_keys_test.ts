/** A server's keys and clock over time: delegations, renewal, replacement, verdicts. */

import assert from "node:assert/strict";
import type { Signer } from "../../lib/crypto/ed25519.ts";
import {
  createDelegation,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import type { Delegated } from "../../lib/server/keyring.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerKeys } from "../../lib/server/options.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  LONG_TERM,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import {
  ask,
  askAll,
  of,
  refuses,
  Turned,
  turned,
} from "../_support/server_keys.ts";

const none = { permissions: "none" } as const;

const HOUR = 3600n * SECOND;

const DAY = 24n * HOUR;

async function delegation(
  longTerm: Signer,
  days: bigint,
  seed = 80,
): Promise<Delegated> {
  const result = await parseDelegation(
    await createDelegation({
      longTerm,
      onlineSeed: bytes(32, seed),
      notBeforeMicros: NOW_MICROS - DAY,
      // A whole second, so that every layout says the same.
      notAfterMicros: NOW_MICROS - NOW_MICROS % SECOND + days * DAY,
    }),
  );
  assert(result.ok);
  return result.delegated;
}

/** The online key in use. */
async function onlineKey(server: Server): Promise<Uint8Array> {
  const [first, ...rest] = await askAll(server);
  assert(first);
  for (const { delegation } of rest) {
    assert.deepEqual(delegation.publicKey, first.delegation.publicKey);
  }
  return Uint8Array.from(first.delegation.publicKey);
}

Deno.test(
  "Server signs with a delegated key, without any root",
  none,
  async () => {
    const delegated = await delegation(LONG_TERM, 30n);
    const { server, events } = await turned({ delegated: [delegated] });
    assert.deepEqual(server.publicKeys, [PUBLIC_KEY]);
    assert.equal(server.notAfterMicros, delegated.online.notAfterMicros);
    const key = Uint8Array.from(delegated.online.signer.publicKey);
    assert.deepEqual(await onlineKey(server), key);
    // It stays the same until its end, and nothing signs after that.
    const { notAfterMicros } = delegated.online;
    for (const days of [1n, 20n, 29n]) {
      server.now = NOW_MICROS + days * DAY;
      assert.deepEqual(await onlineKey(server), key);
    }
    server.now = notAfterMicros;
    assert.deepEqual(await onlineKey(server), key);
    server.now = notAfterMicros + 1n;
    await refuses(server, "delegation");
    server.now = NOW_MICROS - 2n * DAY;
    await refuses(server, "delegation");
    assert.equal(server.counters.rotations, 0);
    assert.deepEqual(of(events, "rotated"), []);
    assert.deepEqual(of(events, "panic"), []);
  },
);

Deno.test("Server signs with delegated keys beside its own", none, async () => {
  const delegated = [await delegation(OTHER_LONG_TERM, 30n)];
  const { server } = await turned({ longTerm: [LONG_TERM], delegated });
  const { publicKey: other } = OTHER_LONG_TERM;
  assert.deepEqual(server.publicKeys, [PUBLIC_KEY, other]);
  for (const publicKey of server.publicKeys) {
    const request = buildRequest({
      versions: [1],
      nonce: bytes(32, 81),
      publicKey,
    });
    const [outcome] = await server.handleBatch([request]);
    if (!(outcome && "reply" in outcome)) assert.fail(Deno.inspect(outcome));
    const response = outcome.reply;
    const verdict = await verifyResponse({ request, response, publicKey });
    if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  }
});

Deno.test("Server.create() refuses one key twice", none, async () => {
  const delegated = [await delegation(LONG_TERM, 30n)];
  for (
    const keys of [
      { longTerm: [LONG_TERM], delegated },
      { delegated: [...delegated, ...delegated] },
      { longTerm: [], delegated: [] },
    ] satisfies ServerKeys[]
  ) {
    await assert.rejects(turned(keys), { name: "ServerError", code: "key" });
  }
});

Deno.test(
  "Server announces the end of a delegation a week before, and at each halving",
  none,
  async () => {
    const delegated = [await delegation(LONG_TERM, 30n)];
    const { server, events } = await turned({ delegated });
    const end = server.notAfterMicros as bigint;
    const at = async (left: bigint) => {
      server.now = end - left;
      events.length = 0;
      await server.handleBatch([requestFor("rfc-10049")]);
      await server.lookAfter();
      return of(events, "delegation-ending").map(({ secondsLeft }) =>
        secondsLeft
      );
    };
    assert.deepEqual(await at(30n * DAY), []);
    assert.deepEqual(await at(7n * DAY + 1n), []);
    assert.deepEqual(await at(7n * DAY), []);
    const week = 7n * DAY - SECOND;
    assert.deepEqual(await at(week), [604_799]);
    assert.deepEqual(await at(week), []);
    assert.deepEqual(await at(week / 2n), []);
    assert.deepEqual(await at(week / 2n - 1n), [302_399]);
    assert.deepEqual(await at(week / 4n), []);
    assert.deepEqual(await at(DAY), [86_400]);
    assert.deepEqual(await at(DAY / 2n + 1n), []);
    assert.deepEqual(await at(HOUR), [3600]);
    assert.deepEqual(await at(SECOND), [1]);
    for (const left of [SECOND / 2n, SECOND / 8n, 1n, 0n]) {
      assert.deepEqual(await at(left), []);
    }
    assert.deepEqual(await at(-1n), [0]);
    assert.deepEqual(await at(-SECOND), []);
  },
);

Deno.test("Server says once that a delegation has ended", none, async () => {
  const delegated = [await delegation(LONG_TERM, 30n)];
  const { server, events } = await turned({ delegated });
  server.now = (server.notAfterMicros as bigint) + 10n * SECOND;
  for (let i = 0; i < 50; i++) {
    await refuses(server, "delegation");
    server.now += SECOND;
  }
  assert.deepEqual(
    of(events, "delegation-ending").map(({ secondsLeft }) => secondsLeft),
    [-10],
  );
  // A new one is another matter.
  const next = await delegation(LONG_TERM, 31n, 82);
  await server.replaceKeys({ delegated: [next] });
  server.now = next.online.notAfterMicros - HOUR;
  await askAll(server);
  assert.deepEqual(
    of(events, "delegation-ending").map(({ secondsLeft }) => secondsLeft),
    [-10, 3600],
  );
});

Deno.test(
  "Server announces no end of a key that it renews by itself",
  none,
  async () => {
    const own = await turned({ longTerm: [LONG_TERM] });
    const delegated = [await delegation(OTHER_LONG_TERM, 400n)];
    const mixed = await turned({ longTerm: [LONG_TERM], delegated });
    for (const { server, events } of [own, mixed]) {
      for (let i = 0; i < 30; i++) {
        server.now += HOUR / 4n;
        await server.lookAfter();
      }
      assert.deepEqual(of(events, "delegation-ending"), []);
      assert(of(events, "rotated").length > 5);
    }
  },
);

Deno.test(
  "Server.lookAfter() notices without a request that keys end",
  none,
  async () => {
    const { server, events } = await turned({ longTerm: [LONG_TERM] });
    await server.lookAfter();
    assert.deepEqual(of(events, "rotated"), []);
    server.now += HOUR;
    await server.lookAfter();
    const notAfterMicros = server.now + HOUR;
    assert.deepEqual(of(events, "rotated"), [{
      kind: "rotated",
      notAfterMicros,
    }]);
    assert.equal(server.notAfterMicros, notAfterMicros);
    assert.equal(server.counters.rotations, 1);
    assert.equal(of(events, "clock-step").length, 1);
    assert.equal(server.counters.clockSteps, 1);
    assert.equal(server.counters.batches, 0);
  },
);

Deno.test("Server.lookAfter() never fails", none, async () => {
  const { server, events } = await turned({ longTerm: [LONG_TERM] });
  server.faults = 1;
  await server.lookAfter();
  assert.match(String(of(events, "panic")[0]?.error), /clock has stopped/);
  assert.equal(server.counters.panics, 1);
  const silent = await turned({
    longTerm: [LONG_TERM],
    onEvent: () => {
      throw new Error("the disk is full");
    },
  });
  silent.server.now += HOUR;
  silent.server.faults = 1;
  await silent.server.lookAfter();
  await askAll(silent.server);
});

Deno.test(
  "Server.lookAfter() before anything else does no harm",
  none,
  async () => {
    const server = new Turned({ longTerm: [LONG_TERM], greaseProbability: 0 });
    assert.equal(server.notAfterMicros, undefined);
    await server.lookAfter();
    await askAll(server);
  },
);

Deno.test("Server.replaceKeys() puts other keys into use", none, async () => {
  const first = await delegation(LONG_TERM, 30n, 83);
  const second = await delegation(LONG_TERM, 60n, 84);
  const { server } = await turned({ delegated: [first] });
  const before = await onlineKey(server);
  await server.replaceKeys({ delegated: [second] });
  const after = await onlineKey(server);
  assert.notDeepEqual(after, before);
  assert.deepEqual(after, Uint8Array.from(second.online.signer.publicKey));
  assert.equal(server.notAfterMicros, second.online.notAfterMicros);
  assert.equal(server.counters.rotations, 1);
  // From a delegation to a root, and to another one.
  await server.replaceKeys({ privateKey: bytes(32, 1) });
  assert.notDeepEqual(await onlineKey(server), after);
  await server.replaceKeys({ longTerm: [OTHER_LONG_TERM] });
  assert.deepEqual(server.publicKeys, [OTHER_LONG_TERM.publicKey]);
  const outcomes = await ask(server);
  ALL.forEach(({ id, srv }, i) => {
    // Those that name the key they mean do not mean this one.
    const drop = srv === "heeded" ? "srv" : undefined;
    const outcome = outcomes[i] as Outcome;
    assert.equal("drop" in outcome ? outcome.drop : undefined, drop, id);
  });
});

Deno.test(
  "Server.replaceKeys() keeps the old keys where the new ones are bad",
  none,
  async () => {
    const own = await delegation(LONG_TERM, 30n, 85);
    const stranger = await delegation(OTHER_LONG_TERM, 30n, 86);
    const { server } = await turned({ delegated: [own] });
    const before = await onlineKey(server);
    const locked: Signer = {
      publicKey: OTHER_LONG_TERM.publicKey,
      sign: () => Promise.reject(new Error("locked")),
    };
    const bad: readonly [ServerKeys, object][] = [
      [{ privateKey: "nonsense" }, { code: "key" }],
      [{ privateKey: bytes(31, 1) }, { code: "key" }],
      [{ longTerm: [] }, { code: "key" }],
      [{ longTerm: [LONG_TERM, LONG_TERM] }, { code: "key" }],
      [{ delegated: [stranger, stranger] }, { code: "key" }],
      [{ longTerm: [OTHER_LONG_TERM], delegated: [stranger] }, { code: "key" }],
      [{ longTerm: [locked] }, { message: "locked" }],
      [{ longTerm: [locked], delegated: [own] }, { message: "locked" }],
    ];
    for (const [keys, expected] of bad) {
      await assert.rejects(server.replaceKeys(keys), expected);
      assert.deepEqual(server.publicKeys, [PUBLIC_KEY]);
      assert.equal(server.notAfterMicros, own.online.notAfterMicros);
      assert.deepEqual(await onlineKey(server), before);
    }
    assert.equal(server.counters.rotations, 0);
    // And it can still be mended.
    await server.replaceKeys({
      delegated: [await delegation(LONG_TERM, 9n, 87)],
    });
    assert.notDeepEqual(await onlineKey(server), before);
  },
);

Deno.test(
  "Server finishes a batch with the keys it began with",
  none,
  async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => release = resolve);
    const own = await delegation(LONG_TERM, 30n, 88);
    const slow: Delegated = {
      ...own,
      online: {
        ...own.online,
        signer: {
          publicKey: own.online.signer.publicKey,
          sign: async (message) => {
            await held;
            return await own.online.signer.sign(message);
          },
        },
      },
    };
    const { server } = await turned({ delegated: [slow] });
    const request = requestFor("rfc-10049");
    const answering = server.handleBatch([request]);
    await server.replaceKeys({ longTerm: [LONG_TERM] });
    release();
    const [outcome] = await answering;
    assert(outcome && "reply" in outcome);
    const response = outcome.reply;
    const exchange = { request, response, publicKey: PUBLIC_KEY };
    const verdict = await verifyResponse(exchange);
    if (!verdict.ok) assert.fail(Deno.inspect(verdict));
    assert.deepEqual(
      Uint8Array.from(verdict.delegation.publicKey),
      Uint8Array.from(own.online.signer.publicKey),
    );
  },
);

Deno.test(
  "Server keeps its online key while the long-term key cannot sign",
  none,
  async () => {
    let reachable = true;
    let asked = 0;
    const remote: Signer = {
      publicKey: PUBLIC_KEY,
      sign: async (message) => {
        asked++;
        if (!reachable) throw new Error("no route");
        return await LONG_TERM.sign(message);
      },
    };
    const { server, events } = await turned({ longTerm: [remote] });
    const before = await onlineKey(server);
    const end = server.notAfterMicros as bigint;
    reachable = false;
    asked = 0;
    // Time to renew, and an eighth of the window left.
    server.now = end - HOUR / 8n;
    for (let i = 0; i < 5; i++) {
      assert.deepEqual(await onlineKey(server), before);
      await server.lookAfter();
    }
    assert.equal(asked, 1, "it is left in peace for a while");
    assert.equal(server.counters.panics, 1);
    assert.match(String(of(events, "panic")[0]?.error), /no route/);
    assert.equal(of(events, "rotated").length, 0);
    assert.equal(server.counters.rotations, 0);
    // Without renewal it ends as any other.
    server.now = end + SECOND;
    await refuses(server, "delegation");
    // New keys are put into use whatever the old ones were waiting for.
    reachable = true;
    await server.replaceKeys({ longTerm: [remote] });
    assert.notDeepEqual(await onlineKey(server), before);
  },
);

Deno.test("a long-term signer that never answers does not stop the server", async () => {
  let hangs = false;
  const longTerm: Signer = {
    publicKey: LONG_TERM.publicKey,
    sign: (message) =>
      hangs ? new Promise<Uint8Array>(() => {}) : LONG_TERM.sign(message),
  };
  class Clock extends Server {
    now = NOW_MICROS;
    override getTime(): bigint {
      return this.now;
    }
  }
  const server = await Clock.create({
    longTerm: [longTerm],
    trustClock: true,
    greaseProbability: 0,
  });
  hangs = true;
  server.now += 3500n * SECOND; // into the last eighth of the hour
  for (let i = 0; i < 3; i++) {
    const request = requestFor("rfc-10049", i);
    const [outcome] = await server.handleBatch([request]);
    if (!(outcome && "reply" in outcome)) assert.fail(Deno.inspect(outcome));
  }
  // Nor does it keep a better one from taking its place.
  await server.replaceKeys({ longTerm: [LONG_TERM] });
  server.now += 3500n * SECOND;
  const [outcome] = await server.handleBatch([requestFor("rfc-10049", 9)]);
  if (!(outcome && "reply" in outcome)) assert.fail(Deno.inspect(outcome));
});
