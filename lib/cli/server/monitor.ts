/**
 * The monitor of `server run`: `/metrics` and `/healthz`.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import { formatAddress } from "../../net/datagram.ts";
import { type MonitorServer, openMonitor } from "../../net/http.ts";
import type { Server } from "../../server/core.ts";
import { renderMetrics } from "../../server/metrics.ts";
import type { ListenAddress, RunningServer } from "../../server/serve.ts";
import { ServerError } from "../../wire/errors.ts";
import { formatKey } from "../../wire/key_text.ts";
import { systemMessage } from "../terminal/failure.ts";
import { CAUSES } from "./event_log.ts";
import type { KeyWatch } from "./key_watch.ts";

/** Serves it. */
export async function startMonitor(
  { hostname, port }: ListenAddress,
  server: Server,
  running: RunningServer,
  watch: KeyWatch,
): Promise<MonitorServer> {
  try {
    return await openMonitor(hostname, port, {
      metrics: async () => {
        await running.refresh();
        return renderMetrics(running.counters, {
          packageVersion: config.version,
          clockStatus: server.clockStatus,
          nowMicros: server.getTime(),
          notAfterMicros: server.notAfterMicros,
          publicKeys: server.publicKeys.map(formatKey),
          rootChanged: watch.rootChanged,
          listeners: running.listeners,
          selfChecks: running.selfChecks,
        });
      },
      problem: () => problemOf(server, running),
    });
  } catch (cause) {
    throw cannotBindMonitor({ hostname, port }, cause);
  }
}

/** Why a load balancer should not send anybody here. */
export function problemOf(
  server:
    & Pick<Server, "clockStatus" | "canSign">
    & Partial<Pick<Server, "clockCause">>,
  { listeners }: Pick<RunningServer, "listeners">,
): string | undefined {
  if (server.clockStatus === "stopped") {
    const { clockCause: cause } = server;
    return `the clock may be off${cause ? `: ${CAUSES[cause]}` : ""}`;
  }
  if (!server.canSign) return "the time is outside the window of an online key";
  const silent = listeners.filter(({ up }) => up === false)
    .map(({ transport, address }) => `${transport} ${address}`);
  return silent.length === 0
    ? undefined
    : `no answer from ${silent.join(" and ")}`;
}

/** Why it cannot be served. */
export function cannotBindMonitor(
  { hostname, port }: ListenAddress,
  cause: unknown,
): ServerError {
  return new ServerError(
    "bind",
    `Cannot serve metrics on ${formatAddress(hostname, port)}: ${
      systemMessage(cause)
    }`,
    { cause },
  );
}
