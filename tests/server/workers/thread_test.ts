import assert from "node:assert/strict";
import { sumDropped } from "../../../lib/server/counters.ts";
import { importKey } from "../../../lib/server/keyring.ts";
import { LibcSocket } from "../../../lib/net/linux/socket.ts";
import type { PortableServer } from "../../../lib/server/options.ts";
import type { Order, Report } from "../../../lib/server/workers/message.ts";
import { ALL, PUBLIC_KEY, requestFor } from "../../_support/fixtures.ts";
import {
  Client,
  linux,
  LOOPBACK,
  makeServer,
  verified,
} from "../../_support/pool.ts";

/** A worker by itself, with a socket that the test has bound. */
class Subject implements Disposable {
  readonly socket = new LibcSocket(LOOPBACK);
  readonly #worker = new Worker(
    new URL("../../../lib/server/workers/thread.ts", import.meta.url),
    { type: "module" },
  );
  readonly #orders = new Int32Array(new SharedArrayBuffer(4));
  readonly #reports: Report[] = [];
  #wake: () => void = () => {};

  constructor() {
    this.#worker.onmessage = ({ data }) => {
      this.#reports.push(data);
      this.#wake();
    };
  }

  get address(): LibcSocket["address"] {
    return this.socket.address;
  }

  start(server: PortableServer, maxBatch = 128): void {
    const { fd, wakeFd } = this.socket;
    this.order({
      kind: "start",
      rehearse: false,
      server,
      socket: { fd, wakeFd },
      ...this.socket.address,
      maxBatch,
      maxDelayMicros: 1000,
      orders: this.#orders,
    });
  }

  /** As many as are given are announced before any is sent. */
  order(...orders: Order[]): void {
    Atomics.add(this.#orders, 0, orders.length);
    for (const order of orders) this.#worker.postMessage(order);
    this.socket.wake();
  }

  async next<K extends Report["kind"]>(
    kind: K,
  ): Promise<Extract<Report, { kind: K }>> {
    for (;;) {
      const report = this.#reports.shift();
      if (report?.kind === kind) {
        return report as Extract<Report, { kind: K }>;
      }
      assert(report === undefined || report.kind === "counters", report?.kind);
      if (report) continue;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Takes reports until the function has had enough. */
  async until(enough: (report: Report) => boolean): Promise<void> {
    for (;;) {
      const report = this.#reports.shift();
      if (report !== undefined) {
        if (enough(report)) return;
      } else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** The answer to this order, not one that it gave unasked. */
  async counters(number: number) {
    for (;;) {
      const report = await this.next("counters");
      if (report.number === number) return report.counters;
    }
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
    this.socket.close();
  }
}

async function portable(
  ...args: Parameters<typeof makeServer>
): Promise<PortableServer> {
  const server = (await makeServer(...args)).export();
  assert(server);
  return server;
}

linux("a worker answers, says what it did, and stops", async () => {
  using subject = new Subject();
  subject.start(await portable());
  await subject.next("ready");
  using client = await Client.open(subject);
  for (const { id } of ALL) {
    assert.equal((await client.ask(requestFor(id))).dialect, id);
  }
  subject.order({ kind: "report", number: 1 });
  const { udp } = await subject.counters(1);
  assert.equal(udp.received, ALL.length);
  assert.equal(udp.answered, ALL.length);
  subject.order({ kind: "stop" });
  const { counters } = await subject.next("stopped");
  assert.equal(counters.udp.answered, ALL.length);
});

linux("a worker reports by itself, without being asked", async () => {
  using subject = new Subject();
  subject.start(await portable());
  await subject.next("ready");
  using client = await Client.open(subject);
  await client.ask(requestFor("rfc-10049"));
  const { counters, number } = await subject.next("counters");
  assert.equal(counters.udp.answered, 1);
  assert.equal(number, 0);
  subject.order({ kind: "stop" });
  await subject.next("stopped");
});

linux("a worker that is told to stop before it has begun does so", async () => {
  using subject = new Subject();
  subject.start(await portable());
  subject.order({ kind: "stop" });
  await subject.next("ready");
  const { counters } = await subject.next("stopped");
  assert.equal(counters.udp.received, 0);
});

linux(
  "a worker heeds orders that come before it is ready, keys too",
  async () => {
    using subject = new Subject();
    const first = await portable();
    const second = await portable();
    subject.start(first);
    subject.order({ kind: "keys", keys: second.keys }, {
      kind: "report",
      number: 7,
    });
    await subject.next("ready");
    using client = await Client.open(subject);
    const { delegation } = await client.ask(requestFor("rfc-10049"));
    const [key] = second.keys;
    assert(key);
    assert.deepEqual(
      Uint8Array.from(delegation.publicKey),
      Uint8Array.from(importKey(key).online.signer.publicKey),
    );
    subject.order({ kind: "stop" });
    await subject.next("stopped");
  },
);

linux(
  "a worker says that it is ready once it has heeded what came before",
  async () => {
    using subject = new Subject();
    using client = await Client.open(subject);
    const second = await portable();
    const request = requestFor("rfc-10049");
    // Waiting before there is anybody to read it, so that it comes before any waking.
    await client.send(request);
    subject.start(await portable());
    const orders = [1, 2, 3].flatMap((number): Order[] => [
      { kind: "keys", keys: second.keys },
      { kind: "report", number },
    ]);
    subject.order(...orders);
    const reports: Report[] = [];
    await subject.until((report) => {
      reports.push(report);
      return report.kind === "ready";
    });
    assert.deepEqual(
      reports.map((report) => "number" in report ? report.number : report.kind),
      [1, 2, 3, "ready"],
    );
    const { delegation } = await verified(
      request,
      await client.receive(),
      PUBLIC_KEY,
    );
    const [key] = second.keys;
    assert(key);
    assert.deepEqual(
      Uint8Array.from(delegation.publicKey),
      Uint8Array.from(importKey(key).online.signer.publicKey),
    );
    subject.order({ kind: "stop" });
    await subject.next("stopped");
  },
);

linux("a worker loses no order among many, with and without load", async () => {
  using subject = new Subject();
  subject.start(await portable());
  await subject.next("ready");
  using client = await Client.open(subject);
  for (let round = 1; round <= 40; round++) {
    const load = round % 2 === 0
      ? client.send(
        ...Array.from({ length: 20 }, (_, i) => requestFor("rfc-10049", i)),
      )
      : undefined;
    for (let i = 0; i < 10; i++) {
      subject.order({ kind: "report", number: 100 * round + i });
    }
    await load;
    const { udp } = await subject.counters(100 * round + 9);
    assert.equal(udp.received, udp.answered + sumDropped(udp));
  }
  subject.order({ kind: "stop" });
  await subject.next("stopped");
});

linux("a worker lets gather what comes often, and says so", async () => {
  using subject = new Subject();
  subject.start(await portable());
  await subject.next("ready");
  using client = await Client.open(subject);
  const request = requestFor("rfc-10049");
  for (let number = 1;; number++) {
    for (let i = 0; i < 500; i++) await client.send(request);
    subject.order({ kind: "report", number });
    const { gathers, gathered, looks, udp } = await subject.counters(number);
    assert(looks > 0);
    if (gathers === 0) continue;
    assert(gathered <= udp.received, `${gathered} of ${udp.received}`);
    break;
  }
  subject.order({ kind: "stop" });
  await subject.next("stopped");
});

linux("a worker is silent while its clock is too far off", async () => {
  using subject = new Subject();
  // No system's clock is as good as that.
  subject.start(
    await portable({
      trustClock: false,
      radiusSeconds: 0.000_001,
      maxRadiusSeconds: 0.000_002,
    }),
  );
  await subject.next("ready");
  using client = await Client.open(subject);
  await client.send(requestFor("rfc-10049"), requestFor("google"));
  for (let number = 1;; number++) {
    subject.order({ kind: "report", number });
    const { udp } = await subject.counters(number);
    if (udp.received < 2) continue;
    assert.equal(udp.dropped.clock, 2);
    assert.equal(udp.answered, 0);
    break;
  }
  subject.order({ kind: "stop" });
  await subject.next("stopped");
});

linux("a worker counts a change of keys for nobody", async () => {
  using subject = new Subject();
  const server = await portable();
  subject.start(server);
  await subject.next("ready");
  subject.order({ kind: "keys", keys: (await portable()).keys }, {
    kind: "report",
    number: 1,
  });
  assert.equal((await subject.counters(1)).rotations, 0);
  subject.order({ kind: "stop" });
  await subject.next("stopped");
});
