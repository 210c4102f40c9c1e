/**
 * Signatures at the edges of RFC 8032: small orders, mixed orders, encodings out of range.
 *
 * @module
 */

import { Point } from "@noble/ed25519";
import { hex } from "@scure/base";
import { concat } from "../../lib/crypto/bytes.ts";
import { hashOf } from "../../lib/crypto/hash.ts";

/** ASCII as bytes. */
export const text = (string: string): Uint8Array =>
  new TextEncoder().encode(string);

// What follows is the set of edge cases on which implementations of Ed25519 are known
// to differ. Every verifier must give the same verdict on every one of them.

/** The prime of the field. */
export const P: bigint = 2n ** 255n - 19n;

/** The order of the base point. */
export const L: bigint = 2n ** 252n + 27742317777372353535851937790883648493n;

/** Where an encoding keeps the sign of x. */
export const SIGN_BIT: bigint = 1n << 255n;

/** A signature with its verdict. */
export interface EdgeCase {
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

/** A number in 32 bytes, little-endian. */
export function encode(value: bigint): Uint8Array {
  return Uint8Array.from(
    { length: 32 },
    (_, i) => Number((value >> BigInt(8 * i)) & 255n),
  );
}

/** The number that bytes say, little-endian. */
export function decode(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

/** The k of RFC 8032, section 5.1.7. */
export function challenge(
  r: Uint8Array,
  key: Uint8Array,
  message: Uint8Array,
): bigint {
  return decode(hashOf("sha512")(r, key, message)) % L;
}

/** Multiplies, also by 0. */
export function times(point: Point, scalar: bigint): Point {
  return scalar === 0n ? Point.ZERO : point.multiply(scalar, false);
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

/** The points whose order divides 8. */
export const SMALL: readonly Point[] = Array.from(
  { length: 8 },
  (_, i) => times(TORSION, BigInt(i)),
);

/** Every string of 32 bytes that some decoder takes for a point of small order. */
export function smallEncodings(): {
  name: string;
  bytes: Uint8Array;
  point: Point;
}[] {
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

/** The public key of the honest cases. */
export const KEY_BYTES: Uint8Array = Uint8Array.from(KEY.toBytes());

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
export function* smallKeys(): Generator<EdgeCase> {
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

/** All of them. */
export const EDGE_CASES: readonly EdgeCase[] = [
  ...honest(),
  ...lengths(),
  ...smallKeys(),
  ...otherKeys(),
  ...mixedKeys(),
  ...strangeRs(),
];
