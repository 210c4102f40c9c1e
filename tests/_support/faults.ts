/**
 * What the tests of faults in and around a server share.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { DatagramSocket } from "../../lib/net/datagram.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import type { Verified } from "../../lib/verify/response.ts";
import { ALL, bytes, PUBLIC_KEY, requestFor, SECOND } from "./fixtures.ts";

/** The seed behind PUBLIC_KEY. */
import { verified } from "./pool.ts";
export { assertBalanced, verified } from "./pool.ts";

export const SEED: Uint8Array = bytes(32, 1);

/** Nobody asks but the test, however long it takes. */
export const LOOPBACK = {
  hostname: "127.0.0.1",
  port: 0,
  selfCheckSeconds: 0,
} as const;

export const HOUR: bigint = 3600n * SECOND;

export interface Target {
  readonly hostname: string;
  readonly port: number;
}

/** A client that sends bytes and takes what comes back. */
export class Client implements Disposable {
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

export const CALM: ServerOptions = {
  privateKey: SEED,
  greaseProbability: 0,
  trustClock: true,
};

/** Its clock goes where the test wants it. */
export class Adrift extends Server {
  offset = 0n;
  override getTime(): bigint {
    return super.getTime() + this.offset;
  }
}

/** A batch in every version. */
export function everyVersion(number: number): Uint8Array[] {
  return ALL.map(({ id }) => requestFor(id, number));
}

/** Every reply of a batch, verified. */
export async function verifyAll(
  requests: readonly Uint8Array[],
  outcomes: readonly Outcome[],
): Promise<Verified[]> {
  return await Promise.all(outcomes.map((outcome, i) => {
    if (!("reply" in outcome)) assert.fail(Deno.inspect(outcome));
    return verified(requests[i] as Uint8Array, outcome.reply);
  }));
}

/** A good request, marked or not. */
export function request(number: number, mark = false): Uint8Array {
  const nonce = bytes(32, number);
  nonce.set(mark ? [0xbb, 0xbb] : [0, 0]);
  return buildRequest({
    versions: [0x8000000b],
    nonce,
    publicKey: PUBLIC_KEY,
    typed: false,
  });
}
