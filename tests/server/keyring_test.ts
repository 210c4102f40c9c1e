import assert from "node:assert/strict";
import fc from "fast-check";
import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import { srvOf } from "../../lib/wire/srv.ts";
import type { Dialect, TimeUnit } from "../../lib/wire/dialect.ts";
import { buildCertificate } from "../../lib/wire/certificate.ts";
import { buildSrep } from "../../lib/wire/response.ts";
import {
  certifyOnlineKey,
  type Delegated,
  type Identity,
  importKey,
  type Keyring,
  LEAST_VALIDITY_MICROS,
  refusalAt,
} from "../../lib/server/keyring.ts";
import { spellingOf } from "../../lib/wire/certificate.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
} from "../../lib/wire/message.ts";
import { Responder } from "../../lib/server/responder.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  decodeTimestamp,
  encodeTimestamp,
  radiusToMicros,
} from "../../lib/wire/timestamp.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  CONTEXT,
  contextsOf,
  entriesOf,
  LONG_TERM,
  makeKeyring,
  MOMENT,
  NOW_MICROS,
  ONLINE,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const HOUR = 3600n * SECOND;
const DAY = 24n * HOUR;

function only(keyring: Keyring): Identity {
  assert.equal(keyring.identities.length, 1);
  return keyring.identities[0] as Identity;
}

function find(entries: readonly Entry[], tag: number): Uint8Array {
  const entry = entries.find(([t]) => t === tag);
  assert(entry);
  return Uint8Array.from(entry[1]);
}

/** Does the keyring answer provably in every dialect at that time? */
async function answers(keyring: Keyring, nowMicros: bigint): Promise<boolean> {
  const responder = new Responder({ keyring });
  for (const { id } of ALL) {
    const request = requestFor(id);
    const [outcome] = await responder.respond([request], {
      ...MOMENT,
      midpointMicros: nowMicros,
    });
    assert(outcome);
    if ("drop" in outcome) {
      assert.equal(outcome.drop, "delegation");
      return false;
    }
    const verdict = await verifyResponse({
      request,
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    });
    assert(verdict.ok, Deno.inspect(verdict));
  }
  return true;
}

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

/** An online key for a long-term key that the keyring does not get to see. */
async function delegate(
  longTerm: Signer,
  notAfterMicros: bigint,
  seed = 70,
): Promise<Delegated> {
  const online = await certifyOnlineKey(
    longTerm,
    createSigner(bytes(32, seed)),
    { notBeforeMicros: NOW_MICROS - DAY, notAfterMicros },
  );
  return { publicKey: longTerm.publicKey, online };
}

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
  "certificateFor() vouches for one online key in every dialect",
  none,
  async () => {
    for (const v1Context of ["rfc", "draft"] as const) {
      const keyring = await makeKeyring({ v1Context });
      const identity = only(keyring);
      const { publicKey } = identity.online.signer;
      for (const dialect of ALL) {
        const cert = entriesOf(keyring.certificateFor(identity, dialect));
        const signed = find(cert, TAG.DELE);
        assert.deepEqual(
          find(entriesOf(signed), TAG.PUBK),
          Uint8Array.from(publicKey),
        );
        const context = dialect.id === "rfc-10049" && v1Context === "draft"
          ? CONTEXT.plainDelegation
          : contextsOf(dialect).delegation;
        // Ed25519 is deterministic (RFC 8032): the same bytes give the same signature.
        const expected = await LONG_TERM.sign(
          Uint8Array.from([...new TextEncoder().encode(context), ...signed]),
        );
        assert.deepEqual(find(cert, TAG.SIG), Uint8Array.from(expected));
      }
      assert.equal(await answers(keyring, NOW_MICROS), true);
    }
  },
);

Deno.test(
  "certifyOnlineKey() signs once for every context and layout of time",
  none,
  async () => {
    let signatures = 0;
    const online = await certifyOnlineKey(
      {
        publicKey: PUBLIC_KEY,
        sign: (message) => {
          signatures++;
          return LONG_TERM.sign(message);
        },
      },
      ONLINE,
      {
        notBeforeMicros: NOW_MICROS,
        notAfterMicros: NOW_MICROS + DAY,
      },
    );
    assert.equal(online.signer, ONLINE);
    assert.deepEqual([...online.certificates.keys()].sort(), [
      "dashed/mjd-micros",
      "dashed/unix-micros",
      "dashed/unix-seconds",
      "plain/mjd-micros",
      "plain/unix-seconds",
      "rfc/unix-seconds",
    ]);
    assert.equal(signatures, 6);
    for (const cert of online.certificates.values()) {
      assert.deepEqual(encodeMessage(entriesOf(cert)), cert);
      assert.equal(cert.length, 152);
    }
  },
);

Deno.test(
  "spellingOf() follows the dialect, and for version 1 the operator (section 5.2.1)",
  none,
  () => {
    const spelled = (v1Context: "rfc" | "draft") =>
      Object.fromEntries(
        ALL.map((dialect: Dialect) => [
          dialect.id,
          spellingOf(dialect, v1Context),
        ]),
      );
    const drafts = {
      "google": "dashed",
      "draft-01": "dashed",
      "draft-02": "dashed",
      "draft-03": "dashed",
      "draft-04": "dashed",
      "draft-05": "dashed",
      "draft-06": "dashed",
      "draft-07": "plain",
      "draft-08": "dashed",
      "draft-09": "dashed",
      "draft-10": "dashed",
      "draft-11": "dashed",
      "draft-12": "plain",
      "draft-14": "plain",
    };
    assert.deepEqual(spelled("rfc"), { ...drafts, "rfc-10049": "rfc" });
    assert.deepEqual(spelled("draft"), { ...drafts, "rfc-10049": "plain" });
  },
);

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

/** What a reply says when it is to say this; nothing if the layout cannot. */
function said(unit: TimeUnit, micros: bigint): bigint | undefined {
  try {
    return decodeTimestamp(unit, encodeTimestamp(unit, micros));
  } catch {
    return undefined;
  }
}

Deno.test(
  "a keyring of a clock that is far off has a window that says what was signed",
  none,
  async () => {
    for (const nowMicros of [-(1n << 70n), -1n, 0n, 1n, 1n << 70n]) {
      const keyring = await makeKeyring({ nowMicros });
      const [identity] = keyring.identities;
      assert(identity);
      const { notBeforeMicros, notAfterMicros } = identity.online;
      assert(notBeforeMicros >= 0n && notAfterMicros >= notBeforeMicros);
      // Another key would be of no use until the clock is set, and then it is.
      assert(!keyring.isStale(nowMicros));
      assert(keyring.isStale(NOW_MICROS));
      for (const dialect of ALL) {
        const refusal = refusalAt(identity, dialect, nowMicros);
        assert.equal(
          refusal === undefined,
          nowMicros === 0n || nowMicros === 1n,
        );
        const dele = nestedValue(keyring.certificateFor(identity, dialect));
        for (
          const [tag, micros] of [[TAG.MINT, notBeforeMicros], [
            TAG.MAXT,
            notAfterMicros,
          ]] as const
        ) {
          const value = decodeTimestamp(dialect.time, dele(tag));
          const unit = dialect.time === "unix-seconds" ? SECOND : 1n;
          assert.equal(value, micros - micros % unit);
        }
      }
    }
  },
);

Deno.test(
  "buildCertificate() and buildSrep() sign nothing that is out of range",
  none,
  async () => {
    const publicKey = LONG_TERM.publicKey;
    const far = 1n << 100n;
    for (const dialect of ALL) {
      const common = {
        publicKey,
        time: dialect.time,
        spelling: "plain" as const,
      };
      for (
        const [notBeforeMicros, notAfterMicros] of [[-1n, 1n], [0n, far], [
          far,
          far,
        ]] as const
      ) {
        await assert.rejects(
          buildCertificate(LONG_TERM, {
            ...common,
            notBeforeMicros,
            notAfterMicros,
          }),
          RangeError,
        );
      }
      const srep = {
        dialect,
        version: 1,
        versions: [1],
        root: new Uint8Array(32),
        nonce: new Uint8Array(32),
      };
      for (
        const [midpointMicros, radiusMicros] of [[-1n, 1n], [far, 1n], [
          1n,
          far,
        ]] as const
      ) {
        assert.throws(
          () => buildSrep({ ...srep, midpointMicros, radiusMicros }),
          RangeError,
        );
      }
    }
  },
);

/** Reads fields of the DELE in a CERT. */
function nestedValue(cert: Uint8Array): (tag: number) => Uint8Array {
  const outer = decodeMessage(cert);
  assert(outer.ok);
  const inner = decodeMessage(outer.message.get(TAG.DELE) as Uint8Array);
  assert(inner.ok);
  return (tag) => inner.message.get(tag) as Uint8Array;
}

Deno.test(
  "refusalAt() lets a time be signed only if the layout says just that",
  none,
  () => {
    const window = 1n << 200n;
    const online = {
      signer: LONG_TERM,
      notBeforeMicros: -window,
      notAfterMicros: window,
      certificates: new Map(),
    };
    const identity = { online } as unknown as Identity;
    const end = (1n << 40n) * SECOND;
    const edges = [0n, end, 1n << 64n, (1n << 64n) * SECOND, window]
      .flatMap((edge) => [edge - SECOND, edge - 1n, edge, edge + SECOND]);
    for (const dialect of ALL) {
      const unit = dialect.time === "unix-seconds" ? SECOND : 1n;
      for (const micros of [...edges, -window, NOW_MICROS]) {
        const refusal = refusalAt(identity, dialect, micros);
        const isSaid = said(dialect.time, micros) === micros - micros % unit;
        const isUnsigned = dialect.versionEcho === "top";
        const isPlausible = !isUnsigned || micros < end;
        assert.equal(
          refusal,
          isSaid && isPlausible ? undefined : "clock",
          `${dialect.id} at ${micros}`,
        );
      }
    }
    for (const dialect of ALL) {
      const largest = radiusToMicros(dialect.time, 0xffffffff);
      for (
        const [radius, refusal] of [[largest, undefined], [
          largest + 1n,
          "clock",
        ], [-1n, "clock"]] as const
      ) {
        assert.equal(refusalAt(identity, dialect, NOW_MICROS, radius), refusal);
      }
    }
    const over = { ...online, notAfterMicros: NOW_MICROS - 1n };
    const ended = { online: over } as unknown as Identity;
    for (const dialect of ALL) {
      assert.equal(refusalAt(ended, dialect, NOW_MICROS), "delegation");
    }
  },
);
