/**
 * Descriptors that do not outlive the isolate. What the C library opens stays open when a
 * worker is terminated, and a port stays taken for as long as the process lives. The runtime
 * closes what it has opened itself; so one of its own files is made, and its number given to
 * what is to be closed with it.
 *
 * @module
 */

import { formatAddress } from "../datagram.ts";
import type { Calls } from "./libc.ts";
import { findOwnSocket } from "./own_sockets.ts";

// <bits/fcntl-linux.h>
const O_CLOEXEC = 0o2000000;
// <asm-generic/socket.h>
const SO_ACCEPTCONN = 30;

/** A descriptor and how to be done with it. */
export interface IsolateFile {
  /** Its number. */
  readonly fd: number;
  /** Closes it. */
  close(): void;
}

/**
 * Takes a descriptor into the runtime's care.
 *
 * @param calls The C library.
 * @param fd The descriptor. Where a duplicate is made, it stays as it is.
 * @param where What the socket that lends its number may be bound to.
 * @returns The same file under another number; or `undefined` where the runtime may not
 * listen on TCP there, or its number is not found.
 */
export function tieToIsolate(
  calls: Calls<"dup3" | "getsockname" | "getsockopt">,
  fd: number,
  where: { readonly hostname: string; readonly port: number },
): IsolateFile | undefined {
  const listener = listen(where);
  if (listener === undefined) return undefined;
  const address = listener.addr as Deno.NetAddr;
  const number = findOwnSocket(calls, address, SO_ACCEPTCONN, 1);
  // In one step: the number belongs to the runtime all the time, and never to nobody.
  if (number === undefined || calls.dup3(fd, number, O_CLOEXEC) !== number) {
    listener.close();
    return undefined;
  }
  return { fd: number, close: () => listener.close() };
}

/** A socket that is there for its number only, and is gone before anybody could connect. */
function listen(
  { hostname, port }: { hostname: string; port: number },
): Deno.Listener | undefined {
  const address = hostname.split("%")[0] as string; // permissions know no zone
  for (const candidate of new Set([0, port])) {
    const host = formatAddress(address, candidate);
    const { state } = Deno.permissions.querySync({ name: "net", host });
    if (state !== "granted") continue; // asked for rather than tried: no prompt
    try {
      return Deno.listen({ hostname, port: candidate });
    } catch {
      // Such an address there is not, or somebody else has the port.
    }
  }
  return undefined;
}
