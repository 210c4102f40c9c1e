import assert from "node:assert/strict";
import fc from "fast-check";
import {
  BATCH_BUCKETS,
  countBatch,
  createCounters,
  type ServerCounters,
} from "../../lib/server/counters.ts";
import { GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import { type Gauges, renderMetrics } from "../../lib/server/metrics.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const GAUGES: Gauges = {
  packageVersion: "1.2.3",
  clockStatus: "ok",
  nowMicros: NOW_MICROS,
  notAfterMicros: NOW_MICROS + 3600n * SECOND,
  publicKeys: ["AAAA=", "BBBB="],
  rootChanged: false,
};

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

interface Family {
  name: string;
  type: string;
  samples: Sample[];
}

const NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const VALUE = /[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf|NaN)/y;

/** Reads one line of samples by the grammar of exposition format 0.0.4. */
function readSample(line: string): Sample {
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(line) ?? [];
    assert(found !== undefined, `${pattern} at ${at} of ${line}`);
    at += found.length;
    return found;
  };
  const skip = (text: string) => {
    assert(line.startsWith(text, at), `${text} at ${at} of ${line}`);
    at += text.length;
  };
  const name = take(NAME);
  const labels: Record<string, string> = {};
  if (line[at] === "{") {
    do {
      at++;
      const label = take(LABEL);
      assert(!Object.hasOwn(labels, label), line);
      skip('="');
      let value = "";
      for (; line[at] !== '"'; at++) {
        assert(at < line.length, `unended: ${line}`);
        if (line[at] !== "\\") value += line[at];
        else {
          const escaped = { "\\": "\\", '"': '"', n: "\n" }[line[++at] ?? ""];
          assert(escaped !== undefined, line);
          value += escaped;
        }
      }
      labels[label] = value;
      at++;
    } while (line[at] === ",");
    skip("}");
  }
  skip(" ");
  const value = Number(take(VALUE));
  assert.equal(at, line.length, line);
  return { name, labels, value };
}

/** Reads everything, and checks what must hold for any text in this format. */
function read(text: string): Map<string, Family> {
  assert(text.endsWith("\n"));
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  let family: Family | undefined;
  let helped: string | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP (\S+) ([^\\]+)$/.exec(line);
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (help) {
      assert.equal(helped, undefined);
      helped = help[1];
    } else if (type) {
      const [, name, kind] = type as unknown as [string, string, string];
      assert.equal(name, helped, "HELP and TYPE belong together");
      assert(!families.has(name), `${name} comes twice`);
      helped = undefined;
      family = { name, type: kind, samples: [] };
      families.set(name, family);
    } else {
      assert.doesNotMatch(line, /^\s*(#|$)/);
      assert.equal(helped, undefined);
      const sample = readSample(line);
      assert(family, line);
      const suffix = family.type === "histogram" ? /_(bucket|sum|count)$/ : /$/;
      assert.equal(sample.name.replace(suffix, ""), family.name);
      const key = JSON.stringify([
        sample.name,
        Object.entries(sample.labels).sort(),
      ]);
      assert(!seen.has(key), `${line} comes twice`);
      seen.add(key);
      family.samples.push(sample);
    }
  }
  for (const { type, name, samples } of families.values()) {
    if (type === "counter") assert.match(name, /_total$/);
    if (type === "counter") assert(samples.every(({ value }) => value >= 0));
    if (type === "histogram") checkHistogram(name, samples);
  }
  return families;
}

function checkHistogram(name: string, samples: readonly Sample[]): void {
  const buckets = samples.filter((one) => one.name === `${name}_bucket`);
  const limits = buckets.map(({ labels }) =>
    labels["le"] === "+Inf" ? Infinity : Number(labels["le"])
  );
  assert.equal(limits.at(-1), Infinity);
  for (let i = 1; i < buckets.length; i++) {
    assert((limits[i - 1] as number) < (limits[i] as number));
    assert((buckets[i - 1] as Sample).value <= (buckets[i] as Sample).value);
  }
  const count = samples.find((one) => one.name === `${name}_count`);
  assert.equal(buckets.at(-1)?.value, count?.value);
  assert(samples.some((one) => one.name === `${name}_sum`));
  assert.equal(samples.length, buckets.length + 2);
}

/** The value of the only sample with these labels. */
function valueOf(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  const key = JSON.stringify(labels);
  const found =
    families.get(name)?.samples.filter((sample) =>
      JSON.stringify(sample.labels) === key
    ) ?? [];
  assert.equal(found.length, 1, `${name} ${key}`);
  return (found[0] as Sample).value;
}

/** Dashboards are built on these: a change is one for every operator. */
const NAMES: readonly string[] = [
  "roughtime_requests_received_total counter transport,scheme",
  "roughtime_requests_responded_total counter transport,scheme",
  "roughtime_requests_dropped_total counter transport,reason",
  "roughtime_responses_by_version_total counter version",
  "roughtime_batches_total counter ",
  "roughtime_batched_reqs_total counter ",
  "roughtime_batch_size histogram le",
  "roughtime_cert_rotations_total counter ",
  "roughtime_clock_steps_total counter ",
  "roughtime_panics_total counter ",
  "roughtime_udp_amp_suppressed_total counter ",
  "roughtime_tcp_accepted_total counter ",
  "roughtime_tcp_rejected_total counter ",
  "roughtime_tcp_evicted_total counter ",
  "roughtime_tcp_aborted_total counter ",
  "roughtime_tcp_completed_total counter ",
  "roughtime_worker_looks_total counter found",
  "roughtime_worker_gathers_total counter ",
  "roughtime_worker_gathered_reqs_total counter ",
  "roughtime_clock_status gauge status",
  "roughtime_cert_expiry_timestamp_seconds gauge ",
  "roughtime_delegation_seconds_left gauge ",
  "roughtime_root_changed gauge ",
  "roughtime_cert_info gauge scheme,root_pubkey",
  "roughtime_build_info gauge version",
];

/** Counters with a different number everywhere. */
function distinct(): ServerCounters {
  let next = 100;
  const counters = createCounters();
  for (const transport of [counters.udp, counters.tcp]) {
    transport.received = next++;
    transport.answered = next++;
    for (const reason of DROP_REASONS) transport.dropped[reason] = next++;
  }
  [1, 3, 64, 300].forEach((size) => countBatch(counters, 1, size));
  countBatch(counters, 0x8000000c, 9);
  countBatch(counters, GOOGLE_VERSION, 2);
  counters.rotations = next++;
  counters.clockSteps = next++;
  counters.panics = next++;
  counters.tcpAccepted = next++;
  counters.tcpRejected = next++;
  counters.tcpEvicted = next++;
  counters.tcpAborted = next++;
  counters.tcpCompleted = next++;
  return counters;
}

Deno.test("the names of metrics stay as they are", none, () => {
  const families = read(renderMetrics(distinct(), GAUGES));
  const found = [...families.values()].map(({ name, type, samples }) =>
    `${name} ${type} ${Object.keys(samples[0]?.labels ?? {}).join()}`
  );
  assert.deepEqual(found, NAMES);
});

Deno.test("a server that has done nothing has all its metrics", none, () => {
  const families = read(renderMetrics(createCounters(), GAUGES));
  assert.deepEqual(
    [...families.keys()],
    NAMES.map((line) => line.split(" ")[0]),
  );
  for (const { type, samples } of families.values()) {
    if (type === "gauge") continue;
    assert(samples.every(({ value }) => value === 0));
  }
});

Deno.test("metrics say what was counted", none, () => {
  const counters = distinct();
  const families = read(renderMetrics(counters, GAUGES));
  const value = (name: string, labels?: Record<string, string>) =>
    valueOf(families, `roughtime_${name}`, labels);
  for (const transport of ["udp", "tcp"] as const) {
    const { received, answered, dropped } = counters[transport];
    const labels = { transport, scheme: "ed25519" };
    assert.equal(value("requests_received_total", labels), received);
    assert.equal(value("requests_responded_total", labels), answered);
    for (const reason of DROP_REASONS) {
      assert.equal(
        value("requests_dropped_total", { transport, reason }),
        dropped[reason],
      );
    }
  }
  const byVersion = "responses_by_version_total";
  assert.equal(value(byVersion, { version: "1" }), 368);
  assert.equal(value(byVersion, { version: "0x8000000c" }), 9);
  assert.equal(value(byVersion, { version: "google" }), 2);
  assert.equal(value("batches_total"), 6);
  assert.equal(value("batched_reqs_total"), 379);
  assert.equal(value("cert_rotations_total"), counters.rotations);
  assert.equal(value("clock_steps_total"), counters.clockSteps);
  assert.equal(value("panics_total"), counters.panics);
  const { amplification } = counters.udp.dropped;
  assert.equal(value("udp_amp_suppressed_total"), amplification);
  assert.equal(value("tcp_accepted_total"), counters.tcpAccepted);
  assert.equal(value("tcp_rejected_total"), counters.tcpRejected);
  assert.equal(value("tcp_evicted_total"), counters.tcpEvicted);
  assert.equal(value("tcp_aborted_total"), counters.tcpAborted);
  assert.equal(value("tcp_completed_total"), counters.tcpCompleted);
});

Deno.test("the histogram of batch sizes is cumulative", none, () => {
  const { samples } = read(renderMetrics(distinct(), GAUGES))
    .get("roughtime_batch_size") as Family;
  assert.deepEqual(
    samples.map(({ name, labels, value }) => [
      name.replace("roughtime_batch_size_", "") + (labels["le"] ?? ""),
      value,
    ]),
    [
      ["bucket1", 1],
      ["bucket2", 2],
      ["bucket4", 3],
      ["bucket8", 3],
      ["bucket16", 4],
      ["bucket32", 4],
      ["bucket64", 5],
      ["bucket128", 5],
      ["bucket256", 5],
      ["bucket+Inf", 6],
      ["sum", 379],
      ["count", 6],
    ],
  );
});

Deno.test("metrics are readable whatever was counted", none, () => {
  const batch = fc.tuple(
    fc.constantFrom(1, 0x8000000b, 0x8000000c, GOOGLE_VERSION),
    fc.integer({ min: 1, max: 2 * (BATCH_BUCKETS.at(-1) ?? 0) }),
  );
  const status = fc.constantFrom("ok", "widened", "stopped", "unknown");
  fc.assert(
    fc.property(fc.array(batch), status, fc.nat(), (batches, clock, big) => {
      const counters = createCounters();
      for (const [version, size] of batches) {
        countBatch(counters, version, size);
      }
      counters.udp.received = big * 2 ** 20;
      const gauges = { ...GAUGES, clockStatus: clock } as Gauges;
      const families = read(renderMetrics(counters, gauges));
      assert.equal(
        valueOf(families, "roughtime_requests_received_total", {
          transport: "udp",
          scheme: "ed25519",
        }),
        big * 2 ** 20,
      );
    }),
  );
});

Deno.test("one state of the clock is 1, the others are 0", none, () => {
  const statuses = ["ok", "widened", "stopped", "unknown"] as const;
  for (const clockStatus of statuses) {
    const text = renderMetrics(createCounters(), { ...GAUGES, clockStatus });
    for (const status of statuses) {
      assert.equal(
        valueOf(read(text), "roughtime_clock_status", { status }),
        status === clockStatus ? 1 : 0,
      );
    }
  }
});

Deno.test(
  "the end of the online keys is told in seconds, also when it is over",
  none,
  () => {
    const END = "roughtime_cert_expiry_timestamp_seconds";
    const LEFT = "roughtime_delegation_seconds_left";
    const cases: readonly [left: bigint, end: number, seconds: number][] = [
      [3600n * SECOND, 1_790_003_600, 3600],
      [SECOND - 1n, 1_790_000_001, 0],
      [0n, 1_790_000_000, 0],
      [-1n, 1_790_000_000, -1],
      [-3600n * SECOND, 1_789_996_400, -3600],
    ];
    for (const [left, end, seconds] of cases) {
      const notAfterMicros = NOW_MICROS + left;
      const families = read(
        renderMetrics(createCounters(), { ...GAUGES, notAfterMicros }),
      );
      assert.equal(valueOf(families, LEFT), seconds);
      // NOW is 0.123456 s past a full second.
      assert.equal(
        valueOf(families, END),
        left === SECOND - 1n ? 1_790_000_001 : end,
      );
    }
    const unknown = read(
      renderMetrics(createCounters(), { ...GAUGES, notAfterMicros: undefined }),
    );
    assert(!unknown.has(END) && !unknown.has(LEFT));
  },
);

Deno.test("keys, version and a changed root are told", none, () => {
  const families = read(
    renderMetrics(createCounters(), { ...GAUGES, rootChanged: true }),
  );
  assert.equal(valueOf(families, "roughtime_root_changed"), 1);
  assert.equal(
    valueOf(families, "roughtime_build_info", { version: "1.2.3" }),
    1,
  );
  for (const key of GAUGES.publicKeys) {
    const labels = { scheme: "ed25519", "root_pubkey": key };
    assert.equal(valueOf(families, "roughtime_cert_info", labels), 1);
  }
  const unchanged = read(renderMetrics(createCounters(), GAUGES));
  assert.equal(valueOf(unchanged, "roughtime_root_changed"), 0);
});

Deno.test(
  "listeners that answer are 1, others 0, and unknown ones are not told",
  none,
  () => {
    const listeners = [
      { transport: "udp", address: "[::]:2002", up: true },
      { transport: "tcp", address: "[::]:2002", up: false },
      { transport: "udp", address: "[::1]:2003", up: undefined },
    ] as const;
    const families = read(
      renderMetrics(createCounters(), { ...GAUGES, listeners, selfChecks: 7 }),
    );
    assert.deepEqual(
      families.get("roughtime_listener_up")?.samples.map((
        { labels, value },
      ) => [
        labels.transport,
        labels.address,
        value,
      ]),
      [["udp", "[::]:2002", 1], ["tcp", "[::]:2002", 0]],
    );
    assert.equal(valueOf(families, "roughtime_self_checks_total"), 7);
  },
);

Deno.test("a label may say anything", none, () => {
  const hostile = [
    'a"b',
    "a\\",
    "\\n",
    "a\nb",
    '"} 1\nroughtime_panics_total 7\n#',
    '\\\\"\n\\',
    "{},= ",
    "é\u2028\u{1f552}",
    "",
  ];
  for (const packageVersion of hostile) {
    const families = read(
      renderMetrics(createCounters(), { ...GAUGES, packageVersion }),
    );
    assert.equal(
      valueOf(families, "roughtime_build_info", { version: packageVersion }),
      1,
    );
  }
  fc.assert(fc.property(fc.string({ unit: "binary" }), (packageVersion) => {
    const families = read(
      renderMetrics(createCounters(), { ...GAUGES, packageVersion }),
    );
    const labels = { version: packageVersion };
    assert.equal(valueOf(families, "roughtime_build_info", labels), 1);
  }));
});
