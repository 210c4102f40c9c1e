import assert from "node:assert/strict";
import { AddressPeer } from "../../lib/net/peer.ts";
import { type ChaosOptions, ChaosServer } from "../../lib/chaos/server.ts";
import {
  type Behaviour,
  BEHAVIOURS,
  expectationOf,
} from "../../lib/chaos/behaviour.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import { ServerError } from "../../lib/wire/errors.ts";
import { fuzzRequests } from "../../lib/chaos/fuzz.ts";
import { Server } from "../../lib/server/core.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  corpus,
  judge,
  midpointIn,
  NOW_MICROS,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function chaos(options: ChaosOptions = {}): Promise<ChaosServer> {
  return ChaosServer.create({
    privateKey: bytes(32, 1),
    nowMicros: () => NOW_MICROS,
    sleep: () => Promise.resolve(),
    ...options,
  });
}

async function honest(
  request: Uint8Array,
  response: Uint8Array | undefined,
  dialect: Dialect,
) {
  assert(response);
  const verdict = await verifyResponse({
    request,
    response,
    publicKey: PUBLIC_KEY,
  });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  assert.equal(verdict.midpointMicros, midpointIn(dialect));
  assert.equal(verdict.dialect, dialect.id);
}

for (const dialect of ALL) {
  for (const known of BEHAVIOURS) {
    const { name, behaviour, requestBytes } = known;
    const expected = expectationOf(known, dialect.id);
    Deno.test(
      `ChaosServer doing ${name} in ${dialect.id}: ${expected}`,
      none,
      async () => {
        const waits: number[] = [];
        const server = await chaos({
          behaviours: [{ ...behaviour, from: 1 }],
          sleep: (ms) => Promise.resolve(void waits.push(ms)),
        });
        const first = requestFor(dialect.id, 1);
        await honest(first, (await server.answer(first))[0], dialect);

        const request = requestFor(dialect.id, 2, requestBytes);
        const replies = await server.answer(request);
        const [response] = replies;
        const total = replies.reduce((sum, { length }) => sum + length, 0);
        assert(total <= request.length);
        assert.deepEqual(waits, expected === "late" ? [60_000] : []);
        if (expected === "silence") {
          assert.equal(replies.length, 0);
          return;
        }
        assert.equal(replies.length, behaviour.kind === "duplicate" ? 2 : 1);
        assert(response);
        const exchange = { request, response, publicKey: PUBLIC_KEY };
        const verdict = await verifyResponse(exchange);
        switch (expected) {
          case "accepted": {
            if (!verdict.ok) assert.fail(Deno.inspect(verdict));
            const offset = behaviour.kind === "lie"
              ? behaviour.offsetMicros
              : 0n;
            assert.equal(verdict.midpointMicros, midpointIn(dialect) + offset);
            if (behaviour.kind === "radius") {
              assert.equal(verdict.radiusMicros, behaviour.radiusMicros);
            }
            break;
          }
          case "late":
          case "unaffected":
            await honest(request, response, dialect);
            break;
          case "unharmed":
            if (verdict.ok) {
              assert.equal(verdict.midpointMicros, midpointIn(dialect));
            }
            break;
          default:
            assert(!verdict.ok);
            assert.equal(verdict.rejection.code, expected);
        }
        if (name.startsWith("path") || requestBytes === 1024) return;
        assert.fail("no other behaviour needs long requests");
      },
    );
  }
}

Deno.test(
  "ChaosServer never sends more than it received, whatever it does",
  none,
  async () => {
    const behaviours: Behaviour[] = [
      ...BEHAVIOURS.map(({ behaviour }) => behaviour),
      { kind: "duplicate", copies: 1000 },
      { kind: "append", bytes: 5000 },
    ];
    const requests = ALL.map(({ id }) => requestFor(id));
    const server = await chaos();
    for (const a of behaviours) {
      for (
        const also of [[], [{ kind: "duplicate", copies: 3 }], [{
          kind: "fill",
        }]]
      ) {
        server.behave([a, ...also as Behaviour[]]);
        const { deliveries, outcomes } = await server.deliver(requests);
        assert.equal(outcomes.length, requests.length);
        requests.forEach((request, i) => {
          const sent = deliveries.filter(({ position }) => position === i)
            .reduce((sum, { bytes }) => sum + bytes.length, 0);
          assert(sent <= request.length, `${a.kind} ${sent}`);
        });
      }
    }
  },
);

Deno.test(
  "ChaosServer lies to some only, from a moment on, and stops when told to",
  none,
  async () => {
    const lie: Behaviour = {
      kind: "lie",
      offsetMicros: 60n * SECOND,
      from: 2,
      only: (_, peer) => peer?.address === "victim",
    };
    const server = await chaos({ behaviours: [lie] });
    const offset = async (number: number, name: string) => {
      const request = requestFor("rfc-10049", number);
      const peer = new AddressPeer(name, 2002);
      const [response] = await server.answer(request, { peer });
      assert(response);
      const verdict = await verifyResponse({
        request,
        response,
        publicKey: PUBLIC_KEY,
      });
      assert(verdict.ok);
      return verdict.midpointMicros - NOW_MICROS / SECOND * SECOND;
    };
    assert.equal(await offset(1, "victim"), 0n);
    assert.equal(await offset(2, "friend"), 0n);
    assert.equal(await offset(3, "victim"), 60n * SECOND);
    assert.equal(await offset(4, "friend"), 0n);
    server.behave([]);
    assert.deepEqual(server.behaviours, []);
    assert.equal(await offset(5, "victim"), 0n);
    server.behave([lie]);
    assert.equal(await offset(6, "victim"), 0n, "counts anew");
  },
);

Deno.test(
  "ChaosServer loses a share of the replies, the same for the same seed",
  none,
  async () => {
    const lost = async (seed: number) => {
      const server = await chaos({
        seed,
        behaviours: [{ kind: "silence", share: 0.3 }],
      });
      const pattern: boolean[] = [];
      for (let n = 0; n < 200; n++) {
        pattern.push(
          (await server.answer(requestFor("rfc-10049", n))).length === 0,
        );
      }
      return pattern;
    };
    const pattern = await lost(5);
    assert.deepEqual(await lost(5), pattern);
    assert.notDeepEqual(await lost(6), pattern);
    const count = pattern.filter(Boolean).length;
    assert(count > 30 && count < 90, `${count}`);
  },
);

Deno.test(
  "ChaosServer replays what it told somebody else, not the client itself",
  none,
  async () => {
    let now = NOW_MICROS;
    const server = await chaos({ nowMicros: () => now });
    const old = requestFor("rfc-10049", 1);
    const [answer] = await server.answer(old);
    now += 100n * SECOND;
    server.behave([{ kind: "replay" }]);
    assert.deepEqual(await server.answer(requestFor("rfc-10049", 2)), [answer]);
    const [again] = await server.answer(requestFor("rfc-10049", 2));
    assert(again);
    const exchange = {
      request: requestFor("rfc-10049", 2),
      response: again,
      publicKey: PUBLIC_KEY,
    };
    assert.equal(await judge(exchange), "nonce-mismatch");
  },
);

Deno.test(
  "ChaosServer.deliver() turns the order of a batch round",
  none,
  async () => {
    const server = await chaos({ behaviours: [{ kind: "reorder" }] });
    const requests = [1, 2, 3].map((n) => requestFor("rfc-10049", n));
    const { deliveries, outcomes } = await server.deliver(requests);
    assert.deepEqual(deliveries.map(({ position }) => position), [2, 1, 0]);
    for (const [i, outcome] of outcomes.entries()) {
      assert("reply" in outcome);
      await honest(
        requests[i] as Uint8Array,
        outcome.reply,
        ALL.at(-1) as Dialect,
      );
    }
  },
);

Deno.test(
  "ChaosServer.answer() gives up waiting when told to, leaving no timer",
  none,
  async () => {
    const server = await chaos({
      behaviours: [{ kind: "delay", delayMs: 1e8 }],
      sleep: undefined,
    });
    const ending = new AbortController();
    const answer = server.answer(requestFor("rfc-10049"), ending);
    ending.abort();
    assert.deepEqual(await answer, []);
    assert.deepEqual(await server.answer(requestFor("rfc-10049"), ending), []);
    server.behave([{ kind: "delay", delayMs: 1 }]);
    assert.equal((await server.answer(requestFor("rfc-10049"))).length, 1);
  },
);

Deno.test(
  "ChaosServer is a Server, and survives what a server survives",
  none,
  async () => {
    const server = await chaos({
      behaviours: [{ kind: "silence" }, { kind: "corrupt" }],
    });
    assert(server instanceof Server);
    assert.deepEqual(server.publicKey, PUBLIC_KEY);
    const junk = [
      ...[...corpus(requestFor("draft-14"))].map(({ packet }) => packet),
      ...[...fuzzRequests(3, 500)].map(({ packet }) => packet),
    ];
    const outcomes = await server.handleBatch(junk);
    assert.equal(outcomes.length, junk.length);
    for (const outcome of outcomes) assert("drop" in outcome);
    server.behave([]);
    const request = requestFor("draft-14", 9);
    const [outcome] = await server.handleBatch([request]);
    assert(outcome && "reply" in outcome);
    assert.equal(server.counters.panics, 0);
  },
);

Deno.test(
  "ChaosServer refuses numbers that make no sense, and two keys",
  none,
  async () => {
    const fails = (behaviour: Behaviour) =>
      assert.rejects(chaos({ behaviours: [behaviour] }), ServerError);
    await fails({ kind: "silence", share: 2 });
    await fails({ kind: "silence", share: NaN });
    await fails({ kind: "silence", from: -1 });
    await fails({ kind: "delay", delayMs: -1 });
    await fails({ kind: "duplicate", copies: 0 });
    await fails({ kind: "truncate", bytes: -1 });
    await assert.rejects(chaos({ longTerm: [] }), ServerError);
    const keys = { privateKey: bytes(32, 2) };
    await assert.rejects((await chaos()).replaceKeys(keys), ServerError);
  },
);
