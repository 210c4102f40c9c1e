/** Measuring with so many operators: whoever is lost on the way is made up for. */

import assert from "node:assert/strict";
import { VerificationError } from "../../lib/wire/errors.ts";
import { measure, type Progress } from "../../lib/ecosystem/measure.ts";
import type { Question } from "../../lib/ecosystem/pick.ts";
import { malfeasanceReport, parseReport } from "../../lib/verify/report.ts";
import { judgeReport } from "../../lib/verify/judge.ts";
import { SECOND, seeded } from "../_support/fixtures.ts";
import { askInMemory, listed, serverNumber, World } from "../_support/many.ts";

const none = { permissions: "none" } as const;
const EIGHT = Array.from({ length: 8 }, (_, n) => listed(n));

/** Servers that sign, but those from the third on have this wrong with them. */
const FAULTS = {
  silent: () => {
    throw new DOMException("nothing came", "TimeoutError");
  },
  rejected: (request: Uint8Array) => {
    const exchange = { request, response: request, publicKey: request };
    throw new VerificationError({ code: "response-signature" }, exchange);
  },
  vague: () => 61n * SECOND,
} as const;

for (const [fault, radiusOf] of Object.entries(FAULTS)) {
  Deno.test(
    `measure() draws others for those that are ${fault}, and the chain holds`,
    none,
    async () => {
      for (let seed = 0; seed < 12; seed++) {
        const world = new World();
        const asked: Question[] = [];
        const told: Progress[] = [];
        const inMemory = askInMemory(world, (n, midpointMicros) => ({
          midpointMicros,
          radiusMicros: n < 3 ? SECOND : radiusOf(new Uint8Array(32)),
        }));
        const { outcomes, quorum, chain, violations } = await measure(EIGHT, {
          now: world.now,
          count: 3,
          random: seeded(seed),
          onProgress: (progress) => told.push(progress),
          ask: (question) => {
            if (question.nonce.length === 32) asked.push(question);
            return inMemory(question);
          },
        });
        assert(quorum.ok, "three live");
        assert.equal(quorum.voters, 3);
        // Each has an outcome, in the order asked, and is drawn once.
        const order = asked.map(serverNumber).slice(0, outcomes.length);
        assert.deepEqual(
          outcomes.map(({ server }) => server.name),
          order.map((n) => `op${n}.example`),
        );
        assert.equal(new Set(order).size, order.length);
        assert.equal(order.filter((n) => n < 3).length, 3);
        assert((order.at(-1) as number) < 3, "nobody is drawn for nothing");
        // The second pass is the same sequence without those who failed.
        const isAsked = (n: number) => n < 3 || fault === "vague";
        assert.deepEqual(
          asked.slice(order.length).map(serverNumber),
          order.filter(isAsked),
        );
        const verdict = await judgeReport(
          parseReport(malfeasanceReport(chain)),
        );
        assert(verdict.ok && verdict.violations.length === 0);
        assert.deepEqual(violations, []);
        assert(told.every(({ done, total }) => done < total));
        assert.equal(told.at(-1)?.total, 2 * order.length);
      }
    },
  );
}

Deno.test(
  "measure() with too few alive asks everybody and says who failed",
  none,
  async () => {
    const world = new World();
    const { outcomes, quorum } = await measure(EIGHT, {
      now: world.now,
      count: 5,
      ask: askInMemory(world, (n, midpointMicros) => {
        if (n >= 2) FAULTS.silent();
        return { midpointMicros, radiusMicros: SECOND };
      }),
    });
    assert(!quorum.ok);
    assert.deepEqual([quorum.reason, quorum.voters], ["too-few", 2]);
    assert.equal(outcomes.length, 8);
    const failed = outcomes.filter(({ status }) => status === "no-answer");
    assert.equal(failed.length, 6);
    assert(failed.every(({ error }) => error instanceof DOMException));
  },
);
