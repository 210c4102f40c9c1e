import assert from "node:assert/strict";
import type { ParsedRequest } from "../../lib/wire/request.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { type RunningServer, serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { bytes, PUBLIC_KEY, requestFor, SECOND } from "../_support/fixtures.ts";
import {
  Adrift,
  assertBalanced,
  CALM,
  Client,
  everyVersion,
  HOUR,
  LOOPBACK,
  request,
  verified,
  verifyAll,
} from "../_support/faults.ts";

/** Waits for something that is bound to happen. */
async function until(happened: () => boolean, what: string): Promise<void> {
  for (let turn = 0; !happened(); turn++) {
    assert(turn < 30_000, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** What the nonce of a request begins with: tests mark requests by it. */
function marked(request: ParsedRequest): boolean {
  return request.nonce[0] === 0xbb && request.nonce[1] === 0xbb;
}

/** Serves, asks 60 good and 20 marked ones in one go, and gives the counters at the end. */
async function ask80(
  server: Server,
  onEvent?: (event: ServerEvent) => void,
): Promise<RunningServer> {
  const running = await serve(server, { ...LOOPBACK, onEvent });
  try {
    using client = await Client.open(running.address);
    const good = Array.from({ length: 60 }, (_, i) => request(i));
    const all = good.flatMap((one, i) =>
      i % 3 ? [one] : [one, request(i, true)]
    );
    assert.equal(all.length, 80);
    await client.send(all);
    const open = new Map(good.map((one) => [one.slice(12).join(), one]));
    while (open.size > 0) {
      const reply = await client.receive();
      let found: string | undefined;
      for (const [id, one] of open) {
        const verdict = await verifyResponse({
          request: one,
          response: reply,
          publicKey: PUBLIC_KEY,
        });
        if (verdict.ok) {
          found = id;
          break;
        }
      }
      assert(found, "a reply to none of the good ones");
      open.delete(found);
    }
    await until(() => running.counters.udp.received === 80, "all received");
    // And it goes on.
    await client.ask(request(1000));
  } finally {
    await running.shutdown();
  }
  assertBalanced(running.counters.udp);
  assert.equal(running.counters.udp.answered, 61);
  return running;
}

const HOOKS: Record<string, (options: ServerOptions) => Promise<Server>> = {
  acceptRequest: (options) => {
    class Faulty extends Server {
      override acceptRequest(request: ParsedRequest): boolean {
        if (marked(request)) throw new Error("not that one");
        return true;
      }
    }
    return Faulty.create(options);
  },
  rewriteReply: (options) => {
    class Faulty extends Server {
      override rewriteReply(
        reply: Uint8Array,
        request: ParsedRequest,
      ): Uint8Array {
        if (marked(request)) throw new Error("not that one");
        return reply;
      }
    }
    return Faulty.create(options);
  },
};

for (const [hook, create] of Object.entries(HOOKS)) {
  Deno.test(`serve() loses only the answer over which ${hook}() throws`, async () => {
    const panics: unknown[] = [];
    const server = await create({
      ...CALM,
      onEvent: (event) => {
        if (event.kind === "panic") panics.push(event.error);
      },
    });
    const { counters } = await ask80(server);
    assert.equal(counters.udp.dropped.internal, 20);
    assert.equal(counters.panics, 20);
    assert.equal(panics.length, 20);
    for (const error of panics) {
      assert.equal((error as Error).message, "not that one");
    }
  });
}

for (const method of ["getTime", "getRadius"] as const) {
  Deno.test(`Server loses only the answers while ${method}() throws`, async () => {
    // Each third call fails; whole batches are tried again packet by packet.
    let calls = 0;
    let broken = false;
    const fail = () => {
      if (broken && ++calls % 3 === 1) throw new Error("no idea");
    };
    class Faulty extends Server {
      override getTime(): bigint {
        if (method === "getTime") fail();
        return super.getTime();
      }
      override getRadius(): bigint {
        if (method === "getRadius") fail();
        return super.getRadius();
      }
    }
    const server = await Faulty.create(CALM);
    broken = true;
    const requests = everyVersion(1);
    const outcomes = await server.handleBatch(requests);
    let lost = 0;
    for (const [i, outcome] of outcomes.entries()) {
      if ("drop" in outcome) {
        assert.equal(outcome.drop, "internal");
        lost++;
      } else await verified(requests[i] as Uint8Array, outcome.reply);
    }
    assert(lost > 0 && lost < requests.length / 2, `${lost}`);
    assert.equal(server.counters.panics, lost);
    broken = false;
    await verifyAll(requests, await server.handleBatch(requests));
    assert.equal(server.counters.panics, lost);
  });
}

Deno.test("serve() goes on when handleBatch() itself throws", async () => {
  const restarted: string[] = [];
  class Faulty extends Server {
    override async handleBatch(
      packets: readonly Uint8Array[],
    ): Promise<Outcome[]> {
      if (packets.some(({ length }) => length === 1028)) throw new Error("no");
      return await super.handleBatch(packets);
    }
  }
  const server = await Faulty.create(CALM);
  await using running = await serve(server, {
    ...LOOPBACK,
    onEvent: (event) => {
      if (event.kind === "restarted") restarted.push(event.what);
      throw new Error("nobody listens");
    },
  });
  using client = await Client.open(running.address);
  for (let i = 1; i <= 150; i++) {
    await client.send([requestFor("rfc-10049", i, 1028)]);
    await until(() => running.counters.udp.received === 2 * i - 1, "received");
    await client.ask(requestFor("rfc-10049", i));
  }
  await running.shutdown();
  const { counters } = running;
  assert.equal(counters.udp.dropped.internal, 150);
  assert.equal(counters.panics, 150);
  assert.deepEqual(restarted, new Array(150).fill("udp loop"));
  assertBalanced(counters.udp);
});

Deno.test("a sink that throws keeps no server from starting, answering or stopping", async () => {
  const told: string[] = [];
  const sink = (event: ServerEvent) => {
    told.push(event.kind);
    throw new Error("the log is full");
  };
  class Stepping extends Adrift {
    override acceptRequest(request: ParsedRequest): boolean {
      this.offset += HOUR;
      if (marked(request)) throw new Error("not that one");
      return true;
    }
  }
  const server = await Stepping.create({
    ...CALM,
    trustClock: false,
    readClock: () => ({
      synchronised: true,
      maxErrorMicros: 10n * SECOND,
      leap: false,
    }),
    onEvent: sink,
  });
  const running = await serve(server, {
    ...LOOPBACK,
    receiveBufferBytes: 0x7fffffff,
    onEvent: sink,
  });
  try {
    using client = await Client.open(running.address);
    for (let i = 0; i < 5; i++) {
      await client.send([request(i, true)]);
      await client.ask(request(i));
    }
  } finally {
    await running.shutdown();
  }
  const kinds = new Set(told);
  for (
    const kind of [
      "listening",
      "buffer-cut",
      "clock-step",
      "clock-status",
      "rotated",
      "panic",
    ]
  ) assert(kinds.has(kind), kind);
  assert.equal(running.counters.udp.answered, 5);
  assert.equal(running.counters.panics, 5);
  assertBalanced(running.counters.udp);
});

Deno.test("acceptRequest() refuses what it does not like, and that is counted", async () => {
  const peers: string[] = [];
  class Choosy extends Server {
    override acceptRequest(
      request: ParsedRequest,
      peer: { toString(): string } | undefined,
    ): boolean {
      peers.push(`${peer}`);
      return !marked(request);
    }
  }
  const { counters } = await ask80(await Choosy.create(CALM));
  assert.equal(counters.udp.dropped.refused, 20);
  assert.equal(counters.panics, 0);
  assert.equal(peers.length, 81);
  for (const peer of peers) assert.match(peer, /^127\.0\.0\.1:\d+$/);
  assert.equal(new Set(peers).size, 1);
});

Deno.test("rewriteReply() withholds a reply, and that is counted", async () => {
  class Shy extends Server {
    override rewriteReply(
      reply: Uint8Array,
      request: ParsedRequest,
    ): Uint8Array | undefined {
      return marked(request) ? undefined : reply;
    }
  }
  const { counters } = await ask80(await Shy.create(CALM));
  assert.equal(counters.udp.dropped.refused, 20);
  assert.equal(counters.panics, 0);
});

Deno.test("rewriteReply() cannot make a reply longer than its request", async () => {
  class Wordy extends Server {
    override rewriteReply(
      reply: Uint8Array,
      request: ParsedRequest,
    ): Uint8Array {
      return marked(request)
        ? new Uint8Array(request.packet.length + 1)
        : reply;
    }
  }
  const { counters } = await ask80(await Wordy.create(CALM));
  assert.equal(counters.udp.dropped.amplification, 20);
  assert.equal(counters.panics, 0);
});

Deno.test("rewriteReply() may send whatever it likes, as long as its request", async () => {
  class Liar extends Server {
    override rewriteReply(
      reply: Uint8Array,
      request: ParsedRequest,
    ): Uint8Array {
      if (!marked(request)) return reply;
      return bytes(request.packet.length, request.nonce[2] ?? 0);
    }
  }
  const server = await Liar.create(CALM);
  await using running = await serve(server, LOOPBACK);
  using client = await Client.open(running.address);
  for (let i = 0; i < 10; i++) {
    const one = request(i, true);
    const [seed] = bytes(32, i).subarray(2, 3);
    await client.send([one]);
    assert.deepEqual(await client.receive(), bytes(one.length, seed ?? 0));
    await client.ask(request(i));
  }
  await running.shutdown();
  assert.equal(running.counters.udp.answered, 20);
  assertBalanced(running.counters.udp);
});
