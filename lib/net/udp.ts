/**
 * Chooses the UDP backend.
 *
 * @module
 */

import type { DatagramOptions, DatagramSocket } from "./datagram.ts";
import { hasDenoUdp, openDenoUdp } from "./deno_udp.ts";
import { openNodeUdp } from "./node_udp.ts";

/** Binds a socket with the best backend that is there. */
export async function openUdp(
  options: DatagramOptions,
): Promise<DatagramSocket> {
  return hasDenoUdp() ? openDenoUdp(options) : await openNodeUdp(options);
}

/**
 * Where a client binds: loopback talks to loopback, so that it needs no further permission.
 *
 * @param hostname The literal address to talk to.
 */
export function localAddress(hostname: string): string {
  if (hostname.startsWith("127.")) return "127.0.0.1";
  if (hostname === "::1") return "::1";
  return hostname.includes(":") ? "::" : "0.0.0.0";
}
