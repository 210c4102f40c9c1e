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
import { findCause } from "./cause.ts";
import { type RefusalWatch, watchRefusals } from "./linux/refusal.ts";
import { AddressPeer, peerFrom } from "./peer.ts";

function isRefusal(error: unknown): boolean {
  const { reason } = findCause(error);
  return reason === "refused" || reason === "reset";
}

/** Is this backend there? */
export function hasDenoUdp(): boolean {
  return typeof (globalThis as { Deno?: { listenDatagram?: unknown } }).Deno
    ?.listenDatagram === "function";
}

/** Binds a socket. Throws what the runtime throws, such as `AddrInUse`. */
export function openDenoUdp(options: DatagramOptions): DatagramSocket {
  const { hostname, port, maxBatch } = options;
  const listener = Deno.listenDatagram({ transport: "udp", hostname, port });
  return new DenoUdpSocket(listener, maxBatch, options.onRefused);
}

/** An ICMP message takes a round trip: after a datagram it is looked for so often. */
const LOOK_MS = [1, 5, 20, 50, 100, 200, 400] as const;

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
  readonly #onRefused: DatagramOptions["onRefused"];
  readonly #refusals: RefusalWatch | undefined;
  #looking: ReturnType<typeof setTimeout> | undefined;

  constructor(
    listener: Deno.DatagramConn,
    maxBatch: number,
    onRefused: DatagramOptions["onRefused"],
  ) {
    this.#listener = listener;
    const { hostname, port } = listener.addr as Deno.NetAddr;
    this.address = { hostname, port };
    this.#onRefused = onRefused;
    if (onRefused) this.#refusals = watchRefusals(hostname, port);
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
      }, (error) => {
        // An ICMP error about an earlier reply surfaces here on some systems: carry on.
        if (!this.#closed) {
          this.#idle.push(buffer);
          if (isRefusal(error) && !this.#look()) this.#onRefused?.(undefined);
        }
        this.#wake?.();
      });
    }
  }

  /**
   * Tells what the kernel knows by now.
   *
   * @returns Does it say whom a refusal comes from?
   */
  #look(): boolean {
    this.#refusals?.take().forEach((from) => this.#onRefused?.(from));
    return this.#refusals !== undefined;
  }

  #lookLater([first, ...later]: readonly number[]): void {
    clearTimeout(this.#looking);
    if (first === undefined || this.#closed) return;
    this.#looking = setTimeout(() => {
      this.#look();
      this.#lookLater(later);
    }, first);
  }

  async send(batch: readonly Datagram[]): Promise<number> {
    // What is known and untold would make the next call fail in place of the one it is about.
    this.#look();
    if (this.#refusals) this.#lookLater(LOOK_MS);
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
    clearTimeout(this.#looking);
    this.#refusals?.close();
    this.#listener.close();
    this.#wake?.();
  }
}
