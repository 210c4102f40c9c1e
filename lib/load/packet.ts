/**
 * Requests by the thousand that differ in a number, and finding that number in replies:
 * what a load generator does to every packet, so nothing here allocates or hashes.
 *
 * @module
 */

import { readUint32, writeUint32 } from "../wire/uint.ts";
import { HASH_BYTES } from "../crypto/hash.ts";
import { type Dialect, dialectFor } from "../wire/dialect.ts";
import { FRAME_BYTES, isFramed } from "../wire/frame.ts";
import { buildRequest } from "../wire/request.ts";
import { TAG } from "../wire/tag.ts";

/** What to ask for. */
export interface LoadPacketOptions {
  /** The one version to offer; or `GOOGLE_VERSION`. */
  readonly version: number;
  /** Send TYPE with 0x8000000c? */
  readonly typed: boolean;
  /** The long-term key expected, named in SRV where the version knows it. */
  readonly publicKey?: Uint8Array | undefined;
  /** Gives so many random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/** What a reply turned out to be, where it carries no number of ours. */
export const REPLY = {
  /** No reply to any of these requests. */
  foreign: -1,
  /** It looks like a reply but does not repeat the nonce, as old versions may. */
  anonymous: -2,
} as const;

/** More tags than this are in no reply. */
const MAX_TAGS = 32;

/** Of the nonce, at its end. */
const NUMBER_BYTES = 4;

/**
 * A family of requests: the same packet but for the last four bytes of the nonce, which
 * hold the request's number. The rest of the nonce is random, so that nobody's replies
 * are taken for ours by accident.
 */
export class LoadPacket {
  /** The behaviour asked for. */
  readonly dialect: Dialect;
  readonly #template: Uint8Array<ArrayBuffer>;
  readonly #nonceAt: number;
  readonly #nonceSize: number;
  #pathLength = 0;

  /**
   * @throws {WireError} If the version is not known.
   */
  constructor(options: LoadPacketOptions) {
    const { version, typed, publicKey, random } = options;
    const size = dialectFor(version, { typed })?.nonceSize ?? 32;
    const nonce = Uint8Array.from(random(size));
    this.#template = buildRequest({
      versions: [version],
      nonce,
      publicKey,
      typed,
    });
    this.dialect = dialectFor(version, { typed }) as Dialect;
    this.#nonceSize = size;
    const start = isFramed(this.#template) ? FRAME_BYTES : 0;
    const { length } = this.#template;
    this.#nonceAt = valueAt(this.#template, start, length, TAG.NONC);
  }

  /** A packet to write numbers into. */
  make(number = 0): Uint8Array<ArrayBuffer> {
    const packet = this.#template.slice();
    this.write(packet, number);
    return packet;
  }

  /** Makes a packet of this family the one with that number, a uint32. */
  write(packet: Uint8Array, number: number): void {
    const at = this.#nonceAt + this.#nonceSize - NUMBER_BYTES;
    writeUint32(packet, at, number);
  }

  /** Hashes in PATH of the reply read last: a batch of up to 2 to this power. */
  get pathLength(): number {
    return this.#pathLength;
  }

  /**
   * Reads a reply as far as it takes to tell whose it is; it proves nothing.
   *
   * @returns The number of the request it answers, or one of {@linkcode REPLY}.
   */
  read(reply: Uint8Array): number {
    const { framed, hash, nonceEcho } = this.dialect;
    if (framed !== isFramed(reply)) return REPLY.foreign;
    const start = framed ? FRAME_BYTES : 0;
    const end = reply.length;
    const path = valueAt(reply, start, end, TAG.PATH);
    // What merely echoes has none, and shows what is possible without any work.
    this.#pathLength = path < 0 ? 0 : Math.floor(found.size / HASH_BYTES[hash]);
    if (nonceEcho !== "srep") return this.#numberIn(reply, start, end);
    const srep = valueAt(reply, start, end, TAG.SREP);
    return srep < 0
      ? this.#numberIn(reply, start, end)
      : this.#numberIn(reply, srep, srep + found.size);
  }

  #numberIn(reply: Uint8Array, start: number, end: number): number {
    const at = valueAt(reply, start, end, TAG.NONC);
    if (at < 0) {
      return this.dialect.nonceEcho === "optional" &&
          valueAt(reply, start, end, TAG.PATH) >= 0
        ? REPLY.anonymous
        : REPLY.foreign;
    }
    if (found.size !== this.#nonceSize) return REPLY.foreign;
    const fixed = this.#nonceSize - NUMBER_BYTES;
    for (let i = 0; i < fixed; i++) {
      if (reply[at + i] !== this.#template[this.#nonceAt + i]) {
        return REPLY.foreign;
      }
    }
    return readUint32(reply, at + fixed);
  }
}

/** Size of the value that was found last: a second result without an object. */
const found = { size: 0 };

/**
 * Where a tag's value begins in a message, or -1. It trusts the offsets as far as they lie
 * inside; whoever wants to know whether the message is sound verifies it.
 */
function valueAt(
  bytes: Uint8Array,
  start: number,
  end: number,
  tag: number,
): number {
  if (end - start < 8) return -1;
  const count = readUint32(bytes, start);
  const header = start + 8 * count;
  if (count === 0 || count > MAX_TAGS || header > end) return -1;
  for (let i = 0; i < count; i++) {
    if (readUint32(bytes, start + 4 * (count + i)) !== tag) continue;
    const from = i === 0 ? 0 : readUint32(bytes, start + 4 * i);
    const to = i === count - 1
      ? end - header
      : readUint32(bytes, start + 4 * (i + 1));
    if (from > to || header + to > end) return -1;
    found.size = to - from;
    return header + from;
  }
  return -1;
}
