/**
 * A service manager that listens on a socket without a file.
 *
 * @module
 */

import assert from "node:assert/strict";
import { needLibc } from "../../lib/net/linux/calls.ts";
import { encodeUnixName } from "../../lib/net/linux/unix_datagram.ts";

// <bits/socket.h>
const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** Such a socket. */
export interface AbstractSocket extends Disposable {
  /** The next datagram; the thread blocks until there is one. */
  next(): string;
}

/** Binds one; its name begins with an `@`. */
export function listenAbstract(name: string): AbstractSocket {
  const library = needLibc("socket", "bind", "read", "close");
  const { socket, bind, read, close } = library.symbols;
  const address = encodeUnixName(name);
  assert(address);
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  assert(bind(fd, address, address.length) === 0);
  return {
    next: () => {
      const buffer = new Uint8Array(256);
      const length = read(fd, buffer, 256n);
      return new TextDecoder().decode(buffer.subarray(0, length));
    },
    [Symbol.dispose]: () => {
      close(fd);
      library.close();
    },
  };
}
