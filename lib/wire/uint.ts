/**
 * Integers, all of them little-endian in Roughtime (RFC 10049, sections 4.1.1 and 4.1.2).
 *
 * @module
 */

/** Reads a uint32; the caller has checked that four bytes are there. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return ((bytes[offset] ?? 0) | ((bytes[offset + 1] ?? 0) << 8) |
    ((bytes[offset + 2] ?? 0) << 16) | ((bytes[offset + 3] ?? 0) << 24)) >>> 0;
}

/** Writes a uint32. */
export function writeUint32(
  bytes: Uint8Array,
  offset: number,
  value: number,
): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}

/** Reads a uint64; the caller has checked that eight bytes are there. */
export function readUint64(bytes: Uint8Array, offset: number): bigint {
  return BigInt(readUint32(bytes, offset)) |
    (BigInt(readUint32(bytes, offset + 4)) << 32n);
}

/** Writes a uint64. */
export function writeUint64(
  bytes: Uint8Array,
  offset: number,
  value: bigint,
): void {
  writeUint32(bytes, offset, Number(value & 0xffffffffn));
  writeUint32(bytes, offset + 4, Number((value >> 32n) & 0xffffffffn));
}

/** Encodes numbers one after the other, four bytes each. */
export function encodeUint32s(
  values: readonly number[],
): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(4 * values.length);
  values.forEach((value, i) => writeUint32(bytes, 4 * i, value));
  return bytes;
}

/** Decodes what {@linkcode encodeUint32s} encodes; left-over bytes are not read. */
export function decodeUint32s(bytes: Uint8Array): number[] {
  const values: number[] = [];
  for (let i = 0; i + 4 <= bytes.length; i += 4) {
    values.push(readUint32(bytes, i));
  }
  return values;
}

/** Encodes a uint64 in eight bytes. */
export function encodeUint64(value: bigint): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(8);
  writeUint64(bytes, 0, value);
  return bytes;
}
