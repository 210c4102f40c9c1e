/**
 * What the tests of servers with threads of their own share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { type PacketCounters, sumDropped } from "../../lib/server/counters.ts";
import type { DatagramSocket } from "../../lib/net/datagram.ts";
import { linuxUdpProblem } from "../../lib/net/linux/udp.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import {
  WorkerPool,
  type WorkerPoolOptions,
} from "../../lib/server/workers/pool.ts";
import { bytes, PUBLIC_KEY } from "./fixtures.ts";

const MISSING = linuxUdpProblem();

/** A test that takes Linux and FFI. */
export function linux(
  name: string,
  fn: (context: Deno.TestContext) => void | Promise<void>,
): void {
  Deno.test({
    name: MISSING === undefined ? name : `${name} (skipped: ${MISSING})`,
    ignore: MISSING !== undefined,
    fn,
  });
}

/** Nobody asks but the test, however long it takes. */
export const LOOPBACK = {
  hostname: "127.0.0.1",
  port: 0,
  selfCheckSeconds: 0,
} as const;

/** A server with the key PUBLIC_KEY, that other threads can be told. */
export function makeServer(options: ServerOptions = {}): Promise<Server> {
  return Server.create({
    privateKey: bytes(32, 1),
    greaseProbability: 0,
    trustClock: true,
    exportable: true,
    ...options,
  });
}

/** A pool that closes at the end of its scope, and what it told. */
export type TestPool = WorkerPool & AsyncDisposable & { events: ServerEvent[] };

/** Opens a pool on loopback. */
export async function openPool(
  server: Server,
  workers: number,
  options: Partial<WorkerPoolOptions> = {},
): Promise<TestPool> {
  const events: ServerEvent[] = [];
  const pool = WorkerPool.bind(server, {
    ...LOOPBACK,
    workers,
    maxBatch: 128,
    maxDelayMicros: 1000,
    rehearse: false,
    receiveBufferBytes: 1 << 20,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  await pool.start();
  return Object.assign(pool, {
    events,
    [Symbol.asyncDispose]: () => pool.close(),
  });
}

/** Where something listens. */
export interface Target {
  readonly address: { readonly hostname: string; readonly port: number };
}

/** A client with a port of its own, which sends bytes and takes what comes back. */
export class Client implements Disposable {
  readonly #socket: DatagramSocket;
  readonly #target: Target;
  readonly #ready: Uint8Array[] = [];

  constructor(socket: DatagramSocket, target: Target) {
    this.#socket = socket;
    this.#target = target;
  }

  static async open(target: Target): Promise<Client> {
    return new Client(await openUdp({ ...LOOPBACK, maxBatch: 64 }), target);
  }

  async send(...packets: readonly Uint8Array[]): Promise<void> {
    const { hostname, port } = this.#target.address;
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

  async ask(
    request: Uint8Array,
    publicKey: Uint8Array = PUBLIC_KEY,
  ): Promise<Verified> {
    await this.send(request);
    return await verified(request, await this.receive(), publicKey);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Runs something with that many clients. */
export async function withClients<T>(
  target: Target,
  count: number,
  fn: (clients: readonly Client[]) => Promise<T>,
): Promise<T> {
  const clients = await Promise.all(
    Array.from({ length: count }, () => Client.open(target)),
  );
  try {
    return await fn(clients);
  } finally {
    clients.forEach((client) => client[Symbol.dispose]());
  }
}

/** Holds if a reply verifies. */
export async function verified(
  request: Uint8Array,
  response: Uint8Array,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  const verdict = await verifyResponse({ request, response, publicKey });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  return verdict;
}

/** Holds if every packet is counted once. */
export function assertBalanced(counters: Readonly<PacketCounters>): void {
  assert.equal(
    counters.received,
    counters.answered + sumDropped(counters),
    Deno.inspect(counters),
  );
}

/** Waits for something that is bound to happen. */
export async function until(
  happened: () => boolean,
  what: string,
): Promise<void> {
  for (let turn = 0; !happened(); turn++) {
    assert(turn < 30_000, `never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

/** Told to a process that runs what {@linkcode aloneIn} makes. */
const ALONE = "ROUGHLY_TESTS_ALONE";

/**
 * Makes tests that count what their process has open. Other files' tests have files open as
 * well, so these run in a process of their own, one for all of a file.
 */
export function aloneIn(file: string): typeof linux {
  const names: string[] = [];
  let ended: Promise<Deno.CommandOutput> | undefined;
  const start = () =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["test", "--no-check", "--unstable-net", "--allow-all"],
        `--preload=${fileURLToPath(new URL("deadline.ts", import.meta.url))}`,
        `--filter=/^(${names.join("|")})$/`,
        fileURLToPath(file),
      ],
      env: { NO_COLOR: "1", [ALONE]: "1" },
    }).output();
  return (name, fn) => {
    names.push(name);
    if (Deno.env.has(ALONE)) return linux(name, fn);
    linux(name, async () => {
      const { code, stdout, stderr } = await (ended ??= start());
      const [out, err] = [stdout, stderr].map((one) =>
        new TextDecoder().decode(one)
      );
      assert.equal(code, 0, `${out}\n${err}`);
      assert(out?.includes(`${name} ... ok`), out);
    });
  };
}

/** Holds once no more files are open than before: a thread closes its own when it ends. */
export async function untilClosed(before: number): Promise<void> {
  await until(() => countFiles() <= before, `only ${before} files are open`);
}

/**
 * How many files this process has open, in a test made by {@linkcode aloneIn}. The first
 * thread leaves some behind that are the runtime's, so there is one before they are counted.
 */
export async function openFiles(): Promise<number> {
  await (await openPool(await makeServer(), 1)).close();
  let least = countFiles();
  for (let same = 0; same < 50; same++) {
    await new Promise((resolve) => setTimeout(resolve));
    const now = countFiles();
    if (now < least) same = 0;
    least = Math.min(least, now);
  }
  return least;
}

function countFiles(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}
