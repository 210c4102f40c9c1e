/** A clock whose list is half dead: it is found all the same, and the dead are waited for once. */

import assert from "node:assert/strict";
import type { Question } from "../../lib/ecosystem/pick.ts";
import { SECOND, seeded } from "../_support/fixtures.ts";
import { claim, listed, serverNumber } from "../_support/many.ts";
import { type Stage, test } from "../_support/clock.ts";

const NINE = Array.from({ length: 9 }, (_, n) => listed(n));

/** Servers of which those before a number answer; the others are silent and cost their time. */
function living(stage: Stage, alive: number, asked: Question[] = []) {
  const { world } = stage;
  return {
    measure: undefined,
    servers: NINE,
    ask: (question: Question) => {
      asked.push(question);
      const sentAt = world.monoMicros;
      if (serverNumber(question) >= alive) {
        world.pass(BigInt(Math.ceil(question.timeout * 1000)));
        const silence = new DOMException("nothing came", "TimeoutError");
        return Promise.reject(silence);
      }
      world.pass(20_000n);
      const midpointMicros = world.truthMicros;
      const radiusMicros = 3n * SECOND;
      return Promise.resolve(
        claim(question, world, sentAt, { midpointMicros, radiusMicros }),
      );
    },
  };
}

test("create() succeeds in all of 200 runs with 5 of 9 operators dead", async (stage) => {
  let made = 0;
  for (let run = 0; run < 200; run++) {
    const options = { ...living(stage, 4), random: seeded(run) };
    try {
      using clock = await stage.create(options);
      const { earliestMicros, latestMicros } = clock.now();
      assert(earliestMicros <= stage.world.truthMicros);
      assert(latestMicros >= stage.world.truthMicros);
      made++;
    } catch (error) {
      assert.equal((error as Error).name, "ClockError");
    }
  }
  assert.equal(made, 200);
});

test("no more are asked than it takes, and the dead only in the first pass", async (stage) => {
  for (let run = 0; run < 50; run++) {
    const asked: Question[] = [];
    const options = { ...living(stage, 6, asked), random: seeded(run) };
    using _clock = await stage.create({ ...options, count: 3 });
    const names = asked.map(serverNumber);
    const alive = names.filter((n) => n < 6);
    assert.equal(alive.length, 6);
    assert.deepEqual(alive.slice(0, 3), alive.slice(3));
    assert.deepEqual(names.slice(-3), alive.slice(3));
  }
});
