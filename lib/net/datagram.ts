/**
 * The seam between sockets and everything above: it moves batches of datagrams, because
 * Roughtime signs batches. Backends implement it; nothing above knows which one it has.
 *
 * @module
 */

/**
 * Where a packet came from, or goes to: the same on every runtime, however that spells
 * addresses. A backend may keep more in it. Compare `address`, not the text, which has a port
 * and may have a zone.
 *
 * @example
 * ```ts
 * import { type Peer, serve, Server } from "@roughly/roughly/server";
 * import type { ParsedRequest } from "@roughly/roughly/wire";
 *
 * class Choosy extends Server {
 *   override acceptRequest(_request: ParsedRequest, peer?: Peer): boolean {
 *     // Over IPv4, and where an IPv6 socket has it as ::ffff:192.0.2.7.
 *     return peer?.address !== "192.0.2.7";
 *   }
 * }
 * await using running = await serve(await Choosy.create(), {
 *   hostname: "127.0.0.1",
 *   port: 0,
 * });
 * ```
 */
export interface Peer {
  /**
   * A literal address in its one spelling: lower case and shortest (RFC 5952), without
   * brackets and zone. IPv4 in IPv6's clothes is the plain IPv4 address.
   */
  readonly address: string;
  /** The port. */
  readonly port: number;
  /** Which link an `fe80::` address is on, by name or number, where the runtime tells it. */
  readonly zone?: string | undefined;
  /** `127.0.0.1:2002`, `[::1]:2002` or `[fe80::1%eth0]:2002`. */
  toString(): string;
}

/** A datagram and its other end. */
export interface Datagram {
  /**
   * The payload. Received bytes are valid until the next call of `receive()`; they are the
   * first {@linkcode RECEIVE_BYTES} at most.
   */
  readonly bytes: Uint8Array;
  /** Sender of a received datagram, destination of one to send. */
  readonly peer: Peer;
}

/** Something that packets come from and replies go to. */
export interface PacketSocket {
  /** How packets travel. */
  readonly transport: "udp" | "tcp";
  /** What it is bound to. */
  readonly address: { readonly hostname: string; readonly port: number };
  /**
   * Waits for datagrams and takes all that are there, up to the socket's batch size.
   *
   * @returns One or more datagrams; none once the socket is stopped and empty, or closed.
   */
  receive(): Promise<readonly Datagram[]>;
  /**
   * Sends datagrams. One that cannot be sent does not keep the others from it.
   *
   * @returns How many the system took.
   */
  send(batch: readonly Datagram[]): Promise<number>;
  /**
   * Says that a received batch is done with, whatever was answered.
   *
   * @param batch What `receive()` gave.
   */
  settle?(batch: readonly Datagram[]): void;
  /** Takes nothing more from the network. What was taken can still be answered. */
  stop(): void;
  /** Closes the socket; `receive()` then gives nothing. */
  close(): void;
}

/** A bound UDP socket. */
export interface DatagramSocket extends PacketSocket {
  /** Always `udp`. */
  readonly transport: "udp";
  /**
   * Names a destination.
   *
   * @param hostname A literal IPv4 or IPv6 address.
   * @param port The port.
   */
  peer(hostname: string, port: number): Peer;
}

/** Options of the backends' `open` functions. */
export interface DatagramOptions {
  /** Literal address to bind. */
  readonly hostname: string;
  /** Port to bind, 0 for any. */
  readonly port: number;
  /** The most datagrams that `receive()` gives at once. */
  readonly maxBatch: number;
  /**
   * Told where the system says that nobody listens there (ICMP), as `host:port`, or
   * `undefined` where the system does not say which of the destinations it was. Not every
   * system and backend tells; anybody who guesses the port can forge it.
   */
  readonly onRefused?: ((from: string | undefined) => void) | undefined;
}

/** Largest datagram that is accepted. */
export const MAX_DATAGRAM_BYTES = 2048;

/**
 * What backends give of a datagram, one byte more than is accepted: not every system says
 * that it has cut one, and what was cut must not pass for whole. Of an unframed request the
 * first 2048 bytes can make a good one.
 */
export const RECEIVE_BYTES: number = MAX_DATAGRAM_BYTES + 1;

/** Is there more of a datagram than is accepted? Then nobody may answer what came of it. */
export function isOverlong({ bytes }: Datagram): boolean {
  return bytes.length > MAX_DATAGRAM_BYTES;
}

/** Writes an address the way people and URLs do. */
export function formatAddress(hostname: string, port: number): string {
  return hostname.includes(":")
    ? `[${hostname}]:${port}`
    : `${hostname}:${port}`;
}
