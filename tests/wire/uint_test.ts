import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeUint32s,
  encodeUint32s,
  encodeUint64,
  readUint32,
  readUint64,
  writeUint32,
  writeUint64,
} from "../../lib/wire/uint.ts";
import { concat } from "../../lib/crypto/bytes.ts";

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });

Deno.test({
  name: "readUint32() and writeUint32() are little-endian (§4.1.1)",
  permissions: "none",
  fn: () => {
    const bytes = new Uint8Array(6);
    writeUint32(bytes, 1, 0x8000000c);
    assert.deepEqual(bytes, Uint8Array.of(0, 0x0c, 0, 0, 0x80, 0));
    assert.equal(readUint32(bytes, 1), 0x8000000c);
    assert.equal(readUint32(Uint8Array.of(255, 255, 255, 255), 0), 0xffffffff);
  },
});

Deno.test({
  name: "readUint32() and writeUint32() agree with DataView at any offset",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(uint32, fc.nat(9), fc.nat(5), (value, at, shift) => {
      // A view that does not begin where its buffer does.
      const bytes = new Uint8Array(new ArrayBuffer(32), shift, 16);
      writeUint32(bytes, at, value);
      const view = new DataView(bytes.buffer, shift, 16);
      assert.equal(view.getUint32(at, true), value);
      assert.equal(readUint32(bytes, at), value);
      assert.equal(
        bytes.filter((_, i) => i < at || i >= at + 4).join(""),
        "0".repeat(12),
      );
    }));
  },
});

Deno.test({
  name: "readUint64() and writeUint64() agree with DataView at any offset",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(uint64, fc.nat(8), fc.nat(5), (value, at, shift) => {
      const bytes = new Uint8Array(new ArrayBuffer(32), shift, 16);
      writeUint64(bytes, at, value);
      const view = new DataView(bytes.buffer, shift, 16);
      assert.equal(view.getBigUint64(at, true), value);
      assert.equal(readUint64(bytes, at), value);
      assert.equal(readUint64(encodeUint64(value), 0), value);
    }));
  },
});

Deno.test({
  name: "encodeUint64() keeps the largest number exact (§4.1.2)",
  permissions: "none",
  fn: () => {
    const largest = (1n << 64n) - 1n;
    assert.deepEqual(encodeUint64(largest), new Uint8Array(8).fill(255));
    assert.equal(readUint64(new Uint8Array(8).fill(255), 0), largest);
    assert.deepEqual(encodeUint64(1n), Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  },
});

Deno.test({
  name: "decodeUint32s() gives back what encodeUint32s() was given",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(fc.array(uint32), (values) => {
      const bytes = encodeUint32s(values);
      assert.equal(bytes.length, 4 * values.length);
      assert.deepEqual(decodeUint32s(bytes), values);
    }));
  },
});

Deno.test({
  name: "decodeUint32s() does not read bytes that are left over",
  permissions: "none",
  fn: () => {
    const bytes = concat(encodeUint32s([7, 9]), Uint8Array.of(1, 2, 3));
    assert.deepEqual(decodeUint32s(bytes), [7, 9]);
    assert.deepEqual(decodeUint32s(Uint8Array.of(1, 2, 3)), []);
  },
});
