/**
 * Replies with something wrong: what a client must survive, and nearly always refuse.
 *
 * They are made from a good exchange without any key, so this is also what anybody on the
 * way can do to a reply. What only the server itself can do wrong is in `chaos.ts`.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import { encodeUint32s, readUint32, writeUint32 } from "../wire/uint.ts";
import { noise } from "../wire/chance.ts";
import { HASH_BYTES } from "../crypto/hash.ts";
import { frame, FRAME_BYTES } from "../wire/frame.ts";
import { type GoodExchange, GoodReply, type Place } from "./good_reply.ts";
import { encodeLoosely, entriesOf, without } from "../wire/loose.ts";
import type { Entry } from "../wire/message.ts";
import type { RejectionCode } from "../wire/rejection.ts";
import { TAG, tagName } from "../wire/tag.ts";

/** A reply packet that something is wrong with. */
export interface MalformedReply {
  /** What is wrong, in a few words; different for each and stable. */
  readonly name: string;
  /** The datagram. */
  readonly packet: Uint8Array;
  /**
   * What a verifier has to say: a code of ours; `rejected` where several would do; `any`
   * where it may also accept the reply, but then with the time of the good one.
   */
  readonly expect: RejectionCode | "rejected" | "any";
}

/**
 * Every way to damage a good reply: cut, grown, misframed, every word of every header
 * wrong, every tag missing, doubled, misplaced, longer or shorter, and telling values.
 *
 * @example
 * ```ts
 * import { ChaosServer, malformedReplies } from "@roughly/roughly/chaos";
 * import { verifyResponse } from "@roughly/roughly/verify";
 * import { buildRequest } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * const server = await ChaosServer.create();
 * const request = buildRequest({ versions: [1], nonce: new Uint8Array(32) });
 * const [response] = await server.answer(request);
 * for (const { name, packet, expect } of malformedReplies({ request, response: response! })) {
 *   const exchange = { request, response: packet, publicKey: server.publicKey };
 *   const verdict = await verifyResponse(exchange);
 *   assert(!verdict.ok || expect === "any", name);
 * }
 * ```
 *
 * @param exchange A request and the good reply to it.
 * @returns Some 1,700 packets, always in the same order; none equals the good reply.
 * @throws {RangeError} If the reply cannot be read as one.
 */
export function* malformedReplies(
  exchange: GoodExchange,
): Generator<MalformedReply, void> {
  const model = new GoodReply(exchange);
  for (const malformed of damage(model)) {
    // A word set to what it was, or a list sorted the way it had to be.
    if (!same(malformed.packet, exchange.response)) yield malformed;
  }
}

const PLACES: readonly Place[] = [[], ["SREP"], ["CERT"], ["CERT", "DELE"]];

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function* damage(model: GoodReply): Generator<MalformedReply> {
  yield* cuts(model);
  yield* frames(model);
  for (const place of PLACES) {
    yield* headers(model, place);
    yield* tags(model, place);
  }
  yield* values(model);
  yield* garbage(model);
}

function* cuts({ response, framed }: GoodReply): Generator<MalformedReply> {
  for (let length = 0; length < response.length; length++) {
    const packet = response.slice(0, length);
    // Without a frame, the last value may just be shorter, or none.
    const certain = framed || length % 4 !== 0;
    yield {
      name: `cut to ${length} bytes`,
      packet,
      expect: certain ? "malformed" : "rejected",
    };
    if (!framed || length < FRAME_BYTES) continue;
    yield {
      name: `cut to ${length} bytes, frame mended`,
      packet: frame(packet.subarray(FRAME_BYTES)),
      expect: length % 4 === 0 ? "rejected" : "malformed",
    };
  }
}

function* frames(model: GoodReply): Generator<MalformedReply> {
  const { response, framed, message } = model;
  const expect = "malformed";
  if (framed) {
    const { length } = message;
    for (
      const wrong of [0, length - 4, length + 4, response.length, 0xffffffff]
    ) {
      const packet = Uint8Array.from(response);
      writeUint32(packet, 8, wrong);
      yield { name: `frame length ${wrong}`, packet, expect };
    }
    for (let i = 0; i < 8; i++) {
      const packet = Uint8Array.from(response);
      packet[i] = (packet[i] ?? 0) ^ 1;
      yield { name: `magic byte ${i} wrong`, packet, expect };
    }
    yield { name: "frame taken off", packet: message.slice(), expect };
  }
  yield { name: "frame put on", packet: frame(response), expect };
  for (const extra of [1, 2, 3, 4, 8, 400]) {
    const odd = extra % 4 !== 0;
    yield {
      name: `${extra} bytes appended`,
      packet: concat(response, noise(extra, extra)),
      expect: framed || odd ? expect : "rejected",
    };
    yield {
      name: `${extra} bytes appended, frame mended`,
      packet: model.wrap(concat(message, new Uint8Array(extra))),
      expect: odd ? expect : "rejected",
    };
  }
}

function* headers(model: GoodReply, place: Place): Generator<MalformedReply> {
  const where = place.at(-1) ?? "top";
  const message = model.at(place);
  const count = readUint32(message, 0);
  // What is signed cannot be changed; on top some tags may be there or not.
  const expect = place.length === 0 ? "any" : "rejected";
  for (let i = 0; i < 2 * count; i++) {
    const what = i === 0
      ? "count"
      : i < count
      ? `offset ${i}`
      : `tag ${i - count}`;
    const value = readUint32(message, 4 * i);
    const wrong = [0, 1, value + 1, value + 4, 0x7fffffff, 0xffffffff];
    for (const [n, other] of wrong.entries()) {
      const changed = Uint8Array.from(message);
      writeUint32(changed, 4 * i, other);
      yield {
        name: `${where}: ${what} wrong, ${n + 1}`,
        packet: model.with(place, changed),
        expect: i === 0 ? "rejected" : expect,
      };
    }
  }
}

function* tags(model: GoodReply, place: Place): Generator<MalformedReply> {
  const where = place.at(-1) ?? "top";
  const entries = entriesOf(model.at(place));
  const malformed = (name: string, changed: readonly Entry[]) => ({
    name: `${where}: ${name}`,
    packet: model.with(place, encodeLoosely(changed)),
    expect: "malformed" as const,
  });
  yield malformed("tags reversed", [...entries].reverse());
  yield { ...malformed("no tags", []), expect: "rejected" };
  for (const [i, entry] of entries.entries()) {
    const [tag, value] = entry;
    const name = tagName(tag);
    const needed = model.needs(place, tag);
    yield malformed(`${name} twice`, entries.toSpliced(i, 0, entry));
    yield {
      name: `${where}: without ${name}`,
      packet: model.with(place, encodeLoosely(without(entries, tag))),
      expect: needed ? "tag-missing" : place.length === 0 ? "any" : "rejected",
    };
    for (const length of new Set([0, value.length - 4, value.length + 4])) {
      if (length < 0) continue;
      const resized = new Uint8Array(length);
      resized.set(value.subarray(0, length));
      yield {
        name: `${where}: ${name} of ${length} bytes`,
        packet: model.set(place, tag, resized),
        expect: "rejected",
      };
    }
  }
}

/** Fields in the right place and of the right length that say something else. */
function* values(model: GoodReply): Generator<MalformedReply> {
  const { dialect } = model;
  const top: Place = [];
  const srep: Place = ["SREP"];
  const reply = (
    name: string,
    expect: MalformedReply["expect"],
    place: Place,
    tag: number,
    value: Uint8Array,
  ): MalformedReply => ({ name, expect, packet: model.set(place, tag, value) });
  const flipped = (place: Place, tag: number, at: number) => {
    const value = Uint8Array.from(model.get(place, tag) ?? []);
    value[at] = (value[at] ?? 0) ^ 1;
    return value;
  };

  for (const type of [0, 2, 0xffffffff]) {
    const value = encodeUint32s([type]);
    yield reply(`TYPE ${type}`, "type-wrong", top, TAG.TYPE, value);
  }
  yield reply(
    "TYPE of 0 bytes",
    "length-wrong",
    top,
    TAG.TYPE,
    new Uint8Array(0),
  );
  const echo = dialect.versionEcho === "top" ? top : srep;
  if (dialect.versionEcho !== "none") {
    const unknown = encodeUint32s([0xffffffff]);
    yield reply("VER unknown", "version-unknown", echo, TAG.VER, unknown);
  }
  if (dialect.versionEcho === "srep") {
    const { code } = dialect;
    const many = Array.from({ length: 33 }, (_, i) => code + i);
    for (
      const [name, list] of [
        ["empty", []],
        ["unsorted", [code, code - 1]],
        ["repeated", [code, code]],
        ["of 33 versions", many],
        ["without the chosen version", [code + 1]],
      ] as const
    ) {
      const value = encodeUint32s(list);
      yield reply(`VERS ${name}`, "versions-list", srep, TAG.VERS, value);
    }
  }
  for (const place of [top, srep]) {
    const nonce = model.get(place, TAG.NONC);
    if (nonce === undefined) continue;
    const value = flipped(place, TAG.NONC, nonce.length - 1);
    yield reply("NONC of another", "nonce-mismatch", place, TAG.NONC, value);
  }
  const never = dialect.leastRadiusSeconds > 0 ? "radius-zero" : "rejected";
  yield reply("RADI 0", never, srep, TAG.RADI, new Uint8Array(4));
  yield reply(
    "RADI at its most",
    "rejected",
    srep,
    TAG.RADI,
    new Uint8Array(4).fill(255),
  );
  yield reply(
    "MIDP 0",
    "outside-delegation",
    srep,
    TAG.MIDP,
    new Uint8Array(8),
  );
  yield reply(
    "MIDP at its most",
    "rejected",
    srep,
    TAG.MIDP,
    new Uint8Array(8).fill(255),
  );
  yield reply(
    "MIDP off by the least",
    "rejected",
    srep,
    TAG.MIDP,
    flipped(srep, TAG.MIDP, 0),
  );
  yield reply(
    "ROOT of another tree",
    "merkle-root",
    srep,
    TAG.ROOT,
    flipped(srep, TAG.ROOT, 0),
  );
  const hashBytes = HASH_BYTES[dialect.hash];
  yield reply(
    "PATH of 33 hashes",
    "path-too-long",
    top,
    TAG.PATH,
    new Uint8Array(33 * hashBytes),
  );
  const index = readUint32(model.get(top, TAG.INDX) as Uint8Array, 0);
  const stray = encodeUint32s([(index | 0x80000000) >>> 0]);
  yield reply("INDX with a bit left over", "index-bits", top, TAG.INDX, stray);

  const signature = model.get(top, TAG.SIG) as Uint8Array;
  const cert: Place = ["CERT"];
  const dele: Place = ["CERT", "DELE"];
  for (
    const [place, who, expect] of [
      [top, "SIG over SREP", "response-signature"],
      [cert, "SIG over DELE", "certificate-signature"],
    ] as const
  ) {
    for (const at of [0, 32, 63]) {
      const value = flipped(place, TAG.SIG, at);
      yield reply(`${who}, byte ${at} wrong`, expect, place, TAG.SIG, value);
    }
    yield reply(`${who} all zero`, expect, place, TAG.SIG, new Uint8Array(64));
  }
  yield reply(
    "SIG over SREP in CERT too",
    "certificate-signature",
    cert,
    TAG.SIG,
    signature,
  );
  for (const name of ["PUBK", "MINT", "MAXT"] as const) {
    const value = flipped(dele, TAG[name], 0);
    yield reply(
      `${name} of another`,
      "certificate-signature",
      dele,
      TAG[name],
      value,
    );
  }
}

function* garbage({ request, response }: GoodReply): Generator<MalformedReply> {
  yield { name: "the request", packet: request.slice(), expect: "rejected" };
  const { length } = response;
  yield { name: "zeros", packet: new Uint8Array(length), expect: "malformed" };
  const ones = new Uint8Array(length).fill(0xff);
  yield { name: "ones", packet: ones, expect: "malformed" };
  for (let seed = 1; seed <= 32; seed++) {
    yield {
      name: `noise ${seed}`,
      packet: noise(length, seed),
      expect: "malformed",
    };
  }
  for (let at = 0; at < length; at++) {
    const packet = Uint8Array.from(response);
    packet[at] = (packet[at] ?? 0) ^ (1 << (at % 8));
    yield { name: `byte ${at}: bit ${at % 8} wrong`, packet, expect: "any" };
  }
}
