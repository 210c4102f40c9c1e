import assert from "node:assert/strict";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import {
  type LoadClock,
  LoadLane,
  type LoadLaneOptions,
  LoadTally,
} from "../../lib/load/lane.ts";
import { LoadPacket } from "../../lib/load/packet.ts";
import type { Datagram, DatagramSocket, Peer } from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { bytes, drop, edit } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const SERVER: Peer = new AddressPeer("127.0.0.1", 2002);
const STRANGER: Peer = new AddressPeer("127.0.0.1", 6666);

/** A socket whose other end is the test. */
class FakeSocket implements DatagramSocket {
  readonly transport = "udp";
  readonly address = { hostname: "127.0.0.1", port: 1 };
  /** Copies of what was sent. */
  readonly sent: Uint8Array[] = [];
  /** How many of a batch the system takes. */
  takes = Infinity;
  #arrived: Datagram[] = [];
  #wake: (() => void) | undefined;
  #closed = false;

  peer(): Peer {
    return SERVER;
  }

  // deno-lint-ignore require-await
  async send(batch: readonly Datagram[]): Promise<number> {
    for (const { bytes } of batch) this.sent.push(bytes.slice());
    return Math.min(this.takes, batch.length);
  }

  async receive(): Promise<readonly Datagram[]> {
    while (this.#arrived.length === 0 && !this.#closed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#arrived.splice(0);
  }

  /** Lets a reply arrive. */
  arrive(bytes: Uint8Array, peer: Peer = SERVER): void {
    this.#arrived.push({ bytes, peer });
    this.#wake?.();
  }

  stop(): void {}

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }
}

/** A lane, and everything that it is in touch with. */
interface Bench extends AsyncDisposable {
  readonly socket: FakeSocket;
  readonly lane: LoadLane;
  readonly tally: LoadTally;
  readonly packet: LoadPacket;
  /** Moves the time on, in milliseconds. */
  pass(millis: number): void;
  /** Waits until everything has happened that can. */
  settle(): Promise<void>;
}

function bench(
  pace: LoadLaneOptions["pace"],
  options: Partial<LoadLaneOptions> = {},
): Bench {
  let time = 1000;
  const clock: LoadClock = {
    now: () => time,
    sleep: () => Promise.resolve(),
    turn: () => Promise.resolve(),
  };
  const socket = new FakeSocket();
  const tally = new LoadTally();
  tally.from = 0;
  const packet = new LoadPacket({
    version: DIALECTS["draft-14"].code,
    typed: true,
    random: (length) => bytes(length, 1),
  });
  const lane = new LoadLane({
    socket,
    peer: SERVER,
    packet,
    clock,
    tally,
    judge: undefined,
    capacity: 1024,
    timeoutMillis: 500,
    pace,
    ...options,
  });
  const listening = lane.listen();
  return {
    socket,
    lane,
    tally,
    packet: options.packet ?? packet,
    pass: (millis) => void (time += millis),
    settle: async () => {
      for (let i = 0; i < 200; i++) await Promise.resolve();
    },
    [Symbol.asyncDispose]: async () => {
      socket.close();
      await listening;
      assert.equal(tally.failure, undefined);
    },
  };
}

/** The numbers of requests. */
function numbersOf({ socket, packet }: Bench): number[] {
  return socket.sent.map((request) => packet.read(request));
}

Deno.test(
  "a window is filled, and refilled by replies alone",
  none,
  async () => {
    await using it = bench({ window: 3 });
    it.lane.pump();
    await it.settle();
    assert.deepEqual(numbersOf(it), [0, 1, 2]);
    it.pass(10);
    it.lane.pump();
    await it.settle();
    assert.equal(it.socket.sent.length, 3);
    it.socket.arrive(it.packet.make(1));
    await it.settle();
    assert.deepEqual(numbersOf(it), [0, 1, 2, 3]);
    assert.equal(it.lane.underWay, 3);
    assert.equal(it.lane.nextAt, Infinity);
    const { sent, answered, repliesWhileMeasuring, bad, latencyNanos } =
      it.tally;
    assert.deepEqual([sent, answered, repliesWhileMeasuring, bad], [
      4,
      1,
      1,
      0,
    ]);
    assert.equal(latencyNanos.min, 10e6);
  },
);

Deno.test(
  "at a rate requests go out when they are planned, and all that are due",
  none,
  async () => {
    await using it = bench({ firstAt: 1005, everyMillis: 10 });
    it.lane.pump();
    await it.settle();
    assert.equal(it.socket.sent.length, 0);
    assert.equal(it.lane.nextAt, 1005);
    it.pass(28); // three are due, the first by 23 ms
    it.lane.pump();
    await it.settle();
    assert.deepEqual(numbersOf(it), [0, 1, 2]);
    assert.equal(it.lane.nextAt, 1035);
    assert.equal(it.tally.sendDelayNanos.max, 23e6);
    assert.equal(it.tally.sendDelayNanos.min, 3e6);
    it.pass(2);
    it.socket.arrive(it.packet.make(0));
    await it.settle();
    assert.equal(it.tally.latencyNanos.max, 25e6, "from the planned time");
  },
);

Deno.test(
  "a request is given up in time, and its reply is late then",
  none,
  async () => {
    await using it = bench({ window: 2 });
    it.lane.pump();
    await it.settle();
    it.pass(500);
    it.lane.sweep(1500);
    assert.equal(it.tally.lost, 0, "not yet");
    it.socket.arrive(it.packet.make(1));
    await it.settle();
    it.lane.sweep(1501);
    assert.equal(it.tally.lost, 1);
    assert.equal(it.lane.underWay, 1);
    it.lane.pump();
    await it.settle();
    assert.deepEqual(numbersOf(it), [0, 1, 2, 3]);
    it.socket.arrive(it.packet.make(0));
    await it.settle();
    const { sent, answered, lost, late, bad } = it.tally;
    assert.deepEqual([sent, answered, lost, late, bad], [4, 1, 1, 1, 0]);
  },
);

Deno.test("what answers nothing is bad", none, async () => {
  await using it = bench({ window: 2 });
  it.lane.pump();
  await it.settle();
  const stranger = new LoadPacket({
    version: DIALECTS["draft-14"].code,
    typed: true,
    random: (length) => bytes(length, 2),
  });
  it.socket.arrive(new Uint8Array(0));
  it.socket.arrive(bytes(400, 3));
  it.socket.arrive(stranger.make(0));
  it.socket.arrive(it.packet.make(7)); // not sent yet
  it.socket.arrive(it.packet.make(0xffffffff)); // before the first
  it.socket.arrive(it.packet.make(0));
  it.socket.arrive(it.packet.make(0)); // once more
  await it.settle();
  assert.equal(it.tally.bad, 6);
  assert.equal(it.tally.answered, 1);
});

Deno.test(
  "what is planned before the measuring does not count",
  none,
  async () => {
    await using it = bench({ window: 1 });
    it.tally.from = Infinity;
    it.lane.pump();
    await it.settle();
    it.socket.arrive(bytes(400, 3));
    await it.settle();
    it.tally.from = 1000.5;
    it.pass(1);
    it.socket.arrive(it.packet.make(0));
    await it.settle();
    const { sent, answered, repliesWhileMeasuring, bad } = it.tally;
    // The reply came while measuring; the request that followed it is the first to count.
    assert.deepEqual([sent, answered, repliesWhileMeasuring, bad], [
      1,
      0,
      1,
      0,
    ]);
  },
);

Deno.test(
  "nothing is sent after the end, and replies still count",
  none,
  async () => {
    await using it = bench({ window: 1 });
    it.lane.pump();
    await it.settle();
    it.tally.until = 1000;
    it.socket.arrive(it.packet.make(0));
    await it.settle();
    const { sent, answered, repliesWhileMeasuring } = it.tally;
    assert.deepEqual([sent, answered, repliesWhileMeasuring], [1, 1, 0]);
    assert.equal(it.lane.underWay, 0);
  },
);

Deno.test(
  "what the system refuses to send is counted and given up",
  none,
  async () => {
    await using it = bench({ window: 5 });
    it.socket.takes = 2;
    it.lane.pump();
    await it.settle();
    assert.equal(it.tally.unsent, 3);
    it.lane.sweep(1600);
    assert.equal(it.tally.lost, 5);
  },
);

Deno.test(
  "numbers go round the ring, and beyond it nothing is forgotten wrongly",
  none,
  async () => {
    await using it = bench({ window: 1 }, { capacity: 4 });
    it.lane.pump();
    await it.settle();
    for (let number = 0; number < 20; number++) {
      it.socket.arrive(it.packet.make(number));
      await it.settle();
    }
    assert.deepEqual([it.tally.answered, it.tally.bad], [20, 0]);
    it.socket.arrive(it.packet.make(3));
    await it.settle();
    assert.equal(it.tally.bad, 1);
  },
);

Deno.test(
  "where the ring is too small the oldest is given up",
  none,
  async () => {
    await using it = bench(
      { firstAt: 1000, everyMillis: 1 },
      { capacity: 4 },
    );
    it.pass(5);
    it.lane.pump();
    await it.settle();
    assert.equal(it.tally.sent, 6);
    assert.equal(it.tally.lost, 2);
    assert.equal(it.lane.underWay, 4);
  },
);

Deno.test(
  "replies without a nonce answer the oldest request of who was asked",
  none,
  async () => {
    const { code } = DIALECTS["draft-11"];
    const packet = new LoadPacket({
      version: code,
      typed: false,
      random: (length) => bytes(length, 1),
    });
    await using it = bench({ window: 3 }, { packet });
    it.lane.pump();
    await it.settle();
    const anonymous = edit(
      packet.make(),
      (entries) => [
        ...drop(entries, TAG.NONC),
        [TAG.PATH, new Uint8Array(64)],
      ],
    );
    it.socket.arrive(anonymous, STRANGER);
    await it.settle();
    assert.equal(it.tally.bad, 1);
    it.pass(1);
    it.socket.arrive(anonymous);
    it.socket.arrive(packet.make(1)); // with one
    it.socket.arrive(anonymous);
    await it.settle();
    const { answered, matchedByOrder, pathLengths } = it.tally;
    assert.deepEqual([answered, matchedByOrder], [3, 2]);
    assert.deepEqual(pathLengths.slice(0, 3), [1, 0, 2]);
    assert.equal(it.lane.underWay, 3);
  },
);
