/**
 * Grease (RFC 10049, section 7): a fraction of replies is spoilt on purpose, so that
 * clients which do not check, or choke on what they do not know, are noticed early.
 *
 * A wrong time never stands under valid signatures: where SREP is changed, the signature
 * made before still stands next to it and cannot fit.
 *
 * @module
 */

import { encodeUint32s } from "../wire/uint.ts";
import type { Dialect } from "../wire/dialect.ts";
import { decodeMessage, encodeMessage, type Entry } from "../wire/message.ts";
import { TAG } from "../wire/tag.ts";
import { encodeTimestamp } from "../wire/timestamp.ts";

/** The ways to spoil a reply. Only `undefined-tag` leaves it valid. */
export type GreaseKind =
  | "missing-tag"
  | "unknown-version"
  | "undefined-tag"
  | "wrong-time";

/** Every {@linkcode GreaseKind}. */
export const GREASE_KINDS: readonly GreaseKind[] = [
  "missing-tag",
  "unknown-version",
  "undefined-tag",
  "wrong-time",
];

/** A number from 0 up to but not including 1. */
export type Random = () => number;

function pick<T>(list: readonly T[], random: Random): T {
  return list[Math.floor(random() * list.length)] as T;
}

function replace(
  entries: readonly Entry[],
  tag: number,
  value: Uint8Array,
): Entry[] {
  return [...entries.filter(([t]) => t !== tag), [tag, value]];
}

/** Rewrites a tag inside SREP, leaving the signature as it was. */
function replaceInSrep(
  entries: readonly Entry[],
  tag: number,
  value: Uint8Array,
): Entry[] {
  const srep = entries.find(([t]) => t === TAG.SREP)?.[1];
  const decoded = srep && decodeMessage(srep);
  if (!decoded?.ok) return [...entries];
  const { message } = decoded;
  const inner = message.tags.map((t): Entry => [
    t,
    message.get(t) ?? new Uint8Array(0),
  ]);
  return replace(
    entries,
    TAG.SREP,
    encodeMessage(replace(inner, tag, value)),
  );
}

/** Tags that a reply cannot do without in any dialect. */
const MANDATORY = [TAG.SIG, TAG.PATH, TAG.SREP, TAG.CERT, TAG.INDX];

/**
 * Spoils a reply.
 *
 * @param kind How.
 * @param entries The tags of a good reply.
 * @param dialect How the reply is written.
 * @param random Chooses among the possibilities.
 * @returns The tags of a spoilt one.
 */
export function grease(
  kind: GreaseKind,
  entries: readonly Entry[],
  dialect: Dialect,
  random: Random,
): Entry[] {
  switch (kind) {
    case "missing-tag": {
      const victim = pick(MANDATORY, random);
      return entries.filter(([tag]) => tag !== victim);
    }
    case "unknown-version": {
      // From the private range, where nobody offers anything.
      const version = encodeUint32s([
        0xc0000000 + Math.floor(random() * 0x3fffffff),
      ]);
      return dialect.versionEcho === "top"
        ? replace(entries, TAG.VER, version)
        : replaceInSrep(entries, TAG.VER, version);
    }
    case "undefined-tag": {
      // Sorts last, is made of letters as tags must be, and is not registered.
      let tag = 0x5a << 24;
      for (const shift of [0, 8, 16]) {
        tag |= (0x41 + Math.floor(random() * 25)) << shift;
      }
      return [...entries, [tag >>> 0, new Uint8Array(4).fill(random() * 256)]];
    }
    case "wrong-time": {
      const micros = BigInt(Math.floor(random() * 4_000_000_000)) * 1_000_000n;
      return replaceInSrep(
        entries,
        TAG.MIDP,
        encodeTimestamp(dialect.time, micros),
      );
    }
  }
}

/**
 * Decides whether and how to spoil a reply.
 *
 * @param probability Fraction of replies to spoil.
 * @param random Chooses.
 */
export function chooseGrease(
  probability: number,
  random: Random,
): GreaseKind | undefined {
  return random() < probability ? pick(GREASE_KINDS, random) : undefined;
}
