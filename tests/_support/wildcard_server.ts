/**
 * Serves on all addresses in every way there is, as a process in a network of its own, and
 * asks itself over each family. A line of JSON for each way; see `wildcard_test.ts`.
 *
 * @module
 */

import { askSelf } from "../../lib/net/self_query.ts";
import { selfRequest } from "../../lib/server/self_check_start.ts";
import { serve, type ServeOptions } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";

const PORT = 20_002;
const ANY4 = { hostname: "0.0.0.0", port: PORT };
const ANY6 = { hostname: "::", port: PORT };

const WAYS: Record<string, ServeOptions> = {
  default: { port: PORT },
  "any port": { port: 0 },
  "::": { listen: [ANY6] },
  "0.0.0.0": { listen: [ANY4] },
  "0.0.0.0 and ::": { listen: [ANY4, ANY6] },
  ":: and 0.0.0.0": { listen: [ANY6, ANY4] },
};

const BACKENDS: Record<string, (way: string) => ServeOptions> = {
  portable: () => ({ io: "portable" }),
  linux: () => ({ io: "linux" }),
  // What several share, one opens just as well.
  workers: (way) => ({ io: "linux", workers: way === "default" ? 2 : 1 }),
};

const dgram = Deno.args.includes("dgram");
if (dgram) {
  // As where the application did not turn on `unstable: ["net"]`.
  Object.assign(Deno, { listenDatagram: undefined });
}

const server = await Server.create({
  trustClock: true,
  greaseProbability: 0,
  exportable: true,
});
const { signal } = new AbortController();
for (const [backend, io] of Object.entries(BACKENDS)) {
  if (dgram && backend !== "portable") continue;
  for (const [way, where] of Object.entries(WAYS)) {
    const events: ServerEvent[] = [];
    const running = await serve(server, {
      ...where,
      ...io(way),
      selfCheckSeconds: 0,
      onEvent: (event) => void events.push(event),
    });
    const { port } = running.address;
    const heard: string[] = [];
    for (const hostname of ["127.0.0.1", "::1"]) {
      for (const transport of ["udp", "tcp"] as const) {
        const listened = { transport, address: { hostname, port } };
        const request = selfRequest(server.versions);
        const options = { timeoutMs: 1000, signal };
        const answer = await askSelf(listened, request, options);
        if (answer === "answered") heard.push(`${transport} ${hostname}`);
      }
    }
    const told = events.flatMap((event) =>
      event.kind === "listening"
        ? [`${event.transport} ${event.address.replace(`:${port}`, "")}`]
        : []
    );
    const addresses = running.addresses.map(({ hostname }) => hostname);
    const sources = events.filter(({ kind }) => kind === "any-source").length;
    const line = { backend, way, heard, told, addresses, sources };
    Deno.stdout.writeSync(
      new TextEncoder().encode(`${JSON.stringify(line)}\n`),
    );
    await running.shutdown();
  }
}
