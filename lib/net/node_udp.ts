/**
 * UDP over `node:dgram`: Node, Bun, and Deno without any flag.
 *
 * @module
 */

import type dgram from "node:dgram";
import { findCause } from "./cause.ts";
import { nodeModule } from "./node_module.ts";
import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  type Peer,
  RECEIVE_BYTES,
} from "./datagram.ts";
import { AddressPeer, peerFrom } from "./peer.ts";

/** Datagrams kept while nobody asks for them; the rest is dropped, as a kernel would. */
const MAX_QUEUED = 1024;

/** Binds a socket. Rejects with the system's error, such as `EADDRINUSE`. */
export async function openNodeUdp(
  options: DatagramOptions,
): Promise<DatagramSocket> {
  const { hostname, port } = options;
  const { createSocket } = nodeModule("node:dgram");
  await askPermission(hostname);
  const socket = createSocket({
    type: hostname.includes(":") ? "udp6" : "udp4",
    ipv6Only: false,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, hostname, () => {
      socket.off("error", reject);
      resolve();
    });
  });
  return new NodeUdpSocket(socket, options);
}

/** Deno's `node:dgram` throws a refusal where nobody can catch it, so it is asked for before. */
async function askPermission(hostname: string): Promise<void> {
  const deno = globalThis.Deno;
  if (deno?.permissions === undefined) return;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  const { state } = await deno.permissions.request({ name: "net", host });
  if (state !== "granted") {
    throw new deno.errors.NotCapable(`Requires net access to "${hostname}"`);
  }
}

class NodeUdpSocket implements DatagramSocket {
  readonly transport = "udp";
  readonly address: { hostname: string; port: number };
  readonly #socket: dgram.Socket;
  readonly #maxBatch: number;
  readonly #queue: Datagram[] = [];
  readonly #unsent = new Set<(sent: number) => void>();
  #wake: (() => void) | undefined;
  #stopped = false;
  #closed = false;

  constructor(
    socket: dgram.Socket,
    { maxBatch, onRefused }: DatagramOptions,
  ) {
    this.#socket = socket;
    this.#maxBatch = maxBatch;
    const { address, port } = socket.address();
    this.address = { hostname: address, port };
    socket.on("message", (message, { address, port }) => {
      if (this.#stopped || this.#queue.length >= MAX_QUEUED) return;
      const { buffer, byteOffset, length } = message;
      this.#queue.push({
        bytes: new Uint8Array(
          buffer,
          byteOffset,
          Math.min(length, RECEIVE_BYTES),
        ),
        peer: new AddressPeer(address, port),
      });
      this.#wake?.();
    });
    // Errors are about single datagrams, such as an ICMP message; the socket goes on.
    socket.on("error", (error) => {
      const { reason } = findCause(error);
      if (reason === "refused" || reason === "reset") onRefused?.(undefined);
    });
  }

  peer(hostname: string, port: number): Peer {
    return peerFrom(hostname, port, this.address);
  }

  async receive(): Promise<readonly Datagram[]> {
    while (!this.#closed && !this.#stopped && this.#queue.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return this.#closed ? [] : this.#queue.splice(0, this.#maxBatch);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const sent = await Promise.all(batch.map(({ bytes, peer }) => {
      const { hostname, port } = peer as AddressPeer;
      return new Promise<number>((resolve) => {
        // Whatever is under way when the socket closes is never called back about.
        this.#unsent.add(resolve);
        const settle = (sent: number) => {
          this.#unsent.delete(resolve);
          resolve(sent);
        };
        try {
          this.#socket.send(
            bytes,
            port,
            hostname,
            (error) => settle(error ? 0 : 1),
          );
        } catch {
          settle(0); // closed, or a port that cannot be
        }
      });
    }));
    return sent.reduce<number>((sum, one) => sum + one, 0);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
    for (const resolve of this.#unsent) resolve(0);
    this.#wake?.();
  }
}
