/**
 * SRV: how a request names the key that it expects.
 *
 * @module
 */

import { hashOf } from "../crypto/hash.ts";

/** The value of SRV for a long-term key (RFC 10049, section 5.1.4). */
export function srvOf(publicKey: Uint8Array): Uint8Array<ArrayBuffer> {
  return hashOf("sha512/32")(Uint8Array.of(0xff), publicKey);
}
