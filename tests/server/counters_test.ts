import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BATCH_BUCKETS,
  countBatch,
  createCounters,
  type ServerCounters,
  sumCounters,
  sumDropped,
} from "../../lib/server/counters.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";

const none = { permissions: "none" } as const;

Deno.test("createCounters() begins with zeros", none, () => {
  const counters = createCounters();
  const dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0]));
  const packets = { received: 0, answered: 0, dropped };
  assert.deepEqual(counters, {
    udp: packets,
    tcp: packets,
    versions: new Map(),
    batches: 0,
    batchedRequests: 0,
    batchSizes: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    rotations: 0,
    clockSteps: 0,
    panics: 0,
    tcpAccepted: 0,
    tcpRejected: 0,
    tcpEvicted: 0,
    tcpAborted: 0,
    tcpCompleted: 0,
    looks: 0,
    looksThatPaid: 0,
    gathers: 0,
    gathered: 0,
  });
});

Deno.test("createCounters() shares nothing", none, () => {
  const one = createCounters();
  const other = createCounters();
  one.udp.dropped.parse++;
  one.udp.received++;
  countBatch(one, 1, 3);
  assert.equal(one.tcp.dropped.parse, 0);
  assert.deepEqual(other, createCounters());
});

Deno.test("BATCH_BUCKETS ascend", none, () => {
  BATCH_BUCKETS.reduce((a, b) => {
    assert(a < b);
    return b;
  }, 0);
});

Deno.test(
  "countBatch() puts a size into the bucket that ends at or above it",
  none,
  () => {
    const bucketOf = (size: number) => {
      const counters = createCounters();
      countBatch(counters, 1, size);
      return counters.batchSizes.indexOf(1);
    };
    assert.deepEqual(
      [1, 2, 3, 4, 5, 8, 9, 128, 129, 256, 257, 1e6].map(bucketOf),
      [0, 1, 2, 2, 3, 3, 4, 7, 8, 8, 9, 9],
    );
  },
);

Deno.test("countBatch() adds up", none, () => {
  const batch = fc.tuple(
    fc.constantFrom(1, 0x8000000b, 0x8000000c),
    fc.integer({ min: 1, max: 600 }),
  );
  fc.assert(fc.property(fc.array(batch), (batches) => {
    const counters = createCounters();
    for (const [version, size] of batches) countBatch(counters, version, size);
    const sum = (numbers: Iterable<number>) =>
      [...numbers].reduce((a, b) => a + b, 0);
    const requests = sum(batches.map(([, size]) => size));
    assert.equal(counters.batches, batches.length);
    assert.equal(counters.batchedRequests, requests);
    assert.equal(sum(counters.batchSizes), batches.length);
    assert.equal(sum(counters.versions.values()), requests);
    assert.equal(counters.batchSizes.length, BATCH_BUCKETS.length + 1);
    for (const [version, count] of counters.versions) {
      const own = batches.filter(([other]) => other === version);
      assert.equal(count, sum(own.map(([, size]) => size)));
    }
    let below = 0;
    BATCH_BUCKETS.forEach((limit, i) => {
      below += counters.batchSizes[i] ?? 0;
      const expected = batches.filter(([, size]) => size <= limit).length;
      assert.equal(below, expected);
    });
  }));
});

Deno.test("sumDropped() adds all reasons of one transport", none, () => {
  const { udp, tcp } = createCounters();
  assert.equal(sumDropped(udp), 0);
  DROP_REASONS.forEach((reason, i) => udp.dropped[reason] = 2 ** i);
  assert.equal(sumDropped(udp), 2 ** DROP_REASONS.length - 1);
  assert.equal(sumDropped(tcp), 0);
});

const count = fc.nat(1_000_000);
const packets = fc.record({
  received: count,
  answered: count,
  dropped: fc.record(
    Object.fromEntries(DROP_REASONS.map((reason) => [reason, count])),
  ),
});
const anyCounters = fc.record({
  udp: packets,
  tcp: packets,
  versions: fc.uniqueArray(fc.tuple(fc.nat(5), count), {
    selector: ([version]) => version,
  }).map((entries) => new Map(entries)),
  batchSizes: fc.array(count, { minLength: 10, maxLength: 10 }),
  ...Object.fromEntries(
    Object.entries(createCounters())
      .filter(([, value]) => typeof value === "number")
      .map(([name]) => [name, count]),
  ),
}) as unknown as fc.Arbitrary<ServerCounters>;

/** Every number in there, with the way to it. */
function numbersIn(value: unknown, path = ""): Map<string, number> {
  if (typeof value === "number") return new Map([[path, value]]);
  const entries = value instanceof Map
    ? [...value]
    : Object.entries(value as object);
  return new Map(
    entries.flatMap(([key, inner]) => [...numbersIn(inner, `${path}/${key}`)]),
  );
}

Deno.test("sumCounters() adds every number there is", none, () => {
  fc.assert(fc.property(fc.array(anyCounters, { maxLength: 4 }), (all) => {
    const before = all.map((one) => numbersIn(one));
    const expected = numbersIn(createCounters());
    for (const one of all) {
      for (const [path, number] of numbersIn(one)) {
        expected.set(path, (expected.get(path) ?? 0) + number);
      }
    }
    const sum = sumCounters(all);
    const byPath = (numbers: Map<string, number>) => [...numbers].sort();
    assert.deepEqual(byPath(numbersIn(sum)), byPath(expected));
    // What is counted on must not change what was added.
    countBatch(sum, 1, 1);
    sum.udp.received++;
    sum.udp.dropped.parse++;
    assert.deepEqual(all.map((one) => numbersIn(one)), before);
  }));
});

Deno.test("sumCounters() of nothing is zero", none, () => {
  assert.deepEqual(sumCounters([]), createCounters());
});
