/**
 * Which addresses are one's own: this machine, or a network that routers keep inside.
 *
 * @module
 */

import net from "node:net";
import { readIp } from "./ip_address.ts";

/** From the registries of special-purpose addresses (RFC 6890) what stays at home. */
const OWN = new net.BlockList();
for (
  const [network, prefix, family] of [
    ["127.0.0.0", 8, "ipv4"], // loopback
    ["10.0.0.0", 8, "ipv4"], // private (RFC 1918)
    ["172.16.0.0", 12, "ipv4"],
    ["192.168.0.0", 16, "ipv4"],
    ["169.254.0.0", 16, "ipv4"], // link-local (RFC 3927)
    ["::1", 128, "ipv6"], // loopback
    ["fc00::", 7, "ipv6"], // unique local (RFC 4193)
    ["fe80::", 10, "ipv6"], // link-local (RFC 4291)
  ] as const
) OWN.addSubnet(network, prefix, family);

/**
 * Is this an address of this machine alone?
 *
 * @param hostname A literal address; anything else is not.
 */
export function isLoopback(hostname: string): boolean {
  const ip = readIp(hostname);
  return ip !== undefined &&
    (ip.family === 4 ? ip.bytes[0] === 127 : ip.text === "::1");
}

/**
 * Is this a loopback, private or link-local address?
 *
 * @param hostname A literal address; anything else is not.
 */
export function isOwnAddress(hostname: string): boolean {
  const ip = readIp(hostname);
  return ip !== undefined &&
    OWN.check(ip.text, ip.family === 6 ? "ipv6" : "ipv4");
}
