/**
 * What the tests of the pure layers share: fixed keys, real exchanges, forged ones, and
 * a corpus of malformed requests. Everything here is deterministic.
 *
 * @module
 */

import {
  concat,
  encodeUint32s,
  readUint32,
  writeUint32,
} from "../lib/bytes.ts";
import { createSigner, hashOf, type Signer, srvOf } from "../lib/crypto.ts";
import { type Dialect, type DialectId, DIALECTS } from "../lib/dialect.ts";
import type { Exchange } from "../lib/errors.ts";
import { frame, FRAME_BYTES, isFramed } from "../lib/frame.ts";
import { Keyring, type KeyringOptions } from "../lib/keyring.ts";
import { type Hash, leafHash } from "../lib/merkle.ts";
import { decodeMessage, encodeMessage, type Entry } from "../lib/message.ts";
import type { RejectionCode } from "../lib/rejection.ts";
import { buildRequest } from "../lib/request.ts";
import {
  type Moment,
  Responder,
  type ResponderOptions,
} from "../lib/responder.ts";
import { buildSrep, responseEntries } from "../lib/response.ts";
import { TAG, tagName } from "../lib/tag.ts";
import { encodeTimestamp } from "../lib/timestamp.ts";
import { type VerifyOptions, verifyResponse } from "../lib/verify.ts";

/** Every row of the table. */
export const ALL: readonly Dialect[] = Object.values(DIALECTS);

/** Chance that repeats itself: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** So many bytes that look random and depend on the seed alone. */
export function bytes(length: number, seed: number): Uint8Array<ArrayBuffer> {
  const random = seeded(seed);
  return Uint8Array.from({ length }, () => Math.floor(random() * 256));
}

/** A copy with one bit turned over; bit 0 is the lowest of the first byte. */
export function flip(
  source: Uint8Array,
  bit: number,
): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(source);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

/** In September 2026, with microseconds, so that rounding shows. */
export const NOW_MICROS = 1_790_000_000_123_456n;

export const SECOND = 1_000_000n;

/** What the server says unless a test wants something else. */
export const MOMENT: Moment = {
  midpointMicros: NOW_MICROS,
  radiusMicros: 4n * SECOND,
};

/** MOMENT's midpoint after the rounding of the dialect's layout. */
export function midpointIn(dialect: Dialect): bigint {
  return dialect.time === "unix-seconds"
    ? NOW_MICROS - NOW_MICROS % SECOND
    : NOW_MICROS;
}

export const LONG_TERM: Signer = createSigner(bytes(32, 1));
export const OTHER_LONG_TERM: Signer = createSigner(bytes(32, 2));
export const ONLINE: Signer = createSigner(bytes(32, 3));
/** The long-term key that clients expect. */
export const PUBLIC_KEY: Uint8Array = LONG_TERM.publicKey;

/** A keyring whose online keys depend on the options alone. */
export function makeKeyring(
  options: Partial<KeyringOptions> = {},
): Promise<Keyring> {
  let seed = 1000;
  return Keyring.create({
    longTerm: [LONG_TERM],
    nowMicros: NOW_MICROS,
    validityMicros: 86_400n * SECOND,
    random: (length) => bytes(length, seed++),
    v1Context: "rfc",
    ...options,
  });
}

/** A responder on a keyring of its own. */
export async function makeResponder(
  options: Partial<ResponderOptions> = {},
): Promise<Responder> {
  return new Responder({ keyring: await makeKeyring(), ...options });
}

/** A request for one dialect; the number makes its nonce. */
export function requestFor(
  id: DialectId,
  number = 0,
  size?: number,
): Uint8Array<ArrayBuffer> {
  const dialect = DIALECTS[id];
  return buildRequest({
    versions: [dialect.code],
    nonce: bytes(dialect.nonceSize, 10_000 + number),
    publicKey: PUBLIC_KEY,
    typed: dialect.type === "required",
    size,
  });
}

/** Real exchanges: that many requests answered by the responder in one call, unspoilt. */
export async function exchangesFor(
  id: DialectId,
  batchSize: number,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Exchange[]> {
  const responder = await makeResponder({ soloBudget: 0, ...options });
  const requests = Array.from(
    { length: batchSize },
    (_, i) => requestFor(id, i),
  );
  const outcomes = await responder.respond(requests, moment);
  return outcomes.map((outcome, i) => {
    if ("drop" in outcome) throw new Error(`${id} dropped: ${outcome.drop}`);
    return {
      request: requests[i] as Uint8Array,
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    };
  });
}

/**
 * One real exchange out of a batch: the third where there are three, because the last
 * of an odd batch is its own neighbour and would fit under several numbers.
 */
export async function exchangeFor(
  id: DialectId,
  batchSize: number,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Exchange> {
  const exchanges = await exchangesFor(id, batchSize, options, moment);
  return exchanges[Math.min(2, batchSize - 1)] as Exchange;
}

/** The verdict as one word. */
export async function judge(
  exchange: Exchange,
  options?: VerifyOptions,
): Promise<RejectionCode | "ok"> {
  const verdict = await verifyResponse(exchange, options);
  return verdict.ok ? "ok" : verdict.rejection.code;
}

/** Replaces a tag's value, or adds it. */
export function put(
  entries: readonly Entry[],
  tag: number,
  value: Uint8Array,
): Entry[] {
  return [...drop(entries, tag), [tag, value]];
}

/** Leaves a tag out. */
export function drop(entries: readonly Entry[], tag: number): Entry[] {
  return entries.filter(([t]) => t !== tag);
}

/** The tags and values of an encoded message. */
export function entriesOf(message: Uint8Array): Entry[] {
  const decoded = decodeMessage(message);
  if (!decoded.ok) throw new Error(decoded.fault.code);
  const { tags } = decoded.message;
  return tags.map((tag) => [
    tag,
    decoded.message.get(tag) ?? new Uint8Array(0),
  ]);
}

/** The message of a packet, framed or not. */
export function messageOf(packet: Uint8Array): Uint8Array {
  return isFramed(packet) ? packet.subarray(FRAME_BYTES) : packet;
}

/** Changes the tags of a packet and writes it anew, in the frame it had. */
export function edit(
  packet: Uint8Array,
  change: (entries: Entry[]) => Entry[],
): Uint8Array<ArrayBuffer> {
  const message = encodeMessage(change(entriesOf(messageOf(packet))));
  return isFramed(packet) ? frame(message) : message;
}

/** The strings of the specifications, spelled out once more (RFC 10049, section 5.2.1). */
export const CONTEXT = {
  dashedDelegation: "RoughTime v1 delegation signature--\0",
  plainDelegation: "RoughTime v1 delegation signature\0",
  rfcDelegation: "Roughtime v1 delegation signature\0",
  draftResponse: "RoughTime v1 response signature\0",
  rfcResponse: "Roughtime v1 response signature\0",
} as const;

/** What a server of each dialect signs with. */
export function contextsOf(
  dialect: Dialect,
): { delegation: string; response: string } {
  switch (dialect.id) {
    case "rfc-10049":
      return {
        delegation: CONTEXT.rfcDelegation,
        response: CONTEXT.rfcResponse,
      };
    case "draft-07":
    case "draft-12":
    case "draft-14":
      return {
        delegation: CONTEXT.plainDelegation,
        response: CONTEXT.draftResponse,
      };
    default:
      return {
        delegation: CONTEXT.dashedDelegation,
        response: CONTEXT.draftResponse,
      };
  }
}

/** Changes the tags of a message. */
export type Change = (entries: Entry[]) => Entry[];

/** Grows a tree around a leaf. */
export type Grow = (
  hash: Hash,
  leaf: Uint8Array,
) => { root: Uint8Array; path: Uint8Array; index: number };

/** How a forged exchange is to differ from a good one. */
export interface Forgery {
  dialect: DialectId;
  /** The number in the reply. */
  version?: number;
  /** VERS. */
  versions?: readonly number[];
  request?: Uint8Array;
  midpointMicros?: bigint;
  radiusMicros?: bigint;
  notBeforeMicros?: bigint;
  notAfterMicros?: bigint;
  delegationContext?: string;
  responseContext?: string;
  /** The leaf stands alone without it. */
  tree?: Grow;
  /** Changes before the value is signed, or encoded where nothing is. */
  dele?: Change;
  cert?: Change;
  srep?: Change;
  top?: Change;
}

const same: Change = (entries) => entries;

/** Makes an exchange with valid signatures over whatever the test wants to say. */
export async function forge(forgery: Forgery): Promise<Exchange> {
  const dialect = DIALECTS[forgery.dialect];
  const request = forgery.request ?? requestFor(dialect.id);
  const nonce = entriesOf(messageOf(request))
    .find(([tag]) => tag === TAG.NONC)?.[1] ?? new Uint8Array(0);
  const version = forgery.version ?? dialect.code;
  const contexts = contextsOf(dialect);
  const sign = (signer: Signer, context: string, value: Uint8Array) =>
    signer.sign(concat(new TextEncoder().encode(context), value));

  const hash = hashOf(dialect.hash);
  const leaf = leafHash(hash, dialect.leaf === "packet" ? request : nonce);
  const alone = { root: leaf, path: new Uint8Array(0), index: 0 };
  const { root, path, index } = forgery.tree?.(hash, leaf) ?? alone;

  const dele = encodeMessage((forgery.dele ?? same)([
    [TAG.PUBK, ONLINE.publicKey],
    [
      TAG.MINT,
      encodeTimestamp(
        dialect.time,
        forgery.notBeforeMicros ?? NOW_MICROS - 3600n * SECOND,
      ),
    ],
    [
      TAG.MAXT,
      encodeTimestamp(
        dialect.time,
        forgery.notAfterMicros ?? NOW_MICROS + 86_400n * SECOND,
      ),
    ],
  ]));
  const certificate = encodeMessage((forgery.cert ?? same)([
    [
      TAG.SIG,
      await sign(
        LONG_TERM,
        forgery.delegationContext ?? contexts.delegation,
        dele,
      ),
    ],
    [TAG.DELE, dele],
  ]));
  const srep = encodeMessage((forgery.srep ?? same)(entriesOf(buildSrep({
    dialect,
    version,
    versions: forgery.versions ?? [version],
    midpointMicros: forgery.midpointMicros ?? NOW_MICROS,
    radiusMicros: forgery.radiusMicros ?? MOMENT.radiusMicros,
    root,
    nonce,
  }))));
  const signature = await sign(
    ONLINE,
    forgery.responseContext ?? contexts.response,
    srep,
  );
  const message = encodeMessage((forgery.top ?? same)(responseEntries({
    dialect,
    version,
    signature,
    srep,
    certificate,
    nonce,
    path,
    index,
  })));
  return {
    request,
    response: dialect.framed ? frame(message) : message,
    publicKey: PUBLIC_KEY,
  };
}

/** A packet that something is wrong with, and what. */
export interface Malformed {
  name: string;
  packet: Uint8Array;
}

/** Encodes without any of the encoder's scruples: no order, no multiples of 4. */
export function encodeLoosely(
  entries: readonly Entry[],
): Uint8Array<ArrayBuffer> {
  const count = entries.length;
  let offset = 0;
  const offsets: number[] = [];
  for (const [, value] of entries) {
    offsets.push(offset);
    offset += value.length;
  }
  return concat(
    encodeUint32s([count, ...offsets.slice(1)]),
    encodeUint32s(entries.map(([tag]) => tag)),
    ...entries.map(([, value]) => value),
  );
}

/**
 * Requests with something wrong, each made from the valid one by a single change. A few
 * are still legal, such as one whose header word is set to what it was: what counts is
 * that nothing worse than silence follows. The longer the valid packet, the more of its
 * truncations are long enough to be looked at.
 *
 * @param valid A request as {@linkcode buildRequest} makes it, padding included.
 */
export function* corpus(valid: Uint8Array): Generator<Malformed> {
  const framed = isFramed(valid);
  const message = messageOf(valid);
  const entries = entriesOf(message);
  const count = entries.length;
  const pads: number[] = [TAG.PAD0, TAG.ZZZZ, TAG.PADFF];

  /** Frames as the valid packet is, with the right length. */
  const wrap = (m: Uint8Array) => framed ? frame(m) : Uint8Array.from(m);
  /** Encodes entries, with padding to the valid packet's size. */
  const build = (changed: readonly Entry[], tail: readonly Entry[] = []) => {
    const all = changed.map(([tag, value]): Entry =>
      pads.includes(tag) ? [tag, new Uint8Array(0)] : [tag, value]
    );
    const room = message.length - encodeLoosely([...all, ...tail]).length;
    return wrap(encodeLoosely(
      [
        ...all.map(([tag, value]): Entry =>
          pads.includes(tag) && room > 0
            ? [tag, new Uint8Array(room)]
            : [tag, value]
        ),
        ...tail,
      ],
    ));
  };
  const sorted = (changed: readonly Entry[]) =>
    [...changed].sort(([a], [b]) => a - b);
  const replaced = (tag: number, value: Uint8Array) =>
    build(sorted(put(entries, tag, value)));
  const word = (index: number, value: number) => {
    const changed = Uint8Array.from(message);
    writeUint32(changed, 4 * index, value);
    return wrap(changed);
  };
  const wordAt = (index: number) => readUint32(message, 4 * index);

  yield { name: "empty datagram", packet: new Uint8Array(0) };
  for (let length = 1; length < valid.length; length++) {
    const packet = valid.slice(0, length);
    yield { name: `cut to ${length} bytes`, packet };
    if (framed && length >= FRAME_BYTES) {
      const mended = frame(packet.subarray(FRAME_BYTES));
      yield { name: `cut to ${length} bytes, frame mended`, packet: mended };
    }
  }
  yield { name: "1023 bytes", packet: valid.slice(0, 1023) };

  // The header: count, offsets, tags.
  const words = 2 * count;
  for (let i = 0; i < words; i++) {
    const what = i === 0
      ? "count"
      : i < count
      ? `offset ${i}`
      : `tag ${i - count}`;
    for (const value of [0, 1, 0x7fffffff, 0xffffffff]) {
      const name = `${what} set to 0x${value.toString(16)}`;
      yield { name, packet: word(i, value) };
    }
  }
  for (const value of [count - 1, count + 1, 64, 65, 0x20000000, 0x80000000]) {
    yield { name: `count set to ${value}`, packet: word(0, value) };
  }
  for (let i = 1; i < count; i++) {
    const at = wordAt(i);
    yield { name: `offset ${i} unaligned`, packet: word(i, at + 1) };
    yield { name: `offset ${i} 4 further`, packet: word(i, at + 4) };
    yield { name: `offset ${i} past the end`, packet: word(i, message.length) };
    if (i > 1) {
      const packet = word(i, wordAt(i - 1) - 4);
      yield { name: `offset ${i} descending`, packet };
    }
    const swapped = entries.map((entry, j): Entry =>
      j === i - 1
        ? [(entries[i] as Entry)[0], entry[1]]
        : j === i
        ? [(entries[i - 1] as Entry)[0], entry[1]]
        : entry
    );
    yield {
      name: `tags ${i - 1} and ${i} swapped`,
      packet: wrap(encodeLoosely(swapped)),
    };
    const doubled = word(count + i, wordAt(count + i - 1));
    yield { name: `tag ${i - 1} doubled over tag ${i}`, packet: doubled };
  }
  for (const [tag] of entries) {
    const twice = entries.flatMap((entry) =>
      entry[0] === tag ? [entry, entry] : [entry]
    );
    if (!pads.includes(tag)) {
      yield { name: `${tagName(tag)} there twice`, packet: build(twice) };
    }
    yield {
      name: `without ${tagName(tag)}`,
      packet: build(drop(entries, tag)),
    };
  }
  yield { name: "tags reversed", packet: build([...entries].reverse()) };
  yield { name: "an unknown tag", packet: replaced(0x41414141, bytes(8, 1)) };

  // TYPE (section 5.1.3).
  yield { name: "TYPE of 0 bytes", packet: replaced(TAG.TYPE, bytes(0, 0)) };
  yield {
    name: "TYPE of 8 bytes",
    packet: replaced(TAG.TYPE, new Uint8Array(8)),
  };
  for (const type of [0, 1, 2, 0x01000000, 0xffffffff]) {
    const packet = replaced(TAG.TYPE, encodeUint32s([type]));
    yield { name: `TYPE ${type}`, packet };
  }

  // VER (section 5.1.1).
  const lists: Record<string, number[]> = {
    "33 versions": Array.from({ length: 33 }, (_, i) => 0x80000000 + i),
    "32 versions": Array.from({ length: 32 }, (_, i) => 0x80000000 + i),
    "versions unsorted": [0x8000000c, 1],
    "versions repeated": [0x8000000c, 0x8000000c],
    "a version repeated later": [1, 0x8000000c, 1],
    "old versions unsorted": [0x8000000b, 0x80000008],
    "old versions repeated": [0x8000000b, 0x8000000b],
    "no version": [],
    "version 0": [0],
    "only unknown versions": [2, 0x7fffffff, 0xffffffff],
    "aliases only": [0x8000000d, 0x80000013],
  };
  for (const [name, list] of Object.entries(lists)) {
    yield { name, packet: replaced(TAG.VER, encodeUint32s(list)) };
  }
  for (const length of [1, 2, 3, 6]) {
    const packet = replaced(TAG.VER, bytes(length, length));
    yield { name: `VER of ${length} bytes`, packet };
  }

  // NONC (section 5.1.2) and SRV (section 5.1.4).
  for (const length of [0, 4, 28, 31, 32, 33, 36, 64, 68, 128]) {
    const packet = replaced(TAG.NONC, bytes(length, length));
    yield { name: `NONC of ${length} bytes`, packet };
  }
  yield {
    name: "SRV of another key",
    packet: replaced(TAG.SRV, srvOf(OTHER_LONG_TERM.publicKey)),
  };
  for (const length of [0, 4, 31, 32, 33, 64]) {
    const packet = replaced(TAG.SRV, bytes(length, length));
    yield { name: `SRV of ${length} bytes`, packet };
  }

  // Replies and what looks like them: two servers must not talk to each other.
  const reply: Entry[] = [
    [TAG.SIG, bytes(64, 1)],
    [TAG.PATH, new Uint8Array(0)],
    [TAG.SREP, encodeMessage([[TAG.ROOT, bytes(32, 2)]])],
    [TAG.CERT, encodeMessage([[TAG.SIG, bytes(64, 3)]])],
    [TAG.INDX, encodeUint32s([0])],
  ];
  const echo = drop(entries, TAG.VER).filter(([tag]) => tag !== TAG.SRV);
  const typed = (type: number): Entry => [TAG.TYPE, encodeUint32s([type])];
  yield {
    name: "a reply",
    packet: build(sorted([...drop(echo, TAG.TYPE), typed(1), ...reply])),
  };
  yield {
    name: "a reply without TYPE",
    packet: build(sorted([...drop(echo, TAG.TYPE), ...reply])),
  };
  yield {
    name: "a request with a reply's tags",
    packet: build(sorted([...entries, ...reply])),
  };
  yield {
    name: "a reply with VER and TYPE 0",
    packet: build(
      sorted([...drop(entries, TAG.TYPE), typed(0), ...reply]),
    ),
  };

  // The frame (section 5).
  if (framed) {
    const lengths: Record<string, number> = {
      "one more": message.length + 1,
      "one less": message.length - 1,
      "4 more": message.length + 4,
      "4 less": message.length - 4,
      "0": 0,
      "0x7fffffff": 0x7fffffff,
      "0xffffffff": 0xffffffff,
      "the datagram's": valid.length,
    };
    for (const [what, length] of Object.entries(lengths)) {
      const packet = Uint8Array.from(valid);
      writeUint32(packet, 8, length);
      yield { name: `frame length ${what}`, packet };
    }
    for (let i = 0; i < 8; i++) {
      yield { name: `magic byte ${i} wrong`, packet: flip(valid, 8 * i) };
    }
    yield { name: "frame taken off", packet: message.slice() };
    yield { name: "framed twice", packet: frame(valid) };
    yield {
      name: "an empty message, filled up",
      packet: concat(frame(new Uint8Array(4)), new Uint8Array(1024)),
    };
  } else {
    yield { name: "frame put on", packet: frame(valid) };
    yield {
      name: "frame put on with VER",
      packet: frame(
        encodeMessage(put(entries, TAG.VER, encodeUint32s([0x8000000c]))),
      ),
    };
  }
  for (const extra of [1, 2, 3, 4, 8, 400]) {
    yield {
      name: `${extra} bytes appended`,
      packet: concat(valid, bytes(extra, extra)),
    };
    yield {
      name: `${extra} bytes appended, frame mended`,
      packet: wrap(concat(message, new Uint8Array(extra))),
    };
  }

  // Noise.
  yield { name: "zeros", packet: new Uint8Array(valid.length) };
  yield { name: "ones", packet: new Uint8Array(valid.length).fill(0xff) };
  for (let seed = 1; seed <= 32; seed++) {
    yield { name: `noise ${seed}`, packet: bytes(valid.length, seed) };
    const packet = wrap(bytes(message.length, 100 + seed));
    yield { name: `noise ${seed} in a frame`, packet };
    const small = wrap(bytes(message.length, 200 + seed));
    const start = framed ? FRAME_BYTES : 0;
    writeUint32(small, start, seed);
    yield { name: `noise behind a count of ${seed}`, packet: small };
  }
}
