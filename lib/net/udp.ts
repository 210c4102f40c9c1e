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
