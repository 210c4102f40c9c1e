/**
 * Chooses the UDP backend.
 *
 * @module
 */

import type { DatagramOptions, DatagramSocket } from "./datagram.ts";
import { hasDenoUdp, openDenoUdp } from "./deno_udp.ts";
import { linuxUdpProblem, openLinuxUdp } from "./linux/udp.ts";
import { openNodeUdp } from "./node_udp.ts";

/** Binds a socket with the best backend that is there. */
export async function openUdp(
  options: DatagramOptions,
): Promise<DatagramSocket> {
  return hasDenoUdp() ? openDenoUdp(options) : await openNodeUdp(options);
}

/** Which backend a server is to have: the fastest that is there, or the one that is named. */
export type ServerIo = "auto" | "portable" | "linux";

/**
 * Chooses a server's backend.
 *
 * @param io What was asked for.
 * @returns The choice.
 * @throws {Error} If `linux` was asked for and cannot be had; the message tells why.
 */
export function chooseServerIo(io: ServerIo): "portable" | "linux" {
  if (io === "portable") return io;
  const problem = linuxUdpProblem();
  if (problem === undefined) return "linux";
  if (io === "auto") return "portable";
  throw new Error(`Cannot use Linux sockets: ${problem}`);
}

/**
 * Binds a server's socket.
 *
 * @param io Which backend.
 * @param options Where, and how many datagrams make a batch.
 * @throws {Error} As {@linkcode chooseServerIo}, or what the backend throws.
 */
export async function openServerUdp(
  io: ServerIo,
  options: DatagramOptions & {
    readonly receiveBufferBytes?: number | undefined;
  },
): Promise<DatagramSocket> {
  return chooseServerIo(io) === "linux"
    ? openLinuxUdp(options)
    : await openUdp(options);
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
