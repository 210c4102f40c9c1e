/**
 * An exchange taken apart, so that it can be changed anywhere and put together again with
 * or without fresh signatures.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Exchange } from "../../verify.ts";
import { type Dialect, type Entry, frame, isFramed, TAG } from "../../wire.ts";
import {
  contextsOf,
  encodeLoosely,
  entriesOf,
  messageOf,
} from "../_support/fixtures.ts";
import type { Honest, Keys } from "./honest.ts";

export type PartName = "request" | "top" | "srep" | "cert" | "dele";
export const PART_NAMES: readonly PartName[] = [
  "request",
  "top",
  "srep",
  "cert",
  "dele",
];

/** Makes a signature over context and value. */
export type Sign = (message: Uint8Array) => Promise<Uint8Array>;

/** Everything that an exchange is made of. */
export interface Parts {
  /** How it is hashed, timed and signed where that is done anew. */
  dialect: Dialect;
  entries: Record<PartName, Entry[]>;
  /** Parts whose tags keep the order they have been given; the others are sorted. */
  readonly unsorted: Set<PartName>;
  /** Offsets that are written wrong: by how much, and of which tag. */
  readonly shifted: Map<
    PartName,
    { readonly tag: number; readonly by: number }
  >;
  framed: { request: boolean; reply: boolean };
  publicKey: Uint8Array;
  contexts: { delegation: string; response: string };
  signLongTerm: Sign;
  signOnline: Sign;
  /** What is done anew: the signatures over DELE and SREP, and ROOT from leaf and PATH. */
  anew: { delegation: boolean; response: boolean; root: boolean };
  pathOrder: "hash-first" | "node-first";
  /** Changes a signature that has just been made. */
  twist: { delegation?: Twist; response?: Twist };
}

export type Twist = (signature: Uint8Array) => Uint8Array;

/** Takes an honest exchange apart. */
export function takeApart(honest: Honest, keys: Keys): Parts {
  const { request, response, publicKey } = honest.exchange;
  const top = entriesOf(messageOf(response));
  const srep = entriesOf(valueIn(top, TAG.SREP) as Uint8Array);
  const cert = entriesOf(valueIn(top, TAG.CERT) as Uint8Array);
  const dele = entriesOf(valueIn(cert, TAG.DELE) as Uint8Array);
  const online = keys.signerOf(valueIn(dele, TAG.PUBK) as Uint8Array);
  const longTerm = keys.signerOf(publicKey);
  return {
    dialect: honest.dialect,
    entries: {
      request: entriesOf(messageOf(request)),
      top,
      srep,
      cert,
      dele,
    },
    unsorted: new Set(),
    shifted: new Map(),
    framed: { request: isFramed(request), reply: isFramed(response) },
    publicKey,
    contexts: contextsOf(honest.dialect),
    signLongTerm: async (message) => await longTerm.sign(message),
    signOnline: async (message) => await online.sign(message),
    anew: { delegation: false, response: false, root: false },
    pathOrder: "hash-first",
    twist: {},
  };
}

/** Changes a tag's value where the tag is; a tag that was taken out stays out. */
function refresh(entries: Entry[], tag: number, value: Uint8Array): Entry[] {
  return entries.map((entry) => entry[0] === tag ? [tag, value] : entry);
}

function encode(parts: Parts, name: PartName): Uint8Array {
  const given = parts.entries[name];
  const entries = parts.unsorted.has(name)
    ? given
    : [...given].sort(([a], [b]) => a - b);
  const message = encodeLoosely(entries);
  const shift = parts.shifted.get(name);
  const at = entries.findIndex(([tag]) => tag === shift?.tag);
  // The first tag has no offset; those of the others follow the count.
  if (shift !== undefined && at > 0) {
    const view = new DataView(message.buffer);
    view.setUint32(4 * at, view.getUint32(4 * at, true) + shift.by, true);
  }
  return message;
}

/** The hashes from the runtime, not from the library under test. */
function hashOf(dialect: Dialect): (...parts: Uint8Array[]) => Uint8Array {
  const name = dialect.hash === "sha512/256" ? "sha512-256" : "sha512";
  const size = dialect.hash === "sha512" ? 64 : 32;
  return (...parts) => {
    const hash = createHash(name);
    for (const part of parts) hash.update(part);
    return Uint8Array.from(hash.digest().subarray(0, size));
  };
}

function rootOf(parts: Parts, request: Uint8Array): Uint8Array {
  const { dialect, entries, pathOrder } = parts;
  const hash = hashOf(dialect);
  const nonce = valueIn(entries.request, TAG.NONC) ?? new Uint8Array(0);
  const path = valueIn(entries.top, TAG.PATH) ?? new Uint8Array(0);
  const packedIndex = valueIn(entries.top, TAG.INDX) ?? new Uint8Array(0);
  let index = uint32sOf(packedIndex)[0] ?? 0;
  let node: Uint8Array = hash(
    Uint8Array.of(0),
    dialect.leaf === "packet" ? request : nonce,
  );
  for (let at = 0; at < path.length; at += node.length) {
    const sibling = path.subarray(at, at + node.length);
    const isLeft = (index % 2 === 0) === (pathOrder === "hash-first");
    node = isLeft
      ? hash(Uint8Array.of(1), node, sibling)
      : hash(Uint8Array.of(1), sibling, node);
    index = Math.floor(index / 2);
  }
  return node;
}

function withContext(context: string, value: Uint8Array): Uint8Array {
  return joined(new TextEncoder().encode(context), value);
}

/** Puts the parts together, innermost first, signing what is to be signed anew. */
export async function assemble(parts: Parts): Promise<Exchange> {
  const { entries, anew, contexts, framed, twist } = parts;
  const message = encode(parts, "request");
  const request = framed.request ? frame(message) : message;

  const dele = encode(parts, "dele");
  entries.cert = refresh(entries.cert, TAG.DELE, dele);
  if (anew.delegation) {
    const signature = await parts.signLongTerm(
      withContext(contexts.delegation, dele),
    );
    entries.cert = refresh(entries.cert, TAG.SIG, signature);
  }
  if (twist.delegation) {
    const old = valueIn(entries.cert, TAG.SIG);
    if (old) {
      entries.cert = refresh(entries.cert, TAG.SIG, twist.delegation(old));
    }
  }

  if (anew.root) {
    entries.srep = refresh(entries.srep, TAG.ROOT, rootOf(parts, request));
  }
  const srep = encode(parts, "srep");
  entries.top = refresh(entries.top, TAG.SREP, srep);
  entries.top = refresh(entries.top, TAG.CERT, encode(parts, "cert"));
  if (anew.response) {
    const signature = await parts.signOnline(
      withContext(contexts.response, srep),
    );
    entries.top = refresh(entries.top, TAG.SIG, signature);
  }
  if (twist.response) {
    const old = valueIn(entries.top, TAG.SIG);
    if (old) entries.top = refresh(entries.top, TAG.SIG, twist.response(old));
  }
  const reply = encode(parts, "top");
  return {
    request,
    response: framed.reply ? frame(reply) : reply,
    publicKey: parts.publicKey,
  };
}

/** A tag's value. */
export function valueIn(
  entries: readonly Entry[],
  tag: number,
): Uint8Array | undefined {
  return entries.find(([t]) => t === tag)?.[1];
}

/** Bytes one after the other. */
export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Whole numbers as the wire has them. */
export function uint32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setUint32(4 * i, value, true));
  return bytes;
}

/** As many whole numbers as there are; what is left over does not count. */
export function uint32sOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from(
    { length: bytes.length >> 2 },
    (_, i) => view.getUint32(4 * i, true),
  );
}

/** A 64-bit number as the wire has it. */
export function uint64(value: bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, value, true);
  return bytes;
}

/** The first 64-bit number, 0 where there are fewer bytes. */
export function uint64Of(bytes: Uint8Array | undefined): bigint {
  if (bytes === undefined || bytes.length < 8) return 0n;
  return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
}
