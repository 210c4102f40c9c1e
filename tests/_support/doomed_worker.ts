/**
 * A thread that serves until it is terminated: it is told how many workers to have, and says
 * where it listens.
 *
 * @module
 */

import { serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import { bytes } from "./fixtures.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<number>) => void;
  postMessage(message: unknown): void;
};
scope.onmessage = async ({ data: workers }) => {
  const server = await Server.create({
    privateKey: bytes(32, 1), // behind PUBLIC_KEY
    greaseProbability: 0,
    exportable: workers > 0,
  });
  const running = await serve(server, {
    hostname: "127.0.0.1",
    port: 0,
    io: "linux",
    workers,
  });
  scope.postMessage({ port: running.address.port });
};
