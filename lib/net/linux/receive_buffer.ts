/**
 * How much the kernel keeps for a socket that nobody reads from at the moment.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import { type Calls, withLibc } from "./libc.ts";
import { ownSockets, socketOption } from "./own_sockets.ts";

// <asm-generic/socket.h>
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
// <bits/socket.h>
const SOCK_DGRAM = 2;

/**
 * Makes the receive buffer of this process's UDP sockets on a port larger.
 *
 * @param port Local port.
 * @param bytes The size wanted.
 * @returns The smallest size that the kernel gave, or `undefined` where none could be set.
 */
export function enlargeReceiveBuffer(
  port: number,
  bytes: number,
): number | undefined {
  return withLibc(["getsockname", "getsockopt", "setsockopt"], (calls) => {
    const given = [...ownSockets(calls)]
      .filter((socket) => socket.port === port)
      .filter(({ fd }) => socketOption(calls, fd, SO_TYPE) === SOCK_DGRAM)
      .map(({ fd }) => setReceiveBuffer(calls, fd, bytes));
    return given.length === 0 ? undefined : Math.min(...given);
  });
}

/**
 * Sets the receive buffer of one socket.
 *
 * @param calls The C library.
 * @param fd The socket.
 * @param bytes The size wanted.
 * @returns The size that the kernel gave.
 */
export function setReceiveBuffer(
  calls: Calls<"getsockopt" | "setsockopt">,
  fd: number,
  bytes: number,
): number {
  const value = Int32Array.of(bytes);
  // The forced form is for administrators and goes beyond the system's limit.
  if (calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, value, 4) !== 0) {
    calls.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, 4);
  }
  // The kernel doubles what it is told, for its own bookkeeping (man 7 socket).
  return (socketOption(calls, fd, SO_RCVBUF) ?? 0) / 2;
}
