/**
 * The tables of messages that `recvmmsg` and `sendmmsg` work on.
 *
 * Layouts are those of 64-bit little-endian systems, in 32-bit words, so that no BigInt is
 * made for a packet. A pointer is two words, the lower half first.
 *
 * @module
 */

/**
 * Memory whose address the kernel is told. It is made as an ArrayBuffer, which is never on
 * the JavaScript heap, and so does not move as a small typed array would when garbage is
 * collected. It lives as long as this object, so whoever keeps its address keeps this too.
 */
export class Pinned {
  /** The memory. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same in words. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** Where it begins. */
  readonly pointer: Deno.PointerObject;
  /** The same as a number. */
  readonly address: bigint;

  /** Takes so many bytes, all 0. */
  constructor(byteLength: number) {
    this.bytes = new Uint8Array(new ArrayBuffer((byteLength + 7) & ~7));
    this.words = new Uint32Array(this.bytes.buffer);
    this.pointer = pointerTo(this.bytes);
    this.address = Deno.UnsafePointer.value(this.pointer);
  }

  /** Where in it so many bytes have gone by. */
  from(offset: number): Deno.PointerObject {
    return Deno.UnsafePointer.offset(this.pointer, offset) ?? this.pointer;
  }
}

/** Where bytes are. Good as long as the buffer behind them is neither freed nor detached. */
export function pointerTo(bytes: Uint8Array): Deno.PointerObject {
  const pointer = Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>);
  if (pointer === null) throw new TypeError("No memory");
  return pointer;
}

/**
 * `<sys/socket.h>`: struct mmsghdr is 64 bytes, a msghdr and its msg_len.
 *
 * musl declares msg_iovlen and msg_controllen as 32 bits and padding where glibc and the
 * kernel have 64; what is small and little-endian reads the same in both.
 */
export const MESSAGE_WORDS = 16;
/** Word of `msg_name`, a pointer. */
export const NAME = 0;
/** Word of `msg_namelen`. */
export const NAME_LENGTH = 2;
const IOV = 4;
const IOV_LENGTH = 6;
/** Word of `msg_control`, a pointer. */
export const CONTROL = 8;
/** Word of `msg_controllen`. */
export const CONTROL_LENGTH = 10;
/** Word of `msg_flags`. */
export const FLAGS = 12;
/** Word of `msg_len`: the bytes received. */
export const LENGTH = 14;

/** `<bits/types/struct_iovec.h>`: struct iovec is a pointer and a 64-bit length. */
const IOVEC_WORDS = 4;
/** Words from one iovec's length to its beginning. */
export const IOVEC_LENGTH = 2;

/** Messages, each with one piece of data. */
export class MessageTable {
  /** What `recvmmsg` and `sendmmsg` take. */
  readonly pointer: Deno.PointerObject;
  /** The messages: word `MESSAGE_WORDS * i + NAME` and so on. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** In {@linkcode words}, where the iovec of the first message begins. */
  readonly iovecs: number;
  readonly #memory: Pinned;

  /** Makes so many messages that lead nowhere yet. */
  constructor(count: number) {
    this.iovecs = count * MESSAGE_WORDS;
    const memory = new Pinned((this.iovecs + count * IOVEC_WORDS) * 4);
    this.#memory = memory;
    this.pointer = memory.pointer;
    this.words = memory.words;
    for (let i = 0; i < count; i++) {
      const iovec = memory.address + BigInt(this.iovec(i) * 4);
      this.#setPointer(i * MESSAGE_WORDS + IOV, iovec);
      this.words[i * MESSAGE_WORDS + IOV_LENGTH] = 1;
    }
  }

  /** Where a message begins, for the calls. */
  from(i: number): Deno.PointerObject {
    return this.#memory.from(i * MESSAGE_WORDS * 4);
  }

  /** In {@linkcode words}, where the iovec of a message begins. */
  iovec(i: number): number {
    return this.iovecs + i * IOVEC_WORDS;
  }

  /** Says where the data of a message is. The caller keeps that memory alive. */
  setData(i: number, address: bigint, length: number): void {
    this.#setPointer(this.iovec(i), address);
    this.words[this.iovec(i) + IOVEC_LENGTH] = length;
  }

  #setPointer(word: number, address: bigint): void {
    this.words[word] = lowWord(address);
    this.words[word + 1] = highWord(address);
  }
}

/** The lower half of an address. */
export function lowWord(address: bigint): number {
  return Number(address & 0xffff_ffffn);
}

/** The upper half of an address. */
export function highWord(address: bigint): number {
  return Number(address >> 32n);
}

/**
 * `<bits/socket.h>`: struct cmsghdr is a 64-bit length, the level and the type, and then
 * data; `<bits/in.h>` and `<netinet/in.h>`: struct in_pktinfo is the interface and two
 * addresses (CMSG_SPACE 32), struct in6_pktinfo an address and the interface (40).
 */
export const PKTINFO_SPACE = 32;
export const PKTINFO6_SPACE = 40;
/** Word of in_pktinfo.ipi_ifindex, counted from the control data's beginning. */
export const PKTINFO_INTERFACE = 4;
/** Word of the in6_pktinfo.ipi6_addr's first four bytes. */
export const PKTINFO6_ADDRESS = 4;
/** Word of in6_pktinfo.ipi6_ifindex. */
export const PKTINFO6_INTERFACE = 8;
