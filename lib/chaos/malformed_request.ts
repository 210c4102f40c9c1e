/**
 * Requests with something wrong: what a server must survive, and mostly not answer.
 *
 * Each is made from a valid request by a single change and has a name that stays the same,
 * so that a list of known failures can be kept by name. Nothing in here is random.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import { encodeUint32s, readUint32, writeUint32 } from "../wire/uint.ts";
import { noise } from "../wire/chance.ts";
import {
  ALIASES,
  DIALECTS,
  MAX_VERSIONS,
  SERVER_VERSIONS,
} from "../wire/dialect.ts";
import { frame, FRAME_BYTES, isFramed } from "../wire/frame.ts";
import { encodeLoosely, entriesOf } from "../wire/loose.ts";
import { encodeMessage, type Entry } from "../wire/message.ts";
import { buildRequest } from "../wire/request.ts";
import { TAG, tagName } from "../wire/tag.ts";

/** A request packet that something is wrong with. */
export interface MalformedRequest {
  /** What is wrong, in a few words; different for each and stable. */
  readonly name: string;
  /** The datagram. */
  readonly packet: Uint8Array;
  /**
   * What has to follow: `silence`, or `any` where an answer is allowed too, because the
   * change is one that some dialect permits or happens to leave a legal packet.
   */
  readonly expect: "silence" | "any";
}

/** Options of {@linkcode malformedRequests}. */
export interface MalformedRequestOptions {
  /**
   * A valid request as `buildRequest()` makes it, padding included. Make it longer than
   * 1024 bytes: then more of its truncations are long enough for a server to look at.
   *
   * @default {One of 1100 bytes that offers RFC 10049}
   */
  readonly request?: Uint8Array | undefined;
}

const PADDING: readonly number[] = [TAG.PAD0, TAG.ZZZZ, TAG.PADFF];

/** A valid request, taken apart, and ways to put it together again. */
class Model {
  readonly valid: Uint8Array;
  readonly framed: boolean;
  readonly message: Uint8Array;
  readonly entries: readonly Entry[];

  constructor(valid: Uint8Array) {
    this.valid = valid;
    this.framed = isFramed(valid);
    this.message = this.framed ? valid.subarray(FRAME_BYTES) : valid;
    this.entries = entriesOf(this.message);
  }

  /** Frames a message as the valid one is, with the right length. */
  wrap(message: Uint8Array): Uint8Array {
    return this.framed ? frame(message) : Uint8Array.from(message);
  }

  /** Encodes tags in the order given, padded to the valid message's size. */
  build(changed: readonly Entry[]): Uint8Array {
    const unpadded = changed.map(([tag, value]): Entry =>
      PADDING.includes(tag) ? [tag, new Uint8Array(0)] : [tag, value]
    );
    const room = this.message.length - encodeLoosely(unpadded).length;
    return this.wrap(encodeLoosely(
      unpadded.map(([tag, value]): Entry =>
        PADDING.includes(tag) && room > 0
          ? [tag, new Uint8Array(room)]
          : [tag, value]
      ),
    ));
  }

  /** The valid tags but for one, sorted into place. */
  with(tag: number, value: Uint8Array): Uint8Array {
    return this.build(sorted([...this.without(tag), [tag, value]]));
  }

  without(...tags: number[]): Entry[] {
    return this.entries.filter(([tag]) => !tags.includes(tag));
  }

  /** The valid message with another word in its header. */
  word(index: number, value: number): Uint8Array {
    const changed = Uint8Array.from(this.message);
    writeUint32(changed, 4 * index, value);
    return this.wrap(changed);
  }

  wordAt(index: number): number {
    return readUint32(this.message, 4 * index);
  }
}

function sorted(entries: readonly Entry[]): Entry[] {
  return [...entries].sort(([a], [b]) => a - b);
}

function silent(name: string, packet: Uint8Array): MalformedRequest {
  return { name, packet, expect: "silence" };
}

function any(name: string, packet: Uint8Array): MalformedRequest {
  return { name, packet, expect: "any" };
}

/**
 * The corpus of malformed requests: cut, grown, misframed, with every word of the header
 * wrong, every tag missing, doubled or misplaced, and every field of every wrong length.
 *
 * @example
 * ```ts
 * import { malformedRequests } from "@roughly/roughly/chaos";
 * import { Server } from "@roughly/roughly/server";
 * import assert from "node:assert/strict";
 *
 * const server = await Server.create();
 * for (const { name, packet, expect } of malformedRequests()) {
 *   const [outcome] = await server.handleBatch([packet]);
 *   if (expect === "silence") assert("drop" in outcome!, name);
 * }
 * ```
 *
 * @param options From which request to make them.
 * @returns Some 2,400 packets for a request of 1100 bytes, always in the same order.
 * @throws {RangeError} If the request is not a message.
 */
export function* malformedRequests(
  options: MalformedRequestOptions = {},
): Generator<MalformedRequest, void> {
  const dialect = DIALECTS["rfc-10049"];
  const model = new Model(
    options.request ?? buildRequest({
      versions: [dialect.code],
      nonce: noise(dialect.nonceSize, 1),
      size: 1100,
    }),
  );
  yield* cuts(model);
  yield* headers(model);
  yield* tags(model);
  yield* fields(model);
  yield* disguises(model);
  yield* frames(model);
  yield* garbage(model);
}

/** Truncations. To answer less than 1024 bytes is allowed where the rest is in order. */
function* cuts({ valid, framed }: Model): Generator<MalformedRequest> {
  yield silent("empty datagram", new Uint8Array(0));
  for (let length = 1; length < valid.length; length++) {
    const packet = valid.slice(0, length);
    // Without a frame, what is missing may be padding alone.
    const certain = framed || length % 4 !== 0;
    yield (certain ? silent : any)(`cut to ${length} bytes`, packet);
    if (framed && length >= FRAME_BYTES) {
      const mended = frame(packet.subarray(FRAME_BYTES));
      yield any(`cut to ${length} bytes, frame mended`, mended);
    }
  }
  yield silent("1023 bytes", valid.slice(0, 1023));
}

/** Count, offsets and tags, word by word (section 4.1). */
function* headers(model: Model): Generator<MalformedRequest> {
  const count = model.entries.length;
  for (let i = 0; i < 2 * count; i++) {
    const what = i === 0
      ? "count"
      : i < count
      ? `offset ${i}`
      : `tag ${i - count}`;
    for (const value of [0, 1, 0x7fffffff, 0xffffffff]) {
      const name = `${what} set to 0x${value.toString(16)}`;
      yield any(name, model.word(i, value));
    }
  }
  for (const value of [count - 1, count + 1, 64, 65, 0x20000000, 0x80000000]) {
    yield silent(`count set to ${value}`, model.word(0, value));
  }
  for (let i = 1; i < count; i++) {
    const at = model.wordAt(i);
    yield silent(`offset ${i} unaligned`, model.word(i, at + 1));
    yield any(`offset ${i} 4 further`, model.word(i, at + 4));
    yield silent(
      `offset ${i} past the end`,
      model.word(i, model.message.length),
    );
    if (i > 1) {
      yield silent(
        `offset ${i} descending`,
        model.word(i, model.wordAt(i - 1) - 4),
      );
    }
    const doubled = model.word(count + i, model.wordAt(count + i - 1));
    yield silent(`tag ${i - 1} doubled over tag ${i}`, doubled);
  }
}

/** Tags out of order, twice, missing or unknown. */
function* tags(model: Model): Generator<MalformedRequest> {
  const { entries } = model;
  for (let i = 1; i < entries.length; i++) {
    const names = entries.map(([tag]) => tag);
    [names[i - 1], names[i]] = [names[i] as number, names[i - 1] as number];
    const swapped = entries.map(([, value], j): Entry => [
      names[j] as number,
      value,
    ]);
    const packet = model.wrap(encodeLoosely(swapped));
    yield silent(`tags ${i - 1} and ${i} swapped`, packet);
  }
  for (const [tag] of entries) {
    const twice = entries.flatMap((entry) =>
      entry[0] === tag ? [entry, entry] : [entry]
    );
    const name = tagName(tag);
    if (!PADDING.includes(tag)) {
      yield silent(`${name} there twice`, model.build(twice));
    }
    const vital = tag === TAG.NONC || tag === TAG.VER;
    const packet = model.build(model.without(tag));
    yield (vital ? silent : any)(`without ${name}`, packet);
  }
  yield silent("tags reversed", model.build([...entries].reverse()));
  yield any("an unknown tag", model.with(0x41414141, noise(8, 1)));
}

const STRICT = DIALECTS["draft-14"].code;
const RFC = DIALECTS["rfc-10049"].code;
const LENIENT = [DIALECTS["draft-11"].code, DIALECTS["draft-08"].code] as const;
const [FIRST = 0, LAST = 0] = [SERVER_VERSIONS[1], ALIASES.at(-1)];

/** Version lists (section 5.1.1); for Google's protocol VER is a tag like any unknown one. */
const LISTS: Readonly<Record<string, readonly number[]>> = {
  "33 versions": Array.from({ length: 33 }, (_, i) => FIRST - 1 + i),
  "32 versions": Array.from({ length: MAX_VERSIONS }, (_, i) => FIRST - 1 + i),
  "versions unsorted": [STRICT, RFC],
  "versions repeated": [STRICT, STRICT],
  "a version repeated later": [RFC, STRICT, RFC],
  "old versions unsorted": LENIENT,
  "old versions repeated": [LENIENT[0], LENIENT[0]],
  "no version": [],
  "version 0": [0],
  "only unknown versions": [2, 0x7fffffff, 0xffffffff],
  "aliases only": [STRICT + 1, LAST],
};

/** Lists that a server of this age may answer all the same. */
const ANSWERED = [
  "32 versions",
  "old versions unsorted",
  "old versions repeated",
  "aliases only",
];

/** TYPE, VER, NONC and SRV with wrong contents or of wrong lengths (section 5.1). */
function* fields(model: Model): Generator<MalformedRequest> {
  const { framed } = model;
  yield silent("TYPE of 0 bytes", model.with(TAG.TYPE, new Uint8Array(0)));
  yield silent("TYPE of 8 bytes", model.with(TAG.TYPE, new Uint8Array(8)));
  for (const type of [0, 1, 2, 0x01000000, 0xffffffff]) {
    const packet = model.with(TAG.TYPE, encodeUint32s([type]));
    yield (type === 0 ? any : silent)(`TYPE ${type}`, packet);
  }
  for (const [name, list] of Object.entries(LISTS)) {
    const packet = model.with(TAG.VER, encodeUint32s(list));
    yield (framed && !ANSWERED.includes(name) ? silent : any)(name, packet);
  }
  for (const length of [1, 2, 3, 6]) {
    const packet = model.with(TAG.VER, noise(length, length));
    yield silent(`VER of ${length} bytes`, packet);
  }
  for (const length of [0, 4, 28, 31, 32, 33, 36, 64, 68, 128]) {
    const packet = model.with(TAG.NONC, noise(length, length));
    const fits = length === 32 || length === 64;
    yield (fits ? any : silent)(`NONC of ${length} bytes`, packet);
  }
  // Up to draft 09 nobody knows SRV; later a server that it does not name stays silent.
  yield any("SRV of another key", model.with(TAG.SRV, noise(32, 2)));
  for (const length of [0, 4, 31, 32, 33, 64]) {
    const packet = model.with(TAG.SRV, noise(length, length));
    yield (length % 4 === 0 ? any : silent)(`SRV of ${length} bytes`, packet);
  }
}

/** Replies, and what looks like them: two servers must not talk to each other for ever. */
function* disguises(model: Model): Generator<MalformedRequest> {
  const reply: Entry[] = [
    [TAG.SIG, noise(64, 1)],
    [TAG.PATH, new Uint8Array(0)],
    [TAG.SREP, encodeMessage([[TAG.ROOT, noise(32, 2)]])],
    [TAG.CERT, encodeMessage([[TAG.SIG, noise(64, 3)]])],
    [TAG.INDX, encodeUint32s([0])],
  ];
  const echo = model.without(TAG.VER, TAG.SRV, TAG.TYPE);
  const typed = (type: number): Entry => [TAG.TYPE, encodeUint32s([type])];
  const build = (...entries: Entry[]) => model.build(sorted(entries));
  yield silent("a reply", build(...echo, typed(1), ...reply));
  yield silent("a reply without TYPE", build(...echo, ...reply));
  yield silent(
    "a request with a reply's tags",
    build(...model.entries, ...reply),
  );
  yield silent(
    "a reply with VER and TYPE 0",
    build(...model.without(TAG.TYPE), typed(0), ...reply),
  );
}

/** The frame, and bytes after the end (section 5). */
function* frames(model: Model): Generator<MalformedRequest> {
  const { framed, valid, message, entries } = model;
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
      yield silent(`frame length ${what}`, packet);
    }
    for (let i = 0; i < 8; i++) {
      const packet = Uint8Array.from(valid);
      packet[i] = (packet[i] ?? 0) ^ 1;
      yield silent(`magic byte ${i} wrong`, packet);
    }
    // What remains may be a request of Google's, if the nonce is as long as its.
    yield any("frame taken off", message.slice());
    yield silent("framed twice", frame(valid));
    const filled = concat(frame(new Uint8Array(4)), new Uint8Array(1024));
    yield silent("an empty message, filled up", filled);
  } else {
    yield silent("frame put on", frame(valid));
    const version: Entry = [TAG.VER, encodeUint32s([STRICT])];
    yield silent(
      "frame put on with VER",
      frame(encodeMessage([...entries, version])),
    );
  }
  for (const extra of [1, 2, 3, 4, 8, 400]) {
    // Behind a message without a frame, a multiple of 4 only makes its last value longer.
    yield (framed || extra % 4 !== 0 ? silent : any)(
      `${extra} bytes appended`,
      concat(valid, noise(extra, extra)),
    );
    yield (extra % 4 !== 0 ? silent : any)(
      `${extra} bytes appended, frame mended`,
      model.wrap(concat(message, new Uint8Array(extra))),
    );
  }
}

function* garbage(model: Model): Generator<MalformedRequest> {
  const { valid, message, framed } = model;
  yield silent("zeros", new Uint8Array(valid.length));
  yield silent("ones", new Uint8Array(valid.length).fill(0xff));
  for (let seed = 1; seed <= 32; seed++) {
    yield silent(`noise ${seed}`, noise(valid.length, seed));
    const packet = model.wrap(noise(message.length, 100 + seed));
    yield silent(`noise ${seed} in a frame`, packet);
    const counted = model.wrap(noise(message.length, 200 + seed));
    writeUint32(counted, framed ? FRAME_BYTES : 0, seed);
    yield silent(`noise behind a count of ${seed}`, counted);
  }
}
