/**
 * Socket addresses as the kernel keeps them. Fields are in network order but for the
 * family and the scope, which are in the machine's.
 *
 * @module
 */

import { formatAddress } from "../datagram.ts";
import { formatIp, ipOf, readIp } from "../ip_address.ts";
import { canonicalLiteral } from "../zone.ts";

// <bits/socket.h>
export const AF_INET = 2;
export const AF_INET6 = 10;

/**
 * `<netinet/in.h>`: struct sockaddr_in is family 0, port 2, address 4, and 16 bytes long;
 * struct sockaddr_in6 is family 0, port 2, flow 4, address 8, scope 24, and 28 bytes long.
 */
export const SOCKADDR_IN_BYTES = 16;
export const SOCKADDR_IN6_BYTES = 28;
const PORT = 2;
const IN_ADDRESS = 4;
const IN6_ADDRESS = 8;
const IN6_SCOPE = 24;

/** `::ffff:0:0/96`, where IPv6 sockets keep IPv4 addresses (RFC 4291, section 2.5.5.2). */
const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** A literal address taken apart. */
export interface ParsedAddress {
  /** 4 or 16 bytes. */
  readonly bytes: Uint8Array;
  /** What follows the `%` of an IPv6 address, or nothing. */
  readonly zone: string;
}

/**
 * Reads a literal address. IPv4 in IPv6's clothes is IPv4.
 *
 * @throws {TypeError} If it is a name, or nonsense.
 */
export function parseAddress(hostname: string): ParsedAddress {
  const ip = readIp(hostname);
  if (ip === undefined) {
    throw new TypeError(`"${hostname}" is not a literal address`);
  }
  return { bytes: ip.bytes, zone: ip.zone ?? "" };
}

/**
 * Makes a socket address.
 *
 * @param family Of the socket: one of IPv6 takes IPv4 addresses in IPv6's clothes.
 * @param address Bytes of the address.
 * @param port The port.
 * @param scope Number of the interface of a link-local address, else 0.
 * @returns 16 or 28 bytes. An IPv6 address for an IPv4 socket keeps its own family, and
 * the kernel refuses it.
 */
export function encodeSockaddr(
  family: number,
  address: Uint8Array,
  port: number,
  scope = 0,
): Uint8Array<ArrayBuffer> {
  if (family === AF_INET && address.length === 4) {
    const bytes = new Uint8Array(SOCKADDR_IN_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(PORT, port);
    bytes.set(address, IN_ADDRESS);
    return bytes;
  }
  const bytes = new Uint8Array(SOCKADDR_IN6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(PORT, port);
  bytes.set(
    address.length === 4 ? [...MAPPED, ...address] : address,
    IN6_ADDRESS,
  );
  view.setUint32(IN6_SCOPE, scope, true);
  return bytes;
}

/** Reads a socket address, into its one spelling. */
export function decodeSockaddr(
  bytes: Uint8Array,
): { hostname: string; port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const port = view.getUint16(PORT);
  if (view.getUint16(0, true) === AF_INET) {
    const address = bytes.subarray(IN_ADDRESS, IN_ADDRESS + 4);
    return { hostname: address.join("."), port };
  }
  const address = bytes.subarray(IN6_ADDRESS, IN6_ADDRESS + 16);
  const scope = view.getUint32(IN6_SCOPE, true);
  const ip = ipOf(address, scope === 0 ? undefined : String(scope));
  return { hostname: canonicalLiteral(formatIp(ip)), port };
}

/** Writes a socket address as people do. */
export function formatSockaddr(bytes: Uint8Array): string {
  const { hostname, port } = decodeSockaddr(bytes);
  return formatAddress(hostname, port);
}
