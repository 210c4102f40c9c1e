/**
 * Chooses the UDP backend.
 *
 * @module
 */

import { ServerError } from "../wire/errors.ts";
import type { DatagramOptions, DatagramSocket } from "./datagram.ts";
import { readIp } from "./ip_address.ts";
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

/** A server's backend, once it is chosen. */
export interface ChosenIo {
  /** How datagrams travel. */
  readonly io: "portable" | "linux";
  /** Why the system's own calls are not used, if they were wanted. */
  readonly reason: string | undefined;
}

/**
 * Chooses a server's backend.
 *
 * @param io What was asked for.
 * @throws {ServerError} With code `config` if `linux` was asked for and cannot be had.
 */
export function chooseServerIo(io: ServerIo): ChosenIo {
  if (io === "portable") return { io, reason: undefined };
  const reason = linuxUdpProblem();
  if (io === "linux" && reason !== undefined) {
    throw new ServerError("config", `Cannot use Linux sockets: ${reason}`);
  }
  return { io: reason === undefined ? "linux" : "portable", reason };
}

/**
 * Binds a server's socket.
 *
 * @param io As {@linkcode chooseServerIo} chose.
 * @param options Where, and how many datagrams make a batch.
 * @throws What the backend throws.
 */
export async function openServerUdp(
  io: ChosenIo["io"],
  options: DatagramOptions & {
    readonly receiveBufferBytes?: number | undefined;
  },
): Promise<DatagramSocket> {
  return io === "linux" ? openLinuxUdp(options) : await openUdp(options);
}

/**
 * Where a client binds: loopback talks to loopback, so that it needs no further permission.
 *
 * @param hostname The literal address to talk to.
 */
export function localAddress(hostname: string): string {
  const { family, text = hostname } = readIp(hostname) ?? {};
  if (family === 4) return text.startsWith("127.") ? "127.0.0.1" : "0.0.0.0";
  return text === "::1" ? "::1" : "::";
}
