/**
 * Other ends of packets, compared as data.
 *
 * @module
 */

import { formatAddress, type Peer } from "./datagram.ts";
import type { IpAddress } from "./ip_address.ts";
import { readLocalIp } from "./zone.ts";

/** A peer as a runtime tells it, in whatever spelling; it is read only if somebody asks. */
export class AddressPeer implements Peer {
  /** As the runtime spells it, for sending. */
  readonly hostname: string;
  readonly port: number;
  #ip: IpAddress | undefined;

  /**
   * Keeps an address.
   *
   * @param hostname A literal address; anything else stands for itself.
   * @param port The port.
   */
  constructor(hostname: string, port: number) {
    this.hostname = hostname;
    this.port = port;
  }

  #read(): Pick<IpAddress, "text" | "zone"> {
    this.#ip ??= readLocalIp(this.hostname);
    return this.#ip ?? { text: this.hostname, zone: undefined };
  }

  get address(): string {
    return this.#read().text;
  }

  get zone(): string | undefined {
    return this.#read().zone;
  }

  toString(): string {
    return formatPeer(this);
  }
}

/** Writes a peer as people do, zone included. */
export function formatPeer(
  { address, zone, port }: Pick<Peer, "address" | "zone" | "port">,
): string {
  return formatAddress(
    zone === undefined ? address : `${address}%${zone}`,
    port,
  );
}

/**
 * Are two peers the same? A zone that the runtime did not tell could be any, so it tells
 * nobody apart.
 */
export function samePeer(a: Peer, b: Peer): boolean {
  return a.port === b.port && a.address === b.address &&
    (a.zone === undefined || b.zone === undefined || a.zone === b.zone);
}

/**
 * Names a peer for a socket to send to.
 *
 * @param hostname A literal address, in any spelling.
 * @param port The port.
 * @param socket Where the socket is bound: one of IPv6 takes IPv4 addresses in IPv6's clothes.
 */
export function peerFrom(
  hostname: string,
  port: number,
  socket: { readonly hostname: string },
): AddressPeer {
  const ip = readLocalIp(hostname);
  if (ip === undefined) return new AddressPeer(hostname, port);
  const plain = ip.zone === undefined ? ip.text : `${ip.text}%${ip.zone}`;
  const isMapped = ip.family === 4 && socket.hostname.includes(":");
  return new AddressPeer(isMapped ? `::ffff:${plain}` : plain, port);
}
