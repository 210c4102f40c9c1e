import assert from "node:assert/strict";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  frame,
  FRAME_BYTES,
  isFramed,
  mayBeFramed,
  unframe,
} from "../../lib/wire/frame.ts";

const MAGIC = new TextEncoder().encode("ROUGHTIM");

function faultOf(packet: Uint8Array): string {
  const result = unframe(packet);
  return result.ok ? "none" : result.fault.code;
}

Deno.test({
  name: "frame() writes ROUGHTIM, a length and the message (§5)",
  permissions: "none",
  fn: () => {
    const message = Uint8Array.of(1, 2, 3, 4);
    const packet = frame(message);
    assert.deepEqual(packet, concat(MAGIC, encodeUint32s([4]), message));
    assert.equal(packet.length, FRAME_BYTES + 4);
  },
});

Deno.test({
  name: "unframe() gives back what frame() was given, without copying",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (message) => {
      const packet = frame(message);
      assert(isFramed(packet));
      const result = unframe(packet);
      assert(result.ok);
      assert.deepEqual(result.message, message);
      assert.equal(result.message.buffer, packet.buffer);
    }));
  },
});

Deno.test({
  name: "unframe() refuses a length that is not exactly what follows (§5)",
  permissions: "none",
  fn: () => {
    const packet = frame(new Uint8Array(8));
    assert.equal(faultOf(concat(packet, new Uint8Array(4))), "frame-length");
    for (const announced of [0, 7, 9, 12, 0x7fffffff, 0xffffffff]) {
      const wrong = concat(
        MAGIC,
        encodeUint32s([announced]),
        new Uint8Array(8),
      );
      assert.deepEqual(unframe(wrong), {
        ok: false,
        fault: { code: "frame-length", value: announced, index: 0 },
      });
    }
  },
});

Deno.test({
  name: "unframe() refuses a packet cut off anywhere",
  permissions: "none",
  fn: () => {
    const packet = frame(new Uint8Array(8).fill(7));
    for (let length = 0; length < packet.length; length++) {
      const code = length < 8 ? "frame-magic" : "frame-length";
      assert.equal(faultOf(packet.subarray(0, length)), code, `${length}`);
    }
  },
});

Deno.test({
  name: "isFramed() and unframe() refuse every other beginning",
  permissions: "none",
  fn: () => {
    const packet = frame(new Uint8Array(8));
    for (let bit = 0; bit < 64; bit++) {
      const other = packet.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      assert(!isFramed(other));
      assert.equal(faultOf(other), "frame-magic");
    }
    assert(!isFramed(new Uint8Array(1024)));
    assert(isFramed(MAGIC));
  },
});

Deno.test({
  name: "unframe() never throws and reads only what frame() writes",
  permissions: "none",
  fn: () => {
    const anything = fc.uint8Array({ maxLength: 64 });
    const framed = anything.map((rest) => concat(MAGIC, rest));
    fc.assert(fc.property(fc.oneof(anything, framed), (packet) => {
      const result = unframe(packet);
      if (result.ok) assert.deepEqual(frame(result.message), packet);
    }));
  },
});

Deno.test({
  name:
    "mayBeFramed() holds for the beginnings of packets and for nothing else",
  permissions: "none",
  fn: () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 20 }), (start) => {
      const begins = start.slice(0, 8).every((byte, i) => byte === MAGIC[i]);
      assert.equal(mayBeFramed(start), begins);
    }));
    const packet = frame(Uint8Array.of(1, 2, 3, 4));
    for (let length = 0; length <= packet.length; length++) {
      assert(mayBeFramed(packet.subarray(0, length)));
    }
  },
});
