/**
 * What `roughly watch --serve` serves.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import { formatAddress } from "../../net/datagram.ts";
import { relay } from "../../relay/relay.ts";
import { createApp } from "../../watch/app.ts";
import type { Archive } from "../../watch/archive.ts";
import { EventStream } from "../../watch/event_stream.ts";
import { clientOf } from "../../watch/client_of.ts";
import { isLoopback } from "../../net/scope.ts";
import type { ListCare } from "../../watch/list_care.ts";
import { renderWatchMetrics } from "../../watch/metrics.ts";
import { serveWeb } from "../../watch/serve.ts";
import type { Watcher } from "../../watch/watcher.ts";
import { DEFAULT_SERVE, type WatchOptions } from "./options.ts";

/** A page that is served. */
export interface RunningPage {
  readonly url: string;
  close(): Promise<void>;
}

/** Rounds that may be missing before the watcher is not well. */
const MISSED_ROUNDS = 3;

/** Many silent servers make a round long. */
const LONG_ROUND_MS = 600_000;

/** Serves the page of a watcher. */
export function startPage(
  watcher: Watcher,
  { list, archive, options }: {
    readonly list: ListCare;
    readonly archive: Archive;
    readonly options: WatchOptions;
  },
): RunningPage {
  const { serve, allowHost = [] } = options;
  const { hostname, port } = typeof serve === "object" ? serve : DEFAULT_SERVE;
  const events = new EventStream();
  const clients = new WeakMap<Request, string>();
  const app = createApp({
    state: () => watcher.state,
    archive,
    events,
    metrics: () =>
      renderWatchMetrics(watcher.state, {
        packageVersion: config.version,
        rounds: watcher.rounds,
        listeners: events.size,
      }),
    problem: () => problemOf(watcher),
    hosts: isLoopback(hostname) ? allowHost : undefined,
    relay: options.relay
      ? relay({
        servers: () => list.servers,
        clientOf: (request) => clients.get(request),
      })
      : undefined,
    now: Date.now,
  });
  const server = serveWeb(hostname, port, (request, peer) => {
    clients.set(request, clientOf(request.headers, peer));
    return app.fetch(request);
  });
  const forget = watcher.subscribe((state) => events.send(state));
  const { address } = server;
  return {
    url: `http://${formatAddress(address.hostname, address.port)}/`,
    close: async () => {
      forget();
      events.close();
      await server.close();
    },
  };
}

function problemOf({ idleMs, intervalSeconds }: Watcher): string | undefined {
  return idleMs < MISSED_ROUNDS * 1000 * intervalSeconds + LONG_ROUND_MS
    ? undefined
    : `no round for ${Math.round(idleMs / 1000)} s`;
}
