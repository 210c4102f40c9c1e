/**
 * Ed25519: the only file that decides what a valid signature is.
 *
 * A signature is judged the same on every runtime, because a verdict in a report must
 * not depend on who reads it (RFC 8032, section 5.1.7, read strictly):
 *
 * - S is below the group order; the key and R are canonical; the key is not of small
 *   order (otherwise one signature fits any message);
 * - the equation is checked without the cofactor, by comparing encoded points.
 *
 * The platform checks the equation where it can, 10 to 20 times faster than noble. The
 * other conditions are checked here for both, since platforms differ in them.
 *
 * @module
 */

import { hashes, Point } from "@noble/ed25519";
import * as noble from "@noble/ed25519";
import { sha512 as nobleSha512 } from "@noble/hashes/sha2.js";
import { concat, equal } from "./bytes.ts";
import { type NodeCrypto, nodeCrypto } from "./platform.ts";

// noble's synchronous functions want a hash from outside.
hashes.sha512 = nobleSha512 as typeof hashes.sha512;

const SPKI_PREFIX = Uint8Array.of(
  ...[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00],
);
const PKCS8_PREFIX = Uint8Array.of(
  ...[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06],
  ...[0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20],
);

/** Bytes in an Ed25519 public key or seed. */
export const KEY_BYTES = 32;

/** Bytes in an Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

/** The field's prime and the group's order, for canonical encodings. */
const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) {
    value = (value << 8n) | BigInt(bytes[i] ?? 0);
  }
  return value;
}

function toLittleEndian(value: bigint): Uint8Array {
  return Uint8Array.from(
    { length: 32 },
    (_, i) => Number((value >> BigInt(8 * i)) & 0xffn),
  );
}

const P_BYTES = toLittleEndian(P);
const L_BYTES = toLittleEndian(L);

/** The y coordinates of the eight points of small order; the sign bit does not matter. */
const SMALL_ORDER_Y: readonly Uint8Array[] = [
  0n,
  1n,
  P - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  55188659117513257062467267217118295137698188065244968500265048394206261417927n,
].map(toLittleEndian);

/** Is a little-endian number, but for the bits `signMask` leaves out, below a limit? */
function isBelow(
  bytes: Uint8Array,
  limit: Uint8Array,
  signMask: 0x7f | 0xff,
): boolean {
  for (let i = 31; i >= 0; i--) {
    const byte = (bytes[i] ?? 0) & (i === 31 ? signMask : 0xff);
    const bound = limit[i] ?? 0;
    if (byte !== bound) return byte < bound;
  }
  return false;
}

function isSmallOrder(point: Uint8Array): boolean {
  return SMALL_ORDER_Y.some((y) =>
    y.every((byte, i) => byte === ((point[i] ?? 0) & (i === 31 ? 0x7f : 0xff)))
  );
}

/** All conditions on a signature but the equation itself. */
function isWellFormed(signature: Uint8Array, publicKey: Uint8Array): boolean {
  return signature.length === SIGNATURE_BYTES &&
    publicKey.length === KEY_BYTES &&
    isBelow(publicKey, P_BYTES, 0x7f) && !isSmallOrder(publicKey) &&
    // The equation can hold for such an R, and platforms differ on whether it counts.
    isBelow(signature, P_BYTES, 0x7f) && !isSmallOrder(signature) &&
    isBelow(signature.subarray(32), L_BYTES, 0xff);
}

/**
 * Can any signature be valid under this key? Not if it is no point of the curve, of small
 * order, or not in its canonical form.
 *
 * @param publicKey Bytes of any length.
 */
export function isVerifiableKey(publicKey: Uint8Array): boolean {
  if (
    publicKey.length !== KEY_BYTES || isSmallOrder(publicKey) ||
    !isBelow(publicKey, P_BYTES, 0x7f)
  ) return false;
  try {
    Point.fromBytes(publicKey);
    return true;
  } catch {
    return false;
  }
}

/** Checks the equation R = S*B - k*A on encoded points. */
export type VerifyEquation = (
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
) => boolean | Promise<boolean>;

/** noble's way: slow, everywhere. noble's own `verify` uses the cofactor, hence not that. */
export function verifyWithNoble(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  try {
    const key = Point.fromBytes(publicKey);
    const k = littleEndian(
      nobleSha512(concat(signature.subarray(0, 32), publicKey, message)),
    ) % L;
    const s = littleEndian(signature.subarray(32));
    // multiply() refuses 0; both scalars are public, so the fast way is fine.
    const sB = s === 0n ? Point.ZERO : Point.BASE.multiply(s, false);
    const kA = k === 0n ? Point.ZERO : key.multiply(k, false);
    return equal(sB.subtract(kA).toBytes(), signature.subarray(0, 32));
  } catch {
    return false; // not a point on the curve
  }
}

/** Keys that are kept as the platform has read them; the oldest makes room. */
const MAX_KEYS = 64;

function nodeVerifier(node: NodeCrypto): VerifyEquation {
  // Reading a key is a fifth of the work, and few keys make most signatures.
  const keys = new Map<string, unknown>();
  const read = (publicKey: Uint8Array): unknown => {
    const name = String.fromCharCode(...publicKey);
    const known = keys.get(name);
    if (known !== undefined) return known;
    const key = node.createPublicKey({
      key: concat(SPKI_PREFIX, publicKey),
      format: "der",
      type: "spki",
    });
    const [oldest] = keys.keys();
    if (keys.size >= MAX_KEYS) keys.delete(oldest as string);
    keys.set(name, key);
    return key;
  };
  return (signature, message, publicKey) => {
    try {
      return node.verify(null, message, read(publicKey), signature);
    } catch {
      return false;
    }
  };
}

/** WebCrypto's way, for browsers. Throws where the browser lacks Ed25519. */
async function verifyWithWebCrypto(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  const { subtle } = globalThis.crypto;
  const key = await subtle.importKey(
    "raw",
    publicKey as Uint8Array<ArrayBuffer>,
    "Ed25519",
    false,
    ["verify"],
  );
  return await subtle.verify(
    "Ed25519",
    key,
    signature as Uint8Array<ArrayBuffer>,
    message as Uint8Array<ArrayBuffer>,
  );
}

async function verifyInBrowser(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  try {
    return await verifyWithWebCrypto(signature, message, publicKey);
  } catch {
    return verifyWithNoble(signature, message, publicKey);
  }
}

/** The ways to check the equation on this runtime; `default` is the fastest. */
export const VERIFIERS: Readonly<
  Record<"default" | "noble" | "webcrypto", VerifyEquation>
> = {
  default: nodeCrypto === undefined
    ? verifyInBrowser
    : nodeVerifier(nodeCrypto),
  noble: verifyWithNoble,
  webcrypto: verifyWithWebCrypto,
};

/**
 * Verifies an Ed25519 signature strictly.
 *
 * @param signature 64 bytes; another length is simply not valid.
 * @param message The signed bytes, as received.
 * @param publicKey 32 bytes.
 * @param equation How to check the equation; the default is the fastest there is.
 */
export function verifyStrict(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
  equation: VerifyEquation = VERIFIERS.default,
): boolean | Promise<boolean> {
  return isWellFormed(signature, publicKey) &&
    equation(signature, message, publicKey);
}

/** Something that signs with one Ed25519 key: this process, an agent, an HSM. */
export interface Signer {
  /** The public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * Signs a message.
   *
   * @param message The bytes, already prefixed with their context.
   * @returns 64 bytes.
   */
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Overwrites what secrets this object holds, as far as the runtime lets it. */
  destroy?(): void;
}

/**
 * Makes a signer from a seed (RFC 8032, section 5.1.5). The seed is copied.
 *
 * @example
 * ```ts
 * import { createSigner } from "@roughly/roughly/server";
 *
 * const signer = createSigner(crypto.getRandomValues(new Uint8Array(32)));
 * ```
 *
 * @param seed 32 secret bytes.
 * @throws {RangeError} If the seed has another length.
 */
export function createSigner(seed: Uint8Array): Signer {
  if (seed.length !== KEY_BYTES) {
    throw new RangeError(
      `Cannot create signer: seed has ${seed.length} bytes instead of 32`,
    );
  }
  const secret = seed.slice();
  let publicKey: Uint8Array;
  let sign: ((message: Uint8Array) => Uint8Array) | undefined;
  if (nodeCrypto === undefined) {
    publicKey = noble.getPublicKey(secret);
    sign = (message) => noble.sign(message, secret);
  } else {
    const node = nodeCrypto;
    const der = concat(PKCS8_PREFIX, secret);
    const key = node.createPrivateKey({
      key: der,
      format: "der",
      type: "pkcs8",
    });
    der.fill(0);
    secret.fill(0);
    publicKey = Uint8Array.from(
      node.createPublicKey(key).export({ format: "der", type: "spki" })
        .subarray(SPKI_PREFIX.length),
    );
    sign = (message) => node.sign(null, message, key);
  }
  return {
    publicKey,
    sign: (message) => {
      // A key of zeros would sign just as well.
      if (sign === undefined) throw new Error("Cannot sign: key was destroyed");
      return sign(message);
    },
    destroy: () => {
      sign = undefined; // and with it the only way to a native key
      secret.fill(0);
    },
  };
}
