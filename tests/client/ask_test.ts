import assert from "node:assert/strict";
import {
  type Arrival,
  ask,
  type AskOptions,
  retryInterval,
} from "../../lib/client/ask.ts";
import {
  BAD,
  FakeNetwork,
  found,
  GOOD,
  options,
  REQUESTS,
  takeGood,
} from "../_support/fake_network.ts";
import { SkippedTime } from "../_support/skipped_time.ts";

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
  using _time = new SkippedTime();
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

Deno.test("ask() listens to the end after the last request", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  network.onSend = ({ reply }) => void setTimeout(() => reply(GOOD), 40);
  assert(await ask(options(network, { retries: 1, timeout: 20_000 })));
  assert.equal(network.sent.length, 1);
});

Deno.test("ask() takes the offers in turn, as often as it is told", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
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

Deno.test("ask() tells each step, and what it drops", {
  permissions: "none",
}, async () => {
  using _time = new SkippedTime();
  const network = new FakeNetwork();
  network.onSend = ({ reply, number }) => {
    reply(BAD, "192.0.2.9:2002");
    if (number === 1) reply(GOOD);
  };
  const seen: unknown[] = [];
  await ask(options(network, {
    host: "a.example",
    lookup: found("192.0.2.1"),
    versions: () => [7],
    onTrace: (event) => void seen.push(event),
  }));
  const udp = { transport: "udp", address: "192.0.2.1:2002" };
  const drop = {
    kind: "drop",
    transport: "udp",
    address: "192.0.2.9:2002",
    bytes: BAD.length,
    why: "stranger",
  };
  assert.deepEqual(seen, [
    { kind: "lookup", host: "a.example", addresses: ["192.0.2.1"] },
    { kind: "send", ...udp, versions: [7], bytes: 64, retry: 0 },
    drop,
    { kind: "send", ...udp, versions: [7], bytes: 64, retry: 1 },
    drop,
  ]);
});
