/**
 * What a watcher serves over HTTP: its page, its API, its numbers. Read-only.
 *
 * @module
 */

import { type Context, Hono } from "hono";
import type { ApiError, Reports, WatchState } from "./api.ts";
import type { Archive } from "./archive.ts";
import type { HistoryQuery } from "./downsample.ts";
import type { EventStream } from "./event_stream.ts";
import { isOwnHost } from "./host_check.ts";
import { OPENMETRICS_TYPE } from "./openmetrics.ts";
import { renderPage } from "./page.ts";
import { PAGE_ASSETS } from "./page_assets.ts";
import { readId, readStretch } from "./query.ts";
import { Turns } from "./turns.ts";

/** What is served. */
export interface AppOptions {
  /** All that is told now. */
  readonly state: () => WatchState;
  /** What is remembered. */
  readonly archive: Archive;
  /** Those who are told of each round. */
  readonly events: EventStream;
  /** The body of `/metrics`. */
  readonly metrics: () => string;
  /** Why the watcher is not well, or `undefined` if it is. */
  readonly problem: () => string | undefined;
  /** Names under which it may be asked; any without. */
  readonly hosts?: readonly string[] | undefined;
  /** Answers under `/relay/`. */
  readonly relay?: ((request: Request) => Promise<Response>) | undefined;
  /** The local clock, in milliseconds since 1970. */
  readonly now: () => number;
}

/** Nothing from elsewhere, nothing in line, nothing around it. */
const POLICY =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
};

const JSON_TYPE = "application/json; charset=utf-8";

/** Longest address that is looked at. */
const MAX_URL_LENGTH = 4096;

/** Histories that may wait to be read; a page asks for one of each server. */
const MAX_WAITING = 512;

/** Characters of histories that are remembered until the next round. */
const MAX_CACHED_CHARS = 32 << 20;

/** Makes what answers. */
export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  const { hosts } = options;
  app.use(async (c, next) => {
    const { method, url } = c.req;
    if (hosts !== undefined && !isOwnHost(c.req.header("host"), hosts)) {
      c.res = failure(421, "host", "This is not a name of this server.");
    } else if (url.length > MAX_URL_LENGTH) {
      c.res = failure(414, "query", "The address is too long.");
    } else if (c.req.path.startsWith("/relay/") && options.relay) {
      c.res = await options.relay(c.req.raw);
      return;
    } else if (method !== "GET" && method !== "HEAD") {
      c.res = failure(405, "method", "Only GET is allowed.");
      c.res.headers.set("allow", "GET, HEAD");
    } else await next();
    for (const [name, value] of Object.entries(HEADERS)) {
      c.res.headers.set(name, value);
    }
    if (!c.res.headers.has("cache-control")) {
      c.res.headers.set("cache-control", "no-store");
    }
  });
  addPage(app, options);
  addApi(app, options);
  addHistory(app, options);
  addMonitoring(app, options);
  app.notFound(() => failure(404, "not-found", "There is nothing here."));
  app.onError(() => failure(500, "internal", "The watcher could not answer."));
  return app;
}

function addPage(app: Hono, { state }: AppOptions): void {
  app.get("/", (c) => c.html(renderPage(state())));
  for (const [path, { type, body }] of Object.entries(PAGE_ASSETS)) {
    const headers: Record<string, string> = {
      "content-type": type,
      "cache-control": "no-cache",
    };
    if (path.endsWith(".html")) {
      headers["content-disposition"] = `attachment; filename="${
        path.slice(1)
      }"`;
    }
    app.get(path, (c) => c.body(body, 200, headers));
  }
}

function addApi(app: Hono, { state, archive }: AppOptions): void {
  const byId = (
    path: string,
    what: string,
    find: (id: number, c: Context) => Response | undefined,
  ) =>
    app.get(`${path}/:id`, (c) => {
      const id = readId(c.req.param("id") ?? "");
      return (id === undefined ? undefined : find(id, c)) ??
        failure(404, "not-found", `There is no such ${what}.`);
    });
  const json = (value: unknown) =>
    value === undefined ? undefined : Response.json(value);
  app.get("/api/v1/state", (c) => c.json(state()));
  byId("/api/v1/rounds", "round", (id) => json(archive.round(id)));
  byId("/api/v1/exchanges", "exchange", (id) => json(archive.exchange(id)));
  byId("/api/v1/reports", "report", (id) => {
    const report = archive.report(id);
    return report === undefined ? undefined : new Response(report, {
      headers: {
        "content-type": JSON_TYPE,
        "content-disposition": `attachment; filename="malfeasance-${id}.json"`,
      },
    });
  });
  app.get(
    "/api/v1/reports",
    (c) =>
      c.json(
        {
          schema: "roughly/watch-reports/1",
          reports: archive.reports(),
        } satisfies Reports,
      ),
  );
}

/** Pages of many ask for the same, so what was read is good until something new is there. */
function addHistory(app: Hono, { archive, now }: AppOptions): void {
  const turns = new Turns(MAX_WAITING);
  const cache = new Map<string, string>();
  let cachedRound: number | undefined;
  let cachedChars = 0;
  const read = (query: HistoryQuery): string | undefined => {
    const { id } = archive.round() ?? {};
    if (id !== cachedRound || cachedChars > MAX_CACHED_CHARS) {
      cache.clear();
      cachedChars = 0;
    }
    cachedRound = id;
    const key = JSON.stringify(query);
    const known = cache.get(key);
    if (known !== undefined) return known;
    const history = archive.history(query);
    if (history === undefined) return undefined;
    const text = JSON.stringify(history);
    cache.set(key, text);
    cachedChars += text.length;
    return text;
  };
  app.get("/api/v1/servers/:name/history", async (c) => {
    const stretch = readStretch(new URL(c.req.url).searchParams, now());
    if ("problem" in stretch) {
      return failure(400, "query", `Cannot use the query: ${stretch.problem}.`);
    }
    const name = c.req.param("name");
    const turn = await turns.take(() => read({ name, ...stretch }));
    if (turn === undefined) {
      const busy = failure(503, "busy", "Too many ask at the moment.");
      busy.headers.set("retry-after", "5");
      return busy;
    }
    return turn.value === undefined
      ? failure(404, "not-found", "There is no history of such a server.")
      : c.body(turn.value, 200, { "content-type": JSON_TYPE });
  });
}

function addMonitoring(
  app: Hono,
  { state, events, metrics, problem }: AppOptions,
): void {
  app.get("/events", (c) => {
    if (c.req.method === "HEAD") return c.body(null);
    const body = events.open(state());
    return body === undefined
      ? failure(503, "busy", "Too many pages listen at the moment.")
      : c.body(body, 200, { "content-type": "text/event-stream" });
  });
  app.get(
    "/metrics",
    (c) => c.body(metrics(), 200, { "content-type": OPENMETRICS_TYPE }),
  );
  app.get("/healthz", (c) => {
    const why = problem();
    return why === undefined ? c.text("ok\n") : c.text(`${why}\n`, 503);
  });
}

function failure(status: number, code: string, message: string): Response {
  return Response.json({ error: { code, message } } satisfies ApiError, {
    status,
  });
}
