import assert from "node:assert/strict";
import { encodeUint64 } from "../../lib/wire/uint.ts";
import {
  buildCertificate,
  findSpelling,
  parseCertificate,
  signedBytes,
  type Spelling,
} from "../../lib/wire/certificate.ts";
import { VERIFIERS, verifyStrict } from "../../lib/crypto/ed25519.ts";
import type { ContextKind, TimeUnit } from "../../lib/wire/dialect.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
  type Message,
} from "../../lib/wire/message.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  bytes,
  type Change,
  CONTEXT,
  drop,
  entriesOf,
  LONG_TERM,
  NOW_MICROS,
  ONLINE,
  OTHER_LONG_TERM,
  put,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const UNITS: readonly TimeUnit[] = [
  "unix-micros",
  "mjd-micros",
  "unix-seconds",
];
const SPELLINGS: readonly Spelling[] = ["dashed", "plain", "rfc"];

function certificate(
  time: TimeUnit = "unix-seconds",
  spelling: Spelling = "rfc",
): Promise<Uint8Array> {
  return buildCertificate(LONG_TERM, {
    publicKey: ONLINE.publicKey,
    notBeforeMicros: NOW_MICROS - 3600n * SECOND,
    notAfterMicros: NOW_MICROS + 86_400n * SECOND,
    time,
    spelling,
  });
}

/** A reply's top message with nothing in it but CERT. */
function around(cert: Uint8Array): Message {
  const decoded = decodeMessage(encodeMessage([[TAG.CERT, cert]]));
  assert(decoded.ok);
  return decoded.message;
}

function find(entries: readonly Entry[], tag: number): Uint8Array {
  const entry = entries.find(([t]) => t === tag);
  assert(entry);
  return Uint8Array.from(entry[1]);
}

Deno.test(
  "signedBytes() puts the specified string and its zero byte in front (section 5.2.1)",
  none,
  () => {
    const value = Uint8Array.of(1, 2, 3);
    const cases: [Spelling, "delegation" | "response", string, number][] = [
      ["dashed", "delegation", CONTEXT.dashedDelegation, 36],
      ["plain", "delegation", CONTEXT.plainDelegation, 34],
      ["rfc", "delegation", CONTEXT.rfcDelegation, 34],
      ["dashed", "response", CONTEXT.draftResponse, 32],
      ["plain", "response", CONTEXT.draftResponse, 32],
      ["rfc", "response", CONTEXT.rfcResponse, 32],
    ];
    for (const [spelling, role, text, length] of cases) {
      const signed = signedBytes(spelling, role, value);
      assert.equal(signed.length, length + 3);
      assert.equal(new TextDecoder().decode(signed.subarray(0, length)), text);
      assert.equal(signed[length - 1], 0);
      assert.deepEqual(Array.from(signed.subarray(length)), [1, 2, 3]);
    }
  },
);

Deno.test(
  "buildCertificate() writes SIG and DELE, and PUBK, MINT, MAXT in it (section 5.2.6)",
  none,
  async () => {
    const expected: Record<TimeUnit, [bigint, bigint]> = {
      "unix-micros": [1_789_996_400_123_456n, 1_790_086_400_123_456n],
      "unix-seconds": [1_789_996_400n, 1_790_086_400n],
      // 1790000000 s is day 20717 since 1970, hence MJD 61304, and 51200 s into it.
      "mjd-micros": [
        (61_304n << 40n) | 47_600_123_456n,
        (61_305n << 40n) | 51_200_123_456n,
      ],
    };
    for (const time of UNITS) {
      for (const spelling of SPELLINGS) {
        const cert = entriesOf(await certificate(time, spelling));
        assert.deepEqual(cert.map(([tag]) => tag), [TAG.SIG, TAG.DELE]);
        const signed = find(cert, TAG.DELE);
        const dele = entriesOf(signed);
        assert.deepEqual(
          dele.map(([tag]) => tag),
          [TAG.PUBK, TAG.MINT, TAG.MAXT],
        );
        assert.deepEqual(
          find(dele, TAG.PUBK),
          Uint8Array.from(ONLINE.publicKey),
        );
        const [mint, maxt] = expected[time];
        assert.deepEqual(find(dele, TAG.MINT), encodeUint64(mint));
        assert.deepEqual(find(dele, TAG.MAXT), encodeUint64(maxt));
        assert.equal(
          await verifyStrict(
            find(cert, TAG.SIG),
            signedBytes(spelling, "delegation", signed),
            LONG_TERM.publicKey,
          ),
          true,
        );
      }
    }
  },
);

Deno.test("buildCertificate() waits for a signer elsewhere", none, async () => {
  const cert = await buildCertificate({
    publicKey: LONG_TERM.publicKey,
    sign: async (message) => await Promise.resolve(LONG_TERM.sign(message)),
  }, {
    publicKey: ONLINE.publicKey,
    notBeforeMicros: NOW_MICROS - 3600n * SECOND,
    notAfterMicros: NOW_MICROS + 86_400n * SECOND,
    time: "unix-seconds",
    spelling: "rfc",
  });
  assert.deepEqual(cert, await certificate());
});

Deno.test(
  "parseCertificate() reads what buildCertificate() writes",
  none,
  async () => {
    for (const time of UNITS) {
      const cert = await certificate(time);
      const parsed = parseCertificate(around(cert), time);
      assert(parsed.ok);
      const { signature, dele, delegation } = parsed.certificate;
      const whole = time === "unix-seconds" ? SECOND : 1n;
      const round = (micros: bigint) => micros - micros % whole;
      assert.deepEqual(
        Uint8Array.from(delegation.publicKey),
        Uint8Array.from(ONLINE.publicKey),
      );
      assert.equal(
        delegation.notBeforeMicros,
        round(NOW_MICROS - 3600n * SECOND),
      );
      assert.equal(
        delegation.notAfterMicros,
        round(NOW_MICROS + 86_400n * SECOND),
      );
      const entries = entriesOf(cert);
      assert.deepEqual(Uint8Array.from(dele), find(entries, TAG.DELE));
      assert.deepEqual(Uint8Array.from(signature), find(entries, TAG.SIG));
    }
  },
);

Deno.test(
  "parseCertificate() keeps DELE as received, unknown tags and all",
  none,
  async () => {
    const entries = entriesOf(await certificate());
    const dele = encodeMessage([
      ...entriesOf(find(entries, TAG.DELE)),
      [0x41414141, bytes(12, 1)],
    ]);
    const cert = encodeMessage([
      ...put(entries, TAG.DELE, dele),
      [0x42424242, bytes(4, 1)],
    ]);
    const parsed = parseCertificate(around(cert), "unix-seconds");
    assert(parsed.ok);
    assert.deepEqual(Uint8Array.from(parsed.certificate.dele), dele);
  },
);

Deno.test(
  "parseCertificate() says what is wrong, and in which document",
  none,
  async () => {
    const good = entriesOf(await certificate());
    const inner = entriesOf(find(good, TAG.DELE));
    const withDele = (change: Change) =>
      encodeMessage(put(good, TAG.DELE, encodeMessage(change(inner))));
    const missing = (document: "CERT" | "DELE", tag: number) => ({
      code: "tag-missing" as const,
      document,
      tag,
    });
    const wrong = (document: "CERT" | "DELE", tag: number, length: number) => ({
      code: "length-wrong" as const,
      document,
      tag,
      length,
    });
    const cases: [Uint8Array, unknown][] = [
      [encodeMessage(drop(good, TAG.SIG)), missing("CERT", TAG.SIG)],
      [encodeMessage(drop(good, TAG.DELE)), missing("CERT", TAG.DELE)],
      [
        encodeMessage(put(good, TAG.SIG, bytes(60, 1))),
        wrong("CERT", TAG.SIG, 60),
      ],
      // A post-quantum signature is not for us.
      [
        encodeMessage(put(good, TAG.SIG, bytes(2420, 1))),
        wrong("CERT", TAG.SIG, 2420),
      ],
    ];
    for (
      const [tag, length] of [[TAG.PUBK, 36], [TAG.MINT, 4], [
        TAG.MAXT,
        12,
      ]] as const
    ) {
      cases.push([withDele((e) => drop(e, tag)), missing("DELE", tag)]);
      cases.push([
        withDele((e) => put(e, tag, bytes(length, 1))),
        wrong("DELE", tag, length),
      ]);
    }
    for (const [cert, rejection] of cases) {
      assert.deepEqual(parseCertificate(around(cert), "unix-seconds"), {
        ok: false,
        rejection,
      });
    }
  },
);

Deno.test(
  "parseCertificate() rejects CERT and DELE that are no messages with malformed",
  none,
  async () => {
    const good = entriesOf(await certificate());
    for (
      const [cert, document] of [
        [new Uint8Array(0), "CERT"],
        [bytes(152, 1), "CERT"],
        [encodeMessage(put(good, TAG.DELE, new Uint8Array(0))), "DELE"],
        [encodeMessage(put(good, TAG.DELE, bytes(72, 1))), "DELE"],
      ] as const
    ) {
      const parsed = parseCertificate(around(cert), "unix-seconds");
      assert(!parsed.ok && parsed.rejection.code === "malformed");
      assert.equal(parsed.rejection.document, document);
    }
    const empty = decodeMessage(encodeMessage([]));
    assert(empty.ok);
    assert.deepEqual(parseCertificate(empty.message, "unix-seconds"), {
      ok: false,
      rejection: { code: "tag-missing", document: "response", tag: TAG.CERT },
    });
  },
);

Deno.test(
  "parseCertificate() rejects a modified Julian date without such a time of day",
  none,
  async () => {
    const good = entriesOf(await certificate("mjd-micros"));
    const inner = entriesOf(find(good, TAG.DELE));
    const bad = encodeUint64((61_304n << 40n) | 86_401_000_000n);
    for (const tag of [TAG.MINT, TAG.MAXT]) {
      const cert = encodeMessage(
        put(good, TAG.DELE, encodeMessage(put(inner, tag, bad))),
      );
      assert.deepEqual(parseCertificate(around(cert), "mjd-micros"), {
        ok: false,
        rejection: { code: "timestamp-invalid", tag },
      });
      assert(parseCertificate(around(cert), "unix-micros").ok);
    }
  },
);

Deno.test(
  "findSpelling() accepts the spellings of each kind and no other",
  none,
  async () => {
    const value = bytes(72, 1);
    const accepted: Record<ContextKind, Partial<Record<Spelling, Spelling>>> = {
      dashed: { dashed: "dashed" },
      plain: { plain: "plain" },
      rfc: { rfc: "rfc", plain: "plain" },
    };
    for (const kind of ["dashed", "plain", "rfc"] as const) {
      for (const spelling of SPELLINGS) {
        const message = signedBytes(spelling, "delegation", value);
        const signature = await LONG_TERM.sign(message);
        for (const equation of [undefined, VERIFIERS.noble]) {
          assert.equal(
            await findSpelling(
              kind,
              "delegation",
              signature,
              value,
              LONG_TERM.publicKey,
              equation,
            ),
            accepted[kind][spelling],
            `${kind} ${spelling}`,
          );
        }
      }
    }
  },
);

Deno.test(
  "findSpelling() tells the two roles, keys, values and signatures apart",
  none,
  async () => {
    const value = bytes(72, 1);
    const signature = await LONG_TERM.sign(
      signedBytes("rfc", "delegation", value),
    );
    const key = LONG_TERM.publicKey;
    const find = (
      role: "delegation" | "response",
      sig: Uint8Array,
      v: Uint8Array,
      k: Uint8Array,
    ) => findSpelling("rfc", role, sig, v, k);
    assert.equal(await find("delegation", signature, value, key), "rfc");
    assert.equal(await find("response", signature, value, key), undefined);
    assert.equal(
      await find("delegation", signature, bytes(72, 2), key),
      undefined,
    );
    assert.equal(
      await find("delegation", signature, value, OTHER_LONG_TERM.publicKey),
      undefined,
    );
    assert.equal(
      await find("delegation", signature.subarray(0, 63), value, key),
      undefined,
    );
    assert.equal(await find("delegation", bytes(64, 1), value, key), undefined);
  },
);
