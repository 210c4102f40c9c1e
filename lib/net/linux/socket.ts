/**
 * A UDP socket of the C library's, with what is needed to wait for it and to be woken.
 *
 * Numbers are those of x86-64 and arm64, the same in glibc and musl.
 *
 * @module
 */

import { type DatagramOptions, formatAddress } from "../datagram.ts";
import { type IsolateFile, tieToIsolate } from "./isolate_file.ts";
import { type Calls, type Libc, withLibc } from "./libc.ts";
import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  encodeSockaddr,
  parseAddress,
  SOCKADDR_IN6_BYTES,
} from "./address.ts";
import { errnoOf, errorOf, needLibc, wakeSocket } from "./calls.ts";
import { Pinned } from "./message.ts";
import { acquirePoller, type Poller } from "./poller.ts";
import { setReceiveBuffer } from "./receive_buffer.ts";

// <bits/socket.h>
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
// <asm-generic/socket.h>
const SOL_SOCKET = 1;
const SO_REUSEPORT = 15;
// <bits/in.h>
const IPPROTO_IP = 0;
const IP_PKTINFO = 8;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const IPV6_RECVPKTINFO = 49;
// <bits/eventfd.h>
const EFD_NONBLOCK = 0o4000;
const EFD_CLOEXEC = 0o2000000;
// <bits/poll.h>; struct pollfd is an int and two shorts.
const POLLIN = 1;
const POLLOUT = 4;
const POLLNVAL = 0x20;

const FUNCTIONS = [
  "__errno_location",
  "close",
  "dup3",
  "eventfd",
  "read",
  "write",
  "poll",
  "ppoll",
  "recvmmsg",
  "sendmmsg",
  "socket",
  "bind",
  "getsockname",
  "getsockopt",
  "setsockopt",
] as const;
type SocketFunction = typeof FUNCTIONS[number];

// <bits/types/struct_timespec.h>: two longs, of which the lower words are enough here.
const SECONDS = 0;
const NANOSECONDS = 2;

/** Options of a socket that has the kernel's own face. */
export interface LinuxUdpOptions
  extends Pick<DatagramOptions, "hostname" | "port"> {
  /** May other sockets have the same port, the kernel dealing the senders out? */
  readonly reusePort?: boolean | undefined;
  /** Receive buffer to ask the system for; without it, the system's default. */
  readonly receiveBufferBytes?: number | undefined;
  /** The numbers of a socket that another thread has bound, and will close, to use instead. */
  readonly adopt?: SocketNumbers | undefined;
}

/** What a thread has to know to use a socket of another one. */
export interface SocketNumbers {
  /** Number of the socket. */
  readonly fd: number;
  /** Number of the eventfd that wakes it. */
  readonly wakeFd: number;
}

/** What {@linkcode LibcSocket.wait} found; nothing where time ran out or a signal came. */
export type Ready = "packets" | "woken" | "nothing";

/**
 * A bound socket. It belongs to the thread that made it, but for its `wakeFd`. Should that
 * thread's isolate be terminated, the runtime closes it, where it may listen on TCP as well;
 * else the port stays taken until the process ends.
 */
export class LibcSocket {
  /** Its calls. */
  readonly calls: Calls<SocketFunction>;
  /** Its number. */
  readonly fd: number;
  /** Number of the eventfd that wakes it. */
  readonly wakeFd: number;
  /** `AF_INET` or `AF_INET6`. */
  readonly family: number;
  /** Is it bound to all addresses, so that packets have to tell which was meant? */
  readonly isWildcard: boolean;
  /** Where it is bound. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** The receive buffer that the kernel gave, if a size was asked for. */
  readonly receiveBufferBytes: number | undefined;
  /** Why the last call failed, if read at once. */
  readonly errno: () => number;
  readonly #library: Libc<SocketFunction>;
  readonly #files: readonly IsolateFile[];
  #poller: Poller | undefined;
  // Three of struct pollfd: the socket and the waker to wait for, the socket to write to.
  readonly #polled = new Pinned(24);
  readonly #restTime = new Pinned(16);
  readonly #pollWaker = this.#polled.from(8);
  readonly #pollWritable = this.#polled.from(16);

  /** Binds. Throws as the runtime does: `AddrInUse`, `PermissionDenied`, `NotCapable`. */
  constructor(options: LinuxUdpOptions) {
    const { bytes, zone } = parseAddress(options.hostname);
    askPermission(options);
    const library = needLibc(...FUNCTIONS);
    this.#library = library;
    this.calls = library.symbols;
    this.errno = errnoOf(library.symbols);
    this.family = bytes.length === 4 ? AF_INET : AF_INET6;
    this.isWildcard = bytes.every((byte) => byte === 0);
    if (options.adopt) {
      // Duplicates: the one that has bound it may be gone first, and its numbers be others'.
      this.#files = [options.adopt.fd, options.adopt.wakeFd].map((fd) =>
        tieToIsolate(this.calls, fd, options) ?? { fd, close: () => {} }
      );
      [this.fd, this.wakeFd] = this.#files.map(({ fd }) => fd) as [
        number,
        number,
      ];
      this.address = { hostname: options.hostname, port: options.port };
      this.#prepare();
      return;
    }
    const files: IsolateFile[] = [];
    try {
      // Not with SOCK_NONBLOCK, whatever the calls do: only for a socket that blocks does
      // poll() throw away packets with wrong checksums rather than say that one is there.
      const fd = this.#own(
        this.calls.socket(this.family, SOCK_DGRAM | SOCK_CLOEXEC, 0),
        options,
        files,
      );
      this.fd = fd;
      this.wakeFd = this.#own(
        this.calls.eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
        options,
        files,
      );
      this.#configure(options);
      const { receiveBufferBytes: wanted } = options;
      this.receiveBufferBytes = wanted === undefined
        ? undefined
        : setReceiveBuffer(this.calls, fd, wanted);
      const name = encodeSockaddr(
        this.family,
        bytes,
        options.port,
        this.scope(zone),
      );
      this.#checked(this.calls.bind(fd, name, name.length));
      const bound = new Uint8Array(SOCKADDR_IN6_BYTES);
      const length = Uint32Array.of(bound.length);
      this.#checked(this.calls.getsockname(fd, bound, length));
      this.address = decodeSockaddr(bound);
    } catch (error) {
      files.forEach((file) => file.close());
      library.close();
      throw error;
    }
    this.#files = files;
    this.#prepare();
  }

  /** Sees to it that what was opened is closed, at the latest with the isolate. */
  #own(opened: number, where: LinuxUdpOptions, files: IsolateFile[]): number {
    const fd = this.#checked(opened);
    const close = () => void this.calls.close(fd);
    const tied = tieToIsolate(this.calls, fd, where);
    if (tied) close();
    files.push(tied ?? { fd, close });
    return (tied ?? { fd }).fd;
  }

  #prepare(): void {
    const { fd, wakeFd } = this;
    this.#polled.words.set([fd, POLLIN, wakeFd, POLLIN, fd, POLLOUT]);
  }

  #configure({ reusePort }: LinuxUdpOptions): void {
    if (reusePort) this.sharePort();
    if (this.family === AF_INET6) this.#set(IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (!this.isWildcard) return;
    if (this.family === AF_INET) this.#set(IPPROTO_IP, IP_PKTINFO, 1);
    else this.#set(IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  }

  #set(level: number, option: number, value: number): void {
    this.#checked(
      this.calls.setsockopt(this.fd, level, option, Int32Array.of(value), 4),
    );
  }

  /** Lets sockets that say the same have its port too, from now on. */
  sharePort(): void {
    this.#set(SOL_SOCKET, SO_REUSEPORT, 1);
  }

  /** Number of a zone, which is a number or the name of an interface. */
  scope(zone: string): number {
    if (/^\d*$/.test(zone)) return Number(zone);
    const name = new TextEncoder().encode(`${zone}\0`);
    return withLibc(["if_nametoindex"], (libc) => libc.if_nametoindex(name)) ??
      0;
  }

  #checked(result: number): number {
    if (result >= 0) return result;
    throw errorOf(this.errno());
  }

  /**
   * Waits for packets or to be woken, and takes note of the latter. Blocks the thread. The
   * runtime terminates a thread only in a turn of its event loop, so whoever waits again and
   * again has to leave it one now and then.
   *
   * @param timeoutMs Longest wait, -1 for ever.
   */
  wait(timeoutMs = -1): Ready {
    this.calls.poll(this.#polled.pointer, 2n, timeoutMs);
    // The upper half of a pollfd's second word is what happened.
    const { words } = this.#polled;
    const socket = (words[1] as number) >>> 16;
    const waker = (words[3] as number) >>> 16;
    words[1] = words[3] = POLLIN;
    return this.#ready(socket, waker);
  }

  /**
   * The same without blocking the thread; there must be no other wait under way. It comes
   * back by way of the event loop, even if there is nothing to wait for.
   */
  async waitAside(): Promise<Ready> {
    this.#poller ??= acquirePoller(this.address);
    const [socket = 0, waker = 0] = await this.#poller.wait([
      this.fd,
      this.wakeFd,
    ]);
    return this.#ready(socket, waker);
  }

  #ready(socket: number, waker: number): Ready {
    if (((socket | waker) & POLLNVAL) !== 0) {
      throw new Error("Socket is closed");
    }
    if (waker === 0) return socket === 0 ? "nothing" : "packets";
    this.calls.read(this.wakeFd, new Uint8Array(8), 8n);
    return "woken";
  }

  /**
   * Rests for a while, at most until it is woken, of which it takes no note. Blocks the thread.
   *
   * @param ms How long, also a fraction.
   * @returns Is there somebody who wakes it?
   */
  rest(ms: number): boolean {
    this.#restTime.words[NANOSECONDS] = Math.floor((ms % 1000) * 1e6);
    this.#restTime.words[SECONDS] = Math.floor(ms / 1000);
    const { pointer } = this.#restTime;
    return this.calls.ppoll(this.#pollWaker, 1n, pointer, null) > 0;
  }

  /** The same without blocking the thread. */
  async restAside(ms: number): Promise<void> {
    this.#poller ??= acquirePoller(this.address);
    await this.#poller.wait([this.wakeFd], ms);
  }

  /** Waits until something can be sent, or a time has passed. Blocks the thread. */
  waitWritable(ms: number): void {
    this.calls.poll(this.#pollWritable, 1n, ms);
  }

  /** Wakes it, from the thread that it belongs to. */
  wake(): void {
    wakeSocket(this.calls, this.wakeFd);
  }

  /**
   * Closes it. Nothing may wait for it any more: the kernel could give its numbers to other
   * files at once, and the call under way returns into a library that is gone.
   */
  close(): void {
    this.#files.forEach((file) => file.close());
    this.#poller?.release();
    this.#library.close();
  }
}

/** A foreign call can do anything, so it is for this file to heed what `--allow-net` says. */
function askPermission({ hostname, port }: LinuxUdpOptions): void {
  const host = formatAddress(hostname.split("%")[0] as string, port);
  const { state } = Deno.permissions.requestSync({ name: "net", host });
  if (state !== "granted") {
    throw new Deno.errors.NotCapable(`Requires net access to "${host}"`);
  }
}
