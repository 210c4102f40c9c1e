import assert from "node:assert/strict";
import { ClockWatch } from "../../lib/server/clock_watch.ts";
import { KeyCare } from "../../lib/server/key_care.ts";
import type { Keyring } from "../../lib/server/keyring.ts";
import { MomentWatch } from "../../lib/server/moment_watch.ts";

const CLAIMED = {
  midpointMicros: 1_800_000_000_000_000n,
  radiusMicros: 3_000_000n,
  maxRadiusMicros: 30_000_000n,
};

function watch(maxErrorMicros?: bigint) {
  const counters = { clockSteps: 0 };
  const read = () =>
    maxErrorMicros === undefined
      ? undefined
      : { synchronised: true, maxErrorMicros, leap: false };
  const clock = new ClockWatch(read, () => {});
  return { counters, moments: new MomentWatch(clock, counters) };
}

Deno.test("a moment is there at once, with the radius that the clock deserves", () => {
  const { midpointMicros } = CLAIMED;
  assert.deepEqual(watch().moments.look(CLAIMED, undefined), {
    midpointMicros,
    radiusMicros: 3_000_000n,
  });
  assert.deepEqual(watch(4_000_000n).moments.look(CLAIMED, undefined), {
    midpointMicros,
    radiusMicros: 5_000_000n,
  });
  assert.equal(watch(40_000_000n).moments.look(CLAIMED, undefined), "clock");
});

Deno.test("a jump of the clock is counted", () => {
  const { counters, moments } = watch();
  for (const second of [0n, 3_600n, 3_600n]) {
    const midpointMicros = CLAIMED.midpointMicros + second * 1_000_000n;
    moments.look({ ...CLAIMED, midpointMicros }, undefined);
  }
  assert.equal(counters.clockSteps, 1);
});

Deno.test("only a key that may not sign is waited for", async () => {
  const keyring = {
    isStale: () => true,
    covers: () => false,
    reserveMicros: 2_000_000n,
    notAfterMicros: 0n,
    delegatedUntilMicros: undefined,
    renew: () => Promise.resolve(0),
  } as unknown as Keyring;
  const care = new KeyCare(keyring, {
    renewed: () => {},
    failed: (error) => assert.fail(String(error)),
    ending: () => {},
  });
  const pending = watch().moments.look(CLAIMED, care);
  assert(pending instanceof Promise);
  assert.deepEqual(await pending, {
    midpointMicros: CLAIMED.midpointMicros,
    radiusMicros: 3_000_000n,
  });
});
