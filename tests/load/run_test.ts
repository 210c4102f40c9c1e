import assert from "node:assert/strict";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { type LoadOptions, runLoad } from "../../lib/load/run.ts";
import type { LoadClock } from "../../lib/load/lane.ts";
import type { LoadMeasurement } from "../../lib/load/report.ts";
import type { Datagram, DatagramSocket, Peer } from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import type { Responder } from "../../lib/server/responder.ts";
import { makeResponder, MOMENT, PUBLIC_KEY } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** Time that passes only where somebody waits for it. */
class FakeClock implements LoadClock {
  #time = 0;

  now(): number {
    return this.#time;
  }

  async sleep(millis: number): Promise<void> {
    await settle();
    this.#time += millis;
  }

  async turn(): Promise<void> {
    await settle();
    this.#time += 0.25;
  }
}

/** Lets everybody else have turns. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

/** Gives the replies to requests that came together. */
type Answer = (
  requests: readonly Uint8Array[],
) => Promise<readonly Uint8Array[]>;

/** A socket with a server at its other end. */
class ServedSocket implements DatagramSocket {
  readonly transport = "udp";
  readonly address = { hostname: "127.0.0.1", port: 1 };
  closed = false;
  readonly #answer: Answer;
  #arrived: Datagram[] = [];
  #wake: (() => void) | undefined;

  constructor(answer: Answer) {
    this.#answer = answer;
  }

  peer(hostname: string, port: number): Peer {
    return new AddressPeer(hostname, port);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const requests = batch.map(({ bytes }) => bytes.slice());
    const replies = await this.#answer(requests);
    const [{ peer } = assert.fail()] = batch;
    this.#arrived.push(...replies.map((bytes) => ({ bytes, peer })));
    this.#wake?.();
    return batch.length;
  }

  async receive(): Promise<readonly Datagram[]> {
    while (this.#arrived.length === 0 && !this.closed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#arrived.splice(0);
  }

  stop(): void {}

  close(): void {
    this.closed = true;
    this.#wake?.();
  }
}

function answerWith(responder: Responder): Answer {
  return async (requests) => {
    const outcomes = await responder.respond(requests, MOMENT);
    return outcomes.flatMap((outcome) =>
      "drop" in outcome ? [] : [outcome.reply]
    );
  };
}

const echo: Answer = (requests) => Promise.resolve(requests);

interface Ran {
  readonly measured: LoadMeasurement;
  readonly sockets: readonly ServedSocket[];
}

async function run(
  answer: Answer,
  options: Partial<LoadOptions> = {},
): Promise<Ran> {
  const sockets: ServedSocket[] = [];
  const measured = await runLoad({
    hostname: "127.0.0.1",
    port: 2002,
    version: DIALECTS["draft-14"].code,
    typed: true,
    publicKey: PUBLIC_KEY,
    pace: { window: 8 },
    sockets: 4,
    durationMillis: 100,
    warmupMillis: 50,
    timeoutMillis: 30,
    clock: new FakeClock(),
    open: ({ hostname, port }) => {
      assert.deepEqual([hostname, port], ["127.0.0.1", 0]);
      const socket = new ServedSocket(answer);
      sockets.push(socket);
      return Promise.resolve(socket);
    },
    ...options,
  });
  assert(sockets.every(({ closed }) => closed));
  return { measured, sockets };
}

Deno.test(
  "every request at a rate is planned, sent and answered",
  none,
  async () => {
    const { measured, sockets } = await run(echo, {
      pace: { ratePerSecond: 1000 },
    });
    assert.equal(sockets.length, 4);
    const { sent, answered, lost, bad, unfinished } = measured;
    assert.deepEqual([lost, bad, unfinished, measured.overdue], [0, 0, 0, 0]);
    assert.equal(answered, sent);
    assert(sent >= 100 && sent <= 101, `${sent} in 100 ms`);
    assert(measured.elapsedMillis >= 100 && measured.elapsedMillis < 101);
    assert.equal(measured.sendDelayNanos?.count, sent);
    assert.equal(measured.latencyNanos.count, sent);
    assert.equal(measured.interrupted, false);
  },
);

Deno.test(
  "a window's replies verify against a real responder, in real time",
  none,
  async () => {
    const { measured } = await run(
      answerWith(await makeResponder({ soloBudget: 0 })),
      { verifyEvery: 2, timeoutMillis: 60_000, clock: undefined },
    );
    const { sent, answered, verified, rejected, pathLengths } = measured;
    assert(answered > 0);
    assert.equal(answered, sent);
    assert.deepEqual([verified, rejected], [Math.ceil(answered / 2), 0]);
    assert.equal(pathLengths.reduce((a, b) => a + b), answered);
    assert.equal(measured.sendDelayNanos, undefined);
  },
);

Deno.test(
  "a silent server loses everything, window by window",
  none,
  async () => {
    const { measured } = await run(() => Promise.resolve([]));
    const { sent, answered, lost } = measured;
    assert.equal(answered, 0);
    assert.equal(lost, sent);
    assert(sent >= 16 && sent <= 40, `${sent} in windows of 8`);
  },
);

Deno.test(
  "there are no more sockets than requests under way",
  none,
  async () => {
    const { sockets } = await run(() => Promise.resolve([]), {
      pace: { window: 3 },
      sockets: 16,
    });
    assert.equal(sockets.length, 3);
  },
);

Deno.test("an abort ends it, and what was measured counts", none, async () => {
  const stop = new AbortController();
  let requests = 0;
  const { measured } = await run((batch) => {
    requests += batch.length;
    if (requests >= 120) stop.abort();
    return Promise.resolve(requests < 100 ? batch : []);
  }, {
    pace: { ratePerSecond: 1000 },
    durationMillis: 1e9,
    signal: stop.signal,
  });
  assert.equal(measured.interrupted, true);
  const { sent, answered, lost, unfinished } = measured;
  assert(answered > 0);
  assert(unfinished > 0);
  assert.equal(answered + lost + unfinished, sent);
});

Deno.test("CPU time is that of measuring alone", none, async () => {
  const samples = [
    { generatorMicros: 100, serverMicros: 1000 },
    { generatorMicros: 160, serverMicros: 3000 },
  ];
  const { measured } = await run(() => Promise.resolve([]), {
    sampleCpu: () => Promise.resolve(samples.shift() ?? assert.fail()),
  });
  assert.equal(measured.generatorCpuMicros, 60);
  assert.equal(measured.serverCpuMicros, 2000);
  const gone = await run(() => Promise.resolve([]), {
    sampleCpu: () => Promise.resolve({ generatorMicros: 1 }),
  });
  assert.equal(gone.measured.serverCpuMicros, undefined);
});

Deno.test("progress tells how far it is", none, async () => {
  const told: number[] = [];
  await run(() => Promise.resolve([]), {
    durationMillis: 2000,
    warmupMillis: 1000,
    onProgress: ({ measuredMillis }) => told.push(measuredMillis),
  });
  assert(told.length >= 4 && told.length <= 8);
  assert(told[0] === -1000);
  assert(told.every((millis, i) => i === 0 || millis > (told[i - 1] ?? 0)));
});

Deno.test("a socket that fails ends the run with its error", none, async () => {
  const failure = new Error("broken");
  await assert.rejects(
    run(() => Promise.reject(failure), { durationMillis: 1e9 }),
    failure,
  );
});

Deno.test(
  "sockets that cannot be opened are an error, and none stays open",
  none,
  async () => {
    const opened: ServedSocket[] = [];
    const open = () => {
      if (opened.length === 2) return Promise.reject(new Error("too many"));
      opened.push(new ServedSocket(echo));
      return Promise.resolve(opened.at(-1) as ServedSocket);
    };
    await assert.rejects(run(echo, { open }), {
      name: "NetworkError",
      code: "unreachable",
      message: "Cannot open socket 3 of 4 to 127.0.0.1:2002: too many",
    });
    assert(opened.every(({ closed }) => closed));
  },
);

Deno.test("nothing can be verified without a key", none, async () => {
  await assert.rejects(
    run(echo, { verifyEvery: 1, publicKey: undefined }),
    RangeError,
  );
});
