import assert from "node:assert/strict";
import { fuzzRequests } from "../../lib/chaos/fuzz.ts";
import { malformedRequests } from "../../lib/chaos/malformed_request.ts";
import { Server } from "../../lib/server/core.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { ALL, bytes, PUBLIC_KEY, requestFor } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;
const BATCH = 64;

interface Tally {
  packets: number;
  answered: number;
  dropped: number;
}

/**
 * Gives all packets to the server in batches, a good request somewhere in each, and checks
 * every outcome and the answers to the good ones.
 */
async function flood(
  server: Server,
  packets: Iterable<{ readonly packet: Uint8Array }>,
): Promise<Tally> {
  const tally: Tally = { packets: 0, answered: 0, dropped: 0 };
  let batch: Uint8Array[] = [];
  let round = 0;
  const send = async () => {
    const dialect = ALL[round % ALL.length] as typeof ALL[number];
    const good = requestFor(dialect.id, round);
    const place = round++ % BATCH;
    batch.splice(place, 0, good);
    const outcomes = await server.handleBatch(batch);
    assert.equal(outcomes.length, batch.length);
    for (const [i, outcome] of outcomes.entries()) {
      tally.packets++;
      if ("drop" in outcome) {
        assert.notEqual(outcome.drop, "internal");
        tally.dropped++;
        continue;
      }
      tally.answered++;
      assert(outcome.reply.length <= (batch[i] as Uint8Array).length);
    }
    const outcome = outcomes[batch.indexOf(good)];
    assert(outcome && "reply" in outcome, `${dialect.id} in batch ${round}`);
    const verdict = await verifyResponse({
      request: good,
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    });
    assert(verdict.ok, `${dialect.id} in batch ${round}`);
    batch = [];
  };
  for (const { packet } of packets) {
    if (batch.push(packet) === BATCH - 1) await send();
  }
  await send();
  return tally;
}

function create(): Promise<Server> {
  return Server.create({
    privateKey: bytes(32, 1),
    greaseProbability: 0,
    trustClock: true,
  });
}

/** Holds if every reply was signed for once, and nothing went wrong on the way. */
function assertAddsUp(
  { counters }: Server,
  { packets, answered, dropped }: Tally,
): void {
  const sum = (numbers: Iterable<number>) =>
    [...numbers].reduce((a, b) => a + b, 0);
  assert.equal(answered + dropped, packets);
  assert.equal(counters.panics, 0);
  assert.equal(counters.batchedRequests, answered);
  assert.equal(sum(counters.versions.values()), answered);
  assert.equal(sum(counters.batchSizes), counters.batches);
  assert(counters.batches <= answered);
}

Deno.test(
  "Server.handleBatch() answers the good requests among 100,000 mutated ones",
  none,
  async () => {
    const server = await create();
    const tally = await flood(server, fuzzRequests(10049, 100_000));
    assert(tally.packets > 100_000);
    assert(tally.answered > 5000 && tally.dropped > 50_000);
    assertAddsUp(server, tally);
  },
);

Deno.test(
  "Server.handleBatch() answers the good requests among all malformed ones",
  none,
  async () => {
    const server = await create();
    const corpus = ALL.flatMap(({ id }) => [
      ...malformedRequests({ request: requestFor(id, 0, 1100) }),
    ]);
    assert(corpus.length > 15_000);
    const tally = await flood(server, corpus);
    assertAddsUp(server, tally);
  },
);
