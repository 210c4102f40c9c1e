/**
 * What the kernel knows of datagrams that nobody wanted. It keeps ICMP messages about a
 * socket that is not connected only where that is asked for, and the runtime does not ask.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import { formatSockaddr } from "./address.ts";
import { openLibc } from "./libc.ts";
import {
  highWord,
  lowWord,
  MessageTable,
  NAME,
  NAME_LENGTH,
  Pinned,
} from "./message.ts";
import { findOwnSocket } from "./own_sockets.ts";

// <asm-generic/socket.h>
const SO_TYPE = 3;
const SOCK_DGRAM = 2;
// <bits/in.h>
const IPPROTO_IP = 0;
const IP_RECVERR = 11;
const IPPROTO_IPV6 = 41;
const IPV6_RECVERR = 25;
// <bits/socket.h>
const MSG_DONTWAIT = 0x40;
const MSG_ERRQUEUE = 0x2000;
// <linux/errqueue.h>: struct sock_extended_err follows a 16-byte cmsghdr; its ee_errno is first.
const ERROR_NUMBER = 16;
const ECONNREFUSED = 111;

const SOCKADDR_BYTES = 128;
const CONTROL_BYTES = 512;
const CONTROL = 8;
const CONTROL_LENGTH = 10;

const FUNCTIONS = [
  "getsockname",
  "getsockopt",
  "setsockopt",
  "recvmsg",
] as const;

/** A flood of messages is not read to its end in one turn. */
const MAX_READ = 64;

/** Watches one socket. */
export interface RefusalWatch {
  /** Destinations, as `host:port`, of which it became known that nobody listens there. */
  take(): string[];
  /** Ends it. To be called before the socket is closed: its number may be another's then. */
  close(): void;
}

/**
 * Watches the UDP socket of this process that is bound to an address. It is found by that.
 *
 * @param hostname Where it is bound.
 * @param port Its port.
 * @returns Nothing on another system, without `--allow-ffi`, or where it is not found.
 */
export function watchRefusals(
  hostname: string,
  port: number,
): RefusalWatch | undefined {
  const library = openLibc(...FUNCTIONS);
  if (typeof library === "string") return undefined;
  const { symbols: calls } = library;
  const address = { hostname, port };
  const fd = findOwnSocket(calls, address, SO_TYPE, SOCK_DGRAM);
  const isSet = fd !== undefined && [
    [IPPROTO_IP, IP_RECVERR] as const,
    [IPPROTO_IPV6, IPV6_RECVERR] as const,
  ].map(([level, option]) =>
    calls.setsockopt(fd, level, option, Int32Array.of(1), 4) === 0
  ).includes(true);
  if (!isSet) {
    library.close();
    return undefined;
  }
  const table = new MessageTable(1);
  const name = new Pinned(SOCKADDR_BYTES);
  const control = new Pinned(CONTROL_BYTES);
  const data = new Pinned(8); // of the datagram itself nothing is wanted
  table.setData(0, data.address, data.bytes.length);
  const { words } = table;
  let isOpen = true;
  return {
    take: () => {
      const refused: string[] = [];
      for (let n = 0; isOpen && n < MAX_READ; n++) {
        words[NAME] = lowWord(name.address);
        words[NAME + 1] = highWord(name.address);
        words[NAME_LENGTH] = SOCKADDR_BYTES;
        words[CONTROL] = lowWord(control.address);
        words[CONTROL + 1] = highWord(control.address);
        words[CONTROL_LENGTH] = CONTROL_BYTES;
        const flags = MSG_ERRQUEUE | MSG_DONTWAIT;
        if (calls.recvmsg(fd, table.pointer, flags) < 0) break;
        if (control.words[ERROR_NUMBER / 4] !== ECONNREFUSED) continue;
        refused.push(formatSockaddr(name.bytes));
      }
      return refused;
    },
    close: () => {
      if (isOpen) library.close();
      isOpen = false;
    },
  };
}
