import assert from "node:assert/strict";
import type { ServerList } from "../../lib/ecosystem/list.ts";
import type { WatchState } from "../../lib/watch/api.ts";
import { Archive } from "../../lib/watch/archive.ts";
import { ListCare } from "../../lib/watch/list_care.ts";
import { ReportFiles } from "../../lib/watch/report_files.ts";
import type { WatchEvent } from "../../lib/watch/watch_event.ts";
import { Watcher, type WatcherOptions } from "../../lib/watch/watcher.ts";
import { folder } from "../_support/cli.ts";
import { claim, listed, serverNumber } from "../_support/many.ts";
import {
  FakeClock,
  type Farm,
  farm,
  measured,
  NOW_MS,
} from "../_support/watch.ts";

const retention = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };

function listOf(servers: ServerList["servers"]): ServerList {
  return { servers, skipped: [], sources: [], reports: undefined };
}

/** A watcher of a farm, in memory, for whom no real time passes. */
async function watching(
  one: Farm,
  more: Partial<WatcherOptions> & { readonly path?: string } = {},
) {
  const { path, ...options } = more;
  const list = new ListCare(
    "list.json",
    () => Promise.resolve(listOf(one.servers)),
  );
  await list.read();
  const archive = await Archive.open({ path, retention });
  const clock = new FakeClock(one.world);
  const events: WatchEvent[] = [];
  const watcher = new Watcher({
    list,
    archive,
    clock,
    intervalSeconds: 300,
    measureOptions: { ask: one.ask, now: one.world.now },
    onEvent: (event) => events.push(event),
    ...options,
  });
  return {
    watcher,
    archive,
    clock,
    events,
    [Symbol.dispose]: () => archive.close(),
  };
}

const never = () => new AbortController().signal;

Deno.test("a watcher asks twice, chained, in random order, and tells the round", async () => {
  const one = farm({ dead: [2] });
  using it = await watching(one, { rounds: 2 });
  const states: WatchState[] = [];
  it.watcher.subscribe((state) => states.push(state));
  assert.equal(it.watcher.state.round, null);
  assert.equal(it.watcher.state.summary, "No server has been asked yet.");
  const last = await it.watcher.run(never());
  assert.equal(last?.record.round.id, 2);
  assert.deepEqual(it.events.map(({ event }) => event), ["round", "round"]);
  const [state] = states;
  assert.equal(states.length, 1);
  assert.match(state?.summary ?? "", /^3 of 3 operators agree: it is/);
  assert.equal(state?.round?.chain.length, 6);
  const { startedAtMs = 0 } = state?.round ?? {};
  const wait = (state?.nextRoundAtMs ?? 0) - startedAtMs;
  assert(Math.abs(wait - 300_000) < 2, `${wait}`);
  assert.equal(it.watcher.state.nextRoundAtMs, null);
});

Deno.test("evidence is written, and told with its file", async () => {
  await using dir = await folder();
  const one = farm({ liars: [1] });
  using it = await watching(one, {
    rounds: 2,
    reportFiles: new ReportFiles(dir.path),
  });
  await it.watcher.run(never());
  const proofs = it.events.filter(({ event }) => event === "contradiction");
  const files = proofs.map((event) => "file" in event && event.file);
  assert.equal(typeof files[0], "string");
  assert.equal(files[1], null, "the same pairs have one a day");
  assert.equal(it.watcher.state.contradictions, 2);
});

Deno.test("reload() has the list read again while it waits, and keeps the old one if it is gone", async () => {
  const one = farm();
  let lists: (ServerList | undefined)[] = [
    listOf(one.servers.slice(0, 3)),
    undefined,
    listOf(one.servers),
  ];
  const list = new ListCare("list.json", () => {
    const next = lists.shift();
    if (next === undefined) throw new Error("gone");
    return Promise.resolve(next);
  });
  await list.read();
  using it = await watching(one, { rounds: 3, list });
  let sleeps = 0;
  it.clock.onSleep = () => {
    if (++sleeps % 5 === 1) it.watcher.reload();
  };
  await it.watcher.run(never());
  lists = [];
  const told = it.events.flatMap((event): unknown[] =>
    event.event === "round"
      ? [event.round.servers.length]
      : event.event === "list"
      ? [event.problem]
      : []
  );
  assert.deepEqual(told.slice(0, 3), [3, "gone", null]);
  assert(told.includes(4), told.join());
});

Deno.test("no list at first: it is tried again until there is one", async () => {
  const one = farm();
  let tries = 0;
  const list = new ListCare("https://lists.example/", () => {
    if (++tries < 4) throw new Error("network unreachable");
    return Promise.resolve(listOf(one.servers));
  });
  await list.read();
  using it = await watching(one, { rounds: 1, list });
  await it.watcher.run(never());
  assert.equal(tries, 4);
  assert.equal(it.watcher.rounds, 1);
  assert.deepEqual(it.events.map(({ event }) => event), [
    ...["list", "list", "list", "round"],
  ]);
});

Deno.test("no network: rounds go on, and say that nobody answers", async () => {
  using it = await watching(farm({ dead: [0, 1, 2, 3] }), { rounds: 2 });
  await it.watcher.run(never());
  const { round, summary } = it.watcher.state;
  assert.equal(summary, "No server answers.");
  assert.equal(round?.quorumOffsetMicros, null);
  assert.deepEqual(round?.chain, []);
});

Deno.test("a round that fails is told, and the next one comes", async () => {
  const one = farm();
  let tries = 0;
  using it = await watching(one, {
    rounds: 1,
    measure: () => {
      tries++;
      if (tries === 1) throw new Error("nobody foresaw this");
      return measured(one);
    },
  });
  await it.watcher.run(never());
  assert.deepEqual(it.events.map(({ event }) => event), ["error", "round"]);
});

Deno.test("a machine that slept asks soon after it wakes", async () => {
  const one = farm();
  using it = await watching(one, { rounds: 2 });
  let sleeps = 0;
  it.clock.onSleep = () => {
    // The monotonic clock stands still while the machine sleeps.
    if (++sleeps === 2) it.clock.offMs += 8 * 3_600_000;
  };
  await it.watcher.run(never());
  assert.equal(sleeps, 2);
});

Deno.test("stop: at once, also in the middle of a round", async () => {
  const one = farm();
  const stop = new AbortController();
  using it = await watching({
    ...one,
    ask: (question) => {
      if (serverNumber(question) === 2) stop.abort();
      return one.ask(question);
    },
  });
  const last = await it.watcher.run(stop.signal);
  assert.equal(last, undefined);
  assert.equal(it.archive.round(), undefined);
});

Deno.test("24 hours: no round is lost, and nothing grows that should not", async () => {
  const servers = [0, 1, 2, 3, 4].map((n) => listed(n));
  const { world } = farm();
  // Nobody signs here: what is looked at is the watcher.
  const one: Farm = {
    servers,
    world,
    ask: (question) => {
      const sentAt = world.monoMicros;
      world.pass(20_000n);
      const moment = {
        midpointMicros: world.truthMicros,
        radiusMicros: 3_000_000n,
      };
      return Promise.resolve(claim(question, world, sentAt, moment));
    },
  };
  using it = await watching(one, { rounds: 288, path: ":memory:" });
  let listeners = 0;
  it.watcher.subscribe(() => listeners++);
  const heaps: number[] = [];
  it.clock.onSleep = () => void heaps.push(Deno.memoryUsage().heapUsed);
  await it.watcher.run(never());
  it.events.length = 0;
  const last = it.archive.round();
  assert.equal(last?.id, 288);
  assert.equal(listeners, 287);
  const hours = ((last?.startedAtMs ?? 0) - NOW_MS) / 3_600_000;
  assert(hours > 23.8 && hours < 24.2, `${hours} h`);
  for (let id = 1; id <= 288; id++) assert(it.archive.round(id), `round ${id}`);
  const stretch = {
    fromMs: NOW_MS - NOW_MS % 86_400_000,
    bucketMs: 86_400_000,
  };
  const past = it.archive.history({
    name: "op0.example",
    ...stretch,
    toMs: stretch.fromMs + 3 * stretch.bucketMs,
  });
  const rounds = past?.points.reduce((sum, point) => sum + point.rounds, 0);
  assert.equal(rounds, 288);
  // Garbage comes and goes; the least of a stretch is what stays.
  const half = heaps.length / 2;
  const early = Math.min(...heaps.slice(heaps.length / 4, half));
  const late = Math.min(...heaps.slice(half));
  assert(late - early < 8 << 20, `${early} to ${late} bytes`);
});

Deno.test("a round that fails is no news: the sentence still speaks of the one before", async () => {
  const one = farm();
  let rounds = 0;
  using it = await watching(one, {
    rounds: 2,
    measure: () => {
      rounds++;
      if (rounds === 2) throw new Error("nobody foresaw this");
      return measured(one);
    },
  });
  const ages: (number | undefined)[] = [];
  it.clock.onSleep = () => void ages.push(it.watcher.idleMs);
  await it.watcher.run(never());
  assert.equal(rounds, 3);
  assert(Math.max(...ages.map(Number)) > 500_000, ages.join());
  assert.equal(it.watcher.sinceMs, it.watcher.idleMs);
});
