/**
 * What Deno lets a program do on the network, without asking anybody.
 *
 * @module
 */

import { formatAddress } from "./datagram.ts";

/**
 * May an address be bound or talked to, without a prompt?
 *
 * @param hostname Literal address.
 * @param port The port.
 * @returns Always true where there are no permissions.
 */
export function mayUse(hostname: string, port: number): boolean {
  const permissions = globalThis.Deno?.permissions;
  if (permissions === undefined) return true;
  try {
    const host = formatAddress(hostname, port);
    return permissions.querySync({ name: "net", host }).state === "granted";
  } catch {
    return false; // with a zone, which no permission can name
  }
}
