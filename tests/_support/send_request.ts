/**
 * What the tests of `sendRequest()` share: servers that follow a script, and its failures.
 *
 * @module
 */

import assert from "node:assert/strict";
import net from "node:net";
import type { AddressInfo } from "node:net";
import {
  type QueryResult,
  sendRequest,
  type SendRequestOptions,
} from "../../lib/client/send_request.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { PacketReader } from "../../lib/net/tcp.ts";
import { openUdp } from "../../lib/net/udp.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { bytes, entriesOf, messageOf, PUBLIC_KEY } from "./fixtures.ts";

/** Seeds of PUBLIC_KEY and of OTHER_LONG_TERM. */
export const SEED: Uint8Array = bytes(32, 1);

export const OTHER_SEED: Uint8Array = bytes(32, 2);

export function makeServer(options: ServerOptions = {}): Promise<Server> {
  return Server.create({ privateKey: SEED, greaseProbability: 0, ...options });
}

/** The reply to one request. */
export async function replyOf(
  server: Server,
  request: Uint8Array,
): Promise<Uint8Array> {
  const [outcome] = await server.handleBatch([request]);
  if (!(outcome && "reply" in outcome)) assert.fail(Deno.inspect(outcome));
  return outcome.reply;
}

export interface Scripted extends AsyncDisposable {
  hostname: string;
  port: number;
  /** What came in. */
  requests: Uint8Array[];
}

/** A UDP server that does what the script says with every request. */
export async function scripted(
  script: (
    request: Uint8Array,
    say: (reply: Uint8Array) => Promise<void>,
    client: string,
  ) => Promise<void> | void,
  hostname = "127.0.0.1",
  port = 0,
): Promise<Scripted> {
  const socket = await openUdp({ hostname, port, maxBatch: 1 });
  const requests: Uint8Array[] = [];
  const running = (async () => {
    while (true) {
      const [datagram] = await socket.receive();
      if (datagram === undefined) return;
      const request = Uint8Array.from(datagram.bytes);
      const { peer } = datagram;
      requests.push(request);
      const say = async (reply: Uint8Array) => {
        await socket.send([{ bytes: reply, peer }]);
      };
      await script(request, say, String(peer));
    }
  })();
  return {
    hostname,
    port: socket.address.port,
    requests,
    async [Symbol.asyncDispose]() {
      socket.close();
      await running;
    },
  };
}

/** Bound, and silent. */
export const SILENT = (): void => {};

export interface TcpListener extends AsyncDisposable {
  port: number;
  /** What came in, packet by packet. */
  packets: Uint8Array[];
  /** How many connected. */
  connections: number;
}

/** A TCP server that writes what the script gives for every packet. */
export async function listenTcp(
  script: (
    packet: Uint8Array,
    socket: net.Socket,
  ) => Promise<Uint8Array | undefined>,
  options: { hostname?: string; port?: number; greet?: "end" } = {},
): Promise<TcpListener> {
  const { hostname = "127.0.0.1", port = 0, greet } = options;
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    listener.connections++;
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    if (greet === "end") socket.destroy();
    const reader = new PacketReader(4096);
    socket.on("data", async (chunk) => {
      for (const packet of reader.push(chunk)) {
        listener.packets.push(packet);
        const reply = await script(packet, socket);
        if (reply && !socket.destroyed) socket.write(reply);
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  const listener: TcpListener = {
    port: (server.address() as AddressInfo).port,
    packets: [],
    connections: 0,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
  return listener;
}

/** Asks a port on loopback; a generous timeout, since none of these should need it. */
export function query(
  port: number,
  options: Partial<SendRequestOptions> = {},
): Promise<QueryResult> {
  return sendRequest({
    host: "127.0.0.1",
    port,
    publicKey: PUBLIC_KEY,
    transport: "udp",
    timeout: 10_000,
    ...options,
  });
}

export async function failure(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    (value) => assert.fail(`no error but ${Deno.inspect(value)}`),
    (error) => error,
  );
}

export async function rejection(
  promise: Promise<unknown>,
): Promise<VerificationError> {
  const error = await failure(promise);
  if (!(error instanceof VerificationError)) assert.fail(Deno.inspect(error));
  return error;
}

export function assertTimeout(error: unknown): void {
  if (!(error instanceof DOMException)) assert.fail(Deno.inspect(error));
  assert.equal(error.name, "TimeoutError");
}

/** The value of a tag of a packet. */
export function valueOf(packet: Uint8Array, wanted: number): Uint8Array {
  const entry = entriesOf(messageOf(packet)).find(([tag]) => tag === wanted);
  assert(entry);
  return entry[1];
}

export function nonceOf(request: Uint8Array): Uint8Array {
  return valueOf(request, TAG.NONC);
}
