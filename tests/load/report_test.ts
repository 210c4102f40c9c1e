import assert from "node:assert/strict";
import { Histogram } from "../../lib/load/histogram.ts";
import {
  describeLoad,
  type LoadMeasurement,
  summarizeLoad,
} from "../../lib/load/report.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function histogramOf(...values: number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.record(value);
  return histogram;
}

/** Two seconds with a hundred replies, of a server and a generator at half a core each. */
const MEASURED: LoadMeasurement = {
  elapsedMillis: 2000,
  interrupted: false,
  sent: 103,
  answered: 100,
  repliesWhileMeasuring: 98,
  lost: 3,
  late: 1,
  unsent: 0,
  overdue: 0,
  unfinished: 0,
  bad: 0,
  matchedByOrder: 0,
  replyBytes: 46_400,
  pathLengths: [10, 0, 0, 90],
  latencyNanos: histogramOf(1_000_000, 2_000_000, 3_000_000),
  sendDelayNanos: undefined,
  verified: 0,
  rejected: 0,
  rejection: undefined,
  generatorCpuMicros: 1_000_000,
  serverCpuMicros: 1_000_000,
};

function bottleneckOf(changes: Partial<LoadMeasurement>): string {
  return summarizeLoad({ ...MEASURED, ...changes }).bottleneck;
}

function textOf(changes: Partial<LoadMeasurement> = {}): string {
  return describeLoad(summarizeLoad({ ...MEASURED, ...changes })).join("\n");
}

test("rate and CPU time are about the time of measuring", () => {
  const summary = summarizeLoad(MEASURED);
  assert.equal(summary.elapsedSeconds, 2);
  assert.equal(summary.responsesPerSecond, 49);
  assert.deepEqual(summary.server, {
    cpuMicrosPerResponse: 10204.08,
    coresBusy: 0.5,
  });
  assert.deepEqual(summary.generator, summary.server);
  assert.equal(summary.replyBytes, 464);
});

test("latency is in microseconds", () => {
  const { latencyMicros } = summarizeLoad(MEASURED);
  assert.equal(latencyMicros?.min, 1000);
  assert.equal(latencyMicros?.max, 3000);
  assert.equal(latencyMicros?.mean, 2000);
  assert(Math.abs((latencyMicros?.p50 ?? 0) - 2000) <= 20);
  assert.equal(summarizeLoad(MEASURED).sendDelayMicros, undefined);
});

test("batches are named by the most that their trees can hold", () => {
  assert.deepEqual(summarizeLoad(MEASURED).batches, [
    { sizeUpTo: 1, replies: 10 },
    { sizeUpTo: 8, replies: 90 },
  ]);
  assert.match(textOf(), /^Batches: +of 1: 10\.0 %, of 5-8: 90\.0 %$/m);
});

test("a run without any answer divides by nothing", () => {
  const summary = summarizeLoad({
    ...MEASURED,
    elapsedMillis: 0,
    answered: 0,
    repliesWhileMeasuring: 0,
    replyBytes: 0,
    pathLengths: [],
    latencyNanos: new Histogram(),
  });
  assert.equal(summary.responsesPerSecond, 0);
  assert.equal(summary.latencyMicros, undefined);
  assert.equal(summary.replyBytes, undefined);
  assert.deepEqual(summary.batches, []);
  assert.doesNotMatch(JSON.stringify(summary), /null/);
  const text = describeLoad(summary).join("\n");
  assert.doesNotMatch(text, /NaN|Infinity|undefined|Latency/);
});

test("the bottleneck is named as far as the numbers tell", () => {
  const busy = 1_990_000;
  assert.equal(bottleneckOf({}), "none");
  assert.equal(bottleneckOf({ generatorCpuMicros: busy }), "generator");
  assert.equal(bottleneckOf({ serverCpuMicros: busy }), "server");
  assert.equal(
    bottleneckOf({ serverCpuMicros: busy, generatorCpuMicros: busy }),
    "server",
  );
  assert.equal(
    bottleneckOf({ serverCpuMicros: undefined, generatorCpuMicros: busy }),
    "unknown",
  );
});

test("at a given rate being late counts, being busy does not", () => {
  const busy = { generatorCpuMicros: 2_000_000 };
  const prompt = histogramOf(0, 1000, 50_000);
  const late = histogramOf(0, 1000, 50_000_000);
  assert.equal(bottleneckOf({ ...busy, sendDelayNanos: prompt }), "none");
  assert.equal(bottleneckOf({ ...busy, sendDelayNanos: late }), "generator");
  assert.equal(
    bottleneckOf({ sendDelayNanos: prompt, overdue: 2 }),
    "generator",
  );
  assert.match(textOf({ sendDelayNanos: late }), /^Sent late: +min 0\.0, /m);
});

test("the text says what to make of it", () => {
  const text = textOf();
  assert.match(
    text,
    /^Requests: +103 sent, 100 answered, 3 lost, 1 late, 0 bad, in 2\.0 s$/m,
  );
  assert.match(text, /^Rate: +49 responses\/s$/m);
  assert.match(text, /^Latency: +min 1000, p50 \d+, .*p99\.9 .*mean 2000 us$/m);
  assert.match(
    text,
    /^Server CPU: +10204\.08 us per response, 50 % of a core$/m,
  );
  assert.doesNotMatch(text, /Note|Verified|unfinished|refused|never/);
  assert.match(
    textOf({ generatorCpuMicros: 2_000_000 }),
    /^Note: +the generator was the bottleneck/m,
  );
  assert.match(textOf({ matchedByOrder: 9 }), /^Note: +9 replies .* order/m);
  assert.match(
    textOf({ unsent: 2, overdue: 7, unfinished: 4 }),
    /3 lost, 2 of them refused by this system, .*, 7 planned but never sent, 4 unfinished/,
  );
  assert.match(
    textOf({ verified: 50, rejected: 2 }),
    /^Verified: +50 replies, 2 rejected$/m,
  );
});
