import assert from "node:assert/strict";
import { fuzzRequests } from "../../lib/chaos/fuzz.ts";
import { parseRequest } from "../../lib/wire/request.ts";
import { Server } from "../../lib/server/core.ts";
import { bytes, PUBLIC_KEY, requestFor } from "../_support/fixtures.ts";
import { verifyResponse } from "../../lib/verify/response.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "Server.handleBatch() answers good requests among 2,000 mutated ones",
  none,
  async () => {
    const server = await Server.create({
      privateKey: bytes(32, 1),
      greaseProbability: 0,
      trustClock: true,
    });
    const mutated = [...fuzzRequests(20261005, 2000)];
    let answered = 0;
    for (let at = 0; at < mutated.length; at += 50) {
      const good = requestFor("rfc-10049", at);
      const packets = [
        ...mutated.slice(at, at + 50).map(({ packet }) => packet),
        good,
      ];
      const outcomes = await server.handleBatch(packets);
      for (const [i, outcome] of outcomes.entries()) {
        const request = packets[i] as Uint8Array;
        const name = mutated[at + i]?.name;
        if ("drop" in outcome) {
          assert.notEqual(request, good);
          assert.notEqual(outcome.drop, "internal", name);
          continue;
        }
        answered++;
        assert(outcome.reply.length <= request.length, name);
        const { reply: response } = outcome;
        const verdict = await verifyResponse({
          request,
          response,
          publicKey: PUBLIC_KEY,
        });
        assert(verdict.ok, name);
      }
    }
    assert.equal(server.counters.panics, 0);
    assert(answered > 40, "some of the mutations leave a good request");
  },
);

Deno.test(
  "fuzzRequests() depend on the seed, are bounded and rarely good",
  none,
  () => {
    const packets = (seed: number) => [...fuzzRequests(seed, 500)];
    assert.deepEqual(packets(1), packets(1));
    assert.notDeepEqual(packets(1), packets(2));
    const some = packets(3);
    assert.equal(some.length, 500);
    assert.equal(new Set(some.map(({ name }) => name)).size, 500);
    for (const { packet } of some) assert(packet.length <= 2048);
    const good = some.filter(({ packet }) => parseRequest(packet).ok).length;
    assert(good > 10 && good < 250, `${good}`);
  },
);
