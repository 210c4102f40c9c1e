import assert from "node:assert/strict";
import {
  type Behaviour,
  BEHAVIOURS,
  type Expectation,
  expectationOf,
  type KnownBehaviour,
  type When,
} from "../../lib/chaos/behaviour.ts";
import { seeded } from "../../lib/wire/chance.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { measure, queryServers } from "../../lib/ecosystem/measure.ts";
import type { ServerOutcome } from "../../lib/ecosystem/vote.ts";
import { SECOND } from "../_support/fixtures.ts";
import {
  assertJust,
  HOUR,
  LISTABLE,
  placeOf,
  Realm,
  statuses,
  type Subject,
  YEAR,
} from "../_support/realm.ts";
import { checkOnceInThisFile } from "../_support/signatures.ts";

checkOnceInThisFile();

const none = { permissions: "none" } as const;
const HONEST: Subject = {};

/** What these servers choose of what is offered to one that is listed with version 1. */
const CHOSEN = "draft-14";

function times<T>(count: number, make: (n: number) => T): T[] {
  return Array.from({ length: count }, (_, n) => make(n));
}

/** What a measurement has to make of a server that behaves so. */
function assertOutcome(
  { name, behaviour }: KnownBehaviour,
  expected: Expectation,
  { status, error, answers }: ServerOutcome,
): void {
  switch (expected) {
    case "silence":
    case "late":
      assert.equal(status, "no-answer", name);
      assert.equal(answers.length, 0, name);
      break;
    case "unharmed":
      assert(["ok", "rejected"].includes(status), `${name}: ${status}`);
      break;
    case "unaffected":
      assert.equal(status, "ok", name);
      break;
    case "accepted":
      assert.equal(
        status,
        behaviour.kind === "lie"
          ? "falseticker"
          : name === "radius-wide"
          ? "vague"
          : "ok",
        name,
      );
      break;
    default:
      assert.equal(status, "rejected", name);
      assert(error instanceof VerificationError);
      assert.equal(error.rejection.code, expected, name);
  }
}

/** Measures with three honest servers and one that behaves so; gives the last one's outcome. */
async function amongHonest(
  known: KnownBehaviour,
  behaviour: Behaviour = known.behaviour,
): Promise<ServerOutcome> {
  const { requestBytes } = known;
  const subjects = [HONEST, HONEST, HONEST, {
    behaviours: [behaviour],
    requestBytes,
  }];
  const realm = await Realm.create({ subjects });
  const measurement = await measure(realm.servers, {
    ...realm.options,
    random: seeded(7),
  });
  await assertJust(measurement, {
    truthMicros: realm.world.truthMicros,
    isHonest: (n) => n < 3,
  });
  const found = measurement.outcomes
    .find(({ server }) => placeOf(server.name) === 3);
  assert(found);
  return found;
}

for (const known of BEHAVIOURS) {
  Deno.test(
    `measure() with one of four servers at ${known.name}`,
    none,
    async () => {
      const expected = expectationOf(known, CHOSEN);
      assertOutcome(known, expected, await amongHonest(known));
    },
  );
}

Deno.test(
  "measure() judges a server that goes wrong on the second pass by what it proved before",
  none,
  async () => {
    for (const known of BEHAVIOURS) {
      const { behaviour, name } = known;
      const outcome = await amongHonest(known, { ...behaviour, from: 1 });
      const expected = expectationOf(known, CHOSEN);
      const fine = expected === "accepted" || expected === "unaffected";
      if (fine) assertOutcome(known, expected, outcome);
      else assert.equal(outcome.status, "ok", name);
      if (expected === "unharmed") continue;
      assert.equal(outcome.answers.length, fine ? 2 : 1, name);
      assert.equal(outcome.error === undefined, fine, name);
    }
  },
);

/** Those that come to no answer have no vote, so that any number of them is in order. */
function isMute(known: KnownBehaviour, id: DialectId): boolean {
  return !["accepted", "unaffected", "unharmed"]
    .includes(expectationOf(known, id));
}

for (const dialect of LISTABLE) {
  Deno.test(
    `measure() in ${dialect.id} with three honest servers among all that misbehave`,
    none,
    async () => {
      const mute = BEHAVIOURS.filter((one) => isMute(one, dialect.id));
      assert(mute.length > 20);
      const known = [
        ...mute,
        ...BEHAVIOURS.filter(({ name }) =>
          ["radius-wide", "lie-ahead", "lie-behind"].includes(name)
        ),
      ];
      const realm = await Realm.create({
        dialect,
        subjects: [
          ...times(3, () => HONEST),
          ...known.map(({ behaviour, requestBytes }) => ({
            behaviours: [behaviour],
            requestBytes,
          })),
        ],
      });
      const measurement = await measure(realm.servers, realm.options);
      await assertJust(measurement, {
        truthMicros: realm.world.truthMicros,
        isHonest: (n) => n < 3,
      });
      assert.equal(measurement.quorum.voters, 5);
      assert(measurement.violations.length > 0);
      for (const outcome of measurement.outcomes) {
        const one = known[placeOf(outcome.server.name) - 3];
        if (one) assertOutcome(one, expectationOf(one, dialect.id), outcome);
      }
    },
  );
}

const OFFSETS: readonly bigint[] = [
  ...[12n * SECOND, 45n * SECOND, HOUR, 24n * HOUR, YEAR, 20n * YEAR],
];

/** When a liar lies. */
const WHENS: Record<string, () => When> = {
  "always": () => ({}),
  "on the second pass": () => ({ from: 1 }),
  "on the first pass": () => {
    let asked = 0;
    return { only: () => asked++ === 0 };
  },
};

for (const [when, whenOf] of Object.entries(WHENS)) {
  Deno.test(
    `measure() names and convicts whoever lies ${when}, in either direction`,
    none,
    async () => {
      for (const size of OFFSETS) {
        for (const offsetMicros of [size, -size]) {
          const behaviours = () => [
            { kind: "lie", offsetMicros, ...whenOf() } as const,
          ];
          const subjects = times(
            5,
            (n) => n < 2 ? { behaviours: behaviours() } : HONEST,
          );
          const realm = await Realm.create({ subjects });
          const measurement = await measure(realm.servers, realm.options);
          await assertJust(measurement, {
            truthMicros: realm.world.truthMicros,
            isHonest: (n) => n >= 2,
          });
          assert.deepEqual(statuses(measurement), [
            ...["falseticker", "falseticker", "ok", "ok", "ok"],
          ]);
          if (when !== "always" || size === 12n * SECOND) continue;
          // Ahead contradicts every honest reply that follows, behind every one before.
          const { chain, outcomes } = measurement;
          const lies = chain.map(({ server }) =>
            placeOf(outcomes[server]?.server.name ?? "") < 2
          );
          const pairs = chain.flatMap((_, i) =>
            chain.map((_, j) => [i, j] as const)
          ).filter(([i, j]) =>
            i < j && lies[i] === (offsetMicros > 0n) && lies[i] !== lies[j]
          );
          assert.deepEqual(
            measurement.violations.map(({ earlier, later }) => [
              earlier,
              later,
            ]),
            pairs,
          );
        }
      }
    },
  );
}

Deno.test(
  "measure() with a lie within the radius accuses nobody",
  none,
  async () => {
    for (const offsetMicros of [2n * SECOND, -2n * SECOND]) {
      const lie = { kind: "lie", offsetMicros } as const;
      const subjects = [{ behaviours: [lie] }, HONEST, HONEST];
      const realm = await Realm.create({ subjects });
      const measurement = await measure(realm.servers, realm.options);
      await assertJust(measurement, {
        truthMicros: realm.world.truthMicros,
        isHonest: (n) => n > 0,
      });
      assert.deepEqual(statuses(measurement), ["ok", "ok", "ok"]);
      assert.deepEqual(measurement.violations, []);
    }
  },
);

Deno.test(
  "measure() with a majority that lies still convicts no honest pair",
  none,
  async () => {
    for (const size of [HOUR, -HOUR, YEAR]) {
      const behaviours = [{ kind: "lie", offsetMicros: size } as const];
      const subjects = times(5, (n) => n < 3 ? { behaviours } : HONEST);
      const realm = await Realm.create({ subjects });
      const measurement = await measure(realm.servers, realm.options);
      await assertJust(measurement, {
        truthMicros: realm.world.truthMicros,
        isHonest: (n) => n >= 3,
        hasMajority: false,
      });
      assert(measurement.violations.length > 0);
      assert.deepEqual(statuses(measurement), [
        ...["ok", "ok", "ok", "falseticker", "falseticker"],
      ]);
    }
  },
);

Deno.test(
  "measure() gives each operator one voice, however many liars it runs",
  none,
  async () => {
    const lie = { kind: "lie", offsetMicros: HOUR } as const;
    const liar = { operator: "many.example", behaviours: [lie] };
    const subjects = [HONEST, HONEST, ...times(6, () => liar)];
    const realm = await Realm.create({ subjects });
    const measurement = await measure(realm.servers, realm.options);
    await assertJust(measurement, {
      truthMicros: realm.world.truthMicros,
      isHonest: (n) => n < 2,
    });
    assert.equal(measurement.quorum.voters, 3);
    assert.equal(
      statuses(measurement).filter((one) => one === "falseticker").length,
      6,
    );
  },
);

Deno.test(
  "queryServers() waits for a server that is late within its time, and widens for it",
  none,
  async () => {
    const behaviours = [{ kind: "delay", delayMs: 2500 } as const];
    const subjects = [{ behaviours }, HONEST, HONEST, HONEST];
    const realm = await Realm.create({ subjects });
    const { servers, options, world } = realm;
    const late = await queryServers(servers, { ...options, timeout: 3000 });
    const { truthMicros } = world;
    await assertJust(late, { truthMicros, isHonest: () => true });
    const [first] = late.outcomes;
    assert(first?.answers.every(({ rttMicros }) => rttMicros > 2_500_000n));
    const before = world.monoMicros;
    const lost = await queryServers(servers, { ...options, timeout: 2500 });
    assert.deepEqual(statuses(lost), [
      ...["no-answer", "ok", "ok", "ok"],
    ]);
    // One wait for the silent one, who is not asked a second time.
    assert(world.monoMicros - before < 2_700_000n);
  },
);

Deno.test(
  "200 measurements with servers that misbehave now and then, clocks that drift, and liars",
  none,
  async () => {
    const random = seeded(20261005);
    const below = (n: number) => Math.floor(random() * n);
    const seen = new Set<string>();
    for (let round = 0; round < 200; round++) {
      const honest = 3 + below(3);
      const liars = below(honest - 1);
      const subjects = times(honest + liars + below(3), (n): Subject => {
        if (n < honest) return { radiusSeconds: 1 + below(5) };
        if (n < honest + liars) {
          const size = OFFSETS[below(OFFSETS.length)] as bigint;
          const offsetMicros = random() < 0.5 ? size : -size;
          const when = { from: below(2), share: random() };
          return { behaviours: [{ kind: "lie", offsetMicros, ...when }] };
        }
        const others = BEHAVIOURS.filter((one) => isMute(one, CHOSEN));
        return {
          behaviours: times(1 + below(2), () => ({
            ...(others[below(others.length)] as KnownBehaviour).behaviour,
            share: random(),
          })),
        };
      });
      const realm = await Realm.create({
        subjects,
        seed: round + 1,
        rate: BigInt(below(199_980) - 99_990),
        dialect: LISTABLE[below(20)],
      });
      const measurement = await measure(realm.servers, realm.options);
      await assertJust(measurement, {
        truthMicros: realm.world.truthMicros,
        isHonest: (n) => n < honest,
      });
      for (const status of statuses(measurement)) seen.add(status);
      if (measurement.violations.length > 0) seen.add("malfeasance");
    }
    assert.deepEqual([...seen].sort(), [
      ...["falseticker", "malfeasance", "no-answer", "ok", "rejected"],
    ]);
  },
);
