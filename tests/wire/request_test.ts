import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  DEFAULT_OFFER,
  type Dialect,
  GOOGLE_VERSION,
  OFFERS,
} from "../../lib/wire/dialect.ts";
import { WireError, type WireErrorCode } from "../../lib/wire/errors.ts";
import { isFramed } from "../../lib/wire/frame.ts";
import {
  buildRequest,
  type BuildRequestOptions,
  nonceSizeOf,
  REQUEST_BYTES,
} from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  entriesOf,
  messageOf,
  PUBLIC_KEY,
  requestFor,
} from "../_support/fixtures.ts";
import { parsed, tagsOf } from "../_support/request.ts";

const none = { permissions: "none" } as const;

function throws(options: BuildRequestOptions, code: WireErrorCode): void {
  assert.throws(
    () => buildRequest(options),
    (error) => error instanceof WireError && error.code === code,
  );
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
