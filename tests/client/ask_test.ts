import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import net from "node:net";
import {
  type Arrival,
  ask,
  type AskOptions,
  retryInterval,
} from "../../lib/client/ask.ts";
import { NetworkError } from "../../lib/wire/errors.ts";
import { frame } from "../../lib/wire/frame.ts";
import type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import type { Address } from "../../lib/net/resolve.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { bytes } from "../_support/fixtures.ts";

/** The peer that a text of the form `host:port` names. */
function peerNamed(text: string): Peer {
  const [, hostname = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return new AddressPeer(hostname, Number(port));
}

/** A datagram on its way out of a {@linkcode FakeNetwork}. */
interface Outgoing {
  bytes: Uint8Array;
  /** Where to, as `host:port`. */
  to: string;
  /** How many went out before this one. */
  number: number;
  /** Lets a datagram arrive at the socket that sent this one. */
  reply(bytes: Uint8Array, from?: string): void;
}

/** UDP without a network: the test sees what goes out and says what comes in. */
class FakeNetwork {
  readonly sent: Outgoing[] = [];
  readonly opened: DatagramOptions[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Told of every datagram; gives `false` where the system would not send it. */
  onSend: (datagram: Outgoing) => boolean | void = () => {};
  /** Binds, or rejects. */
  onOpen: (options: DatagramOptions) => Promise<void> = () => Promise.resolve();

  readonly open = async (options: DatagramOptions): Promise<DatagramSocket> => {
    this.opened.push(options);
    await this.onOpen(options);
    const socket = new FakeSocket(this, options);
    this.sockets.push(socket);
    return socket;
  };

  /** Is nothing left open? */
  get allClosed(): boolean {
    return this.sockets.every(({ closed }) => closed);
  }
}

class FakeSocket implements DatagramSocket {
  readonly transport = "udp";
  stop(): void {
    this.close();
  }
  readonly address: { hostname: string; port: number };
  closed = false;
  readonly #network: FakeNetwork;
  readonly #maxBatch: number;
  readonly #queue: Datagram[] = [];
  #wake: () => void = () => {};

  constructor(network: FakeNetwork, options: DatagramOptions) {
    this.#network = network;
    this.#maxBatch = options.maxBatch;
    this.address = { hostname: options.hostname, port: 50000 };
  }

  peer(hostname: string, port: number): Peer {
    return new AddressPeer(hostname, port);
  }

  arrive(payload: Uint8Array, from: string): void {
    this.#queue.push({ bytes: payload, peer: peerNamed(from) });
    this.#wake();
  }

  async receive(): Promise<readonly Datagram[]> {
    while (!this.closed && this.#queue.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.closed ? [] : this.#queue.splice(0, this.#maxBatch);
  }

  send(batch: readonly Datagram[]): Promise<number> {
    let taken = 0;
    for (const { bytes, peer } of batch) {
      if (this.closed) break;
      const to = String(peer);
      const outgoing: Outgoing = {
        bytes,
        to,
        number: this.#network.sent.length,
        reply: (answer, from = to) => this.arrive(answer, from),
      };
      this.#network.sent.push(outgoing);
      if (this.#network.onSend(outgoing) !== false) taken++;
    }
    return Promise.resolve(taken);
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }
}

/** Requests that are told apart by their first byte. */
const REQUESTS: readonly Uint8Array[] = [0, 1, 2].map((n) =>
  Uint8Array.of(n, ...bytes(63, n))
);
const GOOD: Uint8Array = bytes(32, 100);
const BAD: Uint8Array = bytes(32, 101);

function isGood(arrival: Arrival): boolean {
  return String(arrival.response) === String(GOOD);
}

/** The judge of these tests: takes GOOD and nothing else. */
function takeGood(arrival: Arrival): Promise<Arrival | undefined> {
  return Promise.resolve(isGood(arrival) ? arrival : undefined);
}

function options(
  network: FakeNetwork,
  changes: Partial<AskOptions<Arrival>> = {},
): AskOptions<Arrival> {
  return {
    host: "192.0.2.1",
    port: 2002,
    transport: "udp",
    timeout: 30_000,
    retries: Infinity,
    offers: 1,
    request: (n) => REQUESTS[n] as Uint8Array,
    judge: takeGood,
    open: network.open,
    ...changes,
  };
}

function found(...hostnames: string[]): () => Promise<Address[]> {
  return () =>
    Promise.resolve(
      hostnames.map((hostname) => ({
        hostname,
        family: hostname.includes(":") ? 6 : 4,
      })),
    );
}

Deno.test("retryInterval() grows by half from a second to a day", {
  permissions: "none",
}, () => {
  assert.deepEqual([0, 1, 2, 3].map(retryInterval), [1000, 1500, 2250, 3375]);
  let before = 0;
  for (let n = 0; n < 200; n++) {
    const interval = retryInterval(n);
    assert(interval > before || interval === 86_400_000);
    assert(interval <= 86_400_000);
    before = interval;
  }
  assert.equal(retryInterval(200), 86_400_000);
  assert.equal(retryInterval(1_000_000), 86_400_000);
});

Deno.test("ask() ends with what the judge makes of an arrival", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const before = performance.now();
  const arrival = await ask(options(network));
  const after = performance.now();
  assert(arrival);
  assert.deepEqual(arrival.response, GOOD);
  assert.equal(arrival.from, "192.0.2.1:2002");
  assert.equal(arrival.transport, "udp");
  const [attempt, ...others] = arrival.attempts;
  assert(attempt);
  assert.deepEqual(others, []);
  assert.equal(attempt.request, REQUESTS[0]);
  assert(before <= attempt.sentAt && attempt.sentAt <= arrival.receivedAt);
  assert(arrival.receivedAt <= after);
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() lets the judge keep a response", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    const buffer = GOOD.slice();
    reply(buffer);
    // As a backend does with its buffers once receive() is called again.
    queueMicrotask(() =>
      queueMicrotask(() => setTimeout(() => buffer.fill(0)))
    );
  };
  const kept = await ask(options(network, {
    judge: async (arrival) => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return arrival;
    },
  }));
  assert.deepEqual(kept?.response, GOOD);
});

Deno.test("ask() goes on until the judge is satisfied", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const judged: Uint8Array[] = [];
  network.onSend = ({ reply }) => {
    for (let i = 0; i < 20; i++) reply(BAD);
    reply(new Uint8Array(0));
    reply(GOOD);
    reply(GOOD);
  };
  const arrival = await ask(options(network, {
    judge: (arrival) => {
      judged.push(arrival.response);
      return takeGood(arrival);
    },
  }));
  assert(arrival);
  assert.equal(judged.length, 22, "nothing is judged after the good one");
  assert.equal(network.sent.length, 1);
});

Deno.test("ask() does not lose the good one in a flood", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    for (let i = 0; i < 1000; i++) reply(BAD);
    reply(GOOD);
  };
  assert(
    await ask(options(network, {
      retries: 1,
      timeout: 5000,
      judge: async (arrival) => {
        for (let i = 0; i < 100; i++) await Promise.resolve();
        return takeGood(arrival);
      },
    })),
  );
});

Deno.test("ask() judges one arrival at a time and in order", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    for (let i = 0; i < 12; i++) reply(Uint8Array.of(i));
    reply(GOOD);
  };
  const judged: number[] = [];
  let judging = 0;
  await ask(options(network, {
    judge: async (arrival) => {
      assert.equal(++judging, 1);
      // The earlier ones take longer.
      for (let i = 0; i < 40 - 3 * judged.length; i++) await Promise.resolve();
      judged.push(arrival.response[0] as number);
      judging--;
      return takeGood(arrival);
    },
  }));
  assert.deepEqual(judged.slice(0, 12), [...Array(12).keys()]);
  assert.equal(judged.length, 13);
});

Deno.test("ask() listens only to whom it asked", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => {
    reply(GOOD, "192.0.2.2:2002");
    reply(GOOD, "192.0.2.1:2003");
    reply(GOOD, "[2001:db8::1]:2002");
    reply(GOOD, "192.0.2.1:20020");
    reply(BAD);
    reply(GOOD);
  };
  const heard: string[] = [];
  const arrival = await ask(options(network, {
    judge: (arrival) => {
      heard.push(arrival.from);
      return takeGood(arrival);
    },
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
  assert.deepEqual(heard, ["192.0.2.1:2002", "192.0.2.1:2002"]);
});

Deno.test("ask() does not listen to an address before it is asked", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ to, reply }) => {
    if (to === "192.0.2.1:2002") reply(GOOD, "192.0.2.2:2002");
    else reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("192.0.2.1", "192.0.2.2"),
  }));
  assert.equal(arrival?.from, "192.0.2.2:2002");
  assert.equal(network.sent.length, 2);
});

Deno.test(
  "ask() asks all addresses of a name, with one socket for each family",
  {
    permissions: "none",
  },
  async () => {
    const network = new FakeNetwork();
    network.onSend = ({ to, reply }) => {
      if (to === "192.0.2.2:2002") reply(GOOD);
    };
    const arrival = await ask(options(network, {
      host: "name",
      lookup: found("2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2"),
    }));
    assert.equal(arrival?.from, "192.0.2.2:2002");
    assert.deepEqual(network.sent.map(({ to }) => to), [
      "[2001:db8::1]:2002",
      "192.0.2.1:2002",
      "[2001:db8::2]:2002",
      "192.0.2.2:2002",
    ]);
    assert.deepEqual(
      network.opened.map(({ hostname, port }) => [hostname, port]),
      [["::", 0], ["0.0.0.0", 0]],
    );
    assert(network.allClosed);
  },
);

Deno.test("ask() knows who was asked in whatever spelling the answer has", {
  permissions: "none",
}, async () => {
  const spellings: [host: string, answers: string, from: string][] = [
    ["::1", "[0:0:0:0:0:0:0:1]:2002", "[::1]:2002"],
    ["2001:DB8::a", "[2001:db8:0:0::A]:2002", "[2001:db8::a]:2002"],
    ["::ffff:192.0.2.1", "[::FFFF:c000:201]:2002", "192.0.2.1:2002"],
    ["192.0.2.1", "[::ffff:192.0.2.1]:2002", "192.0.2.1:2002"],
    ["fe80::1%07", "[fe80::1%7]:2002", "[fe80::1%7]:2002"],
    ["FE80::1%eth0", "[fe80::1%eth0]:2002", "[fe80::1%eth0]:2002"],
    // Deno does not tell the zone.
    ["fe80::1%eth0", "[fe80::1]:2002", "[fe80::1]:2002"],
  ];
  for (const [host, answers, from] of spellings) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => reply(GOOD, answers);
    const arrival = await ask(options(network, { host }));
    assert.equal(arrival?.from, from, host);
  }
});

Deno.test("ask() believes nobody else, and tells who it was", {
  permissions: "none",
}, async () => {
  const cases: [hosts: string[], stranger: string, named: string][] = [
    [["192.0.2.1"], "192.0.2.2:2002", "192.0.2.2:2002"],
    [["192.0.2.1"], "192.0.2.1:2003", "192.0.2.1:2003"],
    [["192.0.2.1"], "[2001:db8::1]:2002", "[2001:db8::1]:2002"],
    [["fe80::1%7"], "[fe80::1%8]:2002", "[fe80::1%8]:2002"],
    // One that is asked, but through another socket.
    [
      ["2001:db8::1", "192.0.2.1"],
      "[2001:db8::1]:2002",
      "[2001:db8::1]:2002",
    ],
  ];
  for (const [hosts, stranger, named] of cases) {
    const network = new FakeNetwork();
    const strangers: string[] = [];
    let judged = 0;
    network.onSend = ({ to, reply }) => {
      if (to === stranger) return;
      reply(GOOD, stranger);
    };
    const arrival = await ask(options(network, {
      host: "name",
      lookup: found(...hosts),
      timeout: 300,
      retries: 1,
      onStranger: (from) => void strangers.push(from),
      judge: (arrival) => {
        judged++;
        return Promise.resolve(arrival);
      },
    }));
    assert.equal(arrival, undefined, stranger);
    assert.equal(judged, 0);
    assert.deepEqual(strangers, [named]);
  }
});

Deno.test("ask() does not wait for addresses it needs no more", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "[2001:db8::1]:2002");
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() takes a late answer of an address it asked first", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  let first: Outgoing | undefined;
  network.onSend = (outgoing) => {
    first ??= outgoing;
    if (outgoing.to === "192.0.2.1:2002") first.reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "[2001:db8::1]:2002");
});

Deno.test("ask() binds to loopback when it asks there", {
  permissions: "none",
}, async () => {
  const bound: Record<string, string> = {
    "127.0.0.1": "127.0.0.1",
    "127.1.2.3": "127.0.0.1",
    "::1": "::1",
    "[::1]": "::1",
    "192.0.2.1": "0.0.0.0",
    "2001:db8::1": "::",
  };
  for (const [host, hostname] of Object.entries(bound)) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => reply(GOOD);
    assert(await ask(options(network, { host })));
    assert.deepEqual(network.opened.map((each) => each.hostname), [hostname]);
  }
});

Deno.test("ask() does without a family that this machine has not", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onOpen = ({ hostname }) =>
    hostname === "::"
      ? Promise.reject(new Error("address family not supported"))
      : Promise.resolve();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
});

Deno.test("ask() does without an address that has no route", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ to, reply }) => {
    if (to.startsWith("[")) return false;
    return reply(GOOD);
  };
  const arrival = await ask(options(network, {
    host: "name",
    lookup: found("2001:db8::1", "192.0.2.1"),
  }));
  assert.equal(arrival?.from, "192.0.2.1:2002");
});

Deno.test("ask() fails at once where nothing can be sent", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = () => false;
  await assert.rejects(
    ask(options(network, { timeout: 1_000_000 })),
    { name: "NetworkError", code: "unreachable" },
  );
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() fails at once where no socket can be had", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const cause = new Error("too many open files");
  network.onOpen = () => Promise.reject(cause);
  await assert.rejects(ask(options(network)), (error) => {
    assert(error instanceof NetworkError);
    assert.equal(error.code, "unreachable");
    assert.equal(error.cause, cause);
    assert.match(error.message, /192\.0\.2\.1:2002: too many open files/);
    return true;
  });
});

Deno.test("ask() says denied where the runtime will not have it", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const cause = new Deno.errors.NotCapable("Requires net access");
  network.onOpen = ({ hostname }) =>
    Promise.reject(hostname === "::" ? new Error("no IPv6") : cause);
  await assert.rejects(
    ask(options(network, {
      host: "name",
      lookup: found("2001:db8::1", "192.0.2.1"),
    })),
    { name: "NetworkError", code: "denied", cause },
  );
});

Deno.test("ask() says denied without permission to use the network", {
  permissions: "none",
}, async () => {
  for (const transport of ["udp", "tcp", "auto"] as const) {
    const network = new FakeNetwork();
    const { open: _, ...rest } = options(network, {
      host: "127.0.0.1",
      transport,
    });
    await assert.rejects(ask(rest), { name: "NetworkError", code: "denied" });
  }
});

Deno.test("ask() passes on that there is no such name", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  await assert.rejects(
    ask(options(network, { host: "nowhere", lookup: found() })),
    { name: "NetworkError", code: "name" },
  );
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() gives up when the time is over", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(BAD);
  assert.equal(await ask(options(network, { timeout: 30 })), undefined);
  assert.equal(network.sent.length, 1);
  assert(network.allClosed);
});

Deno.test("ask() gives up when the time is over and a name still not found", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  const lookup = () => new Promise<never>(() => {});
  assert.equal(
    await ask(options(network, { host: "slow", lookup, timeout: 20 })),
    undefined,
  );
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() listens to the end after the last request", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => void setTimeout(() => reply(GOOD), 40);
  assert(await ask(options(network, { retries: 1, timeout: 20_000 })));
  assert.equal(network.sent.length, 1);
});

Deno.test("ask() takes the offers in turn, as often as it is told", {
  permissions: "none",
}, async () => {
  const run = async (
    changes: Partial<AskOptions<Arrival>>,
  ): Promise<[number[], Arrival | undefined]> => {
    const network = new FakeNetwork();
    network.onSend = ({ number, reply }) => {
      if (number === 2) reply(GOOD);
    };
    const arrival = await ask(options(network, changes));
    return [network.sent.map(({ bytes }) => bytes[0] as number), arrival];
  };
  const [[one, first], [two, second], [three, third], [few, unanswered]] =
    await Promise.all([
      run({ offers: 1 }),
      run({ offers: 2 }),
      run({ offers: 3 }),
      run({ offers: 3, retries: 2, timeout: 2600 }),
    ]);
  assert.deepEqual(one, [0, 0, 0]);
  assert.deepEqual(two, [0, 1, 0]);
  assert.deepEqual(three, [0, 1, 2]);
  assert.deepEqual(few, [0, 1]);
  assert(first && second && third && !unanswered);

  const requests = ({ attempts }: Arrival) =>
    attempts.map(({ request }) => request[0]);
  // Newest first, and each once, as of when it first went out.
  assert.deepEqual(requests(first), [0]);
  assert.deepEqual(requests(second), [1, 0]);
  assert.deepEqual(requests(third), [2, 1, 0]);
  for (const { attempts, receivedAt } of [second, third]) {
    const times = attempts.map(({ sentAt }) => sentAt);
    assert.deepEqual(times, times.toSorted((a, b) => b - a));
    assert(receivedAt >= (times[0] as number));
  }
});

Deno.test("ask() counts from the first time that a request went out", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  let firstAt = NaN;
  network.onSend = ({ number, reply }) => {
    if (number === 0) firstAt = performance.now();
    else reply(GOOD);
  };
  const arrival = await ask(options(network));
  const [attempt] = arrival?.attempts ?? [];
  assert(attempt && attempt.sentAt <= firstAt);
  assert.equal(network.sent[0]?.bytes, network.sent[1]?.bytes);
});

Deno.test("ask() throws the reason of a signal that has aborted before", {
  permissions: "none",
}, async () => {
  for (const reason of [new Error("mine"), "a word", Symbol("odd")]) {
    const network = new FakeNetwork();
    const error = await ask(options(network, {
      signal: AbortSignal.abort(reason),
      lookup: () => assert.fail("looked up"),
      host: "name",
    })).catch((error) => error);
    assert.equal(error, reason);
    assert.deepEqual(network.opened, []);
  }
});

Deno.test("ask() throws the reason of a signal, whenever it aborts", {
  permissions: "none",
}, async () => {
  const reason = { not: "even an error" };
  const moments: Record<
    string,
    (network: FakeNetwork, abort: () => void) => Partial<AskOptions<Arrival>>
  > = {
    "while a name is looked up": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return new Promise(() => {});
      },
    }),
    "as a name is found": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return found("192.0.2.1")();
      },
    }),
    "as a name is not found": (_, abort) => ({
      host: "name",
      lookup: () => {
        abort();
        return Promise.reject(new Error("not found"));
      },
    }),
    "while a socket is opened": (network, abort) => {
      network.onOpen = () => Promise.resolve(abort());
      return { host: "name", lookup: found("2001:db8::1", "192.0.2.1") };
    },
    "as a socket cannot be opened": (network, abort) => {
      network.onOpen = () => {
        abort();
        return Promise.reject(new Error("no"));
      };
      return {};
    },
    "as the first request goes out": (network, abort) => {
      network.onSend = () => abort();
      return {};
    },
    "as nothing can be sent": (network, abort) => {
      network.onSend = () => {
        abort();
        return false;
      };
      return {};
    },
    "between two addresses": (network, abort) => {
      network.onSend = () => queueMicrotask(abort);
      return { host: "name", lookup: found("2001:db8::1", "192.0.2.1") };
    },
    "between two requests": (network, abort) => {
      network.onSend = () => void setTimeout(abort, 5);
      return {};
    },
    "after the last request": (network, abort) => {
      network.onSend = () => void setTimeout(abort, 5);
      return { retries: 1 };
    },
    "while an arrival is judged": (network, abort) => {
      network.onSend = ({ reply }) => reply(BAD);
      return {
        judge: () => {
          abort();
          return Promise.resolve(undefined);
        },
      };
    },
  };
  for (const [when, prepare] of Object.entries(moments)) {
    const network = new FakeNetwork();
    const controller = new AbortController();
    const changes = prepare(network, () => controller.abort(reason));
    const error = await ask(options(network, {
      ...changes,
      signal: controller.signal,
    })).then(() => "no error", (error) => error);
    assert.equal(error, reason, when);
    assert(network.sent.length <= 1, when);
    assert(network.allClosed, when);
  }
});

Deno.test("ask() has no use for a signal that aborts afterwards", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const controller = new AbortController();
  const { signal } = controller;
  assert(await ask(options(network, { signal })));
  controller.abort();
  assert.equal(network.sent.length, 1);
});

Deno.test("ask() waits for as long as it is told, however long that is", {
  permissions: "none",
}, async () => {
  for (const timeout of [2 ** 31 - 1, 2 ** 31, 2 ** 53, Infinity]) {
    const network = new FakeNetwork();
    network.onSend = ({ reply }) => void setTimeout(() => reply(GOOD), 20);
    assert(await ask(options(network, { timeout })), `${timeout} ms`);
  }
});

interface TcpServer extends AsyncDisposable {
  port: number;
  /** What came in, packet by packet. */
  packets: Uint8Array[];
  /** How many connected. */
  connections: number;
}

/** Answers each packet over TCP; without an answer the connection ends. */
async function listenTcp(
  answer: (packet: Uint8Array) => Uint8Array | undefined,
  hostname = "127.0.0.1",
  port = 0,
): Promise<TcpServer> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((socket) => {
    sockets.add(socket);
    server.connections++;
    const reader = new PacketReader(4096);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (chunk) => {
      for (const packet of reader.push(chunk)) {
        server.packets.push(packet);
        const reply = answer(packet);
        if (reply) socket.write(reply);
        else socket.end();
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen(port, hostname, resolve);
  });
  const server: TcpServer = {
    port: (listener.address() as AddressInfo).port,
    packets: [],
    connections: 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return server;
}

const FRAMED: readonly Uint8Array[] = [10, 11].map((n) => frame(bytes(64, n)));
const FRAMED_GOOD: Uint8Array = frame(bytes(100, 12));

function takeFramedGood(arrival: Arrival): Promise<Arrival | undefined> {
  const good = String(arrival.response) === String(FRAMED_GOOD);
  return Promise.resolve(good ? arrival : undefined);
}

Deno.test("ask() asks over TCP alone when it is told to", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival?.transport, "tcp");
  assert.equal(arrival.from, `127.0.0.1:${server.port}`);
  assert.deepEqual(server.packets, [FRAMED[0]]);
  assert.deepEqual(network.opened, []);
});

Deno.test("ask() sends unframed requests over UDP only", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    offers: 2,
    request: (n) => [REQUESTS[0], FRAMED[0]][n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert(arrival);
  assert.deepEqual(server.packets, [FRAMED[0]]);
  assert.deepEqual(arrival.attempts.map(({ request }) => request), [FRAMED[0]]);
});

Deno.test("ask() does not begin with TCP where UDP answers", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => reply(GOOD);
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "auto",
  }));
  assert.equal(arrival?.transport, "udp");
  assert.equal(server.connections, 0);
});

Deno.test("ask() turns to TCP where UDP stays silent, and still listens there", async () => {
  const network = new FakeNetwork();
  await using server = await listenTcp(() => {
    // The answer to the datagram comes while TCP is tried already.
    network.sent[0]?.reply(FRAMED_GOOD);
    return frame(BAD);
  });
  const arrival = await ask(options(network, {
    host: "127.0.0.1",
    port: server.port,
    transport: "auto",
    timeout: 1000,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival?.transport, "udp");
  assert.equal(server.connections, 1);
  assert.equal(arrival.attempts.length, 1, "one request, however it is sent");
});

Deno.test("ask() turns to TCP at once where UDP is impossible", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const failing: ((network: FakeNetwork) => void)[] = [
    (network) => network.onSend = () => false,
    (network) => network.onOpen = () => Promise.reject(new Error("no")),
  ];
  for (const fail of failing) {
    const network = new FakeNetwork();
    fail(network);
    const arrival = await ask(options(network, {
      host: "127.0.0.1",
      port: server.port,
      transport: "auto",
      timeout: 1_000_000,
      request: (n) => FRAMED[n] as Uint8Array,
      judge: takeFramedGood,
    }));
    assert.equal(arrival?.transport, "tcp");
  }
});

Deno.test("ask() fails at once where neither UDP nor TCP is possible", async () => {
  let port: number;
  {
    await using server = await listenTcp(() => undefined);
    port = server.port;
  }
  const network = new FakeNetwork();
  network.onSend = () => false;
  await assert.rejects(
    ask(options(network, {
      host: "127.0.0.1",
      port,
      transport: "auto",
      timeout: 1_000_000,
    })),
    { name: "NetworkError", code: "unreachable" },
  );
});

Deno.test("ask() throws the reason of a signal that aborts while TCP connects", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const reason = new Error("mine");
  const controller = new AbortController();
  const asking = ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    signal: controller.signal,
  }));
  // No connection is there before the event loop has turned.
  for (let i = 0; i < 100; i++) await Promise.resolve();
  controller.abort(reason);
  assert.equal(await asking.catch((error) => error), reason);
});

Deno.test("ask() throws the reason of a signal that aborts during talk over TCP", async () => {
  const reason = new Error("mine");
  const controller = new AbortController();
  await using server = await listenTcp(() => {
    controller.abort(reason);
    return FRAMED_GOOD;
  });
  const error = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    request: (n) => FRAMED[n] as Uint8Array,
    judge: () => Promise.resolve(undefined),
    signal: controller.signal,
  })).catch((error) => error);
  assert.equal(error, reason);
});

Deno.test("ask() gives up when the time is over and TCP says nothing good", async () => {
  await using server = await listenTcp(() => frame(BAD));
  const arrival = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    timeout: 100,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival, undefined);
  assert.deepEqual(server.packets, [FRAMED[0]]);
});

Deno.test("ask() knows no reason where nothing failed and nothing was sent", {
  permissions: "none",
}, async () => {
  const network = new FakeNetwork();
  assert.equal(await ask(options(network, { retries: 0 })), undefined);
  assert.deepEqual(network.sent, []);
});

Deno.test("ask() takes a connection for having reached the server, though other addresses failed", async () => {
  await using server = await listenTcp(() => frame(BAD));
  const arrival = await ask(options(new FakeNetwork(), {
    host: "name",
    // Nobody listens at the first one.
    lookup: found("::1", "127.0.0.1"),
    port: server.port,
    transport: "tcp",
    timeout: 500,
    request: (n) => FRAMED[n] as Uint8Array,
    judge: takeFramedGood,
  }));
  assert.equal(arrival, undefined, "no answer, which is not out of reach");
  assert.equal(server.connections, 1);
});

Deno.test("ask() makes no further offer over TCP once it has its answer", async () => {
  await using server = await listenTcp(() => FRAMED_GOOD);
  const asked: number[] = [];
  const arrival = await ask(options(new FakeNetwork(), {
    host: "127.0.0.1",
    port: server.port,
    transport: "tcp",
    offers: 2,
    request: (n) => {
      asked.push(n);
      return FRAMED[n] as Uint8Array;
    },
    judge: takeFramedGood,
  }));
  assert(arrival);
  assert.deepEqual(asked, [0]);
});
