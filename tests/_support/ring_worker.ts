/**
 * A thread that blocks in a packet ring: it tells where it is, answers with what it gets,
 * and says so when it is woken.
 *
 * @module
 */

import { openPacketRing } from "../../lib/net/linux/udp.ts";

const SLOT_BYTES = 256;

const ring = openPacketRing({
  hostname: "127.0.0.1",
  port: 0,
  memory: {
    bytes: new Uint8Array(8 * SLOT_BYTES),
    inputOffset: 0,
    inputStride: SLOT_BYTES,
    slots: 8,
  },
});
const { postMessage } = globalThis as unknown as {
  postMessage(message: unknown): void;
};
postMessage({ port: ring.address.port, wakeFd: ring.wakeFd });
for (let count; (count = ring.receive()) > 0; ring.flush()) {
  for (let i = 0; i < count; i++) {
    ring.queue(i, i * SLOT_BYTES, ring.lengths[i] as number);
  }
}
ring.close();
postMessage("closed");
