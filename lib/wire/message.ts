/**
 * The tag/value codec (RFC 10049, section 4).
 *
 * ```text
 * uint32 N | N-1 offsets | N tags | values
 * ```
 *
 * Offset 0 is implied and is the first byte after the header, whose length is 8N.
 *
 * @module
 */

import { readUint32, writeUint32 } from "./uint.ts";
import type { WireFault, WireFaultCode } from "./rejection.ts";
import { WireError } from "./errors.ts";

/** More tags than any document has are refused before anything is allocated. */
export const MAX_TAGS = 64;

/** Longest message that is read, the largest that a datagram can hold. */
export const MAX_MESSAGE_BYTES = 65535;

/** A decoded message: a read-only view of the bytes it came from. */
export class Message {
  /** The whole message as received. */
  readonly bytes: Uint8Array;
  /** Tags as uint32, ascending. */
  readonly tags: readonly number[];
  readonly #starts: readonly number[];

  /**
   * Made by {@linkcode decodeMessage}.
   *
   * @param bytes The whole message.
   * @param tags Tags, ascending.
   * @param starts Where each value begins in `bytes`.
   */
  constructor(
    bytes: Uint8Array,
    tags: readonly number[],
    starts: readonly number[],
  ) {
    this.bytes = bytes;
    this.tags = tags;
    this.#starts = starts;
  }

  /**
   * The value of a tag, as a view of the received bytes.
   *
   * @param tag The tag as a uint32.
   * @returns Its bytes, or `undefined` if the message lacks it.
   */
  get(tag: number): Uint8Array | undefined {
    const i = this.tags.indexOf(tag);
    return i < 0
      ? undefined
      : this.bytes.subarray(this.#starts[i], this.#starts[i + 1]);
  }

  /**
   * Is the tag there?
   *
   * @param tag The tag as a uint32.
   */
  has(tag: number): boolean {
    return this.tags.includes(tag);
  }
}

/** What decoding gives: a message, or what is wrong with the bytes. */
export type DecodedMessage =
  | { readonly ok: true; readonly message: Message }
  | { readonly ok: false; readonly fault: WireFault };

function fault(
  code: WireFaultCode,
  value: number,
  index = 0,
): { ok: false; fault: WireFault } {
  return { ok: false, fault: { code, value, index } };
}

/**
 * Decodes a message. Nothing is copied; nothing throws.
 *
 * @example
 * ```ts
 * import { decodeMessage, encodeMessage, TAG } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * const bytes = encodeMessage([[TAG.NONC, new Uint8Array(32)]]);
 * const decoded = decodeMessage(bytes);
 * assert(decoded.ok);
 * assert.equal(decoded.message.get(TAG.NONC)?.length, 32);
 * assert.equal(decodeMessage(bytes.subarray(1)).ok, false);
 * ```
 *
 * @param bytes The message without the `ROUGHTIM` frame.
 */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  const length = bytes.length;
  if (length < 4) return fault("truncated", length);
  if (length > MAX_MESSAGE_BYTES) return fault("too-long", length);
  const count = readUint32(bytes, 0);
  // Google's protocol has an empty message; the drafts want one pair or more.
  if (count === 0) {
    return length === 4
      ? { ok: true, message: new Message(bytes, [], []) }
      : fault("tag-count", 0);
  }
  if (count > MAX_TAGS) return fault("tag-count", count);
  const header = 8 * count;
  if (length < header) return fault("truncated", length);
  if (length % 4 !== 0) return fault("length-unaligned", length);

  const tags: number[] = [];
  const starts: number[] = [header];
  let last = 0;
  for (let i = 1; i < count; i++) {
    const offset = readUint32(bytes, 4 * i);
    if (offset % 4 !== 0) return fault("offset-unaligned", offset, i);
    if (offset < last) return fault("offset-descending", offset, i);
    if (offset > length - header) return fault("offset-past-end", offset, i);
    starts.push(header + offset);
    last = offset;
  }
  starts.push(length);
  let previous = -1;
  for (let i = 0; i < count; i++) {
    const tag = readUint32(bytes, 4 * (count + i));
    if (tag === previous) return fault("tag-repeated", tag, i);
    if (tag < previous) return fault("tag-order", tag, i);
    tags.push(tag);
    previous = tag;
  }
  return { ok: true, message: new Message(bytes, tags, starts) };
}

/** A tag as uint32 and its value. */
export type Entry = readonly [tag: number, value: Uint8Array];

/**
 * How many bytes {@linkcode encodeMessage} will write.
 *
 * @param entries Tags and values in any order.
 */
export function encodedSize(entries: readonly Entry[]): number {
  let size = entries.length === 0 ? 4 : 8 * entries.length;
  for (const [, value] of entries) size += value.length;
  return size;
}

/**
 * Encodes a message, sorting the tags.
 *
 * @param entries Tags and values in any order; values are a multiple of 4 bytes long.
 * @returns The message without a frame.
 * @throws {WireError} If a tag repeats or a value's length is not a multiple of 4.
 */
export function encodeMessage(
  entries: readonly Entry[],
): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort(([a], [b]) => a - b);
  const count = sorted.length;
  const bytes = new Uint8Array(encodedSize(sorted));
  writeUint32(bytes, 0, count);
  let offset = 0;
  sorted.forEach(([tag, value], i) => {
    if (i > 0 && sorted[i - 1]?.[0] === tag) {
      throw new WireError("value", `Cannot encode message: tag ${tag} repeats`);
    }
    if (value.length % 4 !== 0) {
      throw new WireError(
        "value",
        `Cannot encode message: value of ${value.length} bytes is not a multiple of 4`,
      );
    }
    if (i > 0) writeUint32(bytes, 4 * i, offset);
    writeUint32(bytes, 4 * (count + i), tag);
    bytes.set(value, 8 * count + offset);
    offset += value.length;
  });
  return bytes;
}

/**
 * Where in a message the value of a tag begins.
 *
 * @param message An encoded message that is known to be well-formed.
 * @param tag The tag as a uint32.
 * @returns The offset, or `undefined` if the message lacks the tag.
 */
export function valuePosition(
  message: Uint8Array,
  tag: number,
): number | undefined {
  const count = readUint32(message, 0);
  for (let i = 0; i < count; i++) {
    if (readUint32(message, 4 * (count + i)) !== tag) continue;
    return 8 * count + (i === 0 ? 0 : readUint32(message, 4 * i));
  }
  return undefined;
}
