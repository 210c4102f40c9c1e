/**
 * What each single bit of an exchange says, and so what must be said of it once it is flipped.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { VerifyEquation } from "../../lib/crypto/ed25519.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { FRAME_BYTES, isFramed } from "../../lib/wire/frame.ts";
import type { RejectionCode } from "../../lib/wire/rejection.ts";
import { TAG, tagName } from "../../lib/wire/tag.ts";
import { readUint32, readUint64 } from "../../lib/wire/uint.ts";
import { flip, judge, SECOND } from "./fixtures.ts";
import { checkOnce } from "./signatures.ts";
import { windowOf } from "./verdict.ts";

type Word = RejectionCode | "ok";

// ---------------------------------------------------------------------------
// Every single bit. What a turned bit must lead to is derived from where it lies,
// by the tables below and not by the code under test.
// ---------------------------------------------------------------------------

/** What a byte of a packet is: `SREP.MIDP`, `response.count`, `frame.magic`, ... */
interface Place {
  name: string;
  /** First byte of the value or header word that the byte belongs to. */
  start: number;
  /** Offset of the message whose header this is. */
  base: number;
}

const NESTED: Record<string, string> = {
  "response.SREP": "SREP",
  "response.CERT": "CERT",
  "CERT.DELE": "DELE",
};

/** Names every byte of a good packet. */
export function placesOf(packet: Uint8Array, document: string): Place[] {
  const places: Place[] = [];
  const fill = (name: string, start: number, end: number, base: number) => {
    for (let i = start; i < end; i++) places[i] = { name, start, base };
  };
  const walk = (document: string, base: number, end: number) => {
    const count = readUint32(packet, base);
    const values = base + 8 * count;
    fill(`${document}.count`, base, base + 4, base);
    for (let i = 0; i < count; i++) {
      const start = i === 0
        ? values
        : values + readUint32(packet, base + 4 * i);
      const stop = i === count - 1
        ? end
        : values + readUint32(packet, base + 4 * (i + 1));
      if (i > 0) {
        const at = base + 4 * i;
        fill(`${document}.offset`, at, at + 4, base);
      }
      const at = base + 4 * (count + i);
      const name = `${document}.${tagName(readUint32(packet, at))}`;
      fill(`${document}.tag`, at, at + 4, base);
      const inner = NESTED[name];
      if (inner === undefined) fill(name, start, stop, base);
      else walk(inner, start, stop);
    }
  };
  const base = isFramed(packet) ? FRAME_BYTES : 0;
  if (base > 0) {
    fill("frame.magic", 0, 8, 0);
    fill("frame.length", 8, FRAME_BYTES, 0);
  }
  walk(document, base, packet.length);
  assert.equal(places.filter(Boolean).length, packet.length);
  return places;
}

/** The version numbers of section 5.1.1 and its forerunners: where replies say them. */
export const SAID: ReadonlyMap<number, { on: "top" | "srep"; nonce: number }> =
  new Map([
    [0x80000001, { on: "top", nonce: 64 }],
    [0x80000002, { on: "top", nonce: 64 }],
    [0x80000003, { on: "top", nonce: 64 }],
    [0x80000004, { on: "top", nonce: 64 }],
    [0x80000005, { on: "top", nonce: 32 }],
    [0x80000006, { on: "top", nonce: 32 }],
    [0x80000007, { on: "top", nonce: 32 }],
    [0x80000008, { on: "top", nonce: 32 }],
    [0x80000009, { on: "top", nonce: 32 }],
    [0x8000000a, { on: "top", nonce: 32 }],
    [0x8000000b, { on: "top", nonce: 32 }],
    [0x8000000c, { on: "srep", nonce: 32 }],
    [0x8000000d, { on: "srep", nonce: 32 }],
    [0x8000000e, { on: "srep", nonce: 32 }],
    [0x8000000f, { on: "srep", nonce: 32 }],
    [0x80000010, { on: "srep", nonce: 32 }],
    [0x80000011, { on: "srep", nonce: 32 }],
    [0x80000012, { on: "srep", nonce: 32 }],
    [0x80000013, { on: "srep", nonce: 32 }],
    [1, { on: "srep", nonce: 32 }],
  ]);

/** Drafts whose NONC is inside SREP. */
const SIGNED_NONCE: readonly number[] = [0x80000001, 0x80000002];

/** Is each greater than the one before? */
export function ascending(list: readonly number[]): boolean {
  return list.every((value, i) => i === 0 || (list[i - 1] as number) < value);
}

/** The eight bytes as microseconds since 1970; `undefined` where no clock shows that. */
export function timeOf(dialect: Dialect, value: bigint): bigint | undefined {
  if (dialect.time === "unix-micros") return value;
  if (dialect.time === "unix-seconds") return value * SECOND;
  const day = value >> 40n;
  const micros = value & 0xff_ffff_ffffn;
  // A day has 86,400 seconds, and one more where there is a leap second.
  return micros < 86_401n * SECOND
    ? (day - 40587n) * 86_400n * SECOND + micros
    : undefined;
}

/** Were the tags still in order with the bit turned? If not, nothing else is looked at. */
function tagsAscend(packet: Uint8Array, base: number): boolean {
  const count = readUint32(packet, base);
  return ascending(
    Array.from(
      { length: count },
      (_, i) => readUint32(packet, base + 4 * (count + i)),
    ),
  );
}

/** What may come of a reply with one bit turned; one word for all values. */
export function expectedOfReply(
  dialect: Dialect,
  place: Place,
  good: Uint8Array,
  bad: Uint8Array,
  pathLength: number,
): Word[] {
  const value = () => readUint32(bad, place.start);
  switch (place.name) {
    case "frame.magic":
    case "frame.length":
      return ["malformed"];

    case "response.count":
    case "CERT.count":
    case "DELE.count":
      return ["malformed", "tag-missing", "length-wrong"];
    case "SREP.count":
      // With one tag less, VER gets the bytes of the next tag's name.
      return ["malformed", "tag-missing", "length-wrong", "version-unknown"];
    case "response.offset":
    case "SREP.offset":
    case "CERT.offset":
    case "DELE.offset":
      return value() % 4 === 0 ? ["malformed", "length-wrong"] : ["malformed"];
    case "response.tag": {
      if (!tagsAscend(bad, place.base)) return ["malformed"];
      const tag = readUint32(good, place.start);
      // Without TYPE, 0x8000000c means drafts 12-13, which are the same otherwise.
      if (tag === TAG.TYPE && dialect.id === "draft-14") return ["ok"];
      // Optional, and not signed.
      if (tag === TAG.NONC && dialect.nonceEcho === "optional") return ["ok"];
      return ["tag-missing"];
    }
    case "SREP.tag":
    case "CERT.tag":
    case "DELE.tag":
      return tagsAscend(bad, place.base) ? ["tag-missing"] : ["malformed"];

    case "response.SIG":
      return ["response-signature"];
    case "response.VER": {
      const said = SAID.get(value());
      if (said === undefined) return ["version-unknown"];
      if (said.on === "srep") return ["version-misplaced"];
      if (SIGNED_NONCE.includes(dialect.code)) return ["version-not-offered"];
      if (SIGNED_NONCE.includes(value())) return ["tag-missing"];
      return said.nonce === dialect.nonceSize
        ? ["version-not-offered"]
        : ["length-wrong"];
    }
    case "response.NONC":
      return ["nonce-mismatch"];
    case "response.TYPE":
      return ["type-wrong"];
    case "response.PATH":
      return ["merkle-root"];
    case "response.INDX":
      return value() >= 2 ** pathLength ? ["index-bits"] : ["merkle-root"];

    case "SREP.VER": {
      const said = SAID.get(value());
      if (said === undefined) return ["version-unknown"];
      return said.on === "top" ? ["version-misplaced"] : [
        "version-not-offered",
      ];
    }
    case "SREP.NONC":
      return ["nonce-mismatch"];
    case "SREP.RADI":
      // Drafts up to 09 let a server know the time exactly.
      return value() === 0 && dialect.leastRadiusSeconds > 0
        ? ["radius-zero"]
        : ["response-signature"];
    case "SREP.MIDP": {
      const time = timeOf(dialect, readUint64(bad, place.start));
      if (time === undefined) return ["timestamp-invalid"];
      const [from, to] = windowOf(dialect);
      return time < from || time > to
        ? ["outside-delegation"]
        : ["response-signature"];
    }
    case "SREP.VERS": {
      const list: number[] = [];
      for (let at = place.start; at < placeEnd(good, place); at += 4) {
        list.push(readUint32(bad, at));
      }
      return ascending(list) && list.includes(dialect.code)
        ? ["response-signature"]
        : ["versions-list"];
    }
    case "SREP.ROOT":
      return ["merkle-root"];

    case "CERT.SIG":
    case "DELE.PUBK":
      return ["certificate-signature"];
    case "DELE.MINT":
    case "DELE.MAXT":
      return timeOf(dialect, readUint64(bad, place.start)) === undefined
        ? ["timestamp-invalid"]
        : ["certificate-signature"];
  }
  throw new Error(`no expectation for ${place.name}`);
}

/** Where VERS ends: it stands before ROOT, whose 32 bytes end SREP. */
function placeEnd(good: Uint8Array, place: Place): number {
  const count = readUint32(good, place.base);
  return place.base + 8 * count +
    readUint32(good, place.base + 4 * (count - 1));
}

/** The same for a request that is itself the leaf of the tree. */
export function expectedOfRequest(
  dialect: Dialect,
  place: Place,
  good: Uint8Array,
  bad: Uint8Array,
): Word[] {
  const value = () => readUint32(bad, place.start);
  switch (place.name) {
    case "frame.magic":
    case "frame.length":
      return ["malformed"];
    case "request.count":
      return ["malformed", "tag-missing", "length-wrong"];
    case "request.offset":
      if (value() % 4 !== 0) return ["malformed"];
      // A nonce may have 64 bytes, but then it is another one. VER may lose its number or
      // swallow a part of SRV: behind a 1, that may even look like a list.
      return [
        "malformed",
        "length-wrong",
        "versions-list",
        "nonce-mismatch",
        "merkle-root",
      ];
    case "request.tag": {
      if (!tagsAscend(bad, place.base)) return ["malformed"];
      const tag = readUint32(good, place.start);
      return tag === TAG.VER || tag === TAG.NONC
        ? ["tag-missing"]
        : ["merkle-root"];
    }
    case "request.VER":
      return value() === dialect.code ? ["ok"] : ["version-not-offered"];
    case "request.NONC":
      return ["nonce-mismatch"];
    case "request.TYPE":
      return ["type-wrong"];
    case "request.SRV":
    case "request.ZZZZ":
      return ["merkle-root"];
  }
  throw new Error(`no expectation for ${place.name}`);
}

/** What to flip, and what to expect. */
export interface FlipRun {
  exchange: Exchange;
  which: "request" | "response";
  places: readonly Place[];
  expected: (place: Place, bad: Uint8Array) => Word[];
  /** Only every so many bits. */
  step?: number;
  /** Only bytes with such a name. */
  only?: string;
  equation?: VerifyEquation;
}

/** Turns bits one at a time and returns which words came from which places. */
export async function flipBits(run: FlipRun): Promise<Map<string, Set<Word>>> {
  const { exchange, which, places, expected, step = 1, only } = run;
  const equation = checkOnce(run.equation);
  const good = exchange[which];
  const seen = new Map<string, Set<Word>>();
  for (let bit = 0; bit < 8 * good.length; bit += step) {
    const place = places[bit >> 3] as Place;
    if (only !== undefined && place.name !== only) continue;
    const bad = flip(good, bit);
    const word = await judge({ ...exchange, [which]: bad }, { equation });
    const allowed = expected(place, bad);
    assert(
      allowed.includes(word),
      `${place.name}, bit ${bit - 8 * place.start}: ${word}, not ${allowed}`,
    );
    const words = seen.get(place.name) ?? new Set();
    seen.set(place.name, words.add(word));
  }
  return seen;
}
