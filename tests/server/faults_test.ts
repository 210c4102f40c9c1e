/**
 * The server under fire: noise, floods, clocks that jump and code that throws.
 *
 * @module
 */

import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { type PacketCounters, sumDropped } from "../../lib/server/counters.ts";
import {
  createDelegation,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import { parseKey } from "../../lib/wire/key_text.ts";
import type { Delegated } from "../../lib/server/keyring.ts";
import type { DatagramSocket } from "../../lib/net/datagram.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { buildRequest, type ParsedRequest } from "../../lib/wire/request.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { type RunningServer, serve } from "../../lib/server/serve.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import { command, folder } from "../_support/cli.ts";
import {
  ALL,
  bytes,
  corpus,
  LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

/** The seed behind PUBLIC_KEY. */
const SEED: Uint8Array = bytes(32, 1);

const LOOPBACK = { hostname: "127.0.0.1", port: 0 } as const;

const HOUR = 3600n * SECOND;

interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** A client that sends bytes and takes what comes back. */
class Client implements Disposable {
  readonly #socket: DatagramSocket;
  readonly #target: Target;
  readonly #ready: Uint8Array[] = [];

  constructor(socket: DatagramSocket, target: Target) {
    this.#socket = socket;
    this.#target = target;
  }

  static async open(target: Target): Promise<Client> {
    const options = { ...LOOPBACK, maxBatch: 16 };
    return new Client(await openUdp(options), target);
  }

  async send(packets: readonly Uint8Array[]): Promise<void> {
    const { hostname, port } = this.#target;
    const peer = this.#socket.peer(hostname, port);
    const batch = packets.map((bytes) => ({ bytes, peer }));
    assert.equal(await this.#socket.send(batch), batch.length);
  }

  async receive(): Promise<Uint8Array> {
    while (this.#ready.length === 0) {
      const batch = await this.#socket.receive();
      assert(batch.length > 0, "closed");
      this.#ready.push(...batch.map(({ bytes }) => Uint8Array.from(bytes)));
    }
    return this.#ready.shift() as Uint8Array;
  }

  async ask(request: Uint8Array): Promise<Verified> {
    await this.send([request]);
    return await verified(request, await this.receive());
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

async function verified(
  request: Uint8Array,
  response: Uint8Array,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  const verdict = await verifyResponse({ request, response, publicKey });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  return verdict;
}

function assertBalanced(counters: Readonly<PacketCounters>): void {
  assert.equal(
    counters.received,
    counters.answered + sumDropped(counters),
    Deno.inspect(counters),
  );
}

/** Waits for something that is bound to happen. */
async function until(happened: () => boolean, what: string): Promise<void> {
  for (let turn = 0; !happened(); turn++) {
    assert(turn < 30_000, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

const CALM = { privateKey: SEED, greaseProbability: 0, trustClock: true };

Deno.test("serve() answers every good request among 100,000 malformed datagrams", async () => {
  const server = await Server.create(CALM);
  await using running = await serve(server, LOOPBACK);
  using client = await Client.open(running.address);
  using attacker = await Client.open(running.address);
  const dialects = [
    "rfc-10049",
    "draft-12",
    "draft-08",
    "draft-01",
    "google",
  ] as const;
  const noise = dialects.flatMap((id) =>
    [...corpus(requestFor(id))].map(({ packet }) => packet)
  );
  const total = 100_000;
  let goods = 0;
  for (let at = 0; at < total;) {
    const count = Math.min(64, total - at);
    const batch = Array.from(
      { length: count },
      (_, i) => noise[(at + i) % noise.length] as Uint8Array,
    );
    at += count;
    const { id } = ALL[goods % ALL.length] as (typeof ALL)[number];
    // In the middle of it, and behind it: once that is answered, all of it is read.
    const first = requestFor(id, ++goods);
    const second = requestFor("draft-11", ++goods);
    await attacker.send(batch.slice(0, 32));
    await client.send([first]);
    await attacker.send(batch.slice(32));
    await verified(first, await client.receive());
    await client.ask(second);
  }
  await running.shutdown();
  const { counters } = running;
  assert.equal(counters.udp.received, total + goods);
  assert(counters.udp.answered >= goods);
  // Some of the corpus is legal, but most of it is not.
  assert(sumDropped(counters.udp) > total * 0.9);
  assert.equal(counters.udp.dropped.internal, 0);
  assert.equal(counters.panics, 0);
  assertBalanced(counters.udp);
});

/** Resident memory of a process, in bytes. */
async function residentBytes(pid: number): Promise<number> {
  // Reading it in here would need all permissions there are.
  const { stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/status`],
  }).output();
  const status = new TextDecoder().decode(stdout);
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1];
  assert(kib, status);
  return Number(kib) * 1024;
}

/** The same over TCP, where nothing is lost. */
async function askTcp(
  { hostname, port }: Target,
  request: Uint8Array,
  publicKey: Uint8Array,
): Promise<Verified> {
  using conn = await Deno.connect({ hostname, port });
  for (let at = 0; at < request.length;) {
    at += await conn.write(request.subarray(at));
  }
  const reader = new PacketReader(16384);
  const buffer = new Uint8Array(4096);
  for (;;) {
    const length = await conn.read(buffer);
    assert(length !== null, "closed");
    const [response] = reader.push(buffer.subarray(0, length));
    if (response) return await verified(request, response, publicKey);
  }
}

/** Sends requests as fast as it can for three seconds and reads nothing. */
const FLOOD = `
const [file, port] = Deno.args;
const all = await Deno.readFile(file);
const to = { transport: "udp", hostname: "127.0.0.1", port: Number(port) };
const socket = Deno.listenDatagram({ ...to, port: 0 });
const end = performance.now() + 3000;
let sent = 0;
while (performance.now() < end) {
  const batch = [];
  for (let at = 0; at < all.length; at += 1024) {
    batch.push(socket.send(all.subarray(at, at + 1024), to));
  }
  sent += (await Promise.allSettled(batch))
    .filter(({ status }) => status === "fulfilled").length;
}
socket.close();
console.log(sent);
`;

const IS_LINUX = Deno.build.os === "linux";

/** The limits of the heap that the binary is built with. */
function heapFlags(): string {
  const config = Deno.readTextFileSync(
    new URL("../../deno.json", import.meta.url),
  );
  return /--v8-flags=(\S+)/.exec(config)?.[1] ?? "";
}

Deno.test({
  name: IS_LINUX
    ? "server run lives through a flood, and grows no fatter"
    : "server run lives through a flood (skipped: needs /proc)",
  ignore: !IS_LINUX,
  async fn() {
    await using dir = await folder();
    const keyFile = dir.in("key");
    const seed = SEED.toHex();
    await Deno.writeTextFile(keyFile, `${seed}\n`, { mode: 0o600 });
    const child = command([
      "server",
      "run",
      "--host=127.0.0.1",
      "--port=0",
      "--trust-clock",
      "--no-grease",
      `--key-file=${keyFile}`,
    ], { env: { DENO_V8_FLAGS: heapFlags() } }).spawn();
    const errors = new Response(child.stderr).text();
    const stdout = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    let out = "";
    const readOn = async (): Promise<boolean> => {
      const { done, value = "" } = await stdout.read();
      out += value;
      return !done;
    };
    let stopping = false;
    const stop = async () => {
      if (!stopping) child.kill("SIGTERM");
      stopping = true;
      while (await readOn());
      return (await child.status).code;
    };
    try {
      const listening = /^Starting Roughtime server on 127\.0\.0\.1:(\d+)$/m;
      while (!listening.test(out)) {
        if (!await readOn()) assert.fail(`it ended: ${await errors}`);
      }
      const port = Number(listening.exec(out)?.[1]);
      const target = { hostname: "127.0.0.1", port };
      const key = /^Server public key \(base64\): (.*)$/m.exec(out)?.[1];
      const publicKey = parseKey(key ?? "");
      assert.deepEqual(publicKey, PUBLIC_KEY);
      const ask = (number: number) =>
        askTcp(target, requestFor("rfc-10049", number), publicKey);
      const rested = await residentBytes(child.pid);
      const requests = Array.from({ length: 256 }, (_, i) =>
        buildRequest({
          versions: [1],
          nonce: bytes(32, i),
          publicKey,
          typed: true,
        }));
      const script = dir.in("flood.ts");
      await Deno.writeTextFile(script, FLOOD);
      await Deno.writeFile(dir.in("requests"), concat(...requests));
      /** Floods it, asks it all the while, and gives the most memory it had. */
      const flood = async (): Promise<number> => {
        const process = new Deno.Command(Deno.execPath(), {
          args: [
            "run",
            "--quiet",
            "--no-config",
            "--no-prompt",
            "--unstable-net",
            "--allow-net=127.0.0.1",
            `--allow-read=${dir.path}`,
            script,
            dir.in("requests"),
            `${port}`,
          ],
          stdin: "null",
          stdout: "piped",
          stderr: "piped",
        });
        let over = false;
        const flooded = process.output().finally(() => over = true);
        let most = 0;
        for (let i = 0; !over; i++) {
          await ask(1000 + i);
          most = Math.max(most, await residentBytes(child.pid));
        }
        const { code, stdout, stderr } = await flooded;
        assert.equal(code, 0, new TextDecoder().decode(stderr));
        assert(Number(new TextDecoder().decode(stdout)) > 10_000);
        return most;
      };
      const most = await flood();
      await ask(999);
      // What the system still holds of the flood is in front of this one, or it is lost.
      using client = await Client.open(target);
      let answered = false;
      const request = requestFor("draft-11", 1);
      const reply = client.receive().then((reply) => {
        answered = true;
        return reply;
      });
      for (let i = 0; i < 1000 && !answered; i++) {
        await client.send([request]);
        await ask(2000 + i);
      }
      await verified(request, await reply, publicKey);
      const grown = (most - rested) / 2 ** 20;
      assert(grown < 64, `${grown} MiB more than the ${rested / 2 ** 20}`);
      assert.equal(await stop(), 0, await errors);
    } finally {
      await stop();
      await errors;
    }
  },
});

/** Its clock goes where the test wants it. */
class Adrift extends Server {
  offset = 0n;
  override getTime(): bigint {
    return super.getTime() + this.offset;
  }
}

/** A batch in every version. */
function everyVersion(number: number): Uint8Array[] {
  return ALL.map(({ id }) => requestFor(id, number));
}

/** Every reply of a batch, verified. */
async function verifyAll(
  requests: readonly Uint8Array[],
  outcomes: readonly Outcome[],
): Promise<Verified[]> {
  return await Promise.all(outcomes.map((outcome, i) => {
    assert("reply" in outcome, Deno.inspect(outcome));
    return verified(requests[i] as Uint8Array, outcome.reply);
  }));
}

/** Wherever the clock goes, by that many hours each time. */
const STEPS = [-1n, 5n, -9n, 24n, -100n, 1000n, 2n, -2n, -30_000n, 30_000n];

Deno.test("Server with its long-term key signs only what its delegation covers, however the clock jumps", async () => {
  const events: ServerEvent[] = [];
  const server = await Adrift.create({
    ...CALM,
    validitySeconds: 7200,
    onEvent: (event) => events.push(event),
  });
  for (const [number, hours] of STEPS.entries()) {
    const before = everyVersion(2 * number);
    await verifyAll(before, await server.handleBatch(before));
    server.offset += hours * HOUR;
    const after = everyVersion(2 * number + 1);
    const replies = await verifyAll(after, await server.handleBatch(after));
    for (const { midpointMicros } of replies) {
      const error = midpointMicros - server.getTime();
      assert(error < 60n * SECOND && error > -60n * SECOND);
    }
  }
  assert.equal(server.counters.clockSteps, STEPS.length);
  assert.equal(server.counters.panics, 0);
  assert(server.counters.rotations > 0);
  assertSteps(events);
});

/** Holds if each step was told, with its direction and about its size. */
function assertSteps(events: readonly ServerEvent[]): void {
  const told = events.filter(({ kind }) => kind === "clock-step");
  assert.equal(told.length, STEPS.length);
  told.forEach((event, i) => {
    assert(event.kind === "clock-step");
    const error = event.stepMicros - (STEPS[i] as bigint) * HOUR;
    assert(error < 60n * SECOND && error > -60n * SECOND);
  });
}

/** A delegation for so many hours around now. */
async function delegate(before: bigint, after: bigint): Promise<Delegated> {
  const now = BigInt(Date.now()) * 1000n;
  const parsed = await parseDelegation(
    await createDelegation({
      longTerm: LONG_TERM,
      onlineSeed: bytes(32, 3),
      notBeforeMicros: now - before * HOUR,
      notAfterMicros: now + after * HOUR,
    }),
  );
  assert(parsed.ok);
  return parsed.delegated;
}

Deno.test("Server without its long-term key signs only what its delegation covers, however the clock jumps", async () => {
  const events: ServerEvent[] = [];
  const server = await Adrift.create({
    delegated: [await delegate(3n, 12n)],
    greaseProbability: 0,
    trustClock: true,
    onEvent: (event) => events.push(event),
  });
  let hours = 0n;
  let silent = 0;
  for (const [number, step] of STEPS.entries()) {
    hours += step;
    server.offset = hours * HOUR;
    const requests = everyVersion(number);
    if (number === 0) {
      // The first call has nothing to compare with.
      server.offset = 0n;
      await verifyAll(requests, await server.handleBatch(requests));
      server.offset = hours * HOUR;
    }
    const outcomes = await server.handleBatch(requests);
    if (hours > -3n && hours < 12n) await verifyAll(requests, outcomes);
    else {
      silent++;
      for (const outcome of outcomes) {
        assert.deepEqual(outcome, { drop: "delegation" });
      }
    }
  }
  assert(silent > 0 && silent < STEPS.length);
  assert.equal(server.counters.clockSteps, STEPS.length);
  assert.equal(server.counters.rotations, 0);
  assert.equal(server.counters.panics, 0);
  assertSteps(events);
});

Deno.test("Server signs to the last microsecond of its delegation and no further", async () => {
  const delegated = await delegate(1n, 1n);
  const { notBeforeMicros, notAfterMicros } = delegated.online;
  class Set extends Server {
    now = notBeforeMicros;
    override getTime(): bigint {
      return this.now;
    }
  }
  const server = await Set.create({
    delegated: [delegated],
    greaseProbability: 0,
    trustClock: true,
  });
  const requests = everyVersion(1);
  for (const now of [notBeforeMicros, notAfterMicros]) {
    server.now = now;
    await verifyAll(requests, await server.handleBatch(requests));
  }
  for (const now of [notBeforeMicros - 1n, notAfterMicros + 1n]) {
    server.now = now;
    for (const outcome of await server.handleBatch(requests)) {
      assert.deepEqual(outcome, { drop: "delegation" });
    }
  }
});

Deno.test("Server never signs outside its delegation when the clock jumps while it signs", async () => {
  const server = await Adrift.create({ ...CALM, validitySeconds: 3600 });
  let answered = 0;
  for (const [number, hours] of STEPS.entries()) {
    const requests = everyVersion(number);
    // Both are under way when the keys are replaced, as with UDP next to TCP.
    const early = server.handleBatch(requests);
    server.offset += hours * HOUR;
    const late = server.handleBatch(requests);
    for (const outcomes of [await early, await late]) {
      for (const [i, outcome] of outcomes.entries()) {
        if ("drop" in outcome) {
          assert.equal(outcome.drop, "delegation");
          continue;
        }
        answered++;
        await verified(requests[i] as Uint8Array, outcome.reply);
      }
    }
  }
  assert(answered > 0);
  const requests = everyVersion(99);
  await verifyAll(requests, await server.handleBatch(requests));
});

/** What the nonce of a request begins with: tests mark requests by it. */
function marked(request: ParsedRequest): boolean {
  return request.nonce[0] === 0xbb && request.nonce[1] === 0xbb;
}

/** A good request, marked or not. */
function request(number: number, mark = false): Uint8Array {
  const nonce = bytes(32, number);
  nonce.set(mark ? [0xbb, 0xbb] : [0, 0]);
  return buildRequest({
    versions: [0x8000000b],
    nonce,
    publicKey: PUBLIC_KEY,
    typed: false,
  });
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
