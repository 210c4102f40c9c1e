import assert from "node:assert/strict";
import { Pace } from "../../../lib/net/linux/pace.ts";
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

function openRing(pace?: Pace): PacketRing & Disposable {
  const { buffer } = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  const ring = new PacketRing({
    hostname: "127.0.0.1",
    port: 0,
    pace,
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

/** Has the ring rest as a test says, once. */
class Rest extends Pace {
  readonly #when: "answers" | "first";
  #meanwhile: (() => number) | undefined;

  /** `meanwhile` happens as the rest begins, and says how long it is. */
  constructor(when: "answers" | "first", meanwhile: () => number) {
    super(1);
    this.#when = when;
    this.#meanwhile = meanwhile;
  }

  #rest(when: "answers" | "first"): number {
    if (when !== this.#when) return 0;
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    return meanwhile?.() ?? 0;
  }

  override get shouldLook(): boolean {
    return false;
  }

  override get mayBeMore(): boolean {
    return false;
  }

  override restAfterAnswers(): number {
    return this.#rest("answers");
  }

  override restAfterFirst(): number {
    return this.#rest("first");
  }
}

/** Sends so many datagrams to a ring, without a turn of the event loop. */
function sendTo(ring: PacketRing, count: number): void {
  using sender = openRing();
  const { hostname, port } = ring.address;
  const peer = sender.peer(hostname, port);
  for (let i = 0; i < count; i++) sender.queueTo(peer, 0, 8);
  assert.equal(sender.flush(), count);
}

for (const when of ["answers", "first"] as const) {
  Deno.test({
    name: `datagrams gather while a ring rests, ${when}` +
      (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
    ignore: MISSING !== undefined,
    fn: () => {
      let from = NaN;
      using ring = openRing(
        new Rest(when, () => {
          sendTo(ring, 2);
          from = performance.now();
          return 20.5;
        }),
      );
      sendTo(ring, 1);
      assert.equal(ring.receive(), 3);
      const rested = performance.now() - from;
      assert(rested >= 20.4, `${rested}`);
    },
  });

  Deno.test({
    name: `whoever wakes a ring that rests is heeded at once, ${when}` +
      (MISSING === undefined ? "" : ` (skipped: ${MISSING})`),
    ignore: MISSING !== undefined,
    fn: () => {
      using ring = openRing(
        new Rest(when, () => {
          ring.wake();
          return 3_600_000;
        }),
      );
      sendTo(ring, 1);
      const taken = [ring.receive(), ring.receive()];
      // What has ended the sleep is taken before it; what came during answers is not.
      assert.deepEqual(taken, when === "first" ? [1, 0] : [0, 1]);
    },
  });
}

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
