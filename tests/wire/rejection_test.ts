import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type DocumentName,
  explain,
  type Rejection,
  REJECTION_CODES,
  type RejectionCode,
  type WireFaultCode,
} from "../../lib/wire/rejection.ts";
import { TAG } from "../../lib/wire/tag.ts";

/** Every layout fault; the type checker demands a new one here. */
const FAULTS: Readonly<Record<WireFaultCode, true>> = {
  "truncated": true,
  "too-long": true,
  "tag-count": true,
  "length-unaligned": true,
  "offset-unaligned": true,
  "offset-descending": true,
  "offset-past-end": true,
  "tag-order": true,
  "tag-repeated": true,
  "frame-magic": true,
  "frame-length": true,
};
const FAULT_CODES = Object.keys(FAULTS) as WireFaultCode[];
const DOCUMENTS: readonly DocumentName[] = [
  "request",
  "response",
  "SREP",
  "CERT",
  "DELE",
];

/** One reason per code, all with a number chosen by whoever sent the bytes. */
function samples(n: number): { [C in RejectionCode]: Rejection & { code: C } } {
  const document = "response";
  return {
    "malformed": {
      code: "malformed",
      document,
      fault: { code: "tag-order", value: n, index: 3 },
    },
    "tag-missing": { code: "tag-missing", document, tag: n },
    "length-wrong": { code: "length-wrong", document, tag: n, length: 5 },
    "type-wrong": { code: "type-wrong", document, type: n },
    "version-unknown": { code: "version-unknown", version: n },
    "version-misplaced": { code: "version-misplaced", version: n },
    "version-not-offered": { code: "version-not-offered", version: n },
    "version-ambiguous": { code: "version-ambiguous", version: n },
    "versions-list": {
      code: "versions-list",
      document: "SREP",
      fault: "not-ascending",
    },
    "nonce-mismatch": { code: "nonce-mismatch" },
    "radius-zero": { code: "radius-zero" },
    "timestamp-invalid": { code: "timestamp-invalid", tag: n },
    "certificate-signature": { code: "certificate-signature" },
    "outside-delegation": {
      code: "outside-delegation",
      midpointMicros: 0n,
      notBeforeMicros: BigInt(n),
      notAfterMicros: 1n << 84n,
    },
    "path-too-long": { code: "path-too-long", pathLength: n },
    "index-bits": { code: "index-bits", index: n, pathLength: 2 },
    "merkle-root": { code: "merkle-root" },
    "response-signature": { code: "response-signature" },
  };
}

/** Would this stand well in one line of a log or a terminal? */
function assertPlain(text: string): void {
  assert.match(text, /^[\x20-\x7e]{10,}$/);
  assert.doesNotMatch(text, /undefined|NaN|\[object|\.$/);
  assert.equal(text, text.trim());
}

Deno.test({
  name: "REJECTION_CODES stays as published, since users match on it",
  permissions: "none",
  fn: () => {
    assert.deepEqual(REJECTION_CODES, [
      "malformed",
      "tag-missing",
      "length-wrong",
      "type-wrong",
      "version-unknown",
      "version-misplaced",
      "timestamp-invalid",
      "version-not-offered",
      "version-ambiguous",
      "nonce-mismatch",
      "versions-list",
      "radius-zero",
      "certificate-signature",
      "outside-delegation",
      "path-too-long",
      "index-bits",
      "merkle-root",
      "response-signature",
    ]);
    // The same codes as the type has, which the type checker holds for samples().
    assert.deepEqual(
      [...REJECTION_CODES].sort(),
      Object.keys(samples(0)).sort(),
    );
  },
});

Deno.test({
  name: "explain() says something else for every code",
  permissions: "none",
  fn: () => {
    const texts = Object.values(samples(TAG.NONC)).map(explain);
    texts.forEach(assertPlain);
    assert.equal(new Set(texts).size, REJECTION_CODES.length);
  },
});

Deno.test({
  name: "explain() says something else for every layout fault and document",
  permissions: "none",
  fn: () => {
    const texts = DOCUMENTS.flatMap((document) =>
      FAULT_CODES.map((code) =>
        explain({
          code: "malformed",
          document,
          fault: { code, value: TAG.SIG, index: 2 },
        })
      )
    );
    texts.forEach(assertPlain);
    assert.equal(new Set(texts).size, DOCUMENTS.length * FAULT_CODES.length);
  },
});

Deno.test({
  name: "explain() says something else for every fault of a version list",
  permissions: "none",
  fn: () => {
    const texts = [
      "empty",
      "too-many",
      "not-ascending",
      "lacks-chosen",
    ] as const;
    const said = texts.map((fault) =>
      explain({ code: "versions-list", document: "SREP", fault })
    );
    said.forEach(assertPlain);
    assert.equal(new Set(said).size, texts.length);
  },
});

Deno.test({
  name: "explain() names tags and versions as people write them",
  permissions: "none",
  fn: () => {
    assert.match(
      explain({ code: "tag-missing", document: "SREP", tag: TAG.MIDP }),
      /MIDP.*SREP/,
    );
    assert.match(
      explain({ code: "version-not-offered", version: 0x8000000c }),
      /0x8000000c/,
    );
    assert.match(explain({ code: "version-unknown", version: 2 }), /\b2\b/);
  },
});

Deno.test({
  name: "explain() escapes what the sender chose",
  permissions: "none",
  fn: () => {
    const hostile = fc.oneof(
      fc.integer({ min: 0, max: 0xffffffff }),
      fc.constantFrom(
        0x0a0a0a0a,
        0x1b5b324a,
        0x9b9b9b9b,
        0x0d08007f,
        0xffffffff,
      ),
    );
    fc.assert(fc.property(hostile, (n) => {
      Object.values(samples(n)).map(explain).forEach(assertPlain);
      for (const code of FAULT_CODES) {
        const fault = { code, value: n, index: 1 };
        assertPlain(explain({ code: "malformed", document: "DELE", fault }));
      }
    }));
  },
});
