/**
 * Signatures checked once: whether one is valid depends on its bytes alone, and tests that
 * change a bit here and there have the same good ones checked many thousand times.
 *
 * @module
 */

import { concat } from "../../lib/crypto/bytes.ts";
import { VERIFIERS, type VerifyEquation } from "../../lib/crypto/ed25519.ts";

const latin1 = new TextDecoder("latin1");

/** The platform's check, which remembers every signature that was valid, and no other. */
export function checkOnce(
  equation: VerifyEquation = VERIFIERS.default,
): VerifyEquation {
  const valid = new Set<string>();
  return async (signature, message, publicKey) => {
    const name = latin1.decode(concat(signature, publicKey, message));
    if (valid.has(name)) return true;
    const isValid = await equation(signature, message, publicKey);
    if (isValid) valid.add(name);
    return isValid;
  };
}

/** Makes that the check of a whole test file, for functions that cannot be given one. */
export function checkOnceInThisFile(): void {
  (VERIFIERS as { default: VerifyEquation }).default = checkOnce();
}
