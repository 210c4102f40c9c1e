/**
 * A network for one question: what goes out is seen, what comes back is said by the test.
 *
 * @module
 */

import type { Arrival, AskOptions } from "../../lib/client/ask.ts";
import type {
  Datagram,
  DatagramOptions,
  DatagramSocket,
  Peer,
} from "../../lib/net/datagram.ts";
import { AddressPeer } from "../../lib/net/peer.ts";
import type { Address } from "../../lib/net/resolve.ts";
import { bytes } from "./fixtures.ts";

/** The peer that a text of the form `host:port` names. */
function peerNamed(text: string): Peer {
  const [, hostname = "", port] = /^\[?(.*?)\]?:(\d+)$/.exec(text) ?? [];
  return new AddressPeer(hostname, Number(port));
}

/** A datagram on its way out of a {@linkcode FakeNetwork}. */
export interface Outgoing {
  bytes: Uint8Array;
  /** Where to, as `host:port`. */
  to: string;
  /** How many went out before this one. */
  number: number;
  /** Lets a datagram arrive at the socket that sent this one. */
  reply(bytes: Uint8Array, from?: string): void;
}

/** UDP without a network: the test sees what goes out and says what comes in. */
export class FakeNetwork {
  readonly sent: Outgoing[] = [];
  readonly opened: DatagramOptions[] = [];
  readonly sockets: FakeSocket[] = [];
  /** Told of every datagram; gives `false` where the system would not send it. */
  onSend: (datagram: Outgoing) => boolean | void = () => {};
  /** Binds, or rejects. */
  onOpen: (options: DatagramOptions) => Promise<void> = () => Promise.resolve();

  readonly open = async (options: DatagramOptions): Promise<DatagramSocket> => {
    this.opened.push(options);
    await this.onOpen(options);
    const socket = new FakeSocket(this, options);
    this.sockets.push(socket);
    return socket;
  };

  /** Is nothing left open? */
  get allClosed(): boolean {
    return this.sockets.every(({ closed }) => closed);
  }
}

class FakeSocket implements DatagramSocket {
  readonly transport = "udp";
  stop(): void {
    this.close();
  }
  readonly address: { hostname: string; port: number };
  closed = false;
  readonly #network: FakeNetwork;
  readonly #maxBatch: number;
  readonly #queue: Datagram[] = [];
  #wake: () => void = () => {};

  constructor(network: FakeNetwork, options: DatagramOptions) {
    this.#network = network;
    this.#maxBatch = options.maxBatch;
    this.address = { hostname: options.hostname, port: 50000 };
  }

  peer(hostname: string, port: number): Peer {
    return new AddressPeer(hostname, port);
  }

  arrive(payload: Uint8Array, from: string): void {
    this.#queue.push({ bytes: payload, peer: peerNamed(from) });
    this.#wake();
  }

  async receive(): Promise<readonly Datagram[]> {
    while (!this.closed && this.#queue.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.closed ? [] : this.#queue.splice(0, this.#maxBatch);
  }

  send(batch: readonly Datagram[]): Promise<number> {
    let taken = 0;
    for (const { bytes, peer } of batch) {
      if (this.closed) break;
      const to = String(peer);
      const outgoing: Outgoing = {
        bytes,
        to,
        number: this.#network.sent.length,
        reply: (answer, from = to) => this.arrive(answer, from),
      };
      this.#network.sent.push(outgoing);
      if (this.#network.onSend(outgoing) !== false) taken++;
    }
    return Promise.resolve(taken);
  }

  close(): void {
    this.closed = true;
    this.#wake();
  }
}

/** Requests that are told apart by their first byte. */
export const REQUESTS: readonly Uint8Array[] = [0, 1, 2].map((n) =>
  Uint8Array.of(n, ...bytes(63, n))
);

/** What the judge takes. */
export const GOOD: Uint8Array = bytes(32, 100);

/** What it does not. */
export const BAD: Uint8Array = bytes(32, 101);

function isGood(arrival: Arrival): boolean {
  return String(arrival.response) === String(GOOD);
}

/** The judge of these tests: takes GOOD and nothing else. */
export function takeGood(arrival: Arrival): Promise<Arrival | undefined> {
  return Promise.resolve(isGood(arrival) ? arrival : undefined);
}

/** How to ask on that network. */
export function options(
  network: FakeNetwork,
  changes: Partial<AskOptions<Arrival>> = {},
): AskOptions<Arrival> {
  return {
    host: "192.0.2.1",
    port: 2002,
    transport: "udp",
    timeout: 30_000,
    retries: Infinity,
    offers: 1,
    request: (n) => REQUESTS[n] as Uint8Array,
    judge: takeGood,
    open: network.open,
    ...changes,
  };
}

/** A look-up with these results. */
export function found(...hostnames: string[]): () => Promise<Address[]> {
  return () =>
    Promise.resolve(
      hostnames.map((hostname) => ({
        hostname,
        family: hostname.includes(":") ? 6 : 4,
      })),
    );
}

/** A network that says of these destinations that nobody listens there. */
export function refusing(...closed: string[]): FakeNetwork {
  const network = new FakeNetwork();
  network.onSend = ({ to }) => {
    const all = closed.length === 0 || closed.includes(to);
    if (all) network.opened.at(-1)?.onRefused?.(to);
  };
  return network;
}
