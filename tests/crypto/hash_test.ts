import assert from "node:assert/strict";
import { hex } from "@scure/base";
import fc from "fast-check";
import { concat, equal } from "../../lib/crypto/bytes.ts";
import { hashOf } from "../../lib/crypto/hash.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

Deno.test({
  name: "hashOf() gives SHA-512, its first half, and FIPS 180-4's SHA-512/256",
  permissions: "none",
  fn: () => {
    const of = (kind: Parameters<typeof hashOf>[0]) =>
      hex.encode(hashOf(kind)(text("abc")));
    // FIPS 180-4's own examples.
    assert.equal(
      of("sha512"),
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a" +
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    );
    assert.equal(
      of("sha512/32"),
      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a",
    );
    assert.equal(
      of("sha512/256"),
      "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
    );
  },
});

Deno.test({
  name: "hashOf() hashes its parts as one string, like WebCrypto",
  permissions: "none",
  fn: async () => {
    const parts = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 });
    await fc.assert(fc.asyncProperty(parts, async (given) => {
      const whole = concat(...given);
      const digest = await crypto.subtle.digest("SHA-512", whole);
      const expected = new Uint8Array(digest);
      assert.deepEqual(hashOf("sha512")(...given), expected);
      assert.deepEqual(hashOf("sha512/32")(...given), expected.slice(0, 32));
      const truncated = hashOf("sha512/256")(...given);
      assert.equal(truncated.length, 32);
      assert.deepEqual(truncated, hashOf("sha512/256")(whole));
      assert(!equal(truncated, expected.subarray(0, 32)));
    }));
  },
});
