/**
 * UDP over `Deno.listenDatagram`, which exists only where the application turned on
 * `unstable: ["net"]`.
 *
 * @module
 */

import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  type Peer,
  RECEIVE_BYTES,
} from "./datagram.ts";
import { AddressPeer, peerFrom } from "./peer.ts";

/** Is this backend there? */
export function hasDenoUdp(): boolean {
  return typeof (globalThis as { Deno?: { listenDatagram?: unknown } }).Deno
    ?.listenDatagram === "function";
}

/** Binds a socket. Throws what the runtime throws, such as `AddrInUse`. */
export function openDenoUdp(options: DatagramOptions): DatagramSocket {
  const { hostname, port, maxBatch } = options;
  const listener = Deno.listenDatagram({ transport: "udp", hostname, port });
  return new DenoUdpSocket(listener, maxBatch);
}

/**
 * Keeps as many receives under way as a batch is long, each with a buffer of its own. All
 * that are ready complete in one turn of the event loop, so a batch forms without a timer.
 */
class DenoUdpSocket implements DatagramSocket {
  readonly transport = "udp";
  readonly address: { hostname: string; port: number };
  readonly #listener: Deno.DatagramConn;
  readonly #idle: Uint8Array[] = [];
  #ready: Datagram[] = [];
  #lent: Uint8Array[] = [];
  #arrived: Uint8Array[] = [];
  #wake: (() => void) | undefined;
  #stopped = false;
  #closed = false;

  constructor(listener: Deno.DatagramConn, maxBatch: number) {
    this.#listener = listener;
    const { hostname, port } = listener.addr as Deno.NetAddr;
    this.address = { hostname, port };
    for (let i = 0; i < maxBatch; i++) {
      this.#idle.push(new Uint8Array(RECEIVE_BYTES));
    }
  }

  peer(hostname: string, port: number): Peer {
    return peerFrom(hostname, port, this.address);
  }

  async receive(): Promise<readonly Datagram[]> {
    this.#idle.push(...this.#lent);
    this.#lent = [];
    while (!this.#closed) {
      if (!this.#stopped) this.#listen();
      if (this.#ready.length > 0 || this.#stopped) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    const batch = this.#ready;
    this.#lent = this.#arrived;
    this.#ready = [];
    this.#arrived = [];
    return this.#closed ? [] : batch;
  }

  #listen(): void {
    for (const buffer of this.#idle.splice(0)) {
      this.#listener.receive(buffer).then(([bytes, address]) => {
        const { hostname, port } = address as Deno.NetAddr;
        this.#ready.push({ bytes, peer: new AddressPeer(hostname, port) });
        this.#arrived.push(buffer);
        this.#wake?.();
      }, () => {
        // An ICMP error about an earlier reply surfaces here on some systems: carry on.
        if (!this.#closed) this.#idle.push(buffer);
        this.#wake?.();
      });
    }
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    const sent = await Promise.all(
      batch.map(({ bytes, peer }) => {
        const { hostname, port } = peer as AddressPeer;
        const address = { transport: "udp", hostname, port } as const;
        return this.#listener.send(bytes, address).then(() => 1, () => 0);
      }),
    );
    return sent.reduce<number>((sum, one) => sum + one, 0);
  }

  stop(): void {
    this.#stopped = true;
    this.#wake?.();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    this.#wake?.();
  }
}
