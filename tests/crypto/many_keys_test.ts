import assert from "node:assert/strict";
import { createSigner, verifyStrict } from "../../lib/crypto/ed25519.ts";
import { bytes } from "../_support/fixtures.ts";

/** More than are kept. */
const SIGNERS = Array.from(
  { length: 150 },
  (_, i) => createSigner(bytes(32, 300 + i)),
);

Deno.test("each of many keys verifies its own signatures and no other's", {
  permissions: "none",
}, async () => {
  const message = bytes(64, 1);
  const signed = await Promise.all(
    SIGNERS.map(async (signer) => ({
      publicKey: signer.publicKey,
      signature: await signer.sign(message),
    })),
  );
  for (const round of [1, 2]) {
    for (const [i, { publicKey, signature }] of signed.entries()) {
      assert(await verifyStrict(signature, message, publicKey), `${round}`);
      const { publicKey: other } = signed.at(i - round) as typeof signed[0];
      assert(!await verifyStrict(signature, message, other));
    }
  }
});

Deno.test("a key is known by its bytes, not by the array that held them", {
  permissions: "none",
}, async () => {
  const [one, other] = SIGNERS as [typeof SIGNERS[0], typeof SIGNERS[0]];
  const message = bytes(64, 2);
  const signature = await one.sign(message);
  const publicKey = Uint8Array.from(one.publicKey);
  assert(await verifyStrict(signature, message, publicKey));
  publicKey.set(other.publicKey);
  assert(!await verifyStrict(signature, message, publicKey));
  publicKey.set(one.publicKey);
  assert(await verifyStrict(signature, message, publicKey));
});
