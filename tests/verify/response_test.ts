import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { hex } from "@scure/base";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import {
  encodeUint32s,
  encodeUint64,
  readUint32,
  readUint64,
  writeUint32,
} from "../../lib/wire/uint.ts";
import { VERIFIERS, type VerifyEquation } from "../../lib/crypto/ed25519.ts";
import {
  DEFAULT_OFFER,
  type Dialect,
  dialectFor,
  type DialectId,
  DIALECTS,
  GOOGLE_VERSION,
} from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { frame, FRAME_BYTES, isFramed } from "../../lib/wire/frame.ts";
import { rootFromPath } from "../../lib/crypto/merkle.ts";
import type { Entry } from "../../lib/wire/message.ts";
import {
  REJECTION_CODES,
  type RejectionCode,
  type WireFaultCode,
} from "../../lib/wire/rejection.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG, tagName } from "../../lib/wire/tag.ts";
import { encodeTimestamp } from "../../lib/wire/timestamp.ts";
import {
  type Verdict,
  type Verified,
  verifyResponse,
} from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  type Change,
  CONTEXT,
  drop,
  edit,
  entriesOf,
  exchangeFor,
  exchangesFor,
  flip,
  forge,
  type Grow,
  judge,
  messageOf,
  midpointIn,
  MOMENT,
  NOW_MICROS,
  ONLINE,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  put,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import { checkOnce } from "../_support/signatures.ts";

const none = { permissions: "none" } as const;

type Word = RejectionCode | "ok";

function verified(verdict: Verdict): Verified {
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  return verdict;
}

async function rejects(exchange: Exchange, code: RejectionCode): Promise<void> {
  assert.equal(await judge(exchange), code);
}

/** MINT and MAXT of the fixtures' keyring and forgeries, in the layout's precision. */
function windowOf(dialect: Dialect): [bigint, bigint] {
  const whole = dialect.time === "unix-seconds" ? SECOND : 1n;
  const round = (micros: bigint) => micros - micros % whole;
  return [
    round(NOW_MICROS - 3600n * SECOND),
    round(NOW_MICROS + 86_400n * SECOND),
  ];
}

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
function placesOf(packet: Uint8Array, document: string): Place[] {
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
const SAID: ReadonlyMap<number, { on: "top" | "srep"; nonce: number }> =
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

function ascending(list: readonly number[]): boolean {
  return list.every((value, i) => i === 0 || (list[i - 1] as number) < value);
}

/** The eight bytes as microseconds since 1970; `undefined` where no clock shows that. */
function timeOf(dialect: Dialect, value: bigint): bigint | undefined {
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
function expectedOfReply(
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
function expectedOfRequest(
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

interface FlipRun {
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
async function flipBits(run: FlipRun): Promise<Map<string, Set<Word>>> {
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

/**
 * Five requests in a tree, so that PATH has three entries; the radius is a power of 2 in
 * the dialect's unit, so that one bit makes it 0.
 */
function batchOfFive(dialect: Dialect): Promise<Exchange> {
  const radiusMicros = dialect.time === "unix-seconds"
    ? 4n * SECOND
    : 1n << 22n;
  return exchangeFor(dialect.id, 5, {}, { ...MOMENT, radiusMicros });
}

for (const dialect of ALL) {
  const one = dialect.batches === "one";
  const note = one ? " (no PATH: each signature answers one request)" : "";

  Deno.test(
    `verifyResponse() rejects every single-bit flip in a reply of ${dialect.id}${note}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      const { pathLength } = verified(await verifyResponse(exchange));
      // Clients without TYPE get trees with an even number of levels.
      const many = dialect.type === "none" ? 4 : 3;
      assert.equal(pathLength, one ? 0 : many);
      const good = exchange.response;
      const seen = await flipBits({
        exchange,
        which: "response",
        places: placesOf(good, "response"),
        expected: (place, bad) =>
          expectedOfReply(dialect, place, good, bad, pathLength),
      });

      // The places that matter were really there, and led where they can lead.
      const at = (name: string) => [...seen.get(name) ?? []].sort();
      assert.deepEqual(at("response.SIG"), ["response-signature"]);
      assert.deepEqual(at("CERT.SIG"), ["certificate-signature"]);
      assert.deepEqual(at("DELE.PUBK"), ["certificate-signature"]);
      assert.deepEqual(at("SREP.ROOT"), ["merkle-root"]);
      assert.deepEqual(at("response.PATH"), one ? [] : ["merkle-root"]);
      assert.deepEqual(
        at("response.INDX"),
        one ? ["index-bits"] : ["index-bits", "merkle-root"],
      );
      assert.deepEqual(
        at("SREP.RADI"),
        dialect.leastRadiusSeconds === 3 || dialect.leastRadiusSeconds === 1
          ? ["radius-zero", "response-signature"]
          : ["response-signature"],
      );
      assert.deepEqual(
        at("SREP.MIDP"),
        [
          "outside-delegation",
          "response-signature",
          ...(dialect.time === "mjd-micros" ? ["timestamp-invalid"] : []),
        ],
      );
      const nonce = dialect.nonceEcho === "srep"
        ? "SREP.NONC"
        : "response.NONC";
      assert.deepEqual(at(nonce), ["nonce-mismatch"]);
    },
  );

  Deno.test(
    `verifyResponse() rejects every single-bit flip in the nonce asked in ${dialect.id}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      // Once with the reply's NONC to compare, once where the tree alone must tell.
      await flipBits({
        exchange,
        which: "request",
        places: placesOf(exchange.request, "request"),
        expected: () => ["nonce-mismatch"],
        only: "request.NONC",
      });
      if (dialect.nonceEcho !== "optional") return;
      const silent = {
        ...exchange,
        response: edit(exchange.response, (e) => drop(e, TAG.NONC)),
      };
      verified(await verifyResponse(silent));
      await flipBits({
        exchange: silent,
        which: "request",
        places: placesOf(exchange.request, "request"),
        expected: () => ["merkle-root"],
        only: "request.NONC",
      });
    },
  );

  if (dialect.leaf !== "packet") continue;
  Deno.test(
    `verifyResponse() rejects every single-bit flip in the whole request of ${dialect.id}`,
    none,
    async () => {
      const exchange = await batchOfFive(dialect);
      const good = exchange.request;
      const seen = await flipBits({
        exchange,
        which: "request",
        places: placesOf(good, "request"),
        expected: (place, bad) => expectedOfRequest(dialect, place, good, bad),
      });
      assert.deepEqual([...seen.get("request.ZZZZ") ?? []], ["merkle-root"]);
      assert.deepEqual([...seen.get("request.SRV") ?? []], ["merkle-root"]);
    },
  );
}

Deno.test(
  "verifyResponse() judges flips in a list of several versions by order and choice",
  none,
  async () => {
    const versions = [1, 0x80000007, 0x80000008, 0x8000000b, 0x8000000c];
    const nonce = bytes(32, 5);
    const request = buildRequest({ versions, nonce, publicKey: PUBLIC_KEY });
    const exchange = await forge({ dialect: "draft-14", request });
    verified(await verifyResponse(exchange));
    const seen = await flipBits({
      exchange,
      which: "request",
      places: placesOf(request, "request"),
      only: "request.VER",
      expected: (place, bad) => {
        const list = Array.from(
          { length: 5 },
          (_, i) => readUint32(bad, place.start + 4 * i),
        );
        // A list with any number from 0x8000000c up in it, or 1, has to ascend.
        const strict = list.some((v) => SAID.get(v)?.on === "srep");
        if (strict && !ascending(list)) return ["versions-list"];
        return list.includes(0x8000000c)
          ? ["merkle-root"]
          : ["version-not-offered"];
      },
    });
    assert.deepEqual([...seen.get("request.VER") ?? []].sort(), [
      "merkle-root",
      "version-not-offered",
      "versions-list",
    ]);
  },
);

for (const equation of ["noble", "webcrypto"] as const) {
  Deno.test(
    `verifyResponse() gives the same verdicts with ${equation}`,
    none,
    async () => {
      for (const dialect of ALL) {
        const exchange = await batchOfFive(dialect);
        const { pathLength } = verified(await verifyResponse(exchange));
        const good = exchange.response;
        const run: FlipRun = {
          exchange,
          which: "response",
          places: placesOf(good, "response"),
          expected: (place, bad) =>
            expectedOfReply(dialect, place, good, bad, pathLength),
          step: 97,
        };
        const equations = VERIFIERS[equation];
        assert.deepEqual(
          await verifyResponse(exchange, { equation: equations }),
          await verifyResponse(exchange),
        );
        assert.deepEqual(
          await flipBits({ ...run, equation: equations }),
          await flipBits(run),
        );
      }
    },
  );
}

// ---------------------------------------------------------------------------
// One change at a time.
// ---------------------------------------------------------------------------

for (const dialect of ALL) {
  const { id } = dialect;

  Deno.test(
    `verifyResponse() accepts a reply of ${id} and reports what it says`,
    none,
    async () => {
      const verdict = verified(
        await verifyResponse(await forge({ dialect: id })),
      );
      const [notBeforeMicros, notAfterMicros] = windowOf(dialect);
      assert.deepEqual(verdict, {
        ok: true,
        dialect: id,
        version: dialect.code,
        versions: dialect.versionEcho === "srep" ? [dialect.code] : [],
        midpointMicros: midpointIn(dialect),
        radiusMicros: 4n * SECOND,
        delegation: {
          publicKey: Uint8Array.from(ONLINE.publicKey),
          notBeforeMicros,
          notAfterMicros,
        },
        index: 0,
        pathLength: 0,
        pathOrder: "hash-first",
        spelling: id === "rfc-10049"
          ? { delegation: "rfc", response: "rfc" }
          : {
            delegation: dialect.context,
            response: dialect.context,
          },
      });
    },
  );

  Deno.test(
    `verifyResponse() rejects another long-term key in ${id} with certificate-signature`,
    none,
    async () => {
      const exchange = await forge({ dialect: id });
      const { publicKey } = OTHER_LONG_TERM;
      await rejects({ ...exchange, publicKey }, "certificate-signature");
      // The online key is not the long-term key, and zero bytes are no key at all.
      await rejects(
        { ...exchange, publicKey: ONLINE.publicKey },
        "certificate-signature",
      );
      await rejects(
        { ...exchange, publicKey: new Uint8Array(32) },
        "certificate-signature",
      );
    },
  );

  Deno.test(
    `verifyResponse() rejects the reply to another request in ${id}`,
    none,
    async () => {
      const [first, second] = await exchangesFor(id, 2) as [Exchange, Exchange];
      const crossed = { ...first, response: second.response };
      await rejects(crossed, "nonce-mismatch");
      // With the nonce put right the tree still tells, or the signature over the nonce.
      const nonce = entriesOf(messageOf(first.request))
        .find(([tag]) => tag === TAG.NONC)?.[1] as Uint8Array;
      if (dialect.nonceEcho === "srep") return;
      const response = edit(second.response, (e) => put(e, TAG.NONC, nonce));
      await rejects({ ...first, response }, "merkle-root");
    },
  );

  Deno.test(
    `verifyResponse() rejects signatures of ${id} made for another purpose (section 5.2.1)`,
    none,
    async () => {
      const response = dialect.context === "rfc"
        ? CONTEXT.rfcResponse
        : CONTEXT.draftResponse;
      const delegation = {
        dashed: CONTEXT.dashedDelegation,
        plain: CONTEXT.plainDelegation,
        rfc: CONTEXT.rfcDelegation,
      }[dialect.context];
      for (const delegationContext of [response, "", delegation.slice(0, -1)]) {
        await rejects(
          await forge({ dialect: id, delegationContext }),
          "certificate-signature",
        );
      }
      for (const responseContext of [delegation, "", response.slice(0, -1)]) {
        await rejects(
          await forge({ dialect: id, responseContext }),
          "response-signature",
        );
      }
    },
  );

  Deno.test(
    `verifyResponse() knows which spellings ${id} may be signed with (section 5.2.1)`,
    none,
    async () => {
      const delegations = {
        dashed: CONTEXT.dashedDelegation,
        plain: CONTEXT.plainDelegation,
        rfc: CONTEXT.rfcDelegation,
      };
      const allowed: Record<Dialect["context"], string[]> = {
        dashed: ["dashed"],
        plain: ["plain"],
        rfc: ["rfc", "plain"],
      };
      for (const [spelling, delegationContext] of Object.entries(delegations)) {
        const exchange = await forge({ dialect: id, delegationContext });
        const verdict = await verifyResponse(exchange);
        if (allowed[dialect.context].includes(spelling)) {
          assert.equal(verified(verdict).spelling.delegation, spelling);
        } else {
          assert(!verdict.ok);
          assert.equal(verdict.rejection.code, "certificate-signature");
        }
      }
      const rfc = await judge(
        await forge({ dialect: id, responseContext: CONTEXT.rfcResponse }),
      );
      assert.equal(
        rfc,
        dialect.context === "rfc" ? "ok" : "response-signature",
      );
      const draft = await judge(
        await forge({ dialect: id, responseContext: CONTEXT.draftResponse }),
      );
      assert.equal(draft, "ok");
    },
  );

  Deno.test(
    `verifyResponse() includes both ends of the window in ${id} (section 5.2.6)`,
    none,
    async () => {
      const step = dialect.time === "unix-seconds" ? SECOND : 1n;
      const at = (notBeforeMicros: bigint, notAfterMicros: bigint) =>
        forge({ dialect: id, notBeforeMicros, notAfterMicros });
      const day = 86_400n * SECOND;
      assert.equal(await judge(await at(NOW_MICROS, NOW_MICROS + day)), "ok");
      assert.equal(await judge(await at(NOW_MICROS - day, NOW_MICROS)), "ok");
      assert.equal(await judge(await at(NOW_MICROS, NOW_MICROS)), "ok");
      const code = "outside-delegation";
      await rejects(await at(NOW_MICROS + step, NOW_MICROS + day), code);
      await rejects(await at(NOW_MICROS - day, NOW_MICROS - step), code);
      // MAXT before MINT holds no time at all.
      await rejects(await at(NOW_MICROS + step, NOW_MICROS - step), code);
      await rejects(await at(NOW_MICROS + day, NOW_MICROS - day), code);
      await rejects(await at(NOW_MICROS + step, NOW_MICROS), code);
      await rejects(await at(NOW_MICROS, NOW_MICROS - step), code);
    },
  );

  Deno.test(
    `verifyResponse() reads MAXT of ${id} as unsigned`,
    none,
    async () => {
      // A real server certifies for all time: 2^64-1.
      const maxt = dialect.time === "mjd-micros"
        ? 0xffffff_0000000000n
        : 2n ** 64n - 1n;
      const verdict = verified(
        await verifyResponse(
          await forge({
            dialect: id,
            dele: (e) => put(e, TAG.MAXT, encodeUint64(maxt)),
          }),
        ),
      );
      assert.equal(verdict.delegation.notAfterMicros, timeOf(dialect, maxt));
      assert(verdict.delegation.notAfterMicros > 2n ** 60n);
    },
  );

  Deno.test(
    `verifyResponse() ${
      dialect.leastRadiusSeconds > 0 ? "rejects" : "accepts"
    } RADI 0 in ${id}`,
    none,
    async () => {
      const exchange = await forge({
        dialect: id,
        srep: (e) => put(e, TAG.RADI, encodeUint32s([0])),
      });
      const expected = dialect.leastRadiusSeconds > 0 ? "radius-zero" : "ok";
      assert.equal(await judge(exchange), expected);
      // Servers of 10 and 11 say 1 although 3 is demanded; unsynchronised ones say 2^32-1.
      for (const radius of [1, 0xffffffff]) {
        const verdict = verified(
          await verifyResponse(
            await forge({
              dialect: id,
              srep: (e) => put(e, TAG.RADI, encodeUint32s([radius])),
            }),
          ),
        );
        const unit = dialect.time === "unix-seconds" ? SECOND : 1n;
        assert.equal(verdict.radiusMicros, BigInt(radius) * unit);
      }
    },
  );

  Deno.test(
    `verifyResponse() takes PATH of 32 and not of 33 entries in ${id} (section 5.2.4)`,
    none,
    async () => {
      const grown = (depth: number, index: number): Grow => (hash, leaf) => {
        const path = bytes(depth * leaf.length, depth);
        const root = rootFromPath(hash, leaf, index, path, "hash-first");
        return { root, path, index };
      };
      const deep = await forge({ dialect: id, tree: grown(32, 0xdeadbeef) });
      const verdict = verified(await verifyResponse(deep));
      assert.equal(verdict.pathLength, 32);
      assert.equal(verdict.index, 0xdeadbeef);
      await rejects(
        await forge({ dialect: id, tree: grown(33, 0) }),
        "path-too-long",
      );
    },
  );

  Deno.test(
    `verifyResponse() rejects INDX with bits left over in ${id} (section 5.3.1)`,
    none,
    async () => {
      for (const index of [1, 0x80000000, 0xdeadbeef, 0xffffffff]) {
        const exchange = await forge({
          dialect: id,
          tree: (_, leaf) => ({ root: leaf, path: new Uint8Array(0), index }),
        });
        await rejects(exchange, "index-bits");
      }
      for (
        const [depth, index] of [[1, 2], [3, 8], [31, 0x80000000]] as const
      ) {
        const exchange = await forge({
          dialect: id,
          tree: (hash, leaf) => {
            const path = bytes(depth * leaf.length, depth);
            // The tree itself would fit: only the unused bits are wrong.
            const root = rootFromPath(hash, leaf, index, path, "hash-first");
            return { root, path, index };
          },
        });
        await rejects(exchange, "index-bits");
      }
    },
  );

  Deno.test(
    `verifyResponse() ${
      dialect.pathOrder === "either" ? "accepts" : "rejects"
    } a node-first tree in ${id}`,
    none,
    async () => {
      const exchange = await forge({
        dialect: id,
        // Four leaves by hand, ours the third, each pair joined right before left.
        tree: (hash, leaf) => {
          const node = Uint8Array.of(1);
          const [a, b, d] = [1, 2, 3].map((seed) => bytes(leaf.length, seed));
          const ab = hash(node, b as Uint8Array, a as Uint8Array);
          const cd = hash(node, d as Uint8Array, leaf);
          const path = concat(d as Uint8Array, ab);
          return { root: hash(node, cd, ab), path, index: 2 };
        },
      });
      if (dialect.pathOrder === "hash-first") {
        return await rejects(exchange, "merkle-root");
      }
      const verdict = verified(await verifyResponse(exchange));
      assert.equal(verdict.pathOrder, "node-first");
      assert.equal(verdict.index, 2);
      assert.equal(verdict.midpointMicros, midpointIn(dialect));
    },
  );

  Deno.test(
    `verifyResponse() accepts a hash-first tree built by hand in ${id} (section 5.3)`,
    none,
    async () => {
      const exchange = await forge({
        dialect: id,
        tree: (hash, leaf) => {
          const node = Uint8Array.of(1);
          const [a, b, d] = [1, 2, 3].map((seed) => bytes(leaf.length, seed));
          const ab = hash(node, a as Uint8Array, b as Uint8Array);
          const cd = hash(node, leaf, d as Uint8Array);
          const path = concat(d as Uint8Array, ab);
          return { root: hash(node, ab, cd), path, index: 2 };
        },
      });
      const verdict = verified(await verifyResponse(exchange));
      assert.equal(verdict.pathOrder, "hash-first");
      assert.equal(verdict.index, 2);
      assert.equal(verdict.pathLength, 2);
    },
  );

  Deno.test(
    `verifyResponse() tells leaves from nodes in ${id} (section 5.3)`,
    none,
    async () => {
      // A leaf without its 0x00 must not pass, nor a node without its 0x01.
      const request = requestFor(id);
      const input = dialect.leaf === "packet"
        ? request
        : entriesOf(messageOf(request)).find(([t]) => t === TAG.NONC)?.[1];
      const naked = await forge({
        dialect: id,
        request,
        tree: (hash) => ({
          root: hash(input as Uint8Array),
          path: new Uint8Array(0),
          index: 0,
        }),
      });
      await rejects(naked, "merkle-root");
      const untweaked = await forge({
        dialect: id,
        tree: (hash, leaf) => {
          const path = bytes(leaf.length, 9);
          return { root: hash(leaf, path), path, index: 0 };
        },
      });
      await rejects(untweaked, "merkle-root");
    },
  );

  Deno.test(
    `verifyResponse() tolerates unknown tags everywhere in ${id} (section 7)`,
    none,
    async () => {
      const change: Change = (e) => [
        ...e,
        [0x00000041, bytes(8, 1)],
        [0x5a5a5a59, bytes(4, 2)],
        [0xffffffff, new Uint8Array(0)],
      ];
      for (const where of ["top", "srep", "cert", "dele"] as const) {
        const exchange = await forge({ dialect: id, [where]: change });
        verified(await verifyResponse(exchange));
      }
      verified(
        await verifyResponse(
          await forge({
            dialect: id,
            top: change,
            srep: change,
            cert: change,
            dele: change,
          }),
        ),
      );
      // Inside signed values they are signed: taken out, the signature is gone.
      const exchange = await forge({ dialect: id, srep: change });
      const plain = await forge({ dialect: id });
      const srep = entriesOf(messageOf(plain.response))
        .find(([t]) => t === TAG.SREP)?.[1] as Uint8Array;
      const response = edit(exchange.response, (e) => put(e, TAG.SREP, srep));
      await rejects({ ...exchange, response }, "response-signature");
    },
  );

  Deno.test(
    `verifyResponse() rejects a missing tag of ${id} with tag-missing`,
    none,
    async () => {
      const tops = ["SIG", "PATH", "SREP", "CERT", "INDX"] as const;
      const top: (keyof typeof TAG)[] = [...tops];
      const srep: (keyof typeof TAG)[] = ["RADI", "MIDP", "ROOT"];
      if (dialect.versionEcho === "top") top.push("VER");
      if (dialect.versionEcho === "srep") srep.push("VER", "VERS");
      if (dialect.nonceEcho === "required") top.push("NONC");
      if (dialect.nonceEcho === "srep") srep.push("NONC");
      // Without TYPE, version 1 is nothing; 0x8000000c is drafts 12-13.
      if (id === "rfc-10049") top.push("TYPE");
      const places = {
        top,
        srep,
        cert: ["SIG", "DELE"],
        dele: ["PUBK", "MINT", "MAXT"],
      } as const;
      for (const [place, names] of Object.entries(places)) {
        for (const name of names as (keyof typeof TAG)[]) {
          const exchange = await forge({
            dialect: id,
            [place]: (e: Entry[]) => drop(e, TAG[name]),
          });
          const verdict = await verifyResponse(exchange);
          assert(!verdict.ok, `${place} ${name}`);
          assert.equal(
            verdict.rejection.code,
            "tag-missing",
            `${place} ${name}`,
          );
          assert(
            verdict.rejection.code === "tag-missing" &&
              verdict.rejection.tag === TAG[name],
          );
        }
      }
    },
  );

  Deno.test(
    `verifyResponse() rejects a value of the wrong length in ${id} with length-wrong`,
    none,
    async () => {
      const places: Record<string, (keyof typeof TAG)[]> = {
        top: ["SIG", "PATH", "INDX"],
        srep: ["RADI", "MIDP", "ROOT"],
        cert: ["SIG"],
        dele: ["PUBK", "MINT", "MAXT"],
      };
      if (dialect.versionEcho === "top") places.top?.push("VER");
      if (dialect.versionEcho === "srep") places.srep?.push("VER");
      if (dialect.nonceEcho === "srep") places.srep?.push("NONC");
      else places.top?.push("NONC");
      if (dialect.type === "required") places.top?.push("TYPE");
      for (const [place, names] of Object.entries(places)) {
        for (const name of names) {
          for (const length of [4, 0, 8, 12, 36, 60, 68, 128]) {
            const exchange = await forge({
              dialect: id,
              [place]: (e: Entry[]) => {
                const old = e.find(([tag]) => tag === TAG[name]);
                const right = name === "PATH"
                  ? length % hashSize(dialect) === 0
                  : old?.[1].length === length;
                return right ? put(e, TAG[name], bytes(140, 1)) : put(
                  e,
                  TAG[name],
                  bytes(length, 1),
                );
              },
            });
            assert.equal(
              await judge(exchange),
              "length-wrong",
              `${place} ${name} ${length}`,
            );
          }
        }
      }
    },
  );

  Deno.test(
    `verifyResponse() rejects a reply of ${id} cut short anywhere`,
    none,
    async () => {
      const { request, response, publicKey } = await batchOfFive(dialect);
      for (let length = 0; length < response.length; length++) {
        const cut = response.slice(0, length);
        const verdict = await verifyResponse({
          request,
          response: cut,
          publicKey,
        });
        assert(!verdict.ok, `${length} bytes`);
        if (dialect.framed) {
          assert.equal(verdict.rejection.code, "malformed");
          if (length < FRAME_BYTES) continue;
          const mended = frame(cut.subarray(FRAME_BYTES));
          const again = { request, response: mended, publicKey };
          assert.notEqual(await judge(again), "ok", `${length} bytes, mended`);
        }
      }
      for (const extra of [1, 4, 32]) {
        const long = concat(response, new Uint8Array(extra));
        assert.notEqual(
          await judge({ request, response: long, publicKey }),
          "ok",
        );
        const mended = concat(messageOf(response), new Uint8Array(extra));
        assert.notEqual(
          await judge({
            request,
            response: dialect.framed ? frame(mended) : mended,
            publicKey,
          }),
          "ok",
        );
      }
    },
  );

  Deno.test(
    `verifyResponse() wants the frame of ${id} as in the request (section 5)`,
    none,
    async () => {
      const exchange = await forge({ dialect: id });
      const response = dialect.framed
        ? messageOf(exchange.response)
        : frame(exchange.response);
      const verdict = await verifyResponse({ ...exchange, response });
      assert(!verdict.ok && verdict.rejection.code === "malformed");
      assert.equal(verdict.rejection.document, "response");
      assert.equal(verdict.rejection.fault.code, "frame-magic");
    },
  );

  Deno.test(
    `verifyResponse() rejects TYPE other than 1 in a reply of ${id} (section 5.2.3)`,
    none,
    async () => {
      for (const type of [0, 2, 0x01000000, 0xffffffff]) {
        await rejects(
          await forge({
            dialect: id,
            top: (e) => put(e, TAG.TYPE, encodeUint32s([type])),
          }),
          "type-wrong",
        );
      }
    },
  );
}

function hashSize(dialect: Dialect): number {
  return dialect.hash === "sha512" ? 64 : 32;
}

Deno.test(
  "verifyResponse() finds each spelling of version 1's signatures on its own",
  none,
  async () => {
    const spellings = ["rfc", "plain"] as const;
    for (const delegation of spellings) {
      for (const response of spellings) {
        const verdict = verified(
          await verifyResponse(
            await forge({
              dialect: "rfc-10049",
              delegationContext: delegation === "rfc"
                ? CONTEXT.rfcDelegation
                : CONTEXT.plainDelegation,
              responseContext: response === "rfc"
                ? CONTEXT.rfcResponse
                : CONTEXT.draftResponse,
            }),
          ),
        );
        assert.deepEqual(verdict.spelling, { delegation, response });
      }
    }
    await rejects(
      await forge({
        dialect: "rfc-10049",
        delegationContext: CONTEXT.dashedDelegation,
      }),
      "certificate-signature",
    );
  },
);

Deno.test(
  "verifyResponse() rejects a VERS list that breaks the rules with versions-list (section 5.2.5)",
  none,
  async () => {
    for (const id of ["draft-12", "draft-14", "rfc-10049"] as const) {
      const { code } = DIALECTS[id];
      const many = Array.from({ length: 32 }, (_, i) => code + i);
      const lists: [string, number[]][] = [
        ["empty", []],
        ["too-many", [...many, code + 32]],
        ["not-ascending", [code, code]],
        ["not-ascending", [0xffffffff, code]],
        ["not-ascending", [code, 0]],
        ["lacks-chosen", [0]],
        ["lacks-chosen", [code + 1, 0xffffffff]],
      ];
      for (const [fault, versions] of lists) {
        const verdict = await verifyResponse(
          await forge({ dialect: id, versions }),
        );
        assert(!verdict.ok && verdict.rejection.code === "versions-list");
        assert.equal(verdict.rejection.fault, fault);
        assert.equal(verdict.rejection.document, "SREP");
      }
      // 32 are allowed, and so are numbers nobody knows: some servers list 0.
      for (const versions of [many, [0, code], [code, 0xffffffff]]) {
        const sorted = verified(
          await verifyResponse(await forge({ dialect: id, versions })),
        );
        assert.deepEqual(sorted.versions, versions);
      }
      const odd = await forge({
        dialect: id,
        srep: (e) => put(e, TAG.VERS, bytes(0, 0)),
      });
      await rejects(odd, "versions-list");
    }
  },
);

Deno.test(
  "verifyResponse() rejects a reply of 05-13 that was not offered under typed 0x8000000c",
  none,
  async () => {
    const request = requestFor("draft-14");
    for (
      const id of [
        "draft-05",
        "draft-06",
        "draft-07",
        "draft-08",
        "draft-09",
        "draft-10",
        "draft-11",
      ] as const
    ) {
      await rejects(
        await forge({ dialect: id, request }),
        "version-not-offered",
      );
    }
    // Drafts 12-13 have the same number: a server that knows no TYPE answers like this.
    const old = await forge({ dialect: "draft-12", request });
    assert.equal(verified(await verifyResponse(old)).dialect, "draft-12");
  },
);

Deno.test(
  "verifyResponse() reads a typed reply to an untyped request as 14-19",
  none,
  async () => {
    const request = requestFor("draft-12");
    const exchange = await forge({ dialect: "draft-14", request });
    assert.equal(verified(await verifyResponse(exchange)).dialect, "draft-14");
  },
);

Deno.test(
  "verifyResponse() accepts an alias of 0x8000000c that was offered",
  none,
  async () => {
    for (const typed of [true, false]) {
      for (const alias of [0x8000000d, 0x8000000e, 0x80000013]) {
        const dialect = typed ? "draft-14" : "draft-12";
        const nonce = bytes(32, 1);
        const request = buildRequest({ versions: [alias], nonce, typed });
        const verdict = verified(
          await verifyResponse(
            await forge({ dialect, version: alias, request }),
          ),
        );
        assert.equal(verdict.version, alias);
        assert.equal(verdict.dialect, dialect);
        // Not offered, it is refused like any number.
        const other = buildRequest({ versions: [0x8000000c], nonce, typed });
        await rejects(
          await forge({ dialect, version: alias, request: other }),
          "version-not-offered",
        );
        // And the number it stands for is not the one that was offered.
        await rejects(
          await forge({ dialect, request }),
          "version-not-offered",
        );
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects the modern layout for an old number with version-misplaced",
  none,
  async () => {
    for (let version = 0x80000001; version <= 0x8000000b; version++) {
      const nonce = bytes(32, 1);
      const old = version >= 0x80000005;
      const request = old
        ? buildRequest({ versions: [version], nonce })
        : requestFor("draft-14");
      const exchange = await forge({ dialect: "draft-14", version, request });
      const verdict = await verifyResponse(exchange);
      assert(!verdict.ok && verdict.rejection.code === "version-misplaced");
      assert.equal(verdict.rejection.version, version);
    }
  },
);

Deno.test(
  "verifyResponse() believes the signed version whatever somebody put on top",
  none,
  async () => {
    for (const dialect of ["rfc-10049", "draft-14", "draft-12"] as const) {
      const { code, type } = DIALECTS[dialect];
      const request = buildRequest({
        versions: [code, 0x80000008, 0x8000000b].sort((a, b) => a - b),
        nonce: bytes(32, 1),
        typed: type === "required",
      });
      for (const top of [0x80000001, 0x80000008, 0x8000000b, 1, 7]) {
        const exchange = await forge({
          dialect,
          request,
          top: (e) => put(e, TAG.VER, encodeUint32s([top])),
        });
        const verdict = await verifyResponse(exchange);
        assert(verdict.ok, `${dialect}, ${top}`);
        assert.deepEqual([verdict.dialect, verdict.version], [dialect, code]);
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects the old layout for a modern number with version-misplaced",
  none,
  async () => {
    for (const version of [1, 0x8000000c, 0x8000000e]) {
      const request = buildRequest({
        versions: [version],
        nonce: bytes(32, 1),
      });
      await rejects(
        await forge({ dialect: "draft-11", version, request }),
        "version-misplaced",
      );
    }

    // Google's number is for lists; no reply says it, wherever.
    for (const dialect of ["draft-11", "draft-14", "rfc-10049"] as const) {
      await rejects(
        await forge({ dialect, version: GOOGLE_VERSION }),
        "version-misplaced",
      );
    }
  },
);

Deno.test(
  "verifyResponse() rejects unknown numbers with version-unknown",
  none,
  async () => {
    for (
      const version of [
        0,
        2,
        7,
        0x7fffffff,
        0x80000000,
        0x80000014,
        0xffffffff,
      ]
    ) {
      for (const dialect of ["draft-08", "draft-12", "draft-14"] as const) {
        const verdict = await verifyResponse(await forge({ dialect, version }));
        assert(!verdict.ok && verdict.rejection.code === "version-unknown");
        assert.equal(verdict.rejection.version, version);
      }
    }
  },
);

Deno.test(
  "verifyResponse() heeds the top VER where SREP has one as well",
  none,
  async () => {
    // Servers of 10 and 11 are seen with TYPE, VER and VERS as later drafts have them.
    for (const id of ["draft-10", "draft-11"] as const) {
      const { code } = DIALECTS[id];
      const exchange = await forge({
        dialect: id,
        top: (e) => put(e, TAG.TYPE, encodeUint32s([1])),
        srep: (e) =>
          put(
            put(e, TAG.VER, encodeUint32s([code])),
            TAG.VERS,
            encodeUint32s([code]),
          ),
      });
      assert.equal(verified(await verifyResponse(exchange)).dialect, id);
    }
    // A top VER that says a modern number does not speak against SREP's.
    for (const id of ["draft-14", "rfc-10049"] as const) {
      const exchange = await forge({
        dialect: id,
        top: (e) => put(e, TAG.VER, encodeUint32s([DIALECTS[id].code])),
      });
      assert.equal(verified(await verifyResponse(exchange)).dialect, id);
    }
  },
);

Deno.test(
  "verifyResponse() reads no other time under the default offer when the unsigned VER is changed",
  none,
  async () => {
    const request = buildRequest({
      versions: DEFAULT_OFFER,
      nonce: bytes(32, 1),
      publicKey: PUBLIC_KEY,
    });
    for (const version of DEFAULT_OFFER) {
      const dialect = dialectFor(version, { typed: true }) as Dialect;
      const exchange = await forge({ dialect: dialect.id, request });
      const honest = verified(await verifyResponse(exchange));
      assert.equal(honest.version, version);
      for (const other of DEFAULT_OFFER) {
        const response = edit(
          exchange.response,
          (e) => put(e, TAG.VER, encodeUint32s([other])),
        );
        const verdict = await verifyResponse({ ...exchange, response });
        if (!verdict.ok) continue;
        // 08 and 11 differ in nothing that is signed.
        assert.equal(verdict.midpointMicros, honest.midpointMicros);
        assert.equal(verdict.radiusMicros, honest.radiusMicros);
      }
    }
  },
);

Deno.test(
  "verifyResponse() rejects version 1 without TYPE with tag-missing (section 5.2.3)",
  none,
  async () => {
    const verdict = await verifyResponse(
      await forge({ dialect: "rfc-10049", top: (e) => drop(e, TAG.TYPE) }),
    );
    assert(!verdict.ok && verdict.rejection.code === "tag-missing");
    assert.equal(verdict.rejection.tag, TAG.TYPE);
  },
);

Deno.test(
  "verifyResponse() rejects more microseconds than a day has with timestamp-invalid",
  none,
  async () => {
    for (const dialect of ALL.filter(({ time }) => time === "mjd-micros")) {
      const day = 61_000n << 40n;
      const bad = encodeUint64(day | 86_401_000_000n);
      const leap = encodeUint64(day | 86_400_999_999n);
      await rejects(
        await forge({
          dialect: dialect.id,
          srep: (e) => put(e, TAG.MIDP, bad),
        }),
        "timestamp-invalid",
      );
      for (const tag of [TAG.MINT, TAG.MAXT]) {
        const verdict = await verifyResponse(
          await forge({ dialect: dialect.id, dele: (e) => put(e, tag, bad) }),
        );
        assert(!verdict.ok && verdict.rejection.code === "timestamp-invalid");
        assert.equal(verdict.rejection.tag, tag);
      }
      // The last microsecond of a leap second is a time of day.
      verified(
        await verifyResponse(
          await forge({
            dialect: dialect.id,
            srep: (e) => put(e, TAG.MIDP, leap),
            dele: (e) =>
              put(
                put(e, TAG.MINT, encodeUint64(day)),
                TAG.MAXT,
                encodeUint64(day + (2n << 40n)),
              ),
          }),
        ),
      );
    }
  },
);

Deno.test(
  "verifyResponse() reads a complemented INDX of 05-13 as the other order, same time",
  none,
  async () => {
    // Two orders are tried there, and the mirror of a place in one is a place in the other.
    for (const dialect of ALL) {
      const exchange = await batchOfFive(dialect);
      const honest = verified(await verifyResponse(exchange));
      const mirrored = edit(
        exchange.response,
        (e) =>
          put(
            e,
            TAG.INDX,
            encodeUint32s([~honest.index & (2 ** honest.pathLength - 1)]),
          ),
      );
      const verdict = await verifyResponse({ ...exchange, response: mirrored });
      if (dialect.batches === "one") continue;
      if (dialect.pathOrder === "hash-first") {
        assert(!verdict.ok && verdict.rejection.code === "merkle-root");
      } else {
        const read = verified(verdict);
        assert.equal(read.pathOrder, "node-first");
        assert.equal(read.midpointMicros, honest.midpointMicros);
        assert.equal(read.radiusMicros, honest.radiusMicros);
      }
    }
  },
);

Deno.test(
  "verifyResponse() throws only for a key of the wrong length",
  none,
  async () => {
    const exchange = await forge({ dialect: "rfc-10049" });
    for (const length of [0, 31, 33, 64]) {
      await assert.rejects(
        verifyResponse({ ...exchange, publicKey: new Uint8Array(length) }),
        RangeError,
      );
    }
  },
);

Deno.test(
  "verifyResponse() neither changes nor keeps hold of what it is given",
  none,
  async () => {
    const exchange = await batchOfFive(DIALECTS["rfc-10049"]);
    const before = structuredClone(exchange);
    verified(await verifyResponse(exchange));
    assert.deepEqual(exchange, before);
    // Views into a larger buffer do as well as whole buffers.
    const shifted = (part: Uint8Array) =>
      concat(bytes(3, 1), part, bytes(5, 2)).subarray(3, 3 + part.length);
    verified(
      await verifyResponse({
        request: shifted(exchange.request),
        response: shifted(exchange.response),
        publicKey: shifted(exchange.publicKey),
      }),
    );
  },
);

Deno.test(
  "verifyResponse() lets a request's own faults be seen first",
  none,
  async () => {
    const exchange = await forge({ dialect: "rfc-10049" });
    const faulty: [Uint8Array, WireFaultCode | RejectionCode][] = [
      [new Uint8Array(0), "truncated"],
      [exchange.request.slice(0, 1000), "frame-length"],
      [new Uint8Array(1024), "tag-count"],
      [exchange.response, "type-wrong"],
    ];
    for (const [request, code] of faulty) {
      const verdict = await verifyResponse({ ...exchange, request });
      assert(!verdict.ok);
      const { rejection } = verdict;
      assert("document" in rejection && rejection.document === "request");
      assert.equal(
        rejection.code === "malformed" ? rejection.fault.code : rejection.code,
        code,
      );
    }
  },
);

/** Noise, and noise that gets a little further. */
const noise: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 1500 }),
  fc.uint8Array({ maxLength: 1500 }).map((b) => frame(b)),
  fc.tuple(fc.integer({ min: 0, max: 12 }), fc.uint8Array({ maxLength: 600 }))
    .map(([count, b]) => frame(concat(encodeUint32s([count]), b))),
);

Deno.test(
  "verifyResponse() neither throws on noise nor believes it",
  none,
  async () => {
    const exchanges = await Promise.all(
      ALL.map((dialect) => batchOfFive(dialect)),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...exchanges),
        noise,
        fc.constantFrom("request", "response", "both"),
        async (exchange, junk, where) => {
          const request = where === "response" ? exchange.request : junk;
          const response = where === "request" ? exchange.response : junk;
          const verdict = await verifyResponse({
            ...exchange,
            request,
            response,
          });
          assert(!verdict.ok);
          assert(REJECTION_CODES.includes(verdict.rejection.code));
        },
      ),
      { numRuns: 2000 },
    );
  },
);

Deno.test(
  "verifyResponse() never believes another time, however a good pair is altered",
  none,
  async () => {
    const exchanges = await Promise.all(
      ALL.map((dialect) => batchOfFive(dialect)),
    );
    const honest = new Map<Exchange, Verified>();
    for (const exchange of exchanges) {
      honest.set(exchange, verified(await verifyResponse(exchange)));
    }
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...exchanges),
        fc.array(fc.tuple(fc.nat(2000), fc.integer({ min: 0, max: 255 })), {
          minLength: 1,
          maxLength: 6,
        }),
        fc.constantFrom("request", "response"),
        async (exchange, changes, where) => {
          const altered = Uint8Array.from(exchange[where as "request"]);
          for (const [at, value] of changes) {
            altered[at % altered.length] = value;
          }
          const verdict = await verifyResponse({
            ...exchange,
            [where]: altered,
          });
          if (!verdict.ok) return;
          const { midpointMicros, radiusMicros, delegation } = verdict;
          const truth = honest.get(exchange) as Verified;
          assert.equal(midpointMicros, truth.midpointMicros);
          assert.equal(radiusMicros, truth.radiusMicros);
          assert.deepEqual(delegation, truth.delegation);
        },
      ),
      { numRuns: 3000 },
    );
  },
);

Deno.test(
  "every rejection code has an exchange that produces it",
  none,
  async () => {
    const id: DialectId = "draft-14";
    const v1 = () => forge({ dialect: "rfc-10049" });
    const causes: Record<RejectionCode, () => Promise<Exchange>> = {
      "malformed": async () => ({ ...await v1(), response: new Uint8Array(3) }),
      "tag-missing": () => forge({ dialect: id, top: (e) => drop(e, TAG.SIG) }),
      "length-wrong": () =>
        forge({ dialect: id, top: (e) => put(e, TAG.SIG, bytes(60, 1)) }),
      "type-wrong": () =>
        forge({
          dialect: id,
          top: (e) => put(e, TAG.TYPE, encodeUint32s([0])),
        }),
      "version-unknown": () => forge({ dialect: id, version: 0xc0000000 }),
      "version-misplaced": () => forge({ dialect: id, version: 0x80000008 }),
      "version-not-offered": () => forge({ dialect: id, version: 0x8000000d }),
      "version-ambiguous": async () => {
        const exchange = await forge({ dialect: "draft-05" });
        const offered = encodeUint32s([0x80000005, 0x8000000b]);
        const request = edit(
          exchange.request,
          (e) => put(e, TAG.VER, offered),
        );
        return { ...exchange, request };
      },
      "versions-list": () => forge({ dialect: id, versions: [] }),
      "nonce-mismatch": () =>
        forge({ dialect: id, top: (e) => put(e, TAG.NONC, bytes(32, 77)) }),
      "radius-zero": () =>
        forge({
          dialect: id,
          srep: (e) => put(e, TAG.RADI, encodeUint32s([0])),
        }),
      "timestamp-invalid": () =>
        forge({
          dialect: "draft-07",
          srep: (e) => put(e, TAG.MIDP, bytes(8, 1).fill(0xff)),
        }),
      "certificate-signature": async () => ({
        ...await v1(),
        publicKey: OTHER_LONG_TERM.publicKey,
      }),
      "outside-delegation": () =>
        forge({ dialect: id, midpointMicros: NOW_MICROS - 7200n * SECOND }),
      "path-too-long": () =>
        forge({
          dialect: id,
          tree: (_, leaf) => ({
            root: leaf,
            path: bytes(33 * 32, 1),
            index: 0,
          }),
        }),
      "index-bits": () =>
        forge({
          dialect: id,
          tree: (_, leaf) => ({ root: leaf, path: bytes(0, 0), index: 1 }),
        }),
      "merkle-root": () =>
        forge({
          dialect: id,
          tree: () => ({ root: bytes(32, 1), path: bytes(0, 0), index: 0 }),
        }),
      "response-signature": () =>
        forge({ dialect: id, responseContext: CONTEXT.rfcResponse }),
    };
    for (const [code, make] of Object.entries(causes)) {
      assert.equal(await judge(await make()), code);
    }
    assert.deepEqual(
      Object.keys(causes).sort(),
      [...REJECTION_CODES].sort(),
    );
  },
);

Deno.test(
  "a single leaf is the root, made of what the dialect says (section 5.3)",
  none,
  async () => {
    for (const dialect of ALL) {
      const { request, response } = await exchangeFor(dialect.id, 1);
      const srep = entriesOf(messageOf(response))
        .find(([t]) => t === TAG.SREP)?.[1] as Uint8Array;
      const root = entriesOf(srep).find(([t]) => t === TAG.ROOT)?.[1];
      const nonce = entriesOf(messageOf(request))
        .find(([t]) => t === TAG.NONC)?.[1] as Uint8Array;
      const modern = ["draft-12", "draft-14", "rfc-10049"].includes(dialect.id);
      const fips = ["draft-02", "draft-07"].includes(dialect.id);
      const leaf = createHash(fips ? "sha512-256" : "sha512")
        .update(Uint8Array.of(0)).update(modern ? request : nonce).digest()
        .subarray(0, dialect.id === "google" ? 64 : 32);
      assert.deepEqual(Uint8Array.from(root ?? []), Uint8Array.from(leaf));
    }
  },
);

Deno.test(
  "verifyResponse() judges what it was given, whatever the caller's buffers hold later",
  none,
  async () => {
    const good = await exchangeFor("draft-14", 1);
    // The same time half an hour later: only the signature, checked last, tells.
    const forged = Uint8Array.from(good.response);
    const midp = encodeTimestamp("unix-seconds", MOMENT.midpointMicros);
    const at = hex.encode(forged).indexOf(hex.encode(midp)) / 2;
    assert(at > 0);
    writeUint32(forged, at, readUint32(forged, at) + 1800);
    const judging = verifyResponse({ ...good, response: forged });
    forged.set(good.response);
    const verdict = await judging;
    assert(!verdict.ok && verdict.rejection.code === "response-signature");
    const honest = Uint8Array.from(good.response);
    const verifying = verifyResponse({ ...good, response: honest });
    honest.fill(0);
    assert.equal((await verifying).ok, true);
  },
);
