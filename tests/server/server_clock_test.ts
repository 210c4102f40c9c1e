import assert from "node:assert/strict";
import type { KernelClock } from "../../lib/net/kernel_clock.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import { ServerError } from "../../lib/wire/errors.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import type { Verified } from "../../lib/verify/response.ts";
import { ALL, LONG_TERM, SECOND } from "../_support/fixtures.ts";
import {
  askAll,
  of,
  OK,
  refuses,
  Turned,
  turned,
} from "../_support/server_keys.ts";

const none = { permissions: "none" } as const;

/** What a dialect makes of a radius: never less, in its unit and above its least. */
function claimed(dialect: Dialect, radiusMicros: bigint): bigint {
  const { time, leastRadiusSeconds } = dialect;
  const least = BigInt(leastRadiusSeconds) * SECOND;
  const micros = radiusMicros < least ? least : radiusMicros;
  return time === "unix-seconds"
    ? (micros + SECOND - 1n) / SECOND * SECOND
    : micros;
}

const CLOCKS: readonly [
  what: string,
  clock: KernelClock | undefined,
  options: ServerOptions,
  status: string,
  radiusMicros: bigint | "silent",
][] = [
  ["a good clock", OK, {}, "ok", 3n * SECOND],
  [
    "a good clock and a wider radius",
    OK,
    {
      radiusSeconds: 10,
    },
    "ok",
    10n * SECOND,
  ],
  [
    "a clock that may be off by 4.25 s",
    { ...OK, maxErrorMicros: 4_250_000n },
    {},
    "widened",
    5_250_000n,
  ],
  [
    "a clock that may be off by too much",
    { ...OK, maxErrorMicros: 30n * SECOND },
    {},
    "stopped",
    "silent",
  ],
  [
    "a clock that may be off by too much for a narrow limit",
    { ...OK, maxErrorMicros: 3n * SECOND },
    { maxRadiusSeconds: 3.5 },
    "stopped",
    "silent",
  ],
  [
    "a clock that nobody keeps in step",
    { ...OK, synchronised: false },
    {},
    "widened",
    16n * SECOND,
  ],
  [
    "a clock that nobody keeps in step, with a limit of 10 s",
    { ...OK, synchronised: false },
    { maxRadiusSeconds: 10 },
    "stopped",
    "silent",
  ],
  [
    "a leap second with a radius of 1 s",
    { ...OK, leap: true },
    { radiusSeconds: 1 },
    "widened",
    3n * SECOND,
  ],
  [
    "a leap second with a radius of 5 s",
    { ...OK, leap: true },
    { radiusSeconds: 5 },
    "ok",
    5n * SECOND,
  ],
  ["a system that says nothing", undefined, {}, "unknown", 3n * SECOND],
  [
    "a bad clock that is trusted",
    { synchronised: false, maxErrorMicros: 999n * SECOND, leap: true },
    { trustClock: true, radiusSeconds: 1 },
    "unknown",
    SECOND,
  ],
];

for (const [what, clock, options, status, radiusMicros] of CLOCKS) {
  Deno.test(`Server with ${what} is ${status}`, none, async () => {
    const { server, events } = await turned({
      longTerm: [LONG_TERM],
      ...options,
      readClock: () => clock,
    });
    assert.equal(server.clockStatus, "unknown");
    if (radiusMicros === "silent") await refuses(server, "clock");
    else {
      const verdicts = await askAll(server);
      for (const [i, dialect] of ALL.entries()) {
        const expected = claimed(dialect, radiusMicros);
        assert.equal(verdicts[i]?.radiusMicros, expected, dialect.id);
      }
    }
    assert.equal(server.clockStatus, status);
    assert.deepEqual(
      of(events, "clock-status").map((event) => event.status),
      status === "unknown" ? [] : [status],
    );
  });
}

Deno.test("Server with a trusted clock does not ask", none, async () => {
  let asked = 0;
  const { server } = await turned({
    longTerm: [LONG_TERM],
    trustClock: true,
    readClock: () => {
      asked++;
      return OK;
    },
  });
  await askAll(server);
  await server.lookAfter();
  assert.equal(asked, 0);
});

Deno.test("Server stops and goes on with its clock", none, async () => {
  let clock = OK;
  const { server, events } = await turned({
    longTerm: [LONG_TERM],
    readClock: () => clock,
  });
  await askAll(server);
  clock = { ...OK, maxErrorMicros: 99n * SECOND };
  server.now += 10n * SECOND; // after a jump the system is asked at once
  await refuses(server, "clock");
  assert.equal(server.clockStatus, "stopped");
  clock = OK;
  server.now -= 10n * SECOND;
  await askAll(server);
  assert.deepEqual(
    of(events, "clock-status").map(({ status }) => status),
    ["ok", "stopped", "ok"],
  );
  assert.equal(server.counters.clockSteps, 2);
});

Deno.test(
  "Server signs nothing where its clock cannot be asked",
  none,
  async () => {
    let fails = true;
    const { server, events } = await turned({
      longTerm: [LONG_TERM],
      readClock: () => {
        if (fails) throw new Error("no such call");
        return OK;
      },
    });
    await refuses(server, "internal");
    assert.equal(server.counters.batches, 0);
    assert(of(events, "panic").length > 0);
    fails = false;
    await askAll(server);
  },
);

Deno.test("Server keeps to a radius that a subclass claims", none, async () => {
  class Sure extends Turned {
    override getRadius(): bigint {
      return 2n * SECOND;
    }
  }
  const options = { longTerm: [LONG_TERM], greaseProbability: 0 };
  const sure = await Sure.create({ ...options, readClock: () => OK });
  const sureVerdicts = await askAll(sure);
  ALL.forEach((dialect, i) => {
    const { radiusMicros } = sureVerdicts[i] as Verified;
    assert.equal(radiusMicros, claimed(dialect, 2n * SECOND));
  });
  const doubted = await Sure.create({
    ...options,
    readClock: () => ({ ...OK, maxErrorMicros: 6n * SECOND }),
  });
  const doubtedVerdicts = await askAll(doubted);
  ALL.forEach((dialect, i) => {
    const { radiusMicros } = doubtedVerdicts[i] as Verified;
    assert.equal(radiusMicros, claimed(dialect, 7n * SECOND));
  });
});

Deno.test(
  "Server.create() refuses a largest radius that is none",
  none,
  async () => {
    for (const maxRadiusSeconds of [0, -1, NaN, Infinity, 4295]) {
      await assert.rejects(
        turned({ longTerm: [LONG_TERM], maxRadiusSeconds }),
        (error) => error instanceof ServerError && error.code === "config",
      );
    }
  },
);
