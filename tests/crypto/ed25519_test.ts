import * as noble from "@noble/ed25519";
import { Point } from "@noble/ed25519";
import { hex } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import { concat } from "../../lib/crypto/bytes.ts";
import {
  createSigner,
  isVerifiableKey,
  VERIFIERS,
  verifyStrict,
} from "../../lib/crypto/ed25519.ts";
import {
  challenge,
  decode,
  EDGE_CASES,
  type EdgeCase,
  encode,
  KEY_BYTES,
  L,
  P,
  SIGN_BIT,
  SMALL,
  smallEncodings,
  smallKeys,
  text,
  times,
} from "../_support/ed25519_edges.ts";

const RFC_8032: readonly Record<
  "seed" | "key" | "message" | "signature",
  string
>[] = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    key: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155" +
      "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    key: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
  {
    seed: "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
    key: "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    message: "af82",
    signature:
      "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac" +
      "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
  },
];

Deno.test({
  name: "createSigner() gives the keys and signatures of RFC 8032, section 7.1",
  permissions: "none",
  fn: async () => {
    for (const vector of RFC_8032) {
      const signer = createSigner(hex.decode(vector.seed));
      const message = hex.decode(vector.message);
      assert.equal(hex.encode(signer.publicKey), vector.key);
      const signature = Uint8Array.from(await signer.sign(message));
      assert.equal(hex.encode(signature), vector.signature);
      for (const verify of Object.values(VERIFIERS)) {
        assert(
          await verifyStrict(signature, message, signer.publicKey, verify),
        );
      }
    }
  },
});

Deno.test({
  name: "createSigner() refuses another length and copies the seed",
  permissions: "none",
  fn: async () => {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(() => createSigner(new Uint8Array(length)), RangeError);
    }
    const seed = new Uint8Array(32).fill(7);
    const signer = createSigner(seed);
    const before = Uint8Array.from(await signer.sign(text("x")));
    seed.fill(0);
    assert.deepEqual(Uint8Array.from(await signer.sign(text("x"))), before);
    assert.deepEqual(
      signer.publicKey,
      createSigner(new Uint8Array(32).fill(7)).publicKey,
    );
  },
});

Deno.test({
  name: "createSigner() signs as noble does",
  permissions: "none",
  fn: async () => {
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    await fc.assert(
      fc.asyncProperty(seed, fc.uint8Array(), async (secret, message) => {
        const signer = createSigner(secret);
        assert.deepEqual(signer.publicKey, noble.getPublicKey(secret));
        assert.deepEqual(
          Uint8Array.from(await signer.sign(message)),
          noble.sign(message, secret),
        );
      }),
      { numRuns: 25 },
    );
  },
});

function careless(vector: EdgeCase): boolean {
  const { signature, message, publicKey } = vector;
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  try {
    const r = signature.subarray(0, 32);
    const s = decode(signature.subarray(32)) % L;
    const k = challenge(r, publicKey, message);
    return times(Point.BASE, s)
      .subtract(times(Point.fromBytes(publicKey, true), k))
      .subtract(Point.fromBytes(r, true))
      .clearCofactor().is0();
  } catch {
    return false;
  }
}

Deno.test({
  name: "the edge cases cover all points of small order and both verdicts",
  permissions: "none",
  fn: () => {
    const encodings = smallEncodings().map(({ bytes }) => hex.encode(bytes));
    assert.equal(new Set(encodings).size, 14);
    assert(SMALL.every((point) => point.isSmallOrder()));
    assert.equal(
      new Set(EDGE_CASES.map(({ name }) => name)).size,
      EDGE_CASES.length,
    );
    assert(EDGE_CASES.filter(({ valid }) => valid).length > 10);
    assert(
      EDGE_CASES.filter(({ valid, tempting }) => tempting && !valid).length >
        100,
    );
  },
});

Deno.test({
  name: "the edge cases would mislead a verifier that is not strict",
  permissions: "none",
  fn: () => {
    for (const vector of EDGE_CASES) {
      assert.equal(careless(vector), vector.tempting, vector.name);
    }
  },
});

Deno.test({
  name:
    "verifyStrict() gives one verdict on every edge case, with every verifier",
  permissions: "none",
  fn: async () => {
    assert.deepEqual(Object.keys(VERIFIERS), ["default", "noble", "webcrypto"]);
    const wrong: string[] = [];
    for (const { name, signature, message, publicKey, valid } of EDGE_CASES) {
      for (const [which, verify] of Object.entries(VERIFIERS)) {
        const verdict = await verifyStrict(
          signature,
          message,
          publicKey,
          verify,
        );
        if (verdict !== valid) wrong.push(`${which}, ${name}: ${verdict}`);
      }
      const verdict = await verifyStrict(signature, message, publicKey);
      if (verdict !== valid) wrong.push(`${name}: ${verdict}`);
    }
    assert.deepEqual(wrong, []);
  },
});

Deno.test({
  name: "verifyStrict() refuses keys of small order though the equation holds",
  permissions: "none",
  fn: () => {
    const exact = [...smallKeys()].filter(({ signature, message, publicKey }) =>
      VERIFIERS.noble(signature, message, publicKey) === true
    );
    // Eight points with a canonical encoding, four fitting signatures each at least.
    assert(exact.length >= 32);
    for (const { name, signature, message, publicKey } of exact) {
      assert.equal(verifyStrict(signature, message, publicKey), false, name);
    }
  },
});

/** Everything about a signature that does not take the message, in plain numbers. */
function isWellFormed(signature: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== 64 || publicKey.length !== 32) return false;
  const y = (bytes: Uint8Array) => decode(bytes) & ~SIGN_BIT;
  const isSmall = (bytes: Uint8Array) =>
    SMALL.some((point) => decode(point.toBytes()) % SIGN_BIT === y(bytes));
  const r = signature.subarray(0, 32);
  return y(r) < P && y(publicKey) < P && decode(signature.subarray(32)) < L &&
    !isSmall(r) && !isSmall(publicKey);
}

Deno.test({
  name: "verifyStrict() leaves only the equation to the platform",
  permissions: "none",
  fn: () => {
    const lax = () => true;
    for (const { name, signature, message, publicKey } of EDGE_CASES) {
      assert.equal(
        verifyStrict(signature, message, publicKey, lax),
        isWellFormed(signature, publicKey),
        name,
      );
    }
    const any = fc.bigInt({ min: 0n, max: (1n << 256n) - 1n });
    const near = fc.constantFrom(0n, P, P | SIGN_BIT, L, 2n * L, SIGN_BIT)
      .chain((limit) => fc.bigInt({ min: limit - 40n, max: limit + 40n }))
      .map((value) => BigInt.asUintN(256, value));
    const mixed = fc.tuple(near, fc.nat(31), fc.nat(255)).map(
      ([value, at, mask]) => value ^ (BigInt(mask) << BigInt(8 * at)),
    );
    const number = fc.oneof(any, near, mixed).map(encode);
    const part = fc.oneof(number, number, fc.constant(KEY_BYTES));
    fc.assert(
      fc.property(part, number, part, (r, s, key) => {
        const signature = concat(r, s);
        assert.equal(
          verifyStrict(signature, key, key, lax),
          isWellFormed(signature, key),
        );
      }),
      { numRuns: 2000 },
    );
  },
});

Deno.test({
  name: "verifyStrict() refuses any single flipped bit, with every verifier",
  permissions: "none",
  fn: async () => {
    const flip = (bytes: Uint8Array, bit: number) => {
      const copy = bytes.slice();
      copy[bit >> 3]! ^= 1 << (bit & 7);
      return copy;
    };
    const seed = fc.uint8Array({ minLength: 32, maxLength: 32 });
    const message = fc.uint8Array({ minLength: 1, maxLength: 100 });
    await fc.assert(
      fc.asyncProperty(
        seed,
        message,
        fc.tuple(fc.nat(511), fc.nat(255), fc.nat()),
        async (seed, message, bits) => {
          const { publicKey, ...signer } = createSigner(seed);
          const signature = Uint8Array.from(await signer.sign(message));
          const other = flip(message, bits[2] % (8 * message.length));
          for (const verify of Object.values(VERIFIERS)) {
            const check = (s: Uint8Array, m: Uint8Array, key: Uint8Array) =>
              verifyStrict(s, m, key, verify);
            assert(await check(signature, message, publicKey));
            assert(!await check(flip(signature, bits[0]), message, publicKey));
            assert(!await check(signature, message, flip(publicKey, bits[1])));
            assert(!await check(signature, other, publicKey));
          }
        },
      ),
      { numRuns: 25 },
    );
  },
});

Deno.test({
  name: "verifyStrict() never throws, whatever key and signature are",
  permissions: "none",
  fn: async () => {
    const any = fc.uint8Array({ maxLength: 70 });
    const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
    // The upper half of S is zero, so that not every one is refused for its size.
    const signature = fc.uint8Array({ minLength: 48, maxLength: 48 })
      .map((bytes) => concat(bytes, new Uint8Array(16)));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(signature, any),
        any,
        fc.oneof(key, any),
        async (signature, message, key) => {
          for (const verify of Object.values(VERIFIERS)) {
            assert.equal(
              await verifyStrict(signature, message, key, verify),
              false,
            );
          }
        },
      ),
    );
  },
});

Deno.test({
  name: "isVerifiableKey() refuses keys under which nothing can be valid",
  permissions: "none",
  fn: () => {
    for (let seed = 0; seed < 8; seed++) {
      const { publicKey } = createSigner(new Uint8Array(32).fill(seed));
      assert(isVerifiableKey(publicKey));
      assert(!isVerifiableKey(publicKey.subarray(1)));
    }
    for (const { name, bytes } of smallEncodings()) {
      assert(!isVerifiableKey(bytes), name);
    }
    const offCurve = Uint8Array.of(2, ...new Uint8Array(31));
    assert.throws(() => Point.fromBytes(offCurve));
    assert(!isVerifiableKey(offCurve));
    // y = p + 3, which a lax decoder takes for the point with y = 3
    const y3 = Uint8Array.of(3, ...new Uint8Array(31));
    const lax = Uint8Array.of(0xf0, ...new Uint8Array(30).fill(0xff), 0x7f);
    assert(isVerifiableKey(y3));
    assert(!isVerifiableKey(lax));
  },
});
