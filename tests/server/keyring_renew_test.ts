import fc from "fast-check";
import assert from "node:assert/strict";
import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import {
  type Identity,
  LEAST_VALIDITY_MICROS,
} from "../../lib/server/keyring.ts";
import { srvOf } from "../../lib/wire/srv.ts";
import {
  LONG_TERM,
  makeKeyring,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";
import { answers, DAY, delegate, HOUR, only } from "../_support/keyring.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "a keyring keeps two seconds in reserve, or an eighth",
  none,
  async () => {
    assert.equal(LEAST_VALIDITY_MICROS, 4n * SECOND);
    const cases: [validity: bigint, reserve: bigint][] = [
      [DAY, DAY / 8n],
      [16n * SECOND, 2n * SECOND],
      [8n * SECOND, 2n * SECOND],
      [4n * SECOND, 2n * SECOND],
      [2n * SECOND, SECOND],
      [1n, 0n],
    ];
    for (const [validityMicros, reserve] of cases) {
      const keyring = await makeKeyring({ validityMicros });
      assert.equal(keyring.reserveMicros, reserve);
      const end = keyring.notAfterMicros - reserve;
      assert(!keyring.isStale(end - 1n));
      assert(keyring.isStale(end));
    }
  },
);

Deno.test(
  "keys are looked after several times before they end",
  none,
  async () => {
    for (const validityMicros of [LEAST_VALIDITY_MICROS, HOUR, 30n * DAY]) {
      const { careMs, reserveMicros } = await makeKeyring({ validityMicros });
      assert(careMs >= 100 && careMs <= 1000, `${careMs}`);
      assert(Number(reserveMicros) / 1000 >= 4 * careMs, `${careMs}`);
    }
  },
);

Deno.test(
  "renew() waits until less than an eighth of the validity is left",
  none,
  async () => {
    const keyring = await makeKeyring();
    const before = only(keyring);
    const end = before.online.notAfterMicros;
    for (
      const now of [
        NOW_MICROS,
        before.online.notBeforeMicros,
        NOW_MICROS + DAY / 2n,
        end - DAY / 8n - 1n,
      ]
    ) {
      assert.equal(await keyring.renew(now), 0);
      assert.equal(only(keyring), before);
    }
    const now = end - DAY / 8n + 1n;
    assert.equal(await keyring.renew(now), 1);
    const after = only(keyring);
    assert.notDeepEqual(
      after.online.signer.publicKey,
      before.online.signer.publicKey,
    );
    assert.deepEqual(after.publicKey, before.publicKey);
    assert.equal(after.online.notBeforeMicros, now - HOUR);
    assert.equal(after.online.notAfterMicros, now + DAY);
    assert.equal(await keyring.renew(now), 0);
  },
);

Deno.test(
  "renew() acts when the window is over, or the clock has gone to before it",
  none,
  async () => {
    for (const step of [2n * DAY, 400n * DAY, -HOUR - 1n, -400n * DAY]) {
      const keyring = await makeKeyring();
      const before = only(keyring);
      const now = NOW_MICROS + step;
      assert.equal(await answers(keyring, now), false);
      assert.equal(await keyring.renew(now), 1);
      assert.equal(await answers(keyring, now), true);
      assert.notDeepEqual(
        only(keyring).online.signer.publicKey,
        before.online.signer.publicKey,
      );
    }
    // A small step back is what the hour before is for.
    const keyring = await makeKeyring();
    assert.equal(await keyring.renew(NOW_MICROS - HOUR), 0);
    assert.equal(await answers(keyring, NOW_MICROS - HOUR), true);
  },
);

Deno.test(
  "renew() destroys the signers it replaced the time before, and no others",
  none,
  async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const destroyed: Signer[] = [];
    const watch = () => {
      for (const { online: { signer } } of keyring.identities) {
        signer.destroy = () => void destroyed.push(signer);
      }
      return keyring.identities.map(({ online }) => online.signer);
    };
    const first = watch();
    await keyring.renew(NOW_MICROS);
    assert.deepEqual(destroyed, []);
    // A batch may still be signing with the keys that were just replaced.
    await keyring.renew(NOW_MICROS + DAY);
    assert.deepEqual(destroyed, []);
    const second = watch();
    await keyring.renew(NOW_MICROS + 2n * DAY);
    assert.deepEqual(new Set(destroyed), new Set(first));
    await keyring.renew(NOW_MICROS + 3n * DAY);
    assert.deepEqual(new Set(destroyed), new Set([...first, ...second]));
  },
);

Deno.test(
  "renew() keeps what it cannot renew, and renews the others",
  none,
  async () => {
    let reachable = true;
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, {
        publicKey: OTHER_LONG_TERM.publicKey,
        sign: (message) => {
          if (!reachable) throw new Error("locked");
          return OTHER_LONG_TERM.sign(message);
        },
      }],
    });
    const [local, remote] = keyring.identities;
    reachable = false;
    await assert.rejects(keyring.renew(NOW_MICROS + DAY), /locked/);
    const [renewed, kept] = keyring.identities;
    assert.notEqual(renewed, local);
    assert.equal(kept, remote);
    reachable = true;
    assert.equal(await keyring.renew(NOW_MICROS + DAY), 1);
    assert.equal(keyring.identities[0], renewed);
    assert.notEqual(keyring.identities[1], remote);
  },
);

Deno.test(
  "a delegated key signs, but is never renewed",
  none,
  async () => {
    const delegated = await delegate(LONG_TERM, NOW_MICROS + 3n * DAY);
    const keyring = await makeKeyring({ longTerm: [], delegated: [delegated] });
    const before = only(keyring);
    assert.equal(before.rooted, false);
    assert.equal(before.online, delegated.online);
    assert.deepEqual(before.srv, srvOf(PUBLIC_KEY));
    assert.equal(keyring.select(undefined), before);
    let destroyed = 0;
    before.online.signer.destroy = () => void destroyed++;
    assert.equal(keyring.notAfterMicros, NOW_MICROS + 3n * DAY);
    assert.equal(keyring.delegatedUntilMicros, NOW_MICROS + 3n * DAY);
    for (const hours of [0n, 48n, 71n, 73n, 24_000n, -23n, -25n, -24_000n]) {
      const now = NOW_MICROS + hours * HOUR;
      assert.equal(await keyring.renew(now), 0);
      assert.equal(only(keyring), before);
      // Outside its window it is silent.
      const inside = hours < 72n && hours > -24n;
      assert.equal(await answers(keyring, now), inside, `${hours} hours`);
    }
    assert.equal(destroyed, 0);
  },
);

Deno.test(
  "renew() replaces every identity's key",
  none,
  async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const first = keyring.identities;
    const now = NOW_MICROS + DAY - DAY / 8n;
    assert.equal(await keyring.renew(now), 2);
    const second = keyring.identities;
    first.forEach((old, i) => {
      const renewed = second[i] as Identity;
      assert.deepEqual(renewed.publicKey, old.publicKey);
      assert.deepEqual(renewed.srv, old.srv);
      assert.equal(renewed.rooted, true);
      assert.notDeepEqual(
        renewed.online.signer.publicKey,
        old.online.signer.publicKey,
      );
      assert.equal(keyring.select(old.srv), renewed);
    });
    assert.equal(await keyring.renew(now), 0);
    assert.equal(keyring.identities, second);
    assert.equal(keyring.notAfterMicros, now + DAY);
  },
);

Deno.test(
  "a server that renews in time can answer at any time",
  none,
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt({ min: 8n * SECOND, max: 100n * DAY }),
        fc.array(fc.bigInt({ min: -DAY, max: 10n * DAY }), { maxLength: 5 }),
        async (validityMicros, steps) => {
          const keyring = await makeKeyring({ validityMicros });
          let now = NOW_MICROS;
          for (const step of steps) {
            now += step;
            await keyring.renew(now);
            const { online } = only(keyring);
            assert(
              online.notBeforeMicros <= now && now <= online.notAfterMicros,
            );
            assert.equal(await answers(keyring, now), true);
          }
        },
      ),
      { numRuns: 20 },
    );
  },
);

Deno.test(
  "exportKeys() gives the new seed after renewal, and the old one is wiped in time",
  none,
  async () => {
    const keyring = await makeKeyring({ exportable: true });
    const seeds: Uint8Array[] = [];
    for (let day = 0n; day < 4n; day++) {
      const [key] = keyring.exportKeys();
      assert(key);
      const { signer } = only(keyring).online;
      assert.deepEqual(createSigner(key.seed).publicKey, signer.publicKey);
      seeds.push(key.seed);
      assert.equal(await keyring.renew(NOW_MICROS + (day + 1n) * DAY), 1);
    }
    const wiped = seeds.map((seed) => seed.every((byte) => byte === 0));
    // A batch may still be signing with the last one.
    assert.deepEqual(wiped, [true, true, true, false]);
  },
);
