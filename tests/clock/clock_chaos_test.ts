import assert from "node:assert/strict";
import { seeded } from "../../lib/wire/chance.ts";
import type { Behaviour } from "../../lib/chaos/behaviour.ts";
import {
  TrustedClock,
  type TrustedClockOptions,
} from "../../lib/clock/trusted_clock.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";
import { codeOf, FakeTimers } from "../_support/clock.ts";
import { HOUR, Realm, YEAR } from "../_support/realm.ts";
import { checkOnceInThisFile } from "../_support/signatures.ts";

checkOnceInThisFile();

const COUNT = 5;

/** A clock over five servers, with timers that a test has in its hand. */
interface Stage {
  readonly realm: Realm;
  readonly clock: TrustedClock;
  /** Lets the first so many servers behave so, and the others be honest. */
  corrupt(count: number, behaviours: readonly Behaviour[]): void;
}

function test(
  name: string,
  fn: (stage: Stage) => Promise<void>,
  { rate = 0n, ...more }: TrustedClockOptions & { readonly rate?: bigint } = {},
): void {
  Deno.test({
    name,
    permissions: "none",
    fn: async () => {
      using _timers = new FakeTimers();
      const subjects = Array.from({ length: COUNT }, () => ({}));
      const realm = await Realm.create({ subjects, rate });
      const { now } = realm.world;
      using clock = await TrustedClock.create({
        ...realm.options,
        servers: realm.servers,
        wallClock: () => Number(NOW_MICROS / 1000n) + now(),
        ...more,
      });
      await fn({
        realm,
        clock,
        corrupt: (count, behaviours) => {
          for (let n = 0; n < COUNT; n++) {
            realm.behave(n, n < count ? behaviours : []);
          }
        },
      });
    },
  });
}

const lie = (offsetMicros: bigint): Behaviour[] => [
  { kind: "lie", offsetMicros },
];

/** Holds if all that the clock says is true, the three-valued answers too. */
function assertTrue({ clock, realm }: Stage, slackMicros = 2n * YEAR): void {
  const { truthMicros } = realm.world;
  const { earliestMicros, latestMicros } = clock.now();
  assert(earliestMicros <= truthMicros, "true time is not before");
  assert(latestMicros >= truthMicros, "true time is not after");
  const offsets = [0n, 1n, SECOND, 4n * SECOND, HOUR, slackMicros]
    .flatMap((size) => [size, -size]);
  for (const offset of offsets) {
    const instant = truthMicros + offset;
    const found = clock.compare(instant);
    if (found === "past") assert(offset < 0n);
    if (found === "future") assert(offset > 0n);
    for (const other of offsets) {
      const notAfter = truthMicros + other;
      const window = clock.checkWindow({ notBefore: instant, notAfter });
      if (window === "valid") assert(offset <= 0n && other >= 0n);
      if (window === "expired") assert(other < 0n);
      if (window === "not-yet-valid") assert(offset > 0n);
    }
  }
  assert.equal(clock.compare(truthMicros - slackMicros), "past");
  assert.equal(clock.compare(truthMicros + slackMicros), "future");
  assert.equal(clock.compare(truthMicros), "unknown");
}

/** Holds if the clock refuses for this reason, and its helpers know nothing. */
function assertRefuses({ clock, realm }: Stage, code: string): void {
  const { truthMicros } = realm.world;
  assert.equal(codeOf(clock), code);
  for (const offset of [-100n * YEAR, 0n, 100n * YEAR]) {
    assert.equal(clock.compare(truthMicros + offset), "unknown");
  }
  const notBefore = truthMicros - YEAR;
  const notAfter = truthMicros + YEAR;
  assert.equal(clock.checkWindow({ notBefore, notAfter }), "unknown");
  assert.equal(clock.checkWindow({}), "unknown");
}

const MISDEEDS: readonly (readonly Behaviour[])[] = [
  [],
  ...[7n * SECOND, HOUR, YEAR, 10n * YEAR].flatMap((size) => [
    lie(size),
    lie(-size),
  ]),
  [{ kind: "lie", offsetMicros: HOUR, from: 1 }],
  [{ kind: "lie", offsetMicros: -HOUR, share: 0.5 }],
  [{ kind: "radius", radiusMicros: 4000n * SECOND }],
  [{ kind: "silence" }],
  [{ kind: "silence", from: 1 }],
  [{ kind: "delay", delayMs: 2500 }],
  [{ kind: "delay", delayMs: 2500 }, ...lie(-40n * SECOND)],
  [{ kind: "replay" }],
  [{ kind: "foreign-nonce", disguised: true }],
  [{ kind: "wrong-key", signature: "SREP" }],
  [{ kind: "delegation", window: "expired" }],
  [{ kind: "corrupt" }],
  [{ kind: "fill" }, { kind: "undefined-tag" }, ...lie(HOUR)],
];

for (const rate of [0n, 99_990n, -99_990n]) {
  test(
    `a clock is right through 300 measurements with two of five misbehaving, at a drift of ${rate}e-9`,
    async (stage) => {
      const random = seeded(Number(rate) + 100_000);
      const below = (n: number) => Math.floor(random() * n);
      const { clock, realm } = stage;
      let before = clock.now();
      for (let round = 0; round < 300; round++) {
        for (let n = 0; n < COUNT; n++) realm.behave(n, []);
        for (const n of [below(COUNT), below(COUNT)]) {
          realm.behave(n, MISDEEDS[below(MISDEEDS.length)] ?? []);
        }
        await clock.refresh();
        assertTrue(stage);
        for (let step = below(3); step > 0; step--) {
          // Up to eleven hours, in which drift alone comes to more than the radius.
          realm.world.pass(BigInt(below(39_600_000)) * 1000n);
          assertTrue(stage);
        }
        const now = clock.now();
        assert(now.earliestMicros >= before.earliestMicros);
        assert(now.latestMicros >= before.latestMicros);
        before = now;
      }
    },
    { rate },
  );
}

test("a minority that drags its lie along slowly moves nothing", async (stage) => {
  const { clock, realm, corrupt } = stage;
  for (let round = 1n; round <= 60n; round++) {
    for (const direction of [1n, -1n]) {
      corrupt(2, lie(direction * round * SECOND));
      await clock.refresh();
      assertTrue(stage, 20n * SECOND);
      realm.world.pass(60n * SECOND);
    }
  }
});

for (const offsetMicros of [HOUR, -HOUR, YEAR, -YEAR]) {
  test(
    `a majority that begins to lie by ${
      offsetMicros / SECOND
    } s silences the clock until it is honest again`,
    async (stage) => {
      const { clock, realm, corrupt } = stage;
      assertTrue(stage);
      corrupt(3, lie(offsetMicros));
      realm.world.pass(HOUR / 2n);
      assertTrue(stage);
      await assert.rejects(clock.refresh(), { code: "contradiction" });
      assertRefuses(stage, "contradiction");
      corrupt(0, []);
      realm.world.pass(60n * SECOND);
      await clock.refresh();
      assertTrue(stage);
    },
  );
}

for (const offsetMicros of [HOUR, 24n * HOUR]) {
  test(
    `a majority that insists on a lie ahead by ${
      offsetMicros / SECOND
    } s is believed, and not again until that is true`,
    async (stage) => {
      const { clock, realm, corrupt } = stage;
      assertTrue(stage);
      corrupt(4, lie(offsetMicros));
      await assert.rejects(clock.refresh(), { code: "contradiction" });
      await clock.refresh();
      const told = clock.now();
      const ahead = told.earliestMicros - realm.world.truthMicros;
      assert(ahead > offsetMicros - 10n * SECOND && ahead < offsetMicros);
      corrupt(0, []);
      await assert.rejects(clock.refresh(), { code: "contradiction" });
      assertRefuses(stage, "contradiction");
      await clock.refresh();
      // It is known to be wrong now, but time that was told is not told again.
      assertRefuses(stage, "contradiction");
      realm.world.pass(offsetMicros);
      await clock.refresh();
      assertTrue(stage);
    },
  );
}

test("a majority that insists on a lie behind is never told", async (stage) => {
  const { clock, realm, corrupt } = stage;
  assertTrue(stage);
  corrupt(4, lie(-24n * HOUR));
  await assert.rejects(clock.refresh(), { code: "contradiction" });
  for (let round = 0; round < 5; round++) {
    assertRefuses(stage, "contradiction");
    realm.world.pass(HOUR);
    await clock.refresh();
  }
  corrupt(0, []);
  await assert.rejects(clock.refresh(), { code: "contradiction" });
  await clock.refresh();
  assertTrue(stage);
});

test(
  "without a majority the clock goes on with what it knew until that is too old",
  async (stage) => {
    const { clock, realm, corrupt } = stage;
    const faults: readonly (readonly [
      (n: number) => readonly Behaviour[],
      string,
    ])[] = [
      [(n) => lie(BigInt(n + 1) * HOUR), "no-quorum"],
      [() => [{ kind: "silence" }], "no-quorum"],
      [() => [{ kind: "corrupt", part: "SIG" }], "no-quorum"],
      [() => [{ kind: "radius", radiusMicros: 4000n * SECOND }], "no-quorum"],
    ];
    for (const [behaviours, code] of faults) {
      corrupt(0, []);
      for (let n = 0; n < 4; n++) realm.behave(n, behaviours(n));
      await assert.rejects(clock.refresh(), { code });
      realm.world.pass(600n * SECOND);
      assertTrue(stage);
    }
    corrupt(COUNT, [{ kind: "silence" }]);
    await assert.rejects(clock.refresh(), { code: "no-answer" });
    realm.world.pass(HOUR);
    assertRefuses(stage, "stale");
    corrupt(2, lie(HOUR));
    await clock.refresh();
    assertTrue(stage);
  },
  { maxAgeSeconds: 3600 },
);
