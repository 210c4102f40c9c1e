import assert from "node:assert/strict";
import { type Identity, importKey } from "../../lib/server/keyring.ts";
import {
  LONG_TERM,
  makeKeyring,
  NOW_MICROS,
  OTHER_LONG_TERM,
} from "../_support/fixtures.ts";
import { answers } from "../_support/keyring.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "exportKeys() gives keys away only where it was asked to keep them",
  none,
  async () => {
    assert.deepEqual((await makeKeyring()).exportKeys(), []);
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
      exportable: true,
    });
    const keys = structuredClone(keyring.exportKeys());
    assert.equal(keys.length, 2);
    for (const [i, key] of keys.entries()) {
      const { publicKey, online } = importKey(key);
      const own = keyring.identities[i] as Identity;
      assert.deepEqual(publicKey, own.publicKey);
      assert.deepEqual(online.signer.publicKey, own.online.signer.publicKey);
      assert.deepEqual(online.certificates, own.online.certificates);
      assert.equal(online.notAfterMicros, own.online.notAfterMicros);
      assert.equal(online.notBeforeMicros, own.online.notBeforeMicros);
      // The secret went into the signer and is nowhere else.
      assert.equal(online.seed, undefined);
    }
  },
);

Deno.test(
  "importKey() makes keys that answer in every dialect",
  none,
  async () => {
    const keyring = await makeKeyring({ exportable: true });
    const delegated = structuredClone(keyring.exportKeys()).map(importKey);
    assert(
      await answers(await makeKeyring({ longTerm: [], delegated }), NOW_MICROS),
    );
  },
);

Deno.test("Keyring.create() exports all keys or refuses", none, async () => {
  const [key] = (await makeKeyring({ exportable: true })).exportKeys();
  assert(key);
  const delegated = [importKey(key)]; // its seed is not kept
  const options = { longTerm: [OTHER_LONG_TERM], delegated };
  await assert.rejects(
    makeKeyring({ ...options, exportable: true }),
    RangeError,
  );
  assert.deepEqual((await makeKeyring(options)).exportKeys(), []);
});
