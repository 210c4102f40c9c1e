/**
 * The little HTTP that a monitor needs: `/metrics` and `/healthz`.
 *
 * @module
 */

import http from "node:http";
import type { AddressInfo } from "node:net";

/** What the monitor is told. */
export interface Observability {
  /** The body of `/metrics`. */
  metrics(): string | Promise<string>;
  /** Why the server is not well, or `undefined` if it is. */
  problem(): string | undefined;
}

/** A listening monitor port. */
export interface MonitorServer {
  /** Where it listens. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** Stops it. */
  close(): Promise<void>;
}

/** A monitor asks now and then; more connections than this are somebody else's. */
const MAX_CONNECTIONS = 64;

/**
 * Listens for a monitor. Rejects with the system's error, such as `EADDRINUSE`.
 *
 * @param hostname Literal address.
 * @param port Port, 0 for any.
 * @param source What to tell.
 */
export async function openMonitor(
  hostname: string,
  port: number,
  source: Observability,
): Promise<MonitorServer> {
  const options = { connectionsCheckingInterval: 1000 }; // else limits are checked twice a minute
  const server = http.createServer(options, async (request, response) => {
    const reply = (status: number, body: string, type = "text/plain") => {
      response.writeHead(status, {
        "content-type": `${type}; charset=utf-8`,
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        ...(status === 405 ? { allow: "GET, HEAD" } : {}),
      });
      response.end(request.method === "HEAD" ? undefined : body);
    };
    const url = URL.parse(request.url ?? "/", "http://localhost");
    if (url === null) return reply(400, "bad request\n");
    try {
      if (request.method !== "GET" && request.method !== "HEAD") {
        return reply(405, "method not allowed\n");
      }
      switch (url.pathname) {
        case "/metrics": {
          const body = await source.metrics();
          return reply(200, body, "text/plain; version=0.0.4");
        }
        case "/healthz": {
          const problem = source.problem();
          return problem === undefined
            ? reply(200, "ok\n")
            : reply(503, `${problem}\n`);
        }
        default:
          return reply(404, "not found\n");
      }
    } catch {
      reply(500, "internal error\n");
    }
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = 5_000;
  server.requestTimeout = 5_000;
  server.keepAliveTimeout = 5_000;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", () => {});
  const address = server.address() as AddressInfo;
  return {
    address: { hostname: address.address, port: address.port },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
