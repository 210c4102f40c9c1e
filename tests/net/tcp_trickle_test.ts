import assert from "node:assert/strict";
import { PacketReader } from "../../lib/net/tcp.ts";
import { TCP_LIMITS, TcpServerSocket } from "../../lib/net/tcp_server.ts";
import { closed } from "../../lib/server/listener.ts";
import { requestFor } from "../_support/fixtures.ts";

/** A clock that only the test moves, and a count of the bytes that were taken. */
function controlled(): Disposable & { nowMs: number; taken: number } {
  const { now } = performance;
  const { push } = PacketReader.prototype;
  const state = {
    nowMs: performance.now(),
    taken: 0,
    [Symbol.dispose]: () => {
      performance.now = now;
      PacketReader.prototype.push = push;
    },
  };
  performance.now = () => state.nowMs;
  PacketReader.prototype.push = function (chunk) {
    state.taken += chunk.length;
    return push.call(this, chunk);
  };
  return state;
}

/** Gives the event loop turns until something holds, for some seconds at most. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const end = Date.now() + 5000;
  while (!holds()) {
    assert(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

const SILENT = {
  accepted: () => {},
  rejected: () => {},
  evicted: () => {},
  completed: () => {},
};

Deno.test("the time of a packet counts from its first byte, not from its last", async () => {
  let aborted = 0;
  const socket = await TcpServerSocket.open(
    { hostname: "127.0.0.1", port: 0, maxBatch: 1 },
    { ...TCP_LIMITS, readMs: 5000, idleMs: 1e9 },
    { ...SILENT, aborted: () => void aborted++ },
  );
  const { hostname, port } = socket.address;
  const remote = await Deno.connect({ hostname, port });
  try {
    using world = controlled();
    const packet = requestFor("rfc-10049");
    for (let sent = 0; sent < 7; sent++) {
      await remote.write(packet.subarray(sent, sent + 1));
      await until(() => world.taken > sent, "the server takes each byte");
      world.nowMs += 1000;
    }
    // The last byte came a second ago, the first one seven.
    await until(() => aborted > 0, "a peer that trickles is cut off");
  } finally {
    remote.close();
    socket.close();
    await closed(socket);
  }
});
