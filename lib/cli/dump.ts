/**
 * Decoding packets for people and for JSON. Shows what is there; proves nothing.
 *
 * @module
 */

import { hex } from "@scure/base";
import { decodeUint32s, readUint32 } from "../wire/uint.ts";
import { type Dialect, formatVersion } from "../wire/dialect.ts";
import { isFramed, unframe } from "../wire/frame.ts";
import { decodeMessage, type Message } from "../wire/message.ts";
import {
  type DocumentName,
  explain,
  type WireFault,
} from "../wire/rejection.ts";
import { TAG, tagName } from "../wire/tag.ts";
import {
  decodeTimestamp,
  formatTime,
  radiusToMicros,
} from "../wire/timestamp.ts";
import { formatSeconds } from "./terminal/output.ts";

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
      return value.length === 0
        ? undefined
        : decodeUint32s(value).map(formatVersion).join(", ");
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

/** A packet taken apart, or what keeps it from being that. */
export type Dump =
  | { readonly tags: readonly DumpedTag[] }
  | { readonly fault: WireFault; readonly hex: string };

/**
 * Decodes a packet.
 *
 * @param packet A whole datagram.
 * @param dialect Tells how to read times.
 */
export function dumpPacket(packet: Uint8Array, dialect: Dialect): Dump {
  const bytes = isFramed(packet)
    ? unframe(packet)
    : { ok: true, message: packet } as const;
  const decoded = bytes.ok ? decodeMessage(bytes.message) : bytes;
  return decoded.ok
    ? { tags: dumpMessage(decoded.message, dialect) }
    : { fault: decoded.fault, hex: hex.encode(packet) };
}

/** Lays a dump out as lines. */
export function formatDump(dump: Dump, document: DocumentName): string[] {
  const indent = "  ";
  if ("tags" in dump) return formatTags(dump.tags, indent);
  const { fault } = dump;
  return [
    indent + explain({ code: "malformed", document, fault }),
    ...wrapHex(dump.hex).map((line) => indent + line),
  ];
}

function wrapHex(digits: string): string[] {
  return digits.match(/.{1,64}/g) ?? [];
}

function formatTags(tags: readonly DumpedTag[], indent: string): string[] {
  const width = Math.max(4, ...tags.map(({ tag }) => tag.length));
  return tags.flatMap(({ tag, length, hex = "", meaning, tags: inner }) => {
    const head = `${indent}${tag.padEnd(width)} ${String(length).padStart(4)}`;
    if (inner) return [head, ...formatTags(inner, `${indent}  `)];
    if (meaning !== undefined) {
      return [`${head}  ${meaning}${length <= 8 ? `  (${hex})` : ""}`];
    }
    const [first = "", ...more] = wrapHex(hex);
    const margin = " ".repeat(head.length + 2);
    return [
      `${head}  ${first}`.trimEnd(),
      ...more.map((line) => margin + line),
    ];
  });
}
