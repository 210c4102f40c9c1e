import assert from "node:assert/strict";
import {
  createDelegation,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import type { Delegated } from "../../lib/server/keyring.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import { bytes, LONG_TERM, SECOND } from "../_support/fixtures.ts";
import {
  Adrift,
  CALM,
  everyVersion,
  HOUR,
  verified,
  verifyAll,
} from "../_support/faults.ts";

/** Wherever the clock goes, by that many hours each time. */
const STEPS = [-1n, 5n, -9n, 24n, -100n, 1000n, 2n, -2n, -30_000n, 30_000n];

Deno.test("Server with its long-term key signs only what its delegation covers, however the clock jumps", async () => {
  const events: ServerEvent[] = [];
  const server = await Adrift.create({
    ...CALM,
    validitySeconds: 7200,
    onEvent: (event) => events.push(event),
  });
  for (const [number, hours] of STEPS.entries()) {
    const before = everyVersion(2 * number);
    await verifyAll(before, await server.handleBatch(before));
    server.offset += hours * HOUR;
    const after = everyVersion(2 * number + 1);
    const replies = await verifyAll(after, await server.handleBatch(after));
    for (const { midpointMicros } of replies) {
      const error = midpointMicros - server.getTime();
      assert(error < 60n * SECOND && error > -60n * SECOND);
    }
  }
  assert.equal(server.counters.clockSteps, STEPS.length);
  assert.equal(server.counters.panics, 0);
  assert(server.counters.rotations > 0);
  assertSteps(events);
});

/** Holds if each step was told, with its direction and about its size. */
function assertSteps(events: readonly ServerEvent[]): void {
  const told = events.filter(({ kind }) => kind === "clock-step");
  assert.equal(told.length, STEPS.length);
  told.forEach((event, i) => {
    assert(event.kind === "clock-step");
    const error = event.stepMicros - (STEPS[i] as bigint) * HOUR;
    assert(error < 60n * SECOND && error > -60n * SECOND);
  });
}

/** A delegation for so many hours around now. */
async function delegate(before: bigint, after: bigint): Promise<Delegated> {
  const now = BigInt(Date.now()) * 1000n;
  const parsed = await parseDelegation(
    await createDelegation({
      longTerm: LONG_TERM,
      onlineSeed: bytes(32, 3),
      notBeforeMicros: now - before * HOUR,
      notAfterMicros: now + after * HOUR,
    }),
  );
  assert(parsed.ok);
  return parsed.delegated;
}

Deno.test("Server without its long-term key signs only what its delegation covers, however the clock jumps", async () => {
  const events: ServerEvent[] = [];
  const server = await Adrift.create({
    delegated: [await delegate(3n, 12n)],
    greaseProbability: 0,
    trustClock: true,
    onEvent: (event) => events.push(event),
  });
  let hours = 0n;
  let silent = 0;
  for (const [number, step] of STEPS.entries()) {
    hours += step;
    server.offset = hours * HOUR;
    const requests = everyVersion(number);
    if (number === 0) {
      // The first call has nothing to compare with.
      server.offset = 0n;
      await verifyAll(requests, await server.handleBatch(requests));
      server.offset = hours * HOUR;
    }
    const outcomes = await server.handleBatch(requests);
    if (hours > -3n && hours < 12n) await verifyAll(requests, outcomes);
    else {
      silent++;
      for (const outcome of outcomes) {
        assert.deepEqual(outcome, { drop: "delegation" });
      }
    }
  }
  assert(silent > 0 && silent < STEPS.length);
  assert.equal(server.counters.clockSteps, STEPS.length);
  assert.equal(server.counters.rotations, 0);
  assert.equal(server.counters.panics, 0);
  assertSteps(events);
});

Deno.test("Server signs to the last microsecond of its delegation and no further", async () => {
  const delegated = await delegate(1n, 1n);
  const { notBeforeMicros, notAfterMicros } = delegated.online;
  class Set extends Server {
    now = notBeforeMicros;
    override getTime(): bigint {
      return this.now;
    }
  }
  const server = await Set.create({
    delegated: [delegated],
    greaseProbability: 0,
    trustClock: true,
  });
  const requests = everyVersion(1);
  for (const now of [notBeforeMicros, notAfterMicros]) {
    server.now = now;
    await verifyAll(requests, await server.handleBatch(requests));
  }
  for (const now of [notBeforeMicros - 1n, notAfterMicros + 1n]) {
    server.now = now;
    for (const outcome of await server.handleBatch(requests)) {
      assert.deepEqual(outcome, { drop: "delegation" });
    }
  }
});

Deno.test("Server never signs outside its delegation when the clock jumps while it signs", async () => {
  const server = await Adrift.create({ ...CALM, validitySeconds: 3600 });
  let answered = 0;
  for (const [number, hours] of STEPS.entries()) {
    const requests = everyVersion(number);
    // Both are under way when the keys are replaced, as with UDP next to TCP.
    const early = server.handleBatch(requests);
    server.offset += hours * HOUR;
    const late = server.handleBatch(requests);
    for (const outcomes of [await early, await late]) {
      for (const [i, outcome] of outcomes.entries()) {
        if ("drop" in outcome) {
          assert.equal(outcome.drop, "delegation");
          continue;
        }
        answered++;
        await verified(requests[i] as Uint8Array, outcome.reply);
      }
    }
  }
  assert(answered > 0);
  const requests = everyVersion(99);
  await verifyAll(requests, await server.handleBatch(requests));
});
