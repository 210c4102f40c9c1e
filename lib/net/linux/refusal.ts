/**
 * What the kernel knows of datagrams that nobody wanted. It keeps ICMP messages about a
 * socket that is not connected only where that is asked for, and the runtime does not ask.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  formatSockaddr,
} from "./address.ts";
import { MAX_FD, openLibc } from "./libc.ts";
import {
  highWord,
  lowWord,
  MessageTable,
  NAME,
  NAME_LENGTH,
  Pinned,
} from "./message.ts";

const SYMBOLS = {
  // <sys/socket.h>
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  recvmsg: { parameters: ["i32", "pointer", "i32"], result: "i32" },
} as const;

// <asm-generic/socket.h>
const SOL_SOCKET = 1;
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
 * Watches the UDP socket of this process that is bound to an address. The runtime does not
 * tell its file descriptor, so it is found by that.
 *
 * @param hostname Where it is bound.
 * @param port Its port.
 * @returns Nothing on another system, without `--allow-ffi`, or where it is not found.
 */
export function watchRefusals(
  hostname: string,
  port: number,
): RefusalWatch | undefined {
  const library = openLibc(SYMBOLS);
  if (typeof library === "string") return undefined;
  const { symbols: calls } = library;
  const fd = findSocket(calls, hostname, port);
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

function findSocket(
  { getsockname, getsockopt }: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
  hostname: string,
  port: number,
): number | undefined {
  const address = new Uint8Array(SOCKADDR_BYTES);
  const view = new DataView(address.buffer);
  const type = new Int32Array(1);
  for (let fd = 3; fd < MAX_FD; fd++) {
    const length = Uint32Array.of(SOCKADDR_BYTES);
    if (getsockname(fd, address, length) !== 0) continue;
    if (![AF_INET, AF_INET6].includes(view.getUint16(0, true))) continue;
    const bound = decodeSockaddr(address);
    if (bound.port !== port || bound.hostname !== hostname) continue;
    const size = Uint32Array.of(4);
    const isTold = getsockopt(fd, SOL_SOCKET, SO_TYPE, type, size) === 0;
    if (isTold && type[0] === SOCK_DGRAM) return fd;
  }
  return undefined;
}
