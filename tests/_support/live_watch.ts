/**
 * A watcher of real servers on loopback, with its page: rounds come when the test says so.
 *
 * @module
 */

import { ChaosServer } from "../../lib/chaos/server.ts";
import { serveChaos } from "../../lib/chaos/serve.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { relay } from "../../lib/relay/relay.ts";
import type { WatchState } from "../../lib/watch/api.ts";
import { createApp } from "../../lib/watch/app.ts";
import { Archive } from "../../lib/watch/archive.ts";
import { EventStream } from "../../lib/watch/event_stream.ts";
import { ListCare } from "../../lib/watch/list_care.ts";
import { serveWeb } from "../../lib/watch/serve.ts";
import { Watcher } from "../../lib/watch/watcher.ts";

const MINUTE_MS = 60_000;

/** A server that is watched. */
export interface WatchedServer {
  /** As the list has it. */
  readonly listed: ListedServer;
  /** From now on nobody is there. */
  stop(): Promise<void>;
}

/** Starts a server that is so many microseconds ahead. */
export async function startWatched(
  name: string,
  host: string,
  aheadMicros = 0n,
): Promise<WatchedServer> {
  const server = await ChaosServer.create({
    behaviours: aheadMicros === 0n
      ? []
      : [{ kind: "lie", offsetMicros: aheadMicros }],
  });
  const running = await serveChaos(server);
  const { port } = running.address;
  return {
    listed: {
      name,
      publicKey: server.publicKey,
      addresses: [{ transport: "udp", host, port }],
      version: 1,
      offer: undefined,
    },
    stop: () => running.shutdown(),
  };
}

/** A watcher, and where its page is. */
export interface LiveWatch extends AsyncDisposable {
  readonly url: string;
  readonly state: WatchState;
  /** Runs one more round. */
  round(): Promise<WatchState>;
}

/**
 * Watches servers, whose names all lead to loopback.
 *
 * @param servers Whom.
 * @param db File of the history.
 */
export async function startWatch(
  servers: readonly ListedServer[],
  db: string,
  intervalSeconds = 60,
): Promise<LiveWatch> {
  const lookup = () =>
    Promise.resolve([{ hostname: "127.0.0.1", family: 4 as const }]);
  const retention = { keepDays: 90, keepPacketsDays: 7, intervalSeconds: 300 };
  const archive = await Archive.open({ path: db, retention });
  const list = new ListCare(
    "a list for tests",
    () =>
      Promise.resolve({
        servers,
        sources: [],
        reports: undefined,
        skipped: [],
      }),
  );
  await list.read();
  const events = new EventStream(() => () => {});
  let current: Watcher | undefined;
  // Minutes pass between rounds, and nobody waits for them.
  let skewMs = -10 * MINUTE_MS;
  const make = () =>
    new Watcher({
      list,
      archive,
      intervalSeconds,
      rounds: 1,
      relay: true,
      measureOptions: { lookup, timeout: 400 },
      clock: {
        wall: () => Date.now() + skewMs,
        now: () => performance.now() + skewMs,
        sleep: () => Promise.resolve(),
        random: () => 0.5,
      },
    });
  const watcher = () => current ??= make();
  const app = createApp({
    state: () => watcher().state,
    archive,
    events,
    metrics: () => "",
    problem: () => undefined,
    relay: relay({ servers, lookup }),
    now: Date.now,
  });
  const web = serveWeb("127.0.0.1", 0, (request) => app.fetch(request));
  const stop = new AbortController();
  return {
    url: `http://127.0.0.1:${web.address.port}/`,
    get state() {
      return watcher().state;
    },
    round: async () => {
      skewMs += MINUTE_MS;
      current = make();
      await current.run(stop.signal);
      events.send(current.state);
      return current.state;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      events.close();
      await web.close();
      archive.close();
    },
  };
}
