import assert from "node:assert/strict";
import fc from "fast-check";
import { TAG, tagName } from "../../lib/wire/tag.ts";

/** The bytes that each name stands for (§4.1.3), written out. */
const BYTES: Readonly<Record<keyof typeof TAG, string>> = {
  PAD0: "PAD\0",
  SIG: "SIG\0",
  VER: "VER\0",
  SRV: "SRV\0",
  NONC: "NONC",
  DELE: "DELE",
  TYPE: "TYPE",
  PATH: "PATH",
  RADI: "RADI",
  PUBK: "PUBK",
  MIDP: "MIDP",
  SREP: "SREP",
  VERS: "VERS",
  MINT: "MINT",
  ROOT: "ROOT",
  CERT: "CERT",
  MAXT: "MAXT",
  INDX: "INDX",
  ZZZZ: "ZZZZ",
  PADFF: "PAD\xff",
};

/** Undoes {@linkcode tagName}. */
function numberOf(name: string): number {
  const bytes = name.replaceAll(
    /\\x([0-9a-f]{2})/g,
    (_, hex: string) => String.fromCharCode(parseInt(hex, 16)),
  ).padEnd(4, "\0");
  return [...bytes].reduce(
    (sum, char, i) => sum + char.charCodeAt(0) * 256 ** i,
    0,
  );
}

Deno.test({
  name: "TAG holds the little-endian number of each name (§4.1.3)",
  permissions: "none",
  fn: () => {
    for (const [name, number] of Object.entries(TAG)) {
      const bytes = BYTES[name as keyof typeof TAG];
      assert.equal(bytes.length, 4, name);
      const view = new DataView(new ArrayBuffer(4));
      [...bytes].forEach((char, i) => view.setUint8(i, char.charCodeAt(0)));
      assert.equal(number, view.getUint32(0, true), name);
    }
  },
});

Deno.test({
  name: "TAG lists its tags in wire order",
  permissions: "none",
  fn: () => {
    const numbers = Object.values(TAG);
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b));
    assert.equal(new Set(numbers).size, numbers.length);
  },
});

Deno.test({
  name: "tagName() drops padding and keeps what is printable",
  permissions: "none",
  fn: () => {
    assert.equal(tagName(TAG.SIG), "SIG");
    assert.equal(tagName(TAG.VER), "VER");
    assert.equal(tagName(TAG.NONC), "NONC");
    assert.equal(tagName(TAG.PAD0), "PAD");
    assert.equal(tagName(TAG.PADFF), "PAD\\xff");
  },
});

Deno.test({
  name: "tagName() escapes what could act on a terminal or mislead",
  permissions: "none",
  fn: () => {
    assert.equal(tagName(0x0a0d1b00), "\\x00\\x1b\\x0d\\x0a");
    assert.equal(tagName(0x41004100), "\\x00A\\x00A");
    assert.equal(tagName(0x20202020), "\\x20\\x20\\x20\\x20");
    assert.equal(tagName(0x7f5c9b41), "A\\x9b\\x5c\\x7f");
    assert.equal(tagName(0xffffffff), "\\xff\\xff\\xff\\xff");
  },
});

Deno.test({
  name: "tagName() gives visible ASCII and another name for every number",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 0xffffffff }), (tag) => {
      const name = tagName(tag);
      assert.match(name, /^[\x21-\x7e]+$/);
      assert.equal(numberOf(name), tag);
    }));
  },
});
