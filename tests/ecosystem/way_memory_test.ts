import assert from "node:assert/strict";
import { DIALECTS, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { measure } from "../../lib/ecosystem/measure.ts";
import {
  askListed,
  type AskServer,
  type Question,
} from "../../lib/ecosystem/pick.ts";
import {
  memoryFor,
  type Way,
  WayMemory,
} from "../../lib/ecosystem/way_memory.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";
import { claim, listed, World } from "../_support/many.ts";

const none = { permissions: "none" } as const;
const A = { transport: "udp", host: "a.example", port: 2002 } as const;
const B = { ...A, host: "b.example" } as const;
const CODE = DIALECTS["draft-14"].code;

/** Asks; only what fits is answered, and `offered` is what the request that is answered had. */
function network(
  isAnswered: (question: Question) => boolean,
  answeredBy: {
    readonly transport?: "udp" | "tcp";
    readonly offered?: readonly number[];
  } = {},
): { asked: string[]; ask: AskServer; world: World } {
  const asked: string[] = [];
  const world = new World();
  const ask: AskServer = (question) => {
    const { address, transport, versions, nonce, publicKey } = question;
    asked.push(`${transport} ${address.host} ${versions?.join() ?? "usual"}`);
    if (!isAnswered(question)) {
      world.pass(BigInt(Math.ceil(question.timeout * 1000)));
      return Promise.reject(new DOMException("silence", "TimeoutError"));
    }
    const moment = { midpointMicros: NOW_MICROS, radiusMicros: SECOND };
    const answer = claim(question, world, world.monoMicros, moment);
    const { offered, transport: over = answer.transport } = answeredBy;
    if (offered === undefined) {
      return Promise.resolve({ ...answer, transport: over });
    }
    const request = buildRequest({ versions: offered, nonce, publicKey });
    const exchange = { ...answer.exchange, request };
    return Promise.resolve({ ...answer, exchange, transport: over });
  };
  return { asked, ask, world };
}

Deno.test(
  "the address that answered is asked first from then on",
  none,
  async () => {
    const { ask, asked } = network(({ address }) => address.host === B.host);
    const server = listed(0, { addresses: [A, B] });
    for (let i = 0; i < 3; i++) await askListed(server, { ask });
    assert.deepEqual(asked, [
      "auto a.example usual",
      ...Array(3).fill("auto b.example usual"),
    ]);
  },
);

Deno.test("so is the offer, Google's too", none, async () => {
  const { ask, asked } = network(({ nonce }) => nonce.length === 64);
  const server = listed(0, { addresses: [A], version: undefined });
  for (let i = 0; i < 2; i++) await askListed(server, { ask });
  const google = `auto a.example ${GOOGLE_VERSION}`;
  assert.deepEqual(asked, ["auto a.example usual", google, google]);
});

Deno.test(
  "so are the fall-back offer and TCP, which one attempt tries by itself",
  none,
  async () => {
    const { ask, asked } = network(() => true, {
      offered: [CODE],
      transport: "tcp",
    });
    const server = listed(0, { addresses: [A] });
    await askListed(server, { ask });
    await askListed(server, { ask });
    await askListed(server, { ask, transport: "udp" });
    assert.deepEqual(asked, [
      "auto a.example usual",
      `tcp a.example ${CODE}`,
      "udp a.example usual",
    ]);
  },
);

Deno.test(
  "the way that worked and fails is forgotten, and the others are tried",
  none,
  async () => {
    let living: string = B.host;
    const { ask, asked } = network(({ address }) => address.host === living);
    const server = listed(0, { addresses: [A, B], version: undefined });
    await askListed(server, { ask });
    living = A.host;
    asked.length = 0;
    await askListed(server, { ask });
    await askListed(server, { ask });
    assert.deepEqual(asked, [
      "auto b.example usual",
      "auto a.example usual",
      "auto a.example usual",
    ]);
    living = "";
    await assert.rejects(askListed(server, { ask, timeout: 9000 }));
    asked.length = 0;
    await assert.rejects(askListed(server, { ask }));
    assert.deepEqual(asked.slice(0, 2), [
      "auto a.example usual",
      "auto b.example usual",
    ]);
  },
);

Deno.test("a list that says something new is believed anew", none, async () => {
  const { ask, asked } = network(() => true);
  await askListed(listed(0, { addresses: [A], offer: [CODE] }), { ask });
  await askListed(listed(0, { addresses: [A], offer: [1] }), { ask });
  assert.deepEqual(asked, [`auto a.example ${CODE}`, "auto a.example 1"]);
});

Deno.test(
  "all tries together still take no more than the timeout",
  none,
  async () => {
    let isAlive = true;
    const { ask, world } = network(({ address }) =>
      isAlive && address.host === B.host
    );
    const server = listed(0, { addresses: [A, B], version: undefined });
    await askListed(server, { ask });
    isAlive = false;
    const began = world.monoMicros;
    await assert.rejects(askListed(server, { ask, timeout: 3000 }));
    const took = Number(world.monoMicros - began) / 1000;
    assert(Math.abs(took - 3000) < 1, `${took} ms`);
  },
);

Deno.test(
  "neither the second pass nor the next measurement pays for a fall-back again",
  none,
  async () => {
    const servers = [0, 1, 2].map((n) => listed(n, { version: undefined }));
    const { ask, asked, world } = network(({ nonce }) => nonce.length === 64);
    const options = { ask, now: world.now, driftPpm: 0 };
    for (const silences of [3, 0]) {
      asked.length = 0;
      const { outcomes } = await measure(servers, options);
      assert(outcomes.every(({ answers }) => answers.length === 2));
      assert.equal(
        asked.filter((one) => one.endsWith("usual")).length,
        silences,
      );
      assert.equal(asked.length, 6 + silences);
    }
  },
);

Deno.test("memory is bounded, and what was used last stays", none, () => {
  const memory = new WayMemory();
  const server = (n: number) => listed(0, { addresses: [{ ...A, port: n }] });
  const way = (port: number): Way => ({
    address: { ...A, port },
    transport: "udp",
    versions: undefined,
  });
  memory.of(server(0)).keep(way(0));
  for (let port = 1; port <= 5000; port++) {
    memory.of(server(port)).keep(way(port));
    memory.of(server(0)).keep(way(0));
  }
  const known = Array.from({ length: 5001 }, (_, n) => n)
    .filter((n) => memory.of(server(n)).recall() !== undefined);
  assert.equal(known.length, 1024);
  assert.deepEqual([known[0], known.at(-1)], [0, 5000]);
});

Deno.test("another key at the same address is another server", none, () => {
  const memory = new WayMemory();
  const [one, other] = [0, 1].map((n) => listed(n, { addresses: [A] }));
  const way: Way = { address: A, transport: "tcp", versions: [1] };
  memory.of(one!).keep(way);
  assert.deepEqual(memory.of(one!).recall(), way);
  assert.equal(memory.of(other!).recall(), undefined);
});

Deno.test("each way into the network has a memory of its own", none, () => {
  const [a, b] = [{}, {}];
  assert.equal(memoryFor(a), memoryFor(a));
  assert.notEqual(memoryFor(a), memoryFor(b));
  assert.equal(memoryFor(), memoryFor(undefined));
});
