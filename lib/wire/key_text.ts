/**
 * Keys as people write them: base64, base64url or hex.
 *
 * @module
 */

import {
  base64,
  base64nopad,
  base64url,
  base64urlnopad,
  hex,
} from "@scure/base";
import { WireError } from "./errors.ts";

const KEY_BYTES = 32;

function codecFor(
  text: string,
): { decode(text: string): Uint8Array } | undefined {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return hex;
  const padded = text.endsWith("=");
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return padded ? base64 : base64nopad;
  if (/^[A-Za-z0-9_-]+={0,2}$/.test(text)) {
    return padded ? base64url : base64urlnopad;
  }
  return undefined;
}

/**
 * Reads a 32-byte key. The text itself is not repeated in the error: it may be a secret.
 *
 * @example
 * ```ts
 * import { parseKey } from "@roughly/roughly";
 * import assert from "node:assert/strict";
 *
 * assert.equal(parseKey("AW5uAoTSTDfG5NfY1bTh08GUnOqlRb+HVhbJ3ODJvsE=").length, 32);
 * ```
 *
 * @param text Base64 (standard or URL-safe, padded or not) or 64 hex digits.
 * @returns 32 bytes.
 * @throws {WireError} With code `key` if the text is none of these or another length.
 */
export function parseKey(text: string): Uint8Array {
  const trimmed = text.trim();
  let bytes: Uint8Array | undefined;
  try {
    bytes = codecFor(trimmed)?.decode(
      trimmed.length === 64 ? trimmed.toLowerCase() : trimmed,
    );
  } catch {
    bytes = undefined; // such as stray bits after the last byte
  }
  if (bytes === undefined) {
    throw new WireError("key", "Cannot read key: it is neither base64 nor hex");
  }
  if (bytes.length !== KEY_BYTES) {
    throw new WireError(
      "key",
      `Cannot read key: it has ${bytes.length} bytes instead of ${KEY_BYTES}`,
    );
  }
  return bytes;
}

/**
 * Writes a key in the base64 that server lists and DNS records use.
 *
 * @param key Bytes of any length.
 */
export function formatKey(key: Uint8Array): string {
  return base64.encode(key);
}
