/**
 * Datagrams to a socket in the file system, or to an abstract one, which has no file.
 *
 * @module
 */

import { errnoOf, errorOf } from "./calls.ts";
import { openLibc } from "./libc.ts";

// <bits/socket.h>
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

const FUNCTIONS = [
  "socket",
  "sendto",
  "close",
  "__errno_location",
] as const;

/** `<sys/un.h>`: struct sockaddr_un is the family and a name of at most so many bytes. */
const MAX_NAME_BYTES = 108;

/** A socket that only sends. */
export interface UnixSender {
  /** Sends a datagram; throws what the system says against it. Never waits. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Closes it. */
  close(): void;
}

/**
 * Writes the name of such a socket as the kernel reads it.
 *
 * @param name A path, or the name of an abstract socket after an `@`.
 * @returns The address, or `undefined` if the name is too long or cannot be one.
 */
export function encodeUnixName(
  name: string,
): Uint8Array<ArrayBuffer> | undefined {
  const isAbstract = name.startsWith("@");
  const text = new TextEncoder().encode(isAbstract ? name.slice(1) : name);
  // A path ends with a zero, an abstract name begins with one and may hold others.
  if (text.length === 0 || text.length + 1 > MAX_NAME_BYTES) return undefined;
  if (!isAbstract && text.includes(0)) return undefined;
  const bytes = new Uint8Array(2 + 1 + text.length);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, isAbstract ? 3 : 2);
  return bytes;
}

/**
 * Opens a way to one.
 *
 * @param name A path, or the name of an abstract socket after an `@`.
 * @returns The sender, or in words why there is none.
 */
export function openUnixSender(name: string): UnixSender | string {
  const address = encodeUnixName(name);
  if (address === undefined) return "it is no name of a socket";
  const library = openLibc(...FUNCTIONS);
  if (typeof library === "string") return library;
  const { socket, sendto, close } = library.symbols;
  const errno = errnoOf(library.symbols);
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    const { message } = errorOf(errno());
    library.close();
    return message;
  }
  return {
    send: (bytes) => {
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      const length = BigInt(bytes.length);
      const sent = sendto(fd, bytes, length, flags, address, address.length);
      if (sent < 0) throw errorOf(errno());
    },
    close: () => {
      close(fd);
      library.close();
    },
  };
}
