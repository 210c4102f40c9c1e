import assert from "node:assert/strict";
import {
  measure,
  type MeasureOptions,
  queryServers,
  survey,
} from "../../lib/ecosystem/measure.ts";
import type { AskServer, Question } from "../../lib/ecosystem/pick.ts";
import { judgeReport } from "../../lib/verify/judge.ts";
import { malfeasanceReport, parseReport } from "../../lib/verify/report.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { bytes, SECOND, seeded } from "../_support/fixtures.ts";
import {
  askInMemory,
  claim,
  listed,
  serverNumber,
  World,
} from "../_support/many.ts";
import { silent, telling } from "../_support/measure.ts";

const none = { permissions: "none" } as const;

const HOUR = 3600n * SECOND;

const THREE = [0, 1, 2].map((n) => listed(n));

/** The same by servers that sign, so that something can be proven. */
function signing(
  world: World,
  ahead: (n: number) => bigint,
): MeasureOptions & { readonly ask: AskServer } {
  const ask = askInMemory(world, (n, truthMicros) => ({
    midpointMicros: truthMicros + ahead(n),
    radiusMicros: 3n * SECOND,
  }));
  return { now: world.now, ask };
}

const refused = () =>
  new VerificationError({ code: "response-signature" }, {
    request: new Uint8Array(),
    response: new Uint8Array(),
    publicKey: new Uint8Array(32),
  });

Deno.test(
  "measure() asks everybody twice, in one random order (section 8.2)",
  none,
  async () => {
    const orders = new Set<string>();
    for (let seed = 0; seed < 60; seed++) {
      const asked: Question[] = [];
      const options = telling(new World(), undefined, asked);
      const { outcomes, chain } = await measure(THREE, {
        ...options,
        random: seeded(seed),
      });
      const order = asked.map(serverNumber);
      assert.deepEqual(order.slice(0, 3), order.slice(3));
      assert.deepEqual(order.slice(0, 3).sort(), [0, 1, 2]);
      assert.deepEqual(
        outcomes.map(({ server }) => server.name),
        order.slice(0, 3).map((n) => `op${n}.example`),
      );
      assert.deepEqual(chain.map(({ server }) => server), [0, 1, 2, 0, 1, 2]);
      orders.add(order.join());
    }
    assert.equal(orders.size, 6);
  },
);

Deno.test(
  "measure() makes each request from the reply before, so that the chain can be judged",
  none,
  async () => {
    const world = new World();
    const ask = askInMemory(world, (_, midpointMicros) => ({
      midpointMicros,
      radiusMicros: 3n * SECOND,
    }));
    const { chain, quorum, violations } = await measure(THREE, {
      ask,
      now: world.now,
    });
    assert(quorum.ok);
    assert.deepEqual(violations, []);
    assert.equal(chain.length, 6);
    const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
    assert(verdict.ok);
    assert.deepEqual(verdict.violations, []);
    assert.deepEqual(
      verdict.entries.map(({ exchange }) => exchange),
      chain.map(({ exchange }) => exchange),
    );
    const swapped = [...chain].reverse();
    assert(!(await judgeReport(parseReport(malfeasanceReport(swapped)))).ok);
  },
);

Deno.test(
  "an honest chain that takes 30 s between two servers is consistent",
  none,
  async () => {
    const world = new World();
    const inMemory = askInMemory(world, (_, midpointMicros) => ({
      midpointMicros,
      radiusMicros: SECOND,
    }));
    const { chain, quorum, violations, outcomes } = await measure(THREE, {
      now: world.now,
      ask: (question) => {
        world.pass(30n * SECOND);
        return inMemory(question);
      },
    });
    assert.deepEqual(violations, []);
    assert.deepEqual(outcomes.map(({ status }) => status), ["ok", "ok", "ok"]);
    assert(quorum.ok);
    const { earliestMicros, latestMicros } = quorum.bounds;
    assert(earliestMicros <= world.truthMicros);
    assert(latestMicros >= world.truthMicros);
    assert(latestMicros - earliestMicros < 5n * SECOND);
    const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
    assert(verdict.ok && verdict.violations.length === 0);
  },
);

Deno.test(
  "a failing server changes nothing for the others and is not asked again",
  none,
  async () => {
    for (const failure of [silent(), refused(), new Error("odd")]) {
      const asked: Question[] = [];
      const servers = [0, 1, 2, 3].map((n) => listed(n));
      const options = telling(
        new World(),
        (n) => n === 1 ? failure : 0n,
        asked,
      );
      const { outcomes, chain, quorum } = await queryServers(servers, options);
      assert.deepEqual(asked.map(serverNumber), [0, 1, 2, 3, 0, 2, 3]);
      assert.deepEqual(
        chain.map(({ server }) => server),
        [0, 2, 3, 0, 2, 3],
      );
      const isRejected = failure instanceof VerificationError;
      assert.deepEqual(outcomes.map(({ status }) => status), [
        "ok",
        isRejected ? "rejected" : "no-answer",
        "ok",
        "ok",
      ]);
      assert.equal(outcomes[1]?.error, failure);
      assert.equal(outcomes[1]?.bounds, undefined);
      assert(quorum.ok);
      assert.equal(quorum.voters, 3);
    }
  },
);

Deno.test(
  "a server that fails in the second pass is judged by the first",
  none,
  async () => {
    const options = telling(
      new World(),
      (n, pass) => n === 1 && pass === 2 ? silent() : 0n,
    );
    const { outcomes, chain } = await queryServers(THREE, options);
    const [, second] = outcomes;
    assert.equal(second?.status, "ok");
    assert.equal(second?.answers.length, 1);
    assert(second?.error instanceof DOMException);
    assert.deepEqual(chain.map(({ server }) => server), [0, 1, 2, 0, 2]);
  },
);

Deno.test("nobody answers: no quorum, and the reasons", none, async () => {
  const options = telling(new World(), (n) => n === 0 ? refused() : silent());
  const { quorum, outcomes, chain } = await queryServers(THREE, options);
  assert.deepEqual(quorum, {
    ok: false,
    reason: "too-few",
    voters: 0,
    agreeing: 0,
    needed: 3,
  });
  assert.deepEqual(outcomes.map(({ status }) => status), [
    "rejected",
    "no-answer",
    "no-answer",
  ]);
  assert.deepEqual(chain, []);
});

Deno.test(
  "without a majority nobody is called a falseticker",
  none,
  async () => {
    const options = signing(new World(), (n) => BigInt(n) * HOUR);
    const { quorum, outcomes, violations } = await queryServers(THREE, options);
    assert(!quorum.ok);
    assert.equal(quorum.reason, "no-majority");
    assert(outcomes.every(({ status }) => status === "unjudged"));
    assert(violations.length > 0);
  },
);

Deno.test(
  "a server with a wide radius has no vote, and others keep theirs",
  none,
  async () => {
    const world = new World();
    const radii = [SECOND, SECOND, SECOND, 60n * SECOND, 60n * SECOND + 1n];
    const ask = (limit?: bigint) =>
      queryServers(radii.map((_, n) => listed(n)), {
        now: world.now,
        maxRadiusMicros: limit,
        ask: (question) => {
          const radiusMicros = radii[serverNumber(question)] as bigint;
          const moment = { midpointMicros: world.truthMicros, radiusMicros };
          const { monoMicros } = world;
          return Promise.resolve(claim(question, world, monoMicros, moment));
        },
      });
    const byDefault = await ask();
    assert.deepEqual(byDefault.outcomes.map(({ status }) => status), [
      ...["ok", "ok", "ok", "ok"],
      "vague",
    ]);
    assert.equal(byDefault.quorum.voters, 4);
    const strict = await ask(SECOND - 1n);
    assert(strict.outcomes.every(({ status }) => status === "vague"));
    assert.equal(strict.quorum.voters, 0);
  },
);

Deno.test(
  "two passes catch who is ahead and comes last; one does not (section 8.2)",
  none,
  async () => {
    const say = (n: number) => n === 2 ? HOUR : 0n;
    const once = await queryServers(THREE, {
      ...signing(new World(), say),
      passes: 1,
    });
    assert.deepEqual(once.violations, []);
    assert.equal(once.outcomes[2]?.status, "falseticker");
    const twice = await queryServers(THREE, signing(new World(), say));
    assert.deepEqual(
      twice.violations.map(({ earlier, later }) => [earlier, later]),
      [[2, 3], [2, 4]],
    );
  },
);

Deno.test(
  "only what a stranger would find proven is called so",
  none,
  async () => {
    const ahead = (n: number) => n === 1 ? HOUR : 0n;
    const unsigned = await queryServers(THREE, telling(new World(), ahead));
    assert.deepEqual(unsigned.violations, []);
    // Whoever asks with nonces of their own has no chain.
    const { ask, ...options } = signing(new World(), ahead);
    let n = 0;
    const unchained = await queryServers(THREE, {
      ...options,
      ask: (question) => ask({ ...question, nonce: bytes(32, n++) }),
    });
    assert.equal(unchained.chain.length, 6);
    assert.deepEqual(unchained.violations, []);
    const { chain, violations } = await queryServers(
      THREE,
      signing(new World(), ahead),
    );
    const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
    assert(verdict.ok && violations.length > 0);
    assert.deepEqual(violations, verdict.violations);
  },
);

/** Honest servers; the machine sleeps, or its clock is set, before a question. */
function restless(
  asleep: (question: number) => bigint,
  set: (question: number) => bigint = () => 0n,
): { world: World; options: MeasureOptions & { readonly ask: AskServer } } {
  const world = new World();
  let sleptMicros = 0n;
  let setMicros = 0n;
  let question = 0;
  const ask = askInMemory(world, (_, truthMicros) => ({
    midpointMicros: truthMicros + sleptMicros,
    radiusMicros: SECOND,
  }));
  return {
    world,
    options: {
      now: world.now,
      wall: () => Number(world.truthMicros + sleptMicros + setMicros) / 1000,
      ask: (one) => {
        setMicros += set(question);
        sleptMicros += asleep(question++);
        return ask(one);
      },
    },
  };
}

for (
  const [name, run] of [["measure()", measure], ["survey()", survey]] as const
) {
  Deno.test(
    `${name}: a machine that slept meanwhile judges nobody, and says so`,
    none,
    async () => {
      for (const at of [0, 1, 2]) {
        const { options } = restless((n) => n === at ? 60n * SECOND : 0n);
        const { quorum, outcomes } = await run(THREE, options);
        assert(!quorum.ok);
        assert.equal(quorum.reason, "suspended");
        assert.equal(quorum.voters, 3);
        assert(outcomes.every(({ status }) => status === "unjudged"));
      }
    },
  );

  Deno.test(
    `${name}: a clock that was set meanwhile, either way, might hide a sleep`,
    none,
    async () => {
      for (const step of [-60n * SECOND, 60n * SECOND]) {
        const { options } = restless(
          () => 0n,
          (n) => n === 1 ? step : 0n,
        );
        const { quorum } = await run(THREE, options);
        assert(!quorum.ok && quorum.reason === "suspended");
      }
    },
  );

  Deno.test(
    `${name}: a short nap makes the bounds wider, not wrong`,
    none,
    async () => {
      const napMicros = 900_000n;
      const { world, options } = restless((n) => n === 1 ? napMicros : 0n);
      const { quorum, outcomes } = await run(THREE, options);
      assert(quorum.ok);
      assert(quorum.bounds.earliestMicros <= world.truthMicros + napMicros);
      assert(quorum.bounds.latestMicros >= world.truthMicros + napMicros);
      assert(outcomes.every(({ status }) => status === "ok"));
    },
  );
}

Deno.test(
  "measure(): a clock that is set back between two questions hides no sleep",
  none,
  async () => {
    const { options } = restless(
      (n) => n === 2 ? 60n * SECOND : 0n,
      (n) => n === 1 ? -60n * SECOND : 0n,
    );
    const { quorum } = await measure(THREE, options);
    assert(!quorum.ok && quorum.reason === "suspended");
  },
);

Deno.test(
  "without a wall clock of the same machine there is nothing to compare",
  none,
  async () => {
    const { options } = restless((n) => n === 1 ? 60n * SECOND : 0n);
    const { quorum } = await survey(THREE, { ...options, wall: undefined });
    assert(!quorum.ok || quorum.voters === 3);
    assert(!(!quorum.ok && quorum.reason === "suspended"));
  },
);

Deno.test(
  "through a leap second honest servers of every version agree",
  none,
  async () => {
    const midnight = BigInt(Date.parse("2027-01-01")) * 1000n;
    const world = new World();
    // The leap second goes by: dates say 00:00:00.5, POSIX clocks 23:59:59.5, smears neither.
    const says = [500_000n, -500_000n, 0n];
    const dialects = ["draft-07", "draft-08", "google"] as const;
    const { quorum, outcomes } = await survey(THREE, {
      now: world.now,
      ask: (question) => {
        const n = serverNumber(question);
        const sentAt = world.monoMicros;
        const midpointMicros = midnight + (says[n] as bigint);
        const moment = { midpointMicros, radiusMicros: 22n };
        const answer = claim(question, world, sentAt, moment);
        const dialect = dialects[n] as DialectId;
        return Promise.resolve({
          ...answer,
          verdict: { ...answer.verdict, dialect },
        });
      },
    });
    assert(quorum.ok);
    assert(outcomes.every(({ status }) => status === "ok"));
  },
);

Deno.test(
  "a server that contradicts itself is a falseticker by itself",
  none,
  async () => {
    const options = telling(
      new World(),
      (n, pass) => n === 0 && pass === 2 ? 10n * SECOND : 0n,
    );
    const { outcomes } = await queryServers(THREE, options);
    const [liar] = outcomes;
    assert.equal(liar?.status, "falseticker");
    assert(
      liar.bounds && liar.bounds.earliestMicros > liar.bounds.latestMicros,
    );
  },
);

Deno.test(
  "survey() asks everybody once, at the same time, and chains nothing",
  none,
  async () => {
    let waiting = 0;
    let together = 0;
    const world = new World();
    const { outcomes, chain, violations, quorum } = await survey(THREE, {
      now: world.now,
      ask: async (question) => {
        together = Math.max(together, ++waiting);
        await Promise.resolve();
        waiting--;
        const moment = {
          midpointMicros: world.truthMicros,
          radiusMicros: SECOND,
        };
        return claim(question, world, world.monoMicros, moment);
      },
    });
    assert.equal(together, 3);
    assert.deepEqual(outcomes.map(({ server }) => server), THREE);
    assert(outcomes.every(({ answers }) => answers.length === 1));
    assert.deepEqual([chain, violations], [[], []]);
    assert(quorum.ok);
  },
);
