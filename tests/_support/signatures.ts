/**
 * Signatures checked once: whether one is valid depends on its bytes alone, and tests that
 * change a bit here and there have the same good ones checked many thousand times.
 *
 * @module
 */

import { concat } from "../../lib/crypto/bytes.ts";
import { VERIFIERS, type VerifyEquation } from "../../lib/crypto/ed25519.ts";

const latin1 = new TextDecoder("latin1");

/**
 * The platform's check, which remembers every verdict. A reply of version 1 that is signed as
 * the drafts were is first checked under the other spelling, in vain, so those count as well.
 */
export function checkOnce(
  equation: VerifyEquation = VERIFIERS.default,
): VerifyEquation {
  const verdicts = new Map<string, boolean>();
  return (signature, message, publicKey) => {
    const name = latin1.decode(concat(signature, publicKey, message));
    const known = verdicts.get(name);
    if (known !== undefined) return known;
    const verdict = equation(signature, message, publicKey);
    if (typeof verdict === "boolean") {
      verdicts.set(name, verdict);
      return verdict;
    }
    return verdict.then((isValid) => {
      verdicts.set(name, isValid);
      return isValid;
    });
  };
}

let isOnce = false;

/** Makes that the check of a whole test file, for functions that cannot be given one. */
export function checkOnceInThisFile(): void {
  // Files that share an isolate share this as well.
  if (isOnce) return;
  isOnce = true;
  (VERIFIERS as { default: VerifyEquation }).default = checkOnce();
}
