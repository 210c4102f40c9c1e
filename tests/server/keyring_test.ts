import assert from "node:assert/strict";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import type { Identity } from "../../lib/server/keyring.ts";
import { srvOf } from "../../lib/wire/srv.ts";
import {
  bytes,
  LONG_TERM,
  makeKeyring,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";
import { DAY, delegate, HOUR, only } from "../_support/keyring.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "Keyring.create() refuses to be without keys or validity",
  none,
  async () => {
    await assert.rejects(makeKeyring({ longTerm: [] }), RangeError);
    await assert.rejects(makeKeyring({ validityMicros: 0n }), RangeError);
    await assert.rejects(makeKeyring({ validityMicros: -1n }), RangeError);
  },
);

Deno.test(
  "Keyring.create() begins an hour before now, so that MINT < MIDP (section 5.2.6)",
  none,
  async () => {
    const { online } = only(await makeKeyring());
    assert.equal(online.notBeforeMicros, NOW_MICROS - HOUR);
    assert.equal(online.notAfterMicros, NOW_MICROS + DAY);
    // A short window reaches back no further than it reaches forward.
    const short = only(await makeKeyring({ validityMicros: 60n * SECOND }));
    assert.equal(short.online.notBeforeMicros, NOW_MICROS - 60n * SECOND);
    assert.equal(short.online.notAfterMicros, NOW_MICROS + 60n * SECOND);
  },
);

Deno.test(
  "Keyring.create() gives each identity its own online key",
  none,
  async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const [a, b] = keyring.identities as [Identity, Identity];
    assert.deepEqual(a.publicKey, LONG_TERM.publicKey);
    assert.deepEqual(b.publicKey, OTHER_LONG_TERM.publicKey);
    assert.deepEqual(a.srv, srvOf(LONG_TERM.publicKey));
    assert.deepEqual(b.srv, srvOf(OTHER_LONG_TERM.publicKey));
    assert.notDeepEqual(a.online.signer.publicKey, b.online.signer.publicKey);
    // Nor is an online key ever a long-term key.
    assert.notDeepEqual(a.online.signer.publicKey, a.publicKey);
  },
);

Deno.test(
  "Keyring.create() asks for 32 bytes a key, and wipes them",
  none,
  async () => {
    const given: Uint8Array[] = [];
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
      random: (length) => {
        const seed = bytes(length, 50 + given.length);
        given.push(seed);
        return seed;
      },
    });
    assert.deepEqual(given.map((seed) => seed.length), [32, 32]);
    for (const seed of given) assert(seed.every((byte) => byte === 0));
    const expected = [50, 51].map((n) => createSigner(bytes(32, n)).publicKey);
    assert.deepEqual(
      keyring.identities.map(({ online }) => online.signer.publicKey),
      expected,
    );
  },
);

Deno.test(
  "select() finds the identity that SRV names, or the only one (section 5.1.4)",
  none,
  async () => {
    const one = await makeKeyring();
    assert.equal(one.select(undefined), only(one));
    assert.equal(one.select(srvOf(PUBLIC_KEY)), only(one));
    assert.equal(one.select(srvOf(OTHER_LONG_TERM.publicKey)), undefined);
    assert.equal(one.select(new Uint8Array(0)), undefined);
    assert.equal(one.select(srvOf(PUBLIC_KEY).subarray(0, 31)), undefined);
    const two = await makeKeyring({ longTerm: [LONG_TERM, OTHER_LONG_TERM] });
    assert.equal(two.select(undefined), undefined);
    assert.equal(two.select(srvOf(PUBLIC_KEY)), two.identities[0]);
    assert.equal(
      two.select(srvOf(OTHER_LONG_TERM.publicKey)),
      two.identities[1],
    );
  },
);

Deno.test(
  "delegated keys stand behind those whose long-term key is here",
  none,
  async () => {
    const third = createSigner(bytes(32, 71));
    const delegated = [
      await delegate(OTHER_LONG_TERM, NOW_MICROS + 30n * DAY, 72),
      await delegate(third, NOW_MICROS + 20n * DAY, 73),
    ];
    const keyring = await makeKeyring({ delegated });
    assert.deepEqual(
      keyring.identities.map(({ publicKey, rooted }) => [publicKey, rooted]),
      [
        [PUBLIC_KEY, true],
        [OTHER_LONG_TERM.publicKey, false],
        [third.publicKey, false],
      ],
    );
    assert.equal(keyring.select(undefined), undefined);
    for (const identity of keyring.identities) {
      assert.equal(keyring.select(identity.srv), identity);
    }
    assert.equal(keyring.notAfterMicros, NOW_MICROS + DAY);
    assert.equal(keyring.delegatedUntilMicros, NOW_MICROS + 20n * DAY);
    const [rooted, ...others] = keyring.identities;
    // Only the one whose root is here is renewed.
    const now = NOW_MICROS + 2n * DAY;
    assert.equal(await keyring.renew(now), 1);
    assert.notEqual(keyring.identities[0], rooted);
    assert.deepEqual(keyring.identities[0]?.publicKey, PUBLIC_KEY);
    assert.deepEqual(keyring.identities.slice(1), others);
    assert.equal(keyring.notAfterMicros, now + DAY);
    assert.equal(keyring.delegatedUntilMicros, NOW_MICROS + 20n * DAY);
    // Long after all of them have ended, too.
    assert.equal(await keyring.renew(NOW_MICROS + 400n * DAY), 1);
    assert.deepEqual(keyring.identities.slice(1), others);
  },
);

Deno.test(
  "delegatedUntilMicros is about delegated keys alone",
  none,
  async () => {
    assert.equal((await makeKeyring()).delegatedUntilMicros, undefined);
    // One that ended before anything else counts all the same.
    const ended = await delegate(OTHER_LONG_TERM, NOW_MICROS - 1n);
    const keyring = await makeKeyring({ delegated: [ended] });
    assert.equal(keyring.delegatedUntilMicros, NOW_MICROS - 1n);
    assert.equal(keyring.notAfterMicros, NOW_MICROS - 1n);
  },
);

Deno.test(
  "Keyring.create() refuses a long-term key that stands twice",
  none,
  async () => {
    const one = await delegate(LONG_TERM, NOW_MICROS + DAY, 74);
    const again = await delegate(LONG_TERM, NOW_MICROS + DAY, 75);
    const twice = { name: "RangeError", message: /stands twice/ };
    for (
      const options of [
        { longTerm: [LONG_TERM, LONG_TERM] },
        { longTerm: [LONG_TERM, createSigner(bytes(32, 1))] },
        { longTerm: [LONG_TERM], delegated: [one] },
        { longTerm: [], delegated: [one, again] },
        { longTerm: [OTHER_LONG_TERM], delegated: [one, one] },
      ]
    ) await assert.rejects(makeKeyring(options), twice);
  },
);

Deno.test("a destroyed signer does not sign", none, async () => {
  const seed = bytes(32, 76);
  const signer = createSigner(seed);
  const publicKey = Uint8Array.from(signer.publicKey);
  assert.equal((await signer.sign(bytes(4, 1))).length, 64);
  for (let i = 0; i < 2; i++) {
    signer.destroy?.();
    assert.throws(() => signer.sign(bytes(4, 1)), /key was destroyed/);
  }
  assert.deepEqual(Uint8Array.from(signer.publicKey), publicKey);
  assert.deepEqual(seed, bytes(32, 76));
  // Another signer of the same key is not concerned.
  assert.equal((await createSigner(seed).sign(bytes(4, 1))).length, 64);
});
