import assert from "node:assert/strict";
import fc from "fast-check";
import { findViolations, type Violation } from "../../lib/verify/chain.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { type Measurement, queryServers } from "../../lib/ecosystem/measure.ts";
import { intersect, type Interval } from "../../lib/ecosystem/quorum.ts";
import { SECOND } from "../_support/fixtures.ts";
import { claim, listed, serverNumber, World } from "../_support/many.ts";

const YEAR = 365n * 86_400n * SECOND;

/** What a server does with a question. */
type Deed =
  /** Says a time that is off by this; within its radius that is honest. */
  | { readonly say: bigint; readonly radius: bigint }
  | "silent"
  | "spoilt";

interface Actor {
  readonly operator: number;
  /** In the first pass and in the second. */
  readonly deeds: readonly [Deed, Deed];
}

interface Scenario {
  readonly actors: readonly Actor[];
  /** By how much of 10^9 true time runs faster than the local clock. */
  readonly rate: bigint;
  /** Microseconds that pass before a server signs, and until its reply is there. */
  readonly delays: readonly (readonly [bigint, bigint])[];
}

const radius = fc.constantFrom(1n, 1000n, SECOND, 3n * SECOND, 10n * SECOND);
const honest = fc.record({ radius, skew: fc.integer({ min: -100, max: 100 }) })
  .map(({ radius, skew }) => ({ radius, say: radius * BigInt(skew) / 100n }));
const size = fc.oneof(
  fc.bigInt({ min: 0n, max: 5n * SECOND }),
  fc.bigInt({ min: 0n, max: 86_400n * SECOND }),
  fc.bigInt({ min: 0n, max: 30n * YEAR }),
);
const lie = fc.record({ radius, size, back: fc.boolean() })
  .map(({ radius, size, back }) => ({ radius, say: back ? -size : size }));
const failure = fc.constantFrom<Deed[]>("silent", "spoilt");

/** An actor of each kind: honest, or a liar once, twice, or sometimes; failing or not. */
const deeds: fc.Arbitrary<[Deed, Deed]> = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(honest, honest) },
  { weight: 3, arbitrary: fc.tuple(lie, lie) },
  { weight: 1, arbitrary: lie.map((one): [Deed, Deed] => [one, one]) },
  { weight: 1, arbitrary: fc.tuple(honest, lie) },
  { weight: 1, arbitrary: fc.tuple(lie, honest) },
  { weight: 1, arbitrary: fc.tuple(honest, failure) },
  { weight: 1, arbitrary: fc.tuple(failure, honest) },
  { weight: 1, arbitrary: fc.tuple(lie, failure) },
);

const delay = fc.bigInt({ min: 0n, max: 3n * SECOND });
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  actors: fc.array(fc.record({ operator: fc.nat({ max: 8 }), deeds }), {
    minLength: 3,
    maxLength: 9,
  }),
  // 100 ppm, the bound that is assumed.
  rate: fc.bigInt({ min: -99_990n, max: 99_990n }),
  delays: fc.array(fc.tuple(delay, delay), { minLength: 18, maxLength: 18 }),
});

function isHonest(deed: Deed): boolean {
  return typeof deed === "object" && deed.say <= deed.radius &&
    -deed.say <= deed.radius;
}

async function play(
  { actors, rate, delays }: Scenario,
): Promise<{ measurement: Measurement; truthMicros: bigint }> {
  const world = new World(rate);
  const asked = new Map<number, number>();
  let question = 0;
  const servers = actors.map(({ operator }, n) =>
    listed(n, { operator: `op${operator}.example` })
  );
  const measurement = await queryServers(servers, {
    now: world.now,
    ask: (one) => {
      const n = serverNumber(one);
      const pass = asked.get(n) ?? 0;
      asked.set(n, pass + 1);
      const deed = actors[n]?.deeds[pass] as Deed;
      const [there, back] = delays[question++] as [bigint, bigint];
      const sentAt = world.monoMicros;
      world.pass(there);
      const signedMicros = world.truthMicros;
      world.pass(back);
      if (deed === "silent") {
        return Promise.reject(late);
      }
      if (deed === "spoilt") return Promise.reject(spoilt);
      const midpointMicros = signedMicros + deed.say;
      const moment = { midpointMicros, radiusMicros: deed.radius };
      return Promise.resolve(claim(one, world, sentAt, moment));
    },
  });
  return { measurement, truthMicros: world.truthMicros };
}

const late = new DOMException("late", "TimeoutError");
const spoilt = new VerificationError({ code: "merkle-root" }, {
  request: new Uint8Array(),
  response: new Uint8Array(),
  publicKey: new Uint8Array(32),
});

function contains(interval: Interval, moment: bigint): boolean {
  return interval.earliestMicros <= moment && moment <= interval.latestMicros;
}

/** What would be proven if these claims were signed; ten thousand times that takes too long. */
function contradictions({ chain }: Measurement): Violation[] {
  return findViolations(chain.map(({ answer }) => answer.verdict));
}

/** What has to hold of every measurement, whoever lies. */
function check(
  { actors }: Scenario,
  { measurement, truthMicros }: Awaited<ReturnType<typeof play>>,
): { hasMajority: boolean } {
  const { outcomes, quorum, chain } = measurement;
  const violations = contradictions(measurement);
  const given = outcomes.map(({ answers }, n) =>
    actors[n]?.deeds.filter((deed) => typeof deed === "object")
      .slice(0, answers.length) ?? []
  );
  const honest = given.map((deeds) =>
    deeds.length > 0 && deeds.every(isHonest)
  );
  const operators = (want: (n: number) => boolean) =>
    new Set(outcomes.filter((_, n) => want(n)).map(({ operator }) => operator))
      .size;
  const answered = operators((n) => (given[n]?.length ?? 0) > 0);
  const hasMajority = 2 * operators((n) => honest[n] as boolean) > answered;
  assert.equal(quorum.voters, answered);
  if (hasMajority && answered >= 3) {
    assert(quorum.ok);
    assert(contains(quorum.bounds, truthMicros), "the truth is left out");
  }
  for (const [n, { status, bounds }] of outcomes.entries()) {
    if (honest[n]) {
      assert(bounds && contains(bounds, truthMicros));
      if (hasMajority) assert.notEqual(status, "falseticker");
    }
    if (bounds === undefined) {
      const isSpoilt = actors[n]?.deeds[0] === "spoilt";
      assert.equal(status, isSpoilt ? "rejected" : "no-answer");
    } else if (!quorum.ok) assert.equal(status, "unjudged");
    else if (intersect([bounds, quorum.bounds]) === undefined) {
      assert.equal(status, "falseticker");
    }
  }
  const wasTrue = chain.map(({ server, answer }) => {
    const position = outcomes[server]?.answers.indexOf(answer) as number;
    return isHonest(given[server]?.[position] as Deed);
  });
  for (const { earlier, later } of violations) {
    assert(!(wasTrue[earlier] && wasTrue[later]), "honest servers accused");
  }
  return { hasMajority: hasMajority && answered >= 3 };
}

Deno.test({
  name:
    "10,000 measurements with liars, silence and grease: no majority of honest operators is ever misled",
  permissions: "none",
  fn: async () => {
    let majorities = 0;
    await fc.assert(
      fc.asyncProperty(scenarios, async (scenario) => {
        const played = await play(scenario);
        if (check(scenario, played).hasMajority) majorities++;
      }),
      { numRuns: 10_000 },
    );
    assert(majorities > 1000, `only ${majorities} had an honest majority`);
  },
});

Deno.test({
  name:
    "whoever lies by more than everybody's doubt is named, whatever the direction",
  permissions: "none",
  fn: async () => {
    for (let count = 3; count <= 9; count++) {
      for (let liars = 0; 2 * liars < count; liars++) {
        for (const say of [HOUR, -HOUR, 20n * YEAR, -20n * YEAR]) {
          const deed = (n: number): Deed => ({
            say: n < liars ? say : 0n,
            radius: SECOND,
          });
          const scenario: Scenario = {
            actors: Array.from({ length: count }, (_, n) => ({
              operator: n,
              deeds: [deed(n), deed(n)],
            })),
            rate: 0n,
            delays: Array(18).fill([10_000n, 10_000n]),
          };
          const played = await play(scenario);
          check(scenario, played);
          const { outcomes } = played.measurement;
          const violations = contradictions(played.measurement);
          assert.deepEqual(
            outcomes.map(({ status }) => status),
            Array.from(
              { length: count },
              (_, n) => n < liars ? "falseticker" : "ok",
            ),
          );
          // After two passes a lie is also proven.
          assert.equal(violations.length > 0, liars > 0);
        }
      }
    }
  },
});

const HOUR = 3600n * SECOND;
