/**
 * Messages taken apart and put together without the encoder's scruples, for those who need
 * wrong ones.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import { encodeUint32s } from "./uint.ts";
import { decodeMessage, type Entry } from "./message.ts";

/** Encodes without any of the encoder's scruples: no order, no multiples of 4. */
export function encodeLoosely(
  entries: readonly Entry[],
): Uint8Array<ArrayBuffer> {
  let offset = 0;
  const offsets: number[] = [];
  for (const [, value] of entries) {
    offsets.push(offset);
    offset += value.length;
  }
  return concat(
    encodeUint32s([entries.length, ...offsets.slice(1)]),
    encodeUint32s(entries.map(([tag]) => tag)),
    ...entries.map(([, value]) => value),
  );
}

/**
 * The tags and values of a message.
 *
 * @throws {RangeError} If it is not one.
 */
export function entriesOf(message: Uint8Array): Entry[] {
  const decoded = decodeMessage(message);
  if (!decoded.ok) {
    throw new RangeError(`Cannot take message apart: ${decoded.fault.code}`);
  }
  return decoded.message.tags.map((tag): Entry => [
    tag,
    decoded.message.get(tag) ?? new Uint8Array(0),
  ]);
}

/** A tag's value. */
export function valueIn(
  entries: readonly Entry[],
  tag: number,
): Uint8Array | undefined {
  return entries.find(([t]) => t === tag)?.[1];
}

/** Replaces a tag's value, or adds it at the end. */
export function put(
  entries: readonly Entry[],
  tag: number,
  value: Uint8Array,
): Entry[] {
  return [...without(entries, tag), [tag, value]];
}

/** Leaves tags out. */
export function without(entries: readonly Entry[], ...tags: number[]): Entry[] {
  return entries.filter(([tag]) => !tags.includes(tag));
}
