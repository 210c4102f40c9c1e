/**
 * Decoding packets for people and for JSON. Shows what is there; proves nothing.
 *
 * @module
 */

import { hex } from "@scure/base";
import { decodeUint32s, readUint32 } from "../bytes.ts";
import { type Dialect, formatVersion } from "../dialect.ts";
import { isFramed, unframe } from "../frame.ts";
import { decodeMessage, type Message } from "../message.ts";
import { TAG, tagName } from "../tag.ts";
import { decodeTimestamp, formatTime, radiusToMicros } from "../timestamp.ts";
import { formatSeconds } from "./output.ts";

/** A tag and what stands in it. */
export interface DumpedTag {
  /** The tag's name, escaped. */
  readonly tag: string;
  /** Length of its value. */
  readonly length: number;
  /** The value in hex, shortened where it is only zeros; absent where there are `tags`. */
  readonly hex?: string;
  /** What it means. */
  readonly meaning?: string;
  /** The tags inside. */
  readonly tags?: readonly DumpedTag[];
}

const NESTED: readonly number[] = [TAG.SREP, TAG.CERT, TAG.DELE];

function meaningOf(
  tag: number,
  value: Uint8Array,
  dialect: Dialect,
): string | undefined {
  switch (tag) {
    case TAG.VER:
    case TAG.VERS:
      return decodeUint32s(value).map(formatVersion).join(", ");
    case TAG.TYPE:
      return value.length === 4
        ? ["request", "reply"][readUint32(value, 0)]
        : undefined;
    case TAG.INDX:
      return value.length === 4 ? String(readUint32(value, 0)) : undefined;
    case TAG.RADI:
      return value.length === 4
        ? `${
          formatSeconds(radiusToMicros(dialect.time, readUint32(value, 0)))
        } s`
        : undefined;
    case TAG.MIDP:
    case TAG.MINT:
    case TAG.MAXT: {
      if (value.length !== 8) return undefined;
      const micros = decodeTimestamp(dialect.time, value);
      return micros === undefined
        ? "not a time"
        : formatTime(micros) ?? "beyond the calendar";
    }
    default:
      return undefined;
  }
}

function dumpMessage(message: Message, dialect: Dialect): DumpedTag[] {
  return message.tags.map((tag) => {
    const value = message.get(tag) ?? new Uint8Array(0);
    const base = { tag: tagName(tag), length: value.length };
    if (NESTED.includes(tag)) {
      const inner = decodeMessage(value);
      if (inner.ok) {
        return { ...base, tags: dumpMessage(inner.message, dialect) };
      }
    }
    const zeros = value.length > 64 && value.every((byte) => byte === 0);
    const meaning = zeros ? "zeros" : meaningOf(tag, value, dialect);
    return {
      ...base,
      hex: zeros ? "" : hex.encode(value),
      ...(meaning === undefined ? {} : { meaning }),
    };
  });
}

/**
 * Decodes a packet as far as it goes.
 *
 * @param packet A whole datagram.
 * @param dialect Tells how to read times.
 */
export function dumpPacket(packet: Uint8Array, dialect: Dialect): DumpedTag[] {
  const bytes = isFramed(packet)
    ? unframe(packet)
    : { ok: true, message: packet } as const;
  const decoded = bytes.ok ? decodeMessage(bytes.message) : bytes;
  return decoded.ok ? dumpMessage(decoded.message, dialect) : [];
}

/** Lays a dump out as lines. */
export function formatDump(
  tags: readonly DumpedTag[],
  indent = "  ",
): string[] {
  return tags.flatMap(({ tag, length, hex = "", meaning, tags: inner }) => {
    const head = `${indent}${tag.padEnd(4)} ${String(length).padStart(4)}`;
    if (inner) return [head, ...formatDump(inner, `${indent}  `)];
    const width = 64;
    const lines = hex.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
    if (meaning !== undefined) {
      return [`${head}  ${meaning}${length <= 8 ? `  (${hex})` : ""}`];
    }
    const [first = "", ...more] = lines;
    const margin = " ".repeat(head.length + 2);
    return [
      `${head}  ${first}`.trimEnd(),
      ...more.map((line) => margin + line),
    ];
  });
}
