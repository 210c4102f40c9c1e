import assert from "node:assert/strict";
import { ClockModel } from "../../lib/clock/model.ts";

const none = { permissions: "none" } as const;

const bounds = (earliestMicros: bigint, latestMicros: bigint) => ({
  earliestMicros,
  latestMicros,
});

function makeModel(): ClockModel {
  return new ClockModel({ driftPpm: 0, maxAgeMicros: 1_000_000n });
}

Deno.test("bounds that touch what was said do not contradict it", none, () => {
  const model = makeModel();
  model.accept(bounds(1000n, 2000n), 0n);
  assert(model.read(0n).ok);
  // They have one moment in common, and that may be the true one.
  assert(model.accept(bounds(900n, 1000n), 0n));
  const reading = model.read(0n);
  if (!reading.ok) assert.fail(Deno.inspect(reading));
  assert.deepEqual(reading.bounds, bounds(1000n, 2000n)); // neither end moves back
});

Deno.test(
  "bounds that miss what was said by a microsecond contradict it",
  none,
  () => {
    const model = makeModel();
    model.accept(bounds(1000n, 2000n), 0n);
    assert(model.read(0n).ok);
    assert(!model.accept(bounds(900n, 999n), 0n));
    const reading = model.read(0n);
    assert(!reading.ok);
    assert.equal(reading.refusal, "contradiction");
  },
);
