import { hex } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import { type DialectId, DIALECTS } from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { frame } from "../../lib/wire/frame.ts";
import {
  REJECTION_CODES,
  type RejectionCode,
  type WireFaultCode,
} from "../../lib/wire/rejection.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeTimestamp } from "../../lib/wire/timestamp.ts";
import {
  encodeUint32s,
  encodeUint64,
  readUint32,
  writeUint32,
} from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  CONTEXT,
  drop,
  edit,
  entriesOf,
  exchangeFor,
  exchangesFor,
  forge,
  judge,
  messageOf,
  midpointIn,
  MOMENT,
  NOW_MICROS,
  ONLINE,
  OTHER_LONG_TERM,
  put,
  SECOND,
} from "../_support/fixtures.ts";
import { timeOf } from "../_support/flip.ts";
import {
  batchOfFive,
  rejects,
  verified,
  windowOf,
} from "../_support/verdict.ts";

const none = { permissions: "none" } as const;

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
}

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
