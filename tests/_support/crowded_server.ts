/**
 * Serves and says what happens, as a process of its own that a test can run out of
 * descriptors: a line of JSON for each event, `bound` first.
 *
 * @module
 */

import { formatKey } from "../../lib/wire/key_text.ts";
import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";

// Deno opens what signals take with the first of them, and panics where it cannot.
Deno.addSignalListener("SIGTERM", () => Deno.exit());

const server = await Server.create({ trustClock: true, greaseProbability: 0 });
const say = (line: unknown) =>
  Deno.stdout.writeSync(
    new TextEncoder().encode(
      JSON.stringify(
        line,
        (_, value) => typeof value === "bigint" ? Number(value) : value,
      ) + "\n",
    ),
  );
const running = await serve(server, {
  hostname: "127.0.0.1",
  port: 0,
  tcpLimits: { maxConnectionsPerAddress: 4096 },
  selfCheckSeconds: 1,
  onEvent: say,
});
const [publicKey = new Uint8Array()] = server.publicKeys;
say({
  kind: "bound",
  port: running.address.port,
  key: formatKey(publicKey),
});
await running.finished;
