import assert from "node:assert/strict";
import * as noble from "@noble/ed25519";
import { Point } from "@noble/ed25519";
import { hex } from "@scure/base";
import fc from "fast-check";
import { concat } from "../../lib/crypto/bytes.ts";
import {
  createSigner,
  isVerifiableKey,
  VERIFIERS,
  verifyStrict,
} from "../../lib/crypto/ed25519.ts";
import { hashOf } from "../../lib/crypto/hash.ts";

const text = (string: string): Uint8Array => new TextEncoder().encode(string);

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

// What follows is the set of edge cases on which implementations of Ed25519 are known
// to differ. Every verifier must give the same verdict on every one of them.

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;
const SIGN_BIT = 1n << 255n;

interface EdgeCase {
  name: string;
  signature: Uint8Array;
  message: Uint8Array;
  publicKey: Uint8Array;
  /** The verdict. */
  valid: boolean;
  /**
   * Would a careless verifier take it: one that multiplies by the cofactor, decodes
   * non-canonical points and reduces S? Shows that the case is a case at all.
   */
  tempting: boolean;
}

function encode(value: bigint): Uint8Array {
  return Uint8Array.from(
    { length: 32 },
    (_, i) => Number((value >> BigInt(8 * i)) & 255n),
  );
}

function decode(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The k of RFC 8032, section 5.1.7. */
function challenge(
  r: Uint8Array,
  key: Uint8Array,
  message: Uint8Array,
): bigint {
  return decode(hashOf("sha512")(r, key, message)) % L;
}

function times(point: Point, scalar: bigint): Point {
  return scalar === 0n ? Point.ZERO : point.multiply(scalar, false);
}

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

/** The first message out of many for which a condition on k holds. */
function messageWhere(
  r: Uint8Array,
  key: Uint8Array,
  holds: (k: bigint) => boolean,
): { message: Uint8Array; k: bigint } {
  for (let i = 0;; i++) {
    const message = text(`message ${i}`);
    const k = challenge(r, key, message);
    if (holds(k)) return { message, k };
  }
}

/** A point of order 8; its multiples are the eight points of small order. */
const TORSION = Point.fromHex(
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
);
const SMALL: readonly Point[] = Array.from(
  { length: 8 },
  (_, i) => times(TORSION, BigInt(i)),
);

/** Every string of 32 bytes that some decoder takes for a point of small order. */
function smallEncodings(): { name: string; bytes: Uint8Array; point: Point }[] {
  const canonical = SMALL.map((point, i) => ({
    name: `small point ${i}`,
    bytes: Uint8Array.from(point.toBytes()),
    point,
  }));
  const others = [1n | SIGN_BIT, (P - 1n) | SIGN_BIT]
    .concat([P, P + 1n, P | SIGN_BIT, (P + 1n) | SIGN_BIT])
    .map((value) => {
      const bytes = encode(value);
      const name = `non-canonical small point ${hex.encode(bytes)}`;
      return { name, bytes, point: Point.fromBytes(bytes, true) };
    });
  return [...canonical, ...others];
}

const SECRET = 0x1234567890abcdef1234567890abcdef1234567890abcdefn;
const NONCE = 0xfedcba0987654321fedcba0987654321fedcba0987654321n;
const KEY = times(Point.BASE, SECRET);
const KEY_BYTES = Uint8Array.from(KEY.toBytes());
const R = times(Point.BASE, NONCE);
const R_BYTES = Uint8Array.from(R.toBytes());

/** S for which the equation holds, small orders aside. */
function answer(nonce: bigint, k: bigint): Uint8Array {
  return encode((nonce + k * SECRET) % L);
}

function* honest(): Generator<EdgeCase> {
  const message = text("good");
  const k = challenge(R_BYTES, KEY_BYTES, message);
  const s = answer(NONCE, k);
  const good = {
    signature: concat(R_BYTES, s),
    message,
    publicKey: KEY_BYTES,
  };
  const no = { ...good, valid: false, tempting: false };
  yield { ...good, name: "a good signature", valid: true, tempting: true };
  yield { ...no, name: "another message", message: text("god") };
  yield { ...no, name: "no message", message: new Uint8Array(0) };
  yield {
    ...no,
    name: "the key of opposite sign",
    publicKey: Uint8Array.from(KEY.negate().toBytes()),
  };
  yield {
    ...no,
    name: "R of opposite sign",
    signature: concat(Uint8Array.from(R.negate().toBytes()), s),
  };
  yield {
    ...no,
    name: "S of opposite sign",
    signature: concat(R_BYTES, encode(L - decode(s))),
  };
  for (let i = 1n; decode(s) + i * L < 1n << 256n; i++) {
    yield {
      ...no,
      name: `S + ${i} L`,
      signature: concat(R_BYTES, encode(decode(s) + i * L)),
      tempting: true,
    };
  }
  for (const large of [L - 1n, L, L + 1n, 1n << 253n, (1n << 256n) - 1n]) {
    const signature = concat(R_BYTES, encode(large));
    yield { ...no, name: `S = ${large}`, signature };
  }
  yield { ...no, name: "all zero", signature: new Uint8Array(64) };
  yield { ...no, name: "all ones", signature: new Uint8Array(64).fill(255) };
  const zero = new Uint8Array(32);
  yield { ...no, name: "S = 0", signature: concat(R_BYTES, zero) };
  yield {
    ...no,
    name: "R the identity, S = 0",
    signature: concat(encode(1n), zero),
  };
}

function* lengths(): Generator<EdgeCase> {
  const [good] = honest() as Iterable<EdgeCase> as [EdgeCase];
  const { signature, publicKey } = good;
  const no = { ...good, valid: false, tempting: false };
  for (const length of [0, 1, 32, 63, 65, 96, 128]) {
    const other = new Uint8Array(length);
    other.set(signature.subarray(0, length));
    yield { ...no, name: `signature of ${length} bytes`, signature: other };
  }
  for (const length of [0, 1, 31, 33, 64]) {
    const other = new Uint8Array(length);
    other.set(publicKey.subarray(0, length));
    yield { ...no, name: `key of ${length} bytes`, publicKey: other };
  }
  const none = new Uint8Array(0);
  yield { ...no, name: "nothing", signature: none, publicKey: none };
}

/** With a key of small order, anybody makes a signature that fits many messages. */
function* smallKeys(): Generator<EdgeCase> {
  const identity = encode(1n);
  const zero = new Uint8Array(32);
  for (const { name, bytes, point } of smallEncodings()) {
    const no = { publicKey: bytes, valid: false, tempting: true };
    yield {
      ...no,
      name: `${name} as key: R the identity, S = 0, any message`,
      signature: concat(identity, zero),
      message: text("any"),
    };
    yield {
      ...no,
      name: `${name} as key: all zero`,
      signature: new Uint8Array(64),
      message: text("any"),
    };
    // Here the equation holds exactly, without the cofactor.
    const trivial = messageWhere(
      identity,
      bytes,
      (k) => times(point, k % 8n).is0(),
    );
    yield {
      ...no,
      name: `${name} as key: R the identity, S = 0, chosen message`,
      signature: concat(identity, zero),
      message: trivial.message,
    };
    for (const j of [1n, 4n, 7n]) {
      const r = Uint8Array.from(R.subtract(times(point, j)).toBytes());
      const { message } = messageWhere(r, bytes, (k) => k % 8n === j);
      const signature = concat(r, encode(NONCE));
      yield { ...no, name: `${name} as key: R - ${j} A`, signature, message };
    }
  }
}

function* otherKeys(): Generator<EdgeCase> {
  const message = text("good");
  const no = { message, valid: false, tempting: false };
  // Too large y, whether or not a point has it.
  for (let y = P + 2n; y < 1n << 255n; y++) {
    for (const sign of [0n, SIGN_BIT]) {
      const publicKey = encode(y | sign);
      const name = `non-canonical key ${hex.encode(publicKey)}`;
      const s = answer(NONCE, challenge(R_BYTES, publicKey, message));
      yield { ...no, name, publicKey, signature: concat(R_BYTES, s) };
    }
  }
  for (const y of [2n, 7n, 8n, 11n]) {
    const publicKey = encode(y);
    const signature = concat(R_BYTES, encode(NONCE));
    yield { ...no, name: `key ${y} off the curve`, publicKey, signature };
  }
}

/** Keys with a part of small order: legal, and where the cofactor shows. */
function* mixedKeys(): Generator<EdgeCase> {
  for (let i = 1; i < 8; i++) {
    const part = SMALL[i] as Point;
    const publicKey = Uint8Array.from(KEY.add(part).toBytes());
    const name = `key with small point ${i}`;
    const vanishes = (k: bigint) => times(part, k % 8n).is0();
    const exact = messageWhere(R_BYTES, publicKey, vanishes);
    yield {
      name: `${name}: the equation holds exactly`,
      signature: concat(R_BYTES, answer(NONCE, exact.k)),
      message: exact.message,
      publicKey,
      valid: true,
      tempting: true,
    };
    const loose = messageWhere(R_BYTES, publicKey, (k) => !vanishes(k));
    yield {
      name: `${name}: the equation holds times the cofactor`,
      signature: concat(R_BYTES, answer(NONCE, loose.k)),
      message: loose.message,
      publicKey,
      valid: false,
      tempting: true,
    };
    // R has the opposite part, so that the two cancel out, or miss by one.
    for (const [shift, valid] of [[0n, true], [1n, false]] as const) {
      const r = Uint8Array.from(R.subtract(times(part, 3n)).toBytes());
      const { message, k } = messageWhere(
        r,
        publicKey,
        (k) => k % 8n === 3n + shift,
      );
      yield {
        name: `${name} and R with ${valid ? "its opposite" : "another"}`,
        signature: concat(r, answer(NONCE, k)),
        message,
        publicKey,
        valid,
        tempting: true,
      };
    }
  }
}

function* strangeRs(): Generator<EdgeCase> {
  const publicKey = KEY_BYTES;
  const message = text("good");
  for (let i = 1; i < 8; i++) {
    const r = Uint8Array.from(R.add(SMALL[i] as Point).toBytes());
    const s = answer(NONCE, challenge(r, publicKey, message));
    const signature = concat(r, s);
    const no = { message, publicKey, valid: false, tempting: true };
    yield { ...no, name: `R with small point ${i}`, signature };
  }
  // R of small order, from a signer who chose the nonce 0. The equation holds for one, and
  // platforms differ on whether that counts, so none is accepted.
  for (const { name, bytes } of smallEncodings()) {
    const s = answer(0n, challenge(bytes, publicKey, message));
    yield {
      name: `${name} as R`,
      signature: concat(bytes, s),
      message,
      publicKey,
      valid: false,
      tempting: true,
    };
  }
  for (let y = P + 2n; y < 1n << 255n; y++) {
    const r = encode(y);
    const s = answer(NONCE, challenge(r, publicKey, message));
    const signature = concat(r, s);
    const no = { message, publicKey, valid: false, tempting: false };
    yield { ...no, name: `non-canonical R ${hex.encode(r)}`, signature };
  }
}

const EDGE_CASES: readonly EdgeCase[] = [
  ...honest(),
  ...lengths(),
  ...smallKeys(),
  ...otherKeys(),
  ...mixedKeys(),
  ...strangeRs(),
];

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
