import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALIASES,
  DEFAULT_OFFER,
  type Dialect,
  GOOGLE_VERSION,
  OFFERS,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { WireError, type WireErrorCode } from "../../lib/wire/errors.ts";
import { frame, isFramed } from "../../lib/wire/frame.ts";
import { encodeMessage, type Entry } from "../../lib/wire/message.ts";
import type { RejectionCode } from "../../lib/wire/rejection.ts";
import {
  buildRequest,
  type BuildRequestOptions,
  nonceSizeOf,
  type ParsedRequest,
  parseRequest,
  REQUEST_BYTES,
} from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  corpus,
  drop,
  edit,
  encodeLoosely,
  entriesOf,
  messageOf,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function parsed(packet: Uint8Array): ParsedRequest {
  const result = parseRequest(packet);
  if (!result.ok) assert.fail(Deno.inspect(result));
  return result.request;
}

function rejection(packet: Uint8Array): RejectionCode {
  const result = parseRequest(packet);
  assert(!result.ok);
  return result.rejection.code;
}

function throws(options: BuildRequestOptions, code: WireErrorCode): void {
  assert.throws(
    () => buildRequest(options),
    (error) => error instanceof WireError && error.code === code,
  );
}

function tagsOf(packet: Uint8Array): number[] {
  return entriesOf(messageOf(packet)).map(([tag]) => tag);
}

function valueOf(packet: Uint8Array, tag: number): number[] | undefined {
  const entry = entriesOf(messageOf(packet)).find(([t]) => t === tag);
  return entry && Array.from(entry[1]);
}

/** How a request of each dialect is laid out, in wire order (sections 5.1 and its forerunners). */
const LAYOUT: Record<Dialect["id"], number[]> = {
  "google": [TAG.NONC, TAG.PADFF],
  "draft-01": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-02": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-03": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-04": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-05": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-06": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-07": [TAG.PAD0, TAG.VER, TAG.NONC],
  "draft-08": [TAG.VER, TAG.NONC, TAG.ZZZZ],
  "draft-09": [TAG.VER, TAG.NONC, TAG.ZZZZ],
  "draft-10": [TAG.VER, TAG.SRV, TAG.NONC, TAG.ZZZZ],
  "draft-11": [TAG.VER, TAG.SRV, TAG.NONC, TAG.ZZZZ],
  "draft-12": [TAG.VER, TAG.SRV, TAG.NONC, TAG.ZZZZ],
  "draft-14": [TAG.VER, TAG.SRV, TAG.NONC, TAG.TYPE, TAG.ZZZZ],
  "rfc-10049": [TAG.VER, TAG.SRV, TAG.NONC, TAG.TYPE, TAG.ZZZZ],
};

for (const dialect of ALL) {
  Deno.test(`buildRequest() lays out ${dialect.id} in 1024 bytes`, none, () => {
    const request = requestFor(dialect.id);
    assert.equal(request.length, 1024);
    assert.equal(REQUEST_BYTES, 1024);
    assert.deepEqual(tagsOf(request), LAYOUT[dialect.id]);
    assert.equal(isFramed(request), dialect.id !== "google");
    if (isFramed(request)) {
      const head = new TextEncoder().encode("ROUGHTIM");
      assert.deepEqual(request.slice(0, 8), head);
      assert.deepEqual(request.slice(8, 12), encodeUint32s([1012]));
    }
    const nonce = valueOf(request, TAG.NONC) as number[];
    assert.equal(nonce.length, dialect.nonceSize);
    assert.deepEqual(nonce, Array.from(bytes(dialect.nonceSize, 10_000)));
    const padding = valueOf(request, TAG[dialect.padding]) as number[];
    assert(padding.length > 800 && padding.every((byte) => byte === 0));
    if (dialect.id !== "google") {
      assert.deepEqual(
        valueOf(request, TAG.VER),
        Array.from(encodeUint32s([dialect.code])),
      );
    }
  });

  Deno.test(
    `parseRequest() reads what buildRequest() writes for ${dialect.id}`,
    none,
    () => {
      const packet = requestFor(dialect.id);
      const request = parsed(packet);
      assert.equal(request.packet, packet);
      assert.equal(request.framed, dialect.id !== "google");
      assert.deepEqual(request.versions, [dialect.code]);
      assert.equal(request.typed, dialect.type === "required");
      assert.equal(request.srv !== undefined, dialect.srv === "heeded");
      assert.deepEqual(
        Uint8Array.from(request.nonce),
        bytes(dialect.nonceSize, 10_000),
      );
    },
  );
}

Deno.test("buildRequest() fills every size that it can", none, () => {
  for (const { id, framed, nonceSize } of ALL) {
    for (const size of [1024, 1028, 1036, 1472, 65536 - 4]) {
      const request = requestFor(id, 0, size);
      assert.equal(request.length, size);
      assert.equal(parsed(request).nonce.length, nonceSize);
    }
    // The letter of section 5.1 wants a message of 1024 bytes: 1036 with the frame.
    const long = requestFor(id, 0, 1036);
    assert.equal(messageOf(long).length, framed ? 1024 : 1036);
  }
});

Deno.test(
  "buildRequest() refuses a size that is too small or no multiple of 4",
  none,
  () => {
    const offer = { versions: [1], nonce: bytes(32, 1), publicKey: PUBLIC_KEY };
    // Frame, header of five pairs, VER, SRV, NONC, TYPE and no padding.
    const least = 12 + 40 + 4 + 32 + 32 + 4;
    const smallest = buildRequest({ ...offer, size: least });
    assert.equal(smallest.length, least);
    assert.deepEqual(valueOf(smallest, TAG.ZZZZ), []);
    for (const size of [least - 4, 0, -4, 1022, 1023, 1025, 1024.5, NaN]) {
      throws({ ...offer, size }, "size");
    }
  },
);

Deno.test(
  "buildRequest() puts every default offer in 1024 bytes, ascending (section 5.1.1)",
  none,
  () => {
    for (const versions of OFFERS) {
      const nonce = bytes(nonceSizeOf(versions), 1);
      const request = buildRequest({ versions, nonce, publicKey: PUBLIC_KEY });
      assert.equal(request.length, 1024);
      assert.deepEqual(parsed(request).versions, versions);
    }
    const nonce = bytes(32, 1);
    const backwards = [...DEFAULT_OFFER].reverse();
    assert.deepEqual(
      buildRequest({ versions: backwards, nonce }),
      buildRequest({ versions: DEFAULT_OFFER, nonce }),
    );
    // The caller's list is left alone.
    assert.deepEqual(backwards, [...DEFAULT_OFFER].reverse());
  },
);

Deno.test(
  "buildRequest() uses ZZZZ where the offered versions pad differently",
  none,
  () => {
    const nonce = bytes(32, 1);
    const padded = (versions: number[]) =>
      tagsOf(buildRequest({ versions, nonce })).filter((tag) =>
        tag === TAG.PAD0 || tag === TAG.ZZZZ
      );
    assert.deepEqual(padded([0x80000005, 0x80000007]), [TAG.PAD0]);
    assert.deepEqual(padded([0x80000007, 0x80000008]), [TAG.ZZZZ]);
    assert.deepEqual(padded([0x80000008, 1]), [TAG.ZZZZ]);
  },
);

Deno.test(
  "buildRequest() sends TYPE 0 exactly where an offered version has TYPE (section 5.1.3)",
  none,
  () => {
    const nonce = bytes(32, 1);
    const type = (versions: number[], typed?: boolean) =>
      valueOf(buildRequest({ versions, nonce, typed }), TAG.TYPE);
    const zero = [0, 0, 0, 0];
    assert.deepEqual(type([1]), zero);
    assert.deepEqual(type([0x8000000c]), zero);
    assert.deepEqual(type([0x8000000c], true), zero);
    assert.deepEqual(type([0x8000000e]), zero);
    assert.deepEqual(type([0x80000008, 0x8000000c]), zero);
    assert.equal(type([0x8000000c], false), undefined);
    assert.equal(type([0x8000000e], false), undefined);
    assert.equal(type([0x80000008, 0x8000000b]), undefined);
    // Version 1 is nothing without it.
    assert.deepEqual(type([1], false), zero);
    assert.deepEqual(type([1, 0x8000000c], false), zero);
  },
);

Deno.test(
  "buildRequest() names the key in SRV where an offered version knows SRV (section 5.1.4)",
  none,
  () => {
    const expected = Array.from(
      createHash("sha512").update(Uint8Array.of(0xff)).update(PUBLIC_KEY)
        .digest().subarray(0, 32),
    );
    const srv = (versions: number[], publicKey?: Uint8Array) =>
      valueOf(
        buildRequest({
          versions,
          nonce: bytes(nonceSizeOf(versions), 1),
          publicKey,
        }),
        TAG.SRV,
      );
    assert.deepEqual(srv([1], PUBLIC_KEY), expected);
    assert.deepEqual(srv([0x8000000a], PUBLIC_KEY), expected);
    assert.deepEqual(srv([0x80000009, 0x8000000a], PUBLIC_KEY), expected);
    assert.equal(srv([0x80000009], PUBLIC_KEY), undefined);
    assert.equal(srv([GOOGLE_VERSION], PUBLIC_KEY), undefined);
    assert.equal(srv([1]), undefined);
  },
);

Deno.test(
  "buildRequest() throws WireError for offers that one request cannot make",
  none,
  () => {
    const nonce = bytes(32, 1);
    const offers: number[][] = [
      [],
      [GOOGLE_VERSION, 1],
      [GOOGLE_VERSION, 0x80000001],
      [0x80000004, 0x80000005],
      [1, 0x80000001],
      [1, 1],
      [GOOGLE_VERSION, GOOGLE_VERSION],
      [0x8000000c, 1, 0x8000000c],
      [0],
      [2],
      [1, 0x80000014],
      [0x90000001],
      [-1],
      [NaN],
      Array.from({ length: 33 }, (_, i) => i),
    ];
    for (const versions of offers) {
      throws({ versions, nonce }, "offer");
      throws({ versions, nonce: bytes(64, 1) }, "offer");
      throws({ versions, nonce, typed: false }, "offer");
      if (new Set(versions).size !== versions.length) continue;
      assert.throws(
        () => nonceSizeOf(versions),
        (error) => error instanceof WireError && error.code === "offer",
      );
    }
  },
);

Deno.test(
  "buildRequest() throws WireError for a nonce of the wrong length (section 5.1.2)",
  none,
  () => {
    for (const { code, nonceSize } of ALL) {
      for (const length of [0, 31, 32, 33, 63, 64, 65, 128]) {
        if (length === nonceSize) continue;
        throws({ versions: [code], nonce: bytes(length, 1) }, "nonce");
      }
    }
  },
);

Deno.test(
  "buildRequest() refuses offers whose replies could be passed off as one another",
  none,
  () => {
    for (const old of [0x80000005, 0x80000006]) {
      for (const newer of [8, 9, 10, 11].map((n) => 0x80000000 + n)) {
        const versions = [old, newer, 1];
        assert.throws(
          () => buildRequest({ versions, nonce: bytes(32, 1) }),
          { name: "WireError", code: "offer" },
        );
      }
    }
  },
);

Deno.test(
  "nonceSizeOf() is 64 for Google and drafts 01-04, 32 since",
  none,
  () => {
    assert.equal(nonceSizeOf([GOOGLE_VERSION]), 64);
    for (const code of [0x80000001, 0x80000002, 0x80000003, 0x80000004]) {
      assert.equal(nonceSizeOf([code]), 64);
    }
    assert.equal(nonceSizeOf([0x80000001, 0x80000004]), 64);
    for (let code = 0x80000005; code <= 0x80000013; code++) {
      assert.equal(nonceSizeOf([code]), 32);
    }
    assert.equal(nonceSizeOf([1]), 32);
    assert.equal(nonceSizeOf(DEFAULT_OFFER), 32);
  },
);

Deno.test(
  "parseRequest() agrees with buildRequest() on any offer",
  none,
  () => {
    // 05 and 06 cannot stand beside 08 to 11.
    const middle = [0x80000005, 0x80000006, 0x80000007, 0x8000000c];
    const short = [...SERVER_VERSIONS, ...ALIASES].filter((code) =>
      nonceSizeOf([code]) === 32 && !middle.slice(0, 2).includes(code)
    );
    const long = SERVER_VERSIONS.filter((code) => nonceSizeOf([code]) === 64);
    const offer = fc.oneof(
      fc.subarray(short, { minLength: 1 }),
      fc.subarray(middle, { minLength: 1 }),
      fc.subarray(long, { minLength: 1 }),
      fc.constant<number[]>([GOOGLE_VERSION]),
    );
    fc.assert(
      fc.property(
        offer,
        fc.uint8Array({ minLength: 64, maxLength: 64 }),
        fc.option(fc.constant(PUBLIC_KEY), { nil: undefined }),
        fc.boolean(),
        fc.integer({ min: 256, max: 375 }),
        (versions, random, publicKey, typed, words) => {
          const nonce = random.subarray(0, nonceSizeOf(versions));
          const size = 4 * words;
          const options = { versions, nonce, publicKey, typed, size };
          const packet = buildRequest(options);
          assert.equal(packet.length, size);
          const request = parsed(packet);
          assert.deepEqual(
            request.versions,
            [...versions].sort((a, b) => a - b),
          );
          assert.deepEqual(Uint8Array.from(request.nonce), nonce);
          assert.equal(request.framed, versions[0] !== GOOGLE_VERSION);
          const required = versions.includes(1) ||
            typed && versions.some((code) => code >= 0x8000000c) &&
              request.framed;
          assert.equal(request.typed, required);
          const heeds = request.framed &&
            versions.some((code) => code === 1 || code >= 0x8000000a);
          assert.equal(
            request.srv?.length,
            heeds && publicKey ? 32 : undefined,
          );
          assert.deepEqual(
            tagsOf(packet),
            tagsOf(packet).sort((a, b) => a - b),
          );
        },
      ),
    );
  },
);

Deno.test(
  "parseRequest() accepts a VER list out of order only where nothing modern is in it",
  none,
  () => {
    const offering = (...versions: number[]) =>
      edit(
        requestFor("draft-08"),
        (e) => put(e, TAG.VER, encodeUint32s(versions)),
      );
    // Cloudflare's client.
    assert.deepEqual(
      parsed(offering(0x8000000b, 0x80000008)).versions,
      [0x8000000b, 0x80000008],
    );
    assert.deepEqual(
      parsed(offering(0x80000008, 0x80000008, 3)).versions,
      [0x80000008, 0x80000008, 3],
    );
    for (const modern of [1, 0x8000000c, 0x8000000f]) {
      const code = "versions-list";
      assert.equal(rejection(offering(modern, 0)), code);
      assert.equal(rejection(offering(modern, modern)), code);
      assert.equal(rejection(offering(0x8000000b, 0x80000008, modern)), code);
      assert.deepEqual(parsed(offering(0, modern)).versions, [0, modern]);
    }
  },
);

Deno.test(
  "parseRequest() bounds VER to 1 to 32 numbers (section 5.1.1)",
  none,
  () => {
    const counting = (length: number) =>
      edit(
        requestFor("draft-14"),
        (e) =>
          put(
            e,
            TAG.VER,
            encodeUint32s(Array.from({ length }, (_, i) => 0x80000000 + i)),
          ),
      );
    const faults: [number, string][] = [[0, "empty"], [33, "too-many"], [
      200,
      "too-many",
    ]];
    for (const [length, fault] of faults) {
      const result = parseRequest(counting(length));
      assert(!result.ok && result.rejection.code === "versions-list");
      assert.equal(result.rejection.fault, fault);
      assert.equal(result.rejection.document, "request");
    }
    assert.equal(parsed(counting(1)).versions.length, 1);
    assert.equal(parsed(counting(32)).versions.length, 32);
  },
);

Deno.test(
  "parseRequest() wants VER in a frame and looks for none outside",
  none,
  () => {
    const framed = requestFor("rfc-10049");
    assert.equal(
      rejection(edit(framed, (e) => drop(e, TAG.VER))),
      "tag-missing",
    );
    assert.deepEqual(
      parsed(edit(requestFor("google"), (e) => put(e, TAG.VER, bytes(400, 1))))
        .versions,
      [GOOGLE_VERSION],
    );
  },
);

Deno.test(
  "parseRequest() wants NONC of 32 or 64 bytes (section 5.1.2)",
  none,
  () => {
    for (const { id } of ALL) {
      const request = requestFor(id);
      assert.equal(
        rejection(edit(request, (e) => drop(e, TAG.NONC))),
        "tag-missing",
      );
      for (const length of [0, 4, 28, 36, 60, 68, 128]) {
        assert.equal(
          rejection(edit(request, (e) => put(e, TAG.NONC, bytes(length, 1)))),
          "length-wrong",
        );
      }
      for (const length of [32, 64]) {
        const packet = edit(request, (e) => put(e, TAG.NONC, bytes(length, 1)));
        assert.equal(parsed(packet).nonce.length, length);
      }
    }
  },
);

Deno.test(
  "parseRequest() wants TYPE to be four zero bytes where it is (section 5.1.3)",
  none,
  () => {
    for (const { id } of ALL) {
      const typed = (value: Uint8Array) =>
        edit(requestFor(id), (e) => put(e, TAG.TYPE, value));
      assert.equal(parsed(typed(new Uint8Array(4))).typed, true);
      for (const type of [1, 2, 0x01000000, 0xffffffff]) {
        assert.equal(rejection(typed(encodeUint32s([type]))), "type-wrong");
      }
      for (const length of [0, 8, 12]) {
        assert.equal(rejection(typed(new Uint8Array(length))), "length-wrong");
      }
    }
  },
);

Deno.test(
  "parseRequest() leaves SRV to the responder, whatever its length",
  none,
  () => {
    for (const length of [0, 28, 32, 64]) {
      const packet = edit(
        requestFor("rfc-10049"),
        (e) => put(e, TAG.SRV, bytes(length, 1)),
      );
      assert.deepEqual(
        Uint8Array.from(parsed(packet).srv ?? []),
        bytes(length, 1),
      );
    }
  },
);

Deno.test(
  "parseRequest() ignores unknown tags and what is in the padding (section 5.1)",
  none,
  () => {
    for (const { id, padding } of ALL) {
      const packet = edit(
        requestFor(id),
        (
          e,
        ) => [...put(e, TAG[padding], bytes(800, 1)), [
          0x41414141,
          bytes(4, 1),
        ]],
      );
      assert.equal(parsed(packet).nonce.length > 0, true);
    }
  },
);

Deno.test(
  "parseRequest() rejects wrong frames with malformed (section 5)",
  none,
  () => {
    const request = requestFor("rfc-10049");
    const cases: [Uint8Array, string][] = [
      [request.slice(0, 1020), "frame-length"],
      [concat(request, new Uint8Array(4)), "frame-length"],
      [request.slice(0, 12), "frame-length"],
      [request.slice(0, 8), "frame-length"],
      [frame(request), "tag-count"],
      [frame(new Uint8Array(0)), "truncated"],
      [new Uint8Array(0), "truncated"],
      [request.slice(0, 7), "tag-count"],
    ];
    for (const [packet, fault] of cases) {
      const result = parseRequest(packet);
      assert(!result.ok && result.rejection.code === "malformed");
      assert.equal(result.rejection.document, "request");
      assert.equal(result.rejection.fault.code, fault);
    }
  },
);

Deno.test(
  "parseRequest() reads an empty message as a request without NONC",
  none,
  () => {
    assert.equal(rejection(new Uint8Array(4)), "tag-missing");
    assert.equal(rejection(frame(new Uint8Array(4))), "tag-missing");
    assert.equal(rejection(encodeMessage([])), "tag-missing");
  },
);

Deno.test("parseRequest() never throws on the corpus", none, () => {
  for (const { id } of ALL) {
    let count = 0;
    for (const { packet } of corpus(requestFor(id))) {
      const result = parseRequest(packet);
      if (result.ok) assert.equal(result.request.packet, packet);
      count++;
    }
    assert(count > 1000);
  }
});

Deno.test("parseRequest() never throws on noise", none, () => {
  const entry = fc.tuple(
    fc.oneof(fc.constantFrom(...Object.values(TAG)), fc.nat()),
    fc.uint8Array({ maxLength: 80 }),
  );
  const noise = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.uint8Array({ maxLength: 200 }).map((b) => frame(b)),
    fc.array(entry, { maxLength: 10 }).map((entries) =>
      frame(encodeLoosely(entries as Entry[]))
    ),
    fc.uniqueArray(entry, { maxLength: 10, selector: ([tag]) => tag })
      .map((entries) =>
        frame(encodeLoosely(entries.sort(([a], [b]) => a - b) as Entry[]))
      ),
  );
  fc.assert(
    fc.property(noise, (packet) => {
      const result = parseRequest(packet);
      if (!result.ok) return;
      const { versions, nonce } = result.request;
      assert(versions.length >= 1 && versions.length <= 32);
      assert(nonce.length === 32 || nonce.length === 64);
    }),
    { numRuns: 2000 },
  );
});
