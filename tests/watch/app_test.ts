import assert from "node:assert/strict";
import type { Hono } from "hono";
import type { RoundState } from "../../lib/watch/api.ts";
import { type AppOptions, createApp } from "../../lib/watch/app.ts";
import { Archive } from "../../lib/watch/archive.ts";
import { EventStream } from "../../lib/watch/event_stream.ts";
import { confirmMalfeasance } from "../../lib/verify/judge.ts";
import {
  farm,
  madeUp,
  madeUpRecord,
  NOW_MS,
  recorded,
  stateOf,
} from "../_support/watch.ts";

const retention = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };
const HOSTILE = `<img src=x onerror=alert(1)>"'\u202e&/../%2e?#+ ;`;

async function serving(more: Partial<AppOptions> = {}) {
  const archive = await Archive.open({ path: ":memory:", retention });
  const events = new EventStream(() => () => {});
  const app: Hono = createApp({
    state: () => stateOf(archive.round() ?? null),
    archive,
    events,
    metrics: () => "# EOF\n",
    problem: () => undefined,
    now: () => NOW_MS,
    ...more,
  });
  return {
    archive,
    events,
    ask: async (path: string, init?: RequestInit) =>
      await app.request(`http://localhost${path}`, init),
    [Symbol.dispose]: () => archive.close(),
  };
}

Deno.test("everything is read-only, from nowhere else, and not kept by anybody", async () => {
  using it = await serving();
  await it.archive.keep(madeUpRecord(1));
  for (const path of ["/", "/api/v1/state", "/metrics", "/healthz", "/none"]) {
    const { headers, body } = await it.ask(path);
    assert.equal(
      headers.get("content-security-policy"),
      "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      path,
    );
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("access-control-allow-origin"), null);
    await body?.cancel();
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      const refused = await it.ask(path, { method });
      assert.equal(refused.status, 405, `${method} ${path}`);
      assert.equal(refused.headers.get("allow"), "GET, HEAD");
    }
    assert.equal((await it.ask(path, { method: "HEAD" })).body, null);
  }
});

Deno.test("names of others are text in the page", async () => {
  using it = await serving();
  const servers = [
    madeUp(0, { name: HOSTILE, reason: HOSTILE, status: "vague" }),
  ];
  await it.archive.keep(madeUpRecord(1, { servers }));
  const html = await (await it.ask("/")).text();
  assert(!html.includes("<img"), html);
  assert.match(html, /&lt;img|&#60;img/);
});

Deno.test("the API tells rounds, packets and reports by number", async () => {
  using it = await serving();
  const record = await recorded(farm({ liars: [1] }));
  await it.archive.keep(record);
  const json = async (path: string) => await (await it.ask(path)).json();
  assert.deepEqual((await json("/api/v1/state")).round, record.round);
  const round: RoundState = await json("/api/v1/rounds/1");
  assert.deepEqual(round, record.round);
  for (const { exchange } of round.chain) {
    const { id, server } = await json(`/api/v1/exchanges/${exchange}`);
    assert.equal(id, exchange);
    assert(round.servers.some(({ name }) => name === server));
  }
  const { reports } = await json("/api/v1/reports");
  assert.equal(reports[0].id, 1);
  const report = await it.ask("/api/v1/reports/1");
  assert.match(
    report.headers.get("content-disposition") ?? "",
    /malfeasance-1\.json/,
  );
  assert(await confirmMalfeasance(await report.text()));
});

Deno.test("what is not there, and what is no number, is 404 with a code", async () => {
  using it = await serving();
  await it.archive.keep(madeUpRecord(1));
  const paths = ["rounds", "exchanges", "reports"].flatMap((what) =>
    ["2", "0", "-1", "1e1", "x", "1%00", "999999999999999999", "%F0%9F", "1'"]
      .map((id) => `/api/v1/${what}/${id}`)
  );
  for (const path of [...paths, "/api/v2/state", "/../etc/passwd"]) {
    const response = await it.ask(path);
    assert.equal(response.status, 404, path);
    assert.equal((await response.json()).error.code, "not-found", path);
  }
});

Deno.test("a history is read by any name, in buckets, and anew after each round", async () => {
  using it = await serving();
  const servers = [madeUp(0, { name: HOSTILE })];
  await it.archive.keep(madeUpRecord(1, { servers, atMs: NOW_MS - 1000 }));
  const path = `/api/v1/servers/${encodeURIComponent(HOSTILE)}/history`;
  const rounds = async () => {
    const { points } = await (await it.ask(path)).json();
    return points.map((point: { rounds: number }) => point.rounds);
  };
  assert.deepEqual(await rounds(), [1]);
  assert.deepEqual(await rounds(), [1]);
  await it.archive.keep(madeUpRecord(2, { servers, atMs: NOW_MS - 500 }));
  assert.deepEqual(await rounds(), [2]);
  const unknown = await it.ask("/api/v1/servers/nobody/history");
  assert.equal(unknown.status, 404);
  const slash = await it.ask("/api/v1/servers/a%2Fb/history");
  assert.equal(slash.status, 404);
});

Deno.test("hostile queries are refused", async () => {
  using it = await serving();
  await it.archive.keep(madeUpRecord(1));
  const history = "/api/v1/servers/op0.example/history";
  for (
    const query of [
      ...["from=-1", "from=1&from=2", "to=NaN", "points=1e9", "points=0x10"],
      ...["from=99999999999999999", "from='%20OR%201=1--", "from=9&to=1"],
    ]
  ) {
    const response = await it.ask(`${history}?${query}`);
    assert.equal(response.status, 400, query);
    const { error } = await response.json();
    assert.equal(error.code, "query");
    assert.match(error.message, /^Cannot use the query: "(from|to|points)"/);
  }
  const long = await it.ask(`${history}?x=${"a".repeat(5000)}`);
  assert.equal(long.status, 414);
  const broken = await it.ask("/api/v1/servers/%E0%A4%A/history");
  assert.equal(broken.status, 404);
});

Deno.test("another site's name for this address gets nothing, not even the relay", async () => {
  using it = await serving({
    hosts: ["watch.example"],
    relay: () => Promise.resolve(new Response("relayed")),
  });
  for (const path of ["/", "/api/v1/state", "/relay/a", "/metrics"]) {
    const host = "evil.example";
    const response = await it.ask(path, { headers: { host } });
    assert.equal(response.status, 421, path);
    assert.equal((await response.json()).error.code, "host");
  }
  for (
    const host of ["localhost:8319", "127.0.0.1", "[::1]:1", "watch.example"]
  ) {
    assert.equal((await it.ask("/healthz", { headers: { host } })).status, 200);
  }
});

Deno.test("a relay is there only if it is wanted", async () => {
  using without = await serving();
  const post = { method: "POST", body: "x" };
  assert.equal((await without.ask("/relay/a", post)).status, 405);
  using with_ = await serving({
    relay: async (request) => new Response(await request.text()),
  });
  assert.equal(await (await with_.ask("/relay/a", post)).text(), "x");
});

Deno.test("events begin with the state; too many pages are told to come again", async () => {
  using it = await serving();
  await it.archive.keep(madeUpRecord(1));
  const response = await it.ask("/events");
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const reader = response.body?.getReader();
  const { value } = await reader?.read() ?? {};
  assert.match(
    new TextDecoder().decode(value),
    /event: round\ndata: \{"schema":"roughly\/watch-state\/1"/,
  );
  while (it.events.open(0));
  assert.equal((await it.ask("/events")).status, 503);
  it.events.close();
  await reader?.cancel();
});

Deno.test("/healthz says what is wrong", async () => {
  const problems: string[] = [];
  using it = await serving({ problem: () => problems[0] });
  assert.equal((await it.ask("/healthz")).status, 200);
  problems.push("no round for 1000 s");
  const response = await it.ask("/healthz");
  assert.equal(response.status, 503);
  assert.equal(await response.text(), "no round for 1000 s\n");
});

Deno.test("a fault inside tells nothing of the inside", async () => {
  using it = await serving({
    metrics: () => {
      throw new Error("secret path");
    },
  });
  const response = await it.ask("/metrics");
  assert.equal(response.status, 500);
  assert(!(await response.text()).includes("secret"));
});
