/**
 * The 4-byte names of Roughtime's tag/value pairs and the numbers they sort by.
 *
 * A tag is ASCII, padded at the end with zero bytes, read as a little-endian
 * uint32 (RFC 10049, section 4.1.3): `SIG` is 53 49 47 00, hence 0x00474953.
 *
 * @module
 */

/** The tags this package knows, by name. `PAD0` and `PADFF` end in 00 and ff. */
export type TagName =
  | "PAD0"
  | "SIG"
  | "VER"
  | "SRV"
  | "NONC"
  | "DELE"
  | "TYPE"
  | "PATH"
  | "RADI"
  | "PUBK"
  | "MIDP"
  | "SREP"
  | "VERS"
  | "MINT"
  | "ROOT"
  | "CERT"
  | "MAXT"
  | "INDX"
  | "ZZZZ"
  | "PADFF";

/** Tag numbers in wire order: messages list their tags ascending by number. */
export const TAG: Readonly<Record<TagName, number>> = {
  PAD0: 0x00444150,
  SIG: 0x00474953,
  VER: 0x00524556,
  SRV: 0x00565253,
  NONC: 0x434e4f4e,
  DELE: 0x454c4544,
  TYPE: 0x45505954,
  PATH: 0x48544150,
  RADI: 0x49444152,
  PUBK: 0x4b425550,
  MIDP: 0x5044494d,
  SREP: 0x50455253,
  VERS: 0x53524556,
  MINT: 0x544e494d,
  ROOT: 0x544f4f52,
  CERT: 0x54524543,
  MAXT: 0x5458414d,
  INDX: 0x58444e49,
  ZZZZ: 0x5a5a5a5a,
  PADFF: 0xff444150,
};

/**
 * Names a tag number for display. Trailing zero bytes are dropped and anything
 * that is not printable ASCII is escaped, so the result is safe on a terminal.
 *
 * @example
 * ```ts
 * import { tagName } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * assert.equal(tagName(0x00474953), "SIG");
 * assert.equal(tagName(0xff444150), "PAD\\xff");
 * ```
 *
 * @param tag The tag as a uint32.
 * @returns One to four characters, more where bytes had to be escaped.
 */
export function tagName(tag: number): string {
  let end = 4;
  while (end > 1 && ((tag >>> (8 * (end - 1))) & 0xff) === 0) end--;
  let name = "";
  for (let i = 0; i < end; i++) {
    const byte = (tag >>> (8 * i)) & 0xff;
    name += byte > 0x20 && byte < 0x7f && byte !== 0x5c
      ? String.fromCharCode(byte)
      : `\\x${byte.toString(16).padStart(2, "0")}`;
  }
  return name;
}
