/**
 * A server that sends every datagram back: what the network alone costs, to hold a server
 * against. `linux` is the packet ring in a thread that blocks, `signing` the same with one
 * signature for each batch, `seam` the ring behind promises, `deno` is `Deno.listenDatagram`
 * with many receives under way.
 *
 * ```sh
 * deno run --allow-all --unstable-net bench/echo.ts linux 2002
 * ```
 *
 * @module
 */

import { createSigner } from "../lib/crypto/ed25519.ts";
import { Pace } from "../lib/net/linux/pace.ts";
import { DEFAULT_DELAY_MICROS } from "../lib/server/check_options.ts";
import { openLinuxUdp, openPacketRing } from "../lib/net/linux/udp.ts";
import { openDenoUdp } from "../lib/net/deno_udp.ts";
import {
  type DatagramSocket,
  MAX_DATAGRAM_BYTES,
} from "../lib/net/datagram.ts";

const BATCH = 128;
const [kind = "linux", portText = "2002", hostname = "127.0.0.1"] = Deno.args;
const where = {
  hostname,
  port: Number(portText),
  receiveBufferBytes: 8 << 20,
};

switch (kind) {
  case "linux":
    echoRing();
    break;
  case "signing": {
    const signer = createSigner(new Uint8Array(32));
    const root = new Uint8Array(100);
    echoRing(() => void signer.sign(root));
    break;
  }
  case "seam":
    await echoSocket(openLinuxUdp({ ...where, maxBatch: BATCH }));
    break;
  case "portable":
    await echoSocket(openDenoUdp({ ...where, maxBatch: BATCH }));
    break;
  case "deno":
    await echoListener();
    break;
  default:
    throw new Error(`linux, signing, seam, portable or deno, not ${kind}`);
}

function echoRing(beforeReplies = () => {}): void {
  const pages = BATCH * MAX_DATAGRAM_BYTES / 65536;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const ring = openPacketRing({
    ...where,
    pace: new Pace(DEFAULT_DELAY_MICROS / 1000),
    memory: {
      bytes: new Uint8Array(memory.buffer),
      inputOffset: 0,
      inputStride: MAX_DATAGRAM_BYTES,
      slots: BATCH,
    },
  });
  for (let count; (count = ring.receive()) > 0; ring.flush()) {
    beforeReplies();
    for (let i = 0; i < count; i++) {
      const length = ring.lengths[i] as number;
      if (length <= MAX_DATAGRAM_BYTES) {
        ring.queue(i, i * MAX_DATAGRAM_BYTES, length);
      }
    }
  }
}

async function echoSocket(socket: DatagramSocket): Promise<void> {
  for (let batch; (batch = await socket.receive()).length > 0;) {
    await socket.send(batch);
  }
}

async function echoListener(): Promise<void> {
  const listener = Deno.listenDatagram({ transport: "udp", ...where });
  await Promise.all(Array.from({ length: BATCH }, async () => {
    const buffer = new Uint8Array(MAX_DATAGRAM_BYTES);
    while (true) {
      const [bytes, peer] = await listener.receive(buffer);
      await listener.send(bytes, peer);
    }
  }));
}
