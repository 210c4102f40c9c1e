import assert from "node:assert/strict";
import fc from "fast-check";
import { concat, equal } from "../../lib/crypto/bytes.ts";

Deno.test({
  name: "concat() joins copies in order",
  permissions: "none",
  fn: () => {
    const part = Uint8Array.of(1, 2);
    const joined = concat(part, new Uint8Array(0), Uint8Array.of(3), part);
    assert.deepEqual(joined, Uint8Array.of(1, 2, 3, 1, 2));
    part[0] = 9;
    assert.equal(joined[0], 1);
    assert.deepEqual(concat(), new Uint8Array(0));
  },
});

Deno.test({
  name: "equal() compares contents and length",
  permissions: "none",
  fn: () => {
    assert(equal(new Uint8Array(0), new Uint8Array(0)));
    assert(equal(Uint8Array.of(0, 1, 2).subarray(1), Uint8Array.of(1, 2)));
    assert(!equal(Uint8Array.of(1), Uint8Array.of(1, 0)));
    assert(!equal(Uint8Array.of(1, 0), Uint8Array.of(1)));
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, mask) => {
          assert(equal(bytes, bytes.slice()));
          const other = bytes.slice();
          other[at % other.length]! ^= mask;
          assert(!equal(bytes, other));
        },
      ),
    );
  },
});
