/**
 * The sockets of this process and their options. The runtime does not tell a socket's number,
 * so it is found by where the socket is bound.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  SOCKADDR_IN6_BYTES,
} from "./address.ts";
import type { Calls } from "./libc.ts";

/** Sockets are looked for among the first file descriptors; servers open theirs early. */
const MAX_FD = 4096;

// <asm-generic/socket.h>
const SOL_SOCKET = 1;

/** A socket that is bound to an address on the internet. */
export interface OwnSocket {
  /** Its number. */
  readonly fd: number;
  /** Where it is bound. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/** Goes through them, of UDP and TCP, in the order of their numbers. */
export function* ownSockets(
  calls: Calls<"getsockname">,
): Generator<OwnSocket, void> {
  const name = new Uint8Array(SOCKADDR_IN6_BYTES);
  const words = new Uint16Array(name.buffer);
  const length = new Uint32Array(1);
  for (let fd = 3; fd < MAX_FD; fd++) {
    length[0] = name.length;
    if (calls.getsockname(fd, name, length) !== 0) continue;
    // <bits/socket.h>: the family comes first. A path has letters where others have their port.
    const family = words[0];
    if (family !== AF_INET && family !== AF_INET6) continue;
    yield { fd, ...decodeSockaddr(name) };
  }
}

/** Reads an option of a socket that is a number, if there are such a socket and option. */
export function socketOption(
  calls: Calls<"getsockopt">,
  fd: number,
  option: number,
): number | undefined {
  const value = new Int32Array(1);
  const length = Uint32Array.of(value.byteLength);
  return calls.getsockopt(fd, SOL_SOCKET, option, value, length) === 0
    ? value[0]
    : undefined;
}

/**
 * Finds the socket that is bound to an address and of whose options one has a value.
 *
 * @returns Its number, if there is one.
 */
export function findOwnSocket(
  calls: Calls<"getsockname" | "getsockopt">,
  { hostname, port }: { readonly hostname: string; readonly port: number },
  option: number,
  value: number,
): number | undefined {
  for (const socket of ownSockets(calls)) {
    const isIt = socket.port === port && socket.hostname === hostname &&
      socketOption(calls, socket.fd, option) === value;
    if (isIt) return socket.fd;
  }
  return undefined;
}
