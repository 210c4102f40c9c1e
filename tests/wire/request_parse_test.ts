import fc from "fast-check";
import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import {
  ALIASES,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { frame } from "../../lib/wire/frame.ts";
import { encodeMessage, type Entry } from "../../lib/wire/message.ts";
import type { RejectionCode } from "../../lib/wire/rejection.ts";
import {
  buildRequest,
  nonceSizeOf,
  parseRequest,
} from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  corpus,
  drop,
  edit,
  encodeLoosely,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../_support/fixtures.ts";
import { parsed, tagsOf } from "../_support/request.ts";

const none = { permissions: "none" } as const;

function rejection(packet: Uint8Array): RejectionCode {
  const result = parseRequest(packet);
  assert(!result.ok);
  return result.rejection.code;
}

for (const dialect of ALL) {
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
