import assert from "node:assert/strict";
import fc from "fast-check";
import type { HistoryPoint, MinMaxMean } from "../../lib/watch/api.ts";
import { HistoryReader } from "../../lib/watch/history_reader.ts";
import { HistoryWriter } from "../../lib/watch/history.ts";
import { layBuckets } from "../../lib/watch/downsample.ts";
import { openDatabase } from "../../lib/watch/sqlite.ts";
import {
  madeUp,
  madeUpRecord,
  silent,
  WATCH_STATUSES,
} from "../_support/watch.ts";

const KEEP_ALL = {
  rounds: { beforeMs: -1e15, beforeId: -1 },
  packets: { beforeMs: -1e15, beforeId: -1 },
};

interface Sample {
  readonly atMs: number;
  /** `undefined` for silence. */
  readonly said:
    | readonly [offset: number, radius: number, rtt: number]
    | undefined;
  readonly status: number;
}

const SAMPLE = fc.record({
  atMs: fc.integer({ min: 0, max: 100_000_000 }),
  said: fc.option(
    fc.tuple(
      fc.integer({ min: -1e12, max: 1e12 }),
      fc.integer({ min: 0, max: 1e9 }),
      fc.integer({ min: 0, max: 1e6 }).map((n) => 2 * n),
    ),
    { nil: undefined },
  ),
  status: fc.integer({ min: 0, max: WATCH_STATUSES.length - 1 }),
});

function stateOf({ said, status }: Sample) {
  if (said === undefined) return silent(0);
  const [offset, radius, rtt] = said;
  return madeUp(0, {
    status: WATCH_STATUSES[status] as "ok",
    radiusMicros: String(radius),
    rttMicros: String(rtt),
    offsetMicros: {
      earliest: String(offset - radius),
      latest: String(offset + radius + rtt),
    },
  });
}

/** The same in the simplest way there is. */
function naive(
  samples: readonly Sample[],
  { fromMs, toMs, bucketMs }: ReturnType<typeof layBuckets>,
): HistoryPoint[] {
  const points: HistoryPoint[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += bucketMs) {
    const inside = samples.filter((one) =>
      one.atMs >= atMs && one.atMs < atMs + bucketMs
    );
    if (inside.length === 0) continue;
    const heard = inside.flatMap(({ said }) => said ? [said] : []);
    const three = (value: (said: [number, number, number]) => number) => {
      const values = heard.map((said) => value([...said]));
      return values.length === 0 ? null : {
        min: Math.min(...values),
        max: Math.max(...values),
        mean: values.reduce((a, b) => a + b) / values.length,
      };
    };
    points.push({
      atMs,
      rounds: inside.length,
      answered: heard.length,
      statuses: WATCH_STATUSES.map((_, i) =>
        inside.filter((one) =>
          WATCH_STATUSES.indexOf(stateOf(one).status) === i
        )
          .length
      ) as unknown as HistoryPoint["statuses"],
      offsetMicros: three(([offset, , rtt]) => offset + rtt / 2),
      radiusMicros: three(([, radius]) => radius),
      rttMicros: three(([, , rtt]) => rtt),
    });
  }
  return points;
}

function rounded(points: readonly HistoryPoint[]): unknown {
  const three = (one: MinMaxMean | null) =>
    one && { ...one, mean: Math.round(one.mean) };
  return points.map((point) => ({
    ...point,
    offsetMicros: three(point.offsetMicros),
    radiusMicros: three(point.radiusMicros),
    rttMicros: three(point.rttMicros),
  }));
}

Deno.test("SQLite's buckets are those of a naive computation", async () => {
  const { database, close } = await openDatabase(":memory:");
  const writer = new HistoryWriter(database);
  const reader = new HistoryReader(database);
  fc.assert(
    fc.property(
      fc.array(SAMPLE, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 0, max: 90_000_000 }),
      fc.integer({ min: 1, max: 20_000_000 }),
      fc.integer({ min: 1, max: 30 }),
      (samples, fromMs, span, count) => {
        database.exec("DELETE FROM sample; DELETE FROM round");
        samples.forEach((sample, i) => {
          const servers = [stateOf(sample)];
          const { atMs } = sample;
          writer.append(madeUpRecord(i + 1, { atMs, servers }), KEEP_ALL);
        });
        const buckets = layBuckets(fromMs, fromMs + span, count);
        const { points = [] } =
          reader.history({ name: "op0.example", ...buckets }) ?? {};
        assert.deepEqual(rounded(points), rounded(naive(samples, buckets)));
      },
    ),
    { numRuns: 60 },
  );
  close();
});

Deno.test(
  "buckets lie where they lay a moment ago",
  { permissions: "none" },
  () => {
    const a = layBuckets(1_000_000_000, 1_086_400_000, 300);
    const b = layBuckets(1_000_001_000, 1_086_401_000, 300);
    assert.deepEqual(a, b);
    assert.equal(layBuckets(0, 1, 2000).bucketMs, 1000);
  },
);
