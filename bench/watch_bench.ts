// deno-lint-ignore-file no-console
/**
 * What `roughly watch` takes to answer with a long history: 90 days of rounds of 20 servers
 * every 5 minutes are made up and asked for over HTTP.
 *
 * `deno run --allow-all bench/watch_bench.ts [DAYS] [SERVERS] [FILE]`; the file is kept.
 */

import type { ServerState } from "../lib/watch/api.ts";
import { createApp } from "../lib/watch/app.ts";
import { Archive } from "../lib/watch/archive.ts";
import { EventStream } from "../lib/watch/event_stream.ts";
import { HistoryWriter } from "../lib/watch/history.ts";
import { renderWatchMetrics } from "../lib/watch/metrics.ts";
import { cutoffsAfter } from "../lib/watch/retention.ts";
import { serveWeb } from "../lib/watch/serve.ts";
import { openDatabase } from "../lib/watch/sqlite.ts";
import { startBrowser, stopBrowser } from "../tests/_support/browser.ts";
import {
  madeUp,
  madeUpRound,
  NOW_MS,
  stateOf,
} from "../tests/_support/watch.ts";

const [days = 90, count = 20] = Deno.args.map(Number);
const INTERVAL_MS = 300_000;
const RUNS = 20;
const folder = await Deno.makeTempDir();
const path = Deno.args[2] ?? `${folder}/watch.db`;
const retention = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };

/** What a server says, with the noise that there is. */
function sample(n: number, ids: readonly number[]): ServerState {
  const middle = Math.round((Math.random() - 0.5) * 1e6);
  const rtt = Math.round(20_000 + Math.random() * 200_000);
  const isSilent = Math.random() < 0.01;
  return madeUp(n, {
    name: `server-${n}.example`,
    exchanges: isSilent ? [] : ids,
    ...isSilent
      ? {
        status: "silent",
        reason: "No answer came.",
        midpointMicros: null,
        radiusMicros: null,
        rttMicros: null,
        offsetMicros: null,
      }
      : {
        rttMicros: String(rtt),
        offsetMicros: {
          earliest: String(middle - 3_000_000),
          latest: String(middle + 3_000_000 + rtt),
        },
      },
  });
}

function packet(): { request: Uint8Array; response: Uint8Array } {
  const request = new Uint8Array(1024);
  crypto.getRandomValues(request.subarray(0, 180));
  const response = crypto.getRandomValues(new Uint8Array(460));
  return { request, response };
}

async function fill(): Promise<void> {
  const { database, close } = await openDatabase(path);
  database.exec("PRAGMA synchronous = OFF");
  const writer = new HistoryWriter(database);
  const rounds = Math.floor(days * 86_400_000 / INTERVAL_MS);
  const publicKey = new Uint8Array(32);
  let next = 1;
  for (let i = 1; i <= rounds; i++) {
    const atMs = NOW_MS - (rounds - i) * INTERVAL_MS;
    const isRecent = (rounds - i) * INTERVAL_MS < 7 * 86_400_000;
    const links = isRecent ? 2 * count : 0;
    const servers = Array.from(
      { length: count },
      (_, n) => sample(n, isRecent ? [next + n, next + count + n] : []),
    );
    const exchanges = Array.from({ length: links }, (_, k) => ({
      id: next + k,
      server: k % count,
      receivedAtMs: atMs,
      exchange: { ...packet(), publicKey },
      rand: crypto.getRandomValues(new Uint8Array(32)),
    }));
    next += links;
    const round = madeUpRound(i, { atMs, servers });
    writer.append(
      { round, exchanges, contradiction: undefined },
      cutoffsAfter(round, retention),
    );
  }
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  close();
}

/** Milliseconds: the middle one and the longest of several. */
async function time(url: string): Promise<string> {
  const times: number[] = [];
  let bytes = 0;
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    const response = await fetch(url);
    bytes = (await response.bytes()).length;
    times.push(performance.now() - start);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
  }
  times.sort((a, b) => a - b);
  const [middle = 0, most = 0] = [times[RUNS / 2], times.at(-1)];
  return `${middle.toFixed(1)} ms, at most ${most.toFixed(1)} ms, ${
    (bytes / 1024).toFixed(0)
  } KB`;
}

/** How long until a browser shows every server. */
async function timePage(url: string): Promise<string> {
  const browser = await startBrowser();
  const times: number[] = [];
  try {
    for (let i = 0; i < 5; i++) {
      await using page = await browser.open();
      const start = performance.now();
      await page.goto(url);
      await page.waitForSelector(`table.now tbody tr:nth-child(${count})`);
      times.push(performance.now() - start);
    }
  } finally {
    await stopBrowser();
  }
  times.sort((a, b) => a - b);
  return `all servers after ${times[2]?.toFixed(0)} ms`;
}

const megabytes = (bytes: number) => `${(bytes / (1 << 20)).toFixed(0)} MB`;

try {
  const before = performance.now();
  await fill();
  console.log(
    `filled in ${((performance.now() - before) / 1000).toFixed(0)} s`,
  );
  console.log(`file: ${megabytes((await Deno.stat(path)).size)}`);
  const opening = performance.now();
  const archive = await Archive.open({ path, retention });
  console.log(`opened in ${(performance.now() - opening).toFixed(0)} ms`);
  const state = () => stateOf(archive.round() ?? null);
  const app = createApp({
    state,
    archive,
    events: new EventStream(),
    metrics: () =>
      renderWatchMetrics(state(), {
        packageVersion: "0",
        rounds: 1,
        listeners: 0,
      }),
    problem: () => undefined,
    now: () => NOW_MS,
  });
  const server = serveWeb("127.0.0.1", 0, (request) => app.fetch(request));
  const root = `http://127.0.0.1:${server.address.port}`;
  const { id = 0 } = archive.round() ?? {};
  const past = (n: number, span: number, run: number) =>
    `${root}/api/v1/servers/server-${n}.example/history?points=600&to=${
      NOW_MS + run
    }&from=${NOW_MS - span * 86_400_000 + run}`;
  console.log(`state: ${await time(`${root}/api/v1/state`)}`);
  console.log(`page: ${await time(`${root}/`)}`);
  console.log(`metrics: ${await time(`${root}/metrics`)}`);
  console.log(
    `a round of the past: ${await time(`${root}/api/v1/rounds/${id - 2000}`)}`,
  );
  const cold: number[] = [];
  for (let n = 0; n < count; n++) {
    const start = performance.now();
    await (await fetch(past(n, days, 0))).body?.cancel();
    cold.push(performance.now() - start);
  }
  cold.sort((a, b) => a - b);
  console.log(
    `${days} days of one server, read: ${
      cold[count >> 1]?.toFixed(1)
    } ms, at most ${cold.at(-1)?.toFixed(1)} ms`,
  );
  console.log(`the same, remembered: ${await time(past(0, days, 0))}`);
  console.log(`in a browser: ${await timePage(`${root}/`)}`);
  console.log(`memory: ${megabytes(Deno.memoryUsage().rss)} resident`);
  await server.close();
  archive.close();
} finally {
  await Deno.remove(folder, { recursive: true });
}
