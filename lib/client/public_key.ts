/**
 * The long-term key that a caller expects answers of.
 *
 * @module
 */

import { isVerifiableKey, KEY_BYTES } from "../crypto/ed25519.ts";
import { WireError } from "../wire/errors.ts";
import { parseKey } from "../wire/key_text.ts";

/**
 * Reads a key.
 *
 * @param key 32 bytes, or text as {@linkcode parseKey} takes it.
 * @throws {WireError} With code `key` if it is neither.
 */
export function keyBytes(key: Uint8Array | string): Uint8Array {
  if (typeof key === "string") return parseKey(key);
  if (key.length === KEY_BYTES) return key;
  throw new WireError(
    "key",
    `Cannot use public key: it has ${key.length} bytes instead of ${KEY_BYTES}`,
  );
}

/** Decoding a point takes a millisecond or so, and many questions have the same key. */
const usable = new WeakSet<Uint8Array>();

/**
 * Reads a key that answers are to be verified under. One under which nothing can be valid,
 * such as 32 zeros, would look like a server that keeps silent.
 *
 * @param key As for {@linkcode keyBytes}.
 * @throws {WireError} With code `key` if no signature can be valid under it, too.
 */
export function verifiableKeyBytes(key: Uint8Array | string): Uint8Array {
  const bytes = keyBytes(key);
  if (usable.has(bytes)) return bytes;
  if (isVerifiableKey(bytes)) {
    usable.add(bytes);
    return bytes;
  }
  throw new WireError(
    "key",
    "Cannot use public key: no signature can be valid under it",
  );
}
