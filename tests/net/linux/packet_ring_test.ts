import assert from "node:assert/strict";
import { PacketRing } from "../../../lib/net/linux/packet_ring.ts";
import { LibcSocket } from "../../../lib/net/linux/socket.ts";
import { linuxUdpProblem } from "../../../lib/net/linux/udp.ts";

const MISSING = linuxUdpProblem();
const SLOTS = 4;

/**
 * Has a socket say that packets are there, so many times before it is true. Nobody waits
 * and nobody rests.
 */
function alarmed(times: number, truth: Promise<unknown>): Disposable {
  const { waitAside, restAside } = LibcSocket.prototype;
  LibcSocket.prototype.waitAside = async () => {
    if (times-- <= 0) await truth;
    return "packets";
  };
  LibcSocket.prototype.restAside = () => Promise.resolve();
  return {
    [Symbol.dispose]: () =>
      void Object.assign(LibcSocket.prototype, { waitAside, restAside }),
  };
}

function openRing(): PacketRing & Disposable {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const ring = new PacketRing({
    hostname: "127.0.0.1",
    port: 0,
    memory: {
      bytes: new Uint8Array(buffer),
      inputOffset: 0,
      inputStride: 256,
      slots: SLOTS,
    },
  });
  return Object.assign(ring, { [Symbol.dispose]: () => ring.close() });
}

Deno.test({
  name: "a false alarm is not the end of receiving" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined,
  fn: async () => {
    using ring = openRing();
    const client = Deno.listenDatagram({
      transport: "udp",
      hostname: "127.0.0.1",
      port: 0,
    });
    const { promise: looked, resolve: look } = Promise.withResolvers<void>();
    const to = { transport: "udp", ...ring.address } as const;
    const sent = looked.then(() => client.send(new Uint8Array(8), to));
    using _ = alarmed(3, sent);
    const received = ring.receiveAside();
    look();
    await sent;
    client.close();
    // 0 would mean that it was stopped, and whoever hears that serves no more.
    assert.equal(await received, 1);
    assert.equal(ring.lengths[0], 8);
  },
});

Deno.test({
  name: "a socket that only fails is given up, loudly" +
    (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
  ignore: MISSING !== undefined,
  fn: async () => {
    using ring = openRing();
    using _ = alarmed(Infinity, Promise.resolve());
    await assert.rejects(ring.receiveAside(), /^Error: Socket only fails$/);
  },
});
