import assert from "node:assert/strict";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";
import { claim, listed, World } from "../_support/many.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { SleepWatch } from "../../lib/client/sleep_watch.ts";
import {
  type Gathered,
  vote,
  type VoteOptions,
  watchFor,
} from "../../lib/ecosystem/vote.ts";

const none = { permissions: "none" } as const;
const RTT = 20_000n;

/** One server for each radius, each with one answer from now. */
function answered(world: World, radii: readonly bigint[]): Gathered[] {
  return radii.map((radiusMicros, n) => {
    const server = listed(n);
    const sentAt = world.monoMicros - RTT;
    const question = {
      address: server.addresses[0]!,
      transport: "udp" as const,
      publicKey: server.publicKey,
      versions: undefined,
      nonce: new Uint8Array(32),
      timeout: 1,
      signal: undefined,
    };
    const moment = { midpointMicros: NOW_MICROS, radiusMicros };
    const answer = claim(question, world, sentAt, moment);
    return { server, answers: [answer], error: undefined };
  });
}

Deno.test(
  "vote() carries answers on by exactly the time that has passed, and drift",
  none,
  () => {
    for (const driftPpm of [0, 100]) {
      const world = new World();
      const gathered = answered(world, [SECOND]);
      const elapsed = 1000n * SECOND;
      world.pass(elapsed);
      const { outcomes, takenAt } = vote(
        gathered,
        { now: world.now, driftPpm },
        undefined,
      );
      assert.equal(takenAt, world.now());
      const bounds = outcomes[0]?.bounds;
      assert(bounds);
      const drift = elapsed * BigInt(driftPpm) / 1_000_000n;
      const off = (a: bigint, b: bigint) => Number(a > b ? a - b : b - a);
      const earliest = NOW_MICROS - SECOND + elapsed - drift;
      const latest = NOW_MICROS + SECOND + RTT + elapsed + drift;
      // A few microseconds of rounding, and drift that refers to the other clock.
      assert(off(bounds.earliestMicros, earliest) < 20);
      assert(off(bounds.latestMicros, latest) < 20);
      assert(bounds.earliestMicros <= earliest);
      assert(bounds.latestMicros >= latest);
    }
  },
);

Deno.test("vote() says who failed and how", none, () => {
  const world = new World();
  const [one] = answered(world, [SECOND]);
  const rejected = new VerificationError({ code: "merkle-root" }, {
    request: new Uint8Array(),
    response: new Uint8Array(),
    publicKey: new Uint8Array(32),
  });
  const gathered = [
    one!,
    { server: listed(7), answers: [], error: rejected },
    { server: listed(8), answers: [], error: new Error("silence") },
  ];
  const { outcomes, quorum } = vote(gathered, { now: world.now }, undefined);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ["unjudged", "rejected", "no-answer"],
  );
  assert(!quorum.ok && quorum.reason === "too-few");
});

Deno.test(
  "vote() lets nobody be judged once the clocks have parted by more than a second",
  none,
  () => {
    for (const [missedMs, isJudged] of [[1000, true], [1001, false]] as const) {
      const world = new World();
      let asleep = 0;
      const watch = new SleepWatch({
        now: world.now,
        wall: () => world.now() + asleep,
      });
      const gathered = answered(world, [SECOND, SECOND, SECOND]);
      asleep = missedMs;
      const { quorum, outcomes } = vote(gathered, { now: world.now }, watch);
      assert.equal(quorum.ok, isJudged);
      assert.equal(outcomes[0]?.status, isJudged ? "ok" : "unjudged");
      const wide = outcomes[0]?.bounds;
      assert(
        wide && wide.latestMicros >= NOW_MICROS + SECOND + RTT +
              BigInt(missedMs) * 1000n,
      );
    }
  },
);

Deno.test("watchFor() compares only clocks of one machine", none, () => {
  const now = () => 5;
  const wall = () => 7;
  const cases: [VoteOptions, boolean][] = [
    [{}, true],
    [{ wall }, true],
    [{ now, wall }, true],
    [{ now }, false],
  ];
  for (const [options, isWatched] of cases) {
    assert.equal(watchFor(options) !== undefined, isWatched);
  }
});
