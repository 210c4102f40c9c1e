/**
 * Keys and signatures on which implementations of Ed25519 disagree: of small order, of mixed
 * order, in encodings of their own, with a scalar that is too large.
 *
 * @module
 */

import { Point } from "@noble/ed25519";
import { createHash } from "node:crypto";
import { TAG } from "../../wire.ts";
import { put } from "../_support/fixtures.ts";
import type { Dice } from "./dice.ts";
import type { Edit, Edits } from "./edit.ts";
import { joined, type Parts, type Sign, type Twist, valueIn } from "./parts.ts";

const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const P = (1n << 255n) - 19n;

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32);
  for (let i = 0; i < 32; i++) {
    bytes[i] = Number((value >> BigInt(8 * i)) & 255n);
  }
  return bytes;
}

function numberOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function sha512(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHash("sha512").update(joined(...parts)).digest(),
  );
}

/** A point of order 8; its multiples are all points of small order. */
const ORDER_8 = Point.fromHex(
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
);

function torsion(times: number): Point {
  let sum = Point.ZERO;
  for (let i = 0; i < times; i++) sum = sum.add(ORDER_8);
  return sum;
}

const SIGN_BIT = 1n << 255n;
/** Points of small order in every encoding that fits 32 bytes. */
const SMALL_ORDER: readonly Uint8Array[] = [
  ...Array.from({ length: 8 }, (_, i) => torsion(i).toBytes()),
  // y = 0 and y = 1 with P added, y = 1 and y = -1 with the sign of an x that is 0
  ...[P, P + 1n, P | SIGN_BIT, (P + 1n) | SIGN_BIT].map(littleEndian),
  ...[1n | SIGN_BIT, (P - 1n) | SIGN_BIT].map(littleEndian),
];

/** Points of large order whose y is not below P. Nobody knows their secret. */
const UNREDUCED: readonly Uint8Array[] = Array.from(
  { length: 17 },
  (_, i) => littleEndian(P + 2n + BigInt(i)),
);

type Role = "delegation" | "response";

/** The secret scalar behind a seed (RFC 8032, section 5.1.5). */
function scalarOf(seed: Uint8Array): bigint {
  const bytes = sha512(seed).slice(0, 32);
  bytes[0] = (bytes[0] as number) & 248;
  bytes[31] = ((bytes[31] as number) & 63) | 64;
  return numberOf(bytes) % L;
}

/** Signs under A plus a point of small order. Holds without the cofactor once in eight times. */
function mixedKey(
  seed: Uint8Array,
  dice: Dice,
): { key: Uint8Array; sign: Sign } {
  const scalar = scalarOf(seed);
  const key = Point.BASE.multiply(scalar).add(torsion(1 + dice.int(7)))
    .toBytes();
  const tries = dice.chance(0.5) ? 64 : 1;
  const sign: Sign = (message) => {
    for (let left = tries;; left--) {
      const r = numberOf(dice.bytes(31)) + 1n;
      const R = Point.BASE.multiply(r).toBytes();
      const k = numberOf(sha512(R, key, message)) % L;
      if (k % 8n !== 0n && left > 1) continue;
      const S = littleEndian((r + k * scalar) % L);
      return Promise.resolve(joined(R, S));
    }
  };
  return { key, sign };
}

function keyOf({ publicKey, entries }: Parts, role: Role): Uint8Array {
  return role === "delegation"
    ? publicKey
    : valueIn(entries.dele, TAG.PUBK) as Uint8Array;
}

/** Replaces the long-term key or the online key, and how it signs. */
function replaceKey(
  parts: Parts,
  role: Role,
  key: Uint8Array,
  sign: Sign | undefined,
): void {
  const { entries } = parts;
  if (role === "delegation") {
    parts.publicKey = key;
    if (sign) parts.signLongTerm = sign;
  } else {
    entries.dele = put(entries.dele, TAG.PUBK, key);
    if (sign) parts.signOnline = sign;
  }
}

function role(dice: Dice): Role {
  return dice.pick(["delegation", "response"]);
}

function twisted(
  twist: (signature: Uint8Array, dice: Dice) => Uint8Array,
): Edit {
  return (parts, { dice }) => {
    const apply: Twist = (signature) =>
      signature.length === 64 ? twist(signature, dice) : signature;
    parts.twist[role(dice)] = apply;
  };
}

/** Every forgery by its name. */
export const FORGERIES: Edits = {
  "signature with S + L": twisted((signature) =>
    joined(
      signature.subarray(0, 32),
      littleEndian(numberOf(signature.subarray(32)) + L),
    )
  ),
  "signature with R of small order": twisted((signature, dice) =>
    joined(dice.pick(SMALL_ORDER), signature.subarray(32))
  ),
  "signature with R of mixed order": twisted((signature, dice) => {
    const R = Point.fromBytes(signature.subarray(0, 32));
    return joined(
      R.add(torsion(1 + dice.int(7))).toBytes(),
      signature.subarray(32),
    );
  }),
  "signature with one bit changed": twisted((signature, dice) => {
    const changed = signature.slice();
    const bit = dice.int(512);
    changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
    return changed;
  }),
  // kA is 0 for some k or for all, so that S B = R is all that such a key asks for.
  "key of small order": (parts, { dice }) => {
    const r = numberOf(dice.bytes(31)) + 1n;
    const signature = dice.chance(0.7)
      ? joined(Point.BASE.multiply(r).toBytes(), littleEndian(r))
      : joined(dice.pick(SMALL_ORDER), new Uint8Array(32));
    const sign: Sign = () => Promise.resolve(signature);
    replaceKey(parts, role(dice), dice.pick(SMALL_ORDER), sign);
  },
  "key of mixed order": (parts, { dice, keys }) => {
    const chosen = role(dice);
    const { key, sign } = mixedKey(keys.seedOf(keyOf(parts, chosen)), dice);
    replaceKey(parts, chosen, key, sign);
  },
  // Holds exactly where R is neutral, for who forgets to look at R.
  "signature by the key with R of small order": (parts, { dice, keys }) => {
    const chosen = role(dice);
    const key = keyOf(parts, chosen);
    const scalar = scalarOf(keys.seedOf(key));
    const R = dice.chance(0.5) ? Point.ZERO.toBytes() : dice.pick(SMALL_ORDER);
    const sign: Sign = (message) => {
      const k = numberOf(sha512(R, key, message)) % L;
      return Promise.resolve(joined(R, littleEndian(k * scalar % L)));
    };
    replaceKey(parts, chosen, key, sign);
  },
  "key in a long encoding": (parts, { dice }) => {
    replaceKey(parts, role(dice), dice.pick(UNREDUCED), undefined);
  },
  "another server's key": (parts, { dice, other }) => {
    if (dice.chance(0.5)) parts.publicKey = other.publicKey;
    else parts.signOnline = other.signOnline;
  },
};
