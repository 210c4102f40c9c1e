/**
 * The packet frame (RFC 10049, section 5): `ROUGHTIM`, a uint32 length, a message.
 * Google's protocol has none.
 *
 * @module
 */

import { readUint32, writeUint32 } from "./uint.ts";
import type { WireFault } from "./rejection.ts";

/** Bytes before the message: eight of magic, four of length. */
export const FRAME_BYTES = 12;

const MAGIC_LOW = 0x47554f52; // "ROUG"
const MAGIC_HIGH = 0x4d495448; // "HTIM"

/**
 * Does a packet begin with `ROUGHTIM`? As a tag count those bytes would be far above
 * any limit, so this tells framed packets from Google's without doubt.
 *
 * @param packet A whole datagram.
 */
export function isFramed(packet: Uint8Array): boolean {
  return packet.length >= 8 && readUint32(packet, 0) === MAGIC_LOW &&
    readUint32(packet, 4) === MAGIC_HIGH;
}

/**
 * Can bytes still become a framed packet, whatever follows?
 *
 * @param bytes The first ones of a packet, even none.
 */
export function mayBeFramed(bytes: Uint8Array): boolean {
  const start = new Uint8Array(8);
  writeUint32(start, 0, MAGIC_LOW);
  writeUint32(start, 4, MAGIC_HIGH);
  start.set(bytes.subarray(0, 8));
  return isFramed(start);
}

/**
 * Puts a frame around a message.
 *
 * @param message An encoded message.
 * @returns The packet.
 */
export function frame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const packet = new Uint8Array(FRAME_BYTES + message.length);
  writeUint32(packet, 0, MAGIC_LOW);
  writeUint32(packet, 4, MAGIC_HIGH);
  writeUint32(packet, 8, message.length);
  packet.set(message, FRAME_BYTES);
  return packet;
}

/** What {@linkcode unframe} gives: the message's bytes, or what is wrong. */
export type Unframed =
  | { readonly ok: true; readonly message: Uint8Array }
  | { readonly ok: false; readonly fault: WireFault };

/**
 * Takes the frame off a packet. The announced length must be exactly what follows:
 * trailing bytes would be hashed by one side and not by the other.
 *
 * @param packet A whole datagram.
 */
export function unframe(packet: Uint8Array): Unframed {
  if (!isFramed(packet)) {
    return {
      ok: false,
      fault: { code: "frame-magic", value: packet.length, index: 0 },
    };
  }
  const announced = packet.length < FRAME_BYTES ? 0 : readUint32(packet, 8);
  if (packet.length - FRAME_BYTES !== announced) {
    return {
      ok: false,
      fault: { code: "frame-length", value: announced, index: 0 },
    };
  }
  return { ok: true, message: packet.subarray(FRAME_BYTES) };
}
