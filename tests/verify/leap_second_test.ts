import assert from "node:assert/strict";
import { findViolations } from "../../lib/verify/chain.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import { leapSlackMicros } from "../../lib/verify/leap_second.ts";
import { decodeTimestamp } from "../../lib/wire/timestamp.ts";
import { ALL, SECOND } from "../_support/fixtures.ts";
import { encodeUint64 } from "../../lib/wire/uint.ts";

const none = { permissions: "none" } as const;
const HOUR = 3600n * SECOND;
const DAY = 24n * HOUR;

/** Midnights, in microseconds since 1970, at whose end a leap second may come. */
const MIDNIGHTS = ["2017-01-01", "2026-07-01", "2027-01-01"]
  .map((day) => BigInt(Date.parse(day)) * 1000n);

/**
 * Ways in which an honest clock can get past a leap second at midnight. Each gives what the
 * clock shows at a time that is counted in seconds that really pass: 0 is the moment at which
 * the last ordinary second before midnight ends; `leap` is 1 s, or -1 s for one left out.
 */
type Clock = (elapsed: bigint, leap: bigint) => bigint;

/** POSIX, the second before midnight once more: it steps back as the leap second begins. */
const stepsBefore: Clock = (t, leap) =>
  leap > 0n ? (t < 0n ? t : t - leap) : (t < leap ? t : t - leap);
/** The leap second counts as the first of the next day: it steps back as that begins. */
const stepsAfter: Clock = (t, leap) =>
  leap > 0n ? (t < leap ? t : t - leap) : (t < leap ? t : t - leap);
/** From noon to noon every second is a little longer, or shorter. */
const smears: Clock = (t, leap) => {
  const noon = -DAY / 2n;
  if (t < noon) return t;
  const passed = t - noon;
  if (passed >= DAY + leap) return t - leap;
  return noon + passed * DAY / (DAY + leap);
};

function clocksOf(dialect: Dialect): readonly Clock[] {
  return dialect.id === "google"
    ? [smears, stepsBefore, stepsAfter]
    : [stepsBefore, stepsAfter];
}

/** The least that an honest server of each dialect can claim beside what it shows. */
function radiusOf({ time, leastRadiusSeconds }: Dialect): bigint {
  return time === "unix-seconds" || leastRadiusSeconds > 0 ? SECOND : 22n;
}

function shown(dialect: Dialect, midnight: bigint, clock: bigint): bigint {
  const micros = midnight + clock;
  return dialect.time === "unix-seconds" ? micros - micros % SECOND : micros;
}

/** Moments around midnight: dense where clocks step, sparse where one smears. */
function moments(): bigint[] {
  const near = Array.from({ length: 61 }, (_, i) => BigInt(i - 30) * 100_000n);
  const far = Array.from({ length: 27 }, (_, i) => BigInt(i - 13) * HOUR + 1n);
  return [...near, ...far];
}

for (const leap of [SECOND, -SECOND]) {
  const kind = leap > 0n ? "positive" : "negative";
  Deno.test(
    `no two honest servers are a proven pair through a ${kind} leap second`,
    none,
    () => {
      for (const midnight of MIDNIGHTS) {
        for (const a of ALL) {
          for (const b of ALL) {
            for (const before of clocksOf(a)) {
              for (const after of clocksOf(b)) {
                for (const first of moments()) {
                  for (const later of [0n, 40_000n, 500_000n, SECOND]) {
                    const claims = [
                      [a, before, first] as const,
                      [b, after, first + later] as const,
                    ].map(([dialect, clock, at]) => ({
                      dialect: dialect.id,
                      midpointMicros: shown(dialect, midnight, clock(at, leap)),
                      radiusMicros: radiusOf(dialect),
                    }));
                    const found = findViolations(claims);
                    if (found.length > 0) {
                      assert.fail(`${a.id}, ${b.id} at ${first} + ${later}`);
                    }
                  }
                }
              }
            }
          }
        }
      }
    },
  );
}

Deno.test(
  "23:59:60.9 of a modified Julian date and 00:00:00.1 after it do not contradict",
  none,
  () => {
    const day = 61_405n; // 2027-01-01
    const read = (mjd: bigint, micros: bigint) =>
      decodeTimestamp(
        "mjd-micros",
        encodeUint64(mjd << 40n | micros),
      ) as bigint;
    const claims = [
      read(day - 1n, 86_400_900_000n),
      read(day, 100_000n),
    ].map((midpointMicros) => ({
      dialect: "draft-07" as const,
      midpointMicros,
      radiusMicros: 22n,
    }));
    assert.deepEqual(findViolations(claims), []);
    const bare = claims.map(({ dialect: _, ...claim }) => claim);
    assert.equal(findViolations(bare).length, 1);
  },
);

Deno.test("away from leap seconds nothing is conceded", none, () => {
  // Noon in the middle of a month, and midnight in the middle of one for Google's.
  const noon = BigInt(Date.parse("2026-07-15T12:00:00Z")) * 1000n;
  for (const dialect of ALL) {
    const claim = { dialect: dialect.id, radiusMicros: 22n };
    assert.equal(leapSlackMicros({ ...claim, midpointMicros: noon }), 0n);
    const evening = noon + 6n * HOUR;
    assert.equal(leapSlackMicros({ ...claim, midpointMicros: evening }), 0n);
  }
});

Deno.test(
  "more than the slack is a lie, also at midnight when a month begins",
  none,
  () => {
    for (const midnight of MIDNIGHTS) {
      for (const dialect of ALL) {
        const slack = dialect.versionEcho === "srep" ? 0n : SECOND;
        const pair = (gapMicros: bigint) => [
          {
            dialect: dialect.id,
            midpointMicros: midnight + gapMicros,
            radiusMicros: 0n,
          },
          { dialect: dialect.id, midpointMicros: midnight, radiusMicros: 0n },
        ];
        assert.equal(findViolations(pair(slack)).length, 0, dialect.id);
        assert.equal(findViolations(pair(slack + 1n)).length, 1, dialect.id);
      }
    }
  },
);

Deno.test(
  "what nobody signs does not decide whether a pair is proven",
  none,
  () => {
    // A reply in one of these says the same under the name of the other.
    const alike = (a: Dialect, b: Dialect) =>
      a.versionEcho === "top" && b.versionEcho === "top" &&
      a.hash === b.hash && a.context === b.context && a.time === b.time &&
      a.nonceSize === b.nonceSize;
    for (const midnight of MIDNIGHTS) {
      for (const a of ALL) {
        for (const b of ALL.filter((other) => alike(a, other))) {
          for (const moment of moments()) {
            const claim = {
              midpointMicros: midnight + moment,
              radiusMicros: SECOND,
            };
            assert.equal(
              leapSlackMicros({ ...claim, dialect: a.id }),
              leapSlackMicros({ ...claim, dialect: b.id }),
              `${a.id} as ${b.id} at ${moment}`,
            );
          }
        }
      }
    }
  },
);

Deno.test(
  "a smear is conceded from noon to noon around a month's end",
  none,
  () => {
    const [midnight = 0n] = MIDNIGHTS;
    const slackAt = (micros: bigint) =>
      leapSlackMicros({
        dialect: "google",
        midpointMicros: midnight + micros,
        radiusMicros: 0n,
      });
    assert.equal(slackAt(-12n * HOUR - SECOND), 0n);
    assert.equal(slackAt(-11n * HOUR), SECOND / 2n);
    assert.equal(slackAt(0n), SECOND);
    assert.equal(slackAt(11n * HOUR), SECOND / 2n);
    assert.equal(slackAt(12n * HOUR), 0n);
  },
);

Deno.test("times that no calendar has are no reason to throw", none, () => {
  for (const midpointMicros of [0n, -1n, 1n << 80n, 1n << 300n]) {
    for (const { id } of ALL) {
      const claim = { dialect: id, midpointMicros, radiusMicros: 1n << 32n };
      assert(leapSlackMicros(claim) >= 0n);
    }
  }
});
