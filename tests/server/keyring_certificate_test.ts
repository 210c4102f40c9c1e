import assert from "node:assert/strict";
import {
  certifyOnlineKey,
  type Identity,
  refusalAt,
} from "../../lib/server/keyring.ts";
import { buildCertificate, spellingOf } from "../../lib/wire/certificate.ts";
import type { Dialect, TimeUnit } from "../../lib/wire/dialect.ts";
import {
  decodeMessage,
  encodeMessage,
  type Entry,
} from "../../lib/wire/message.ts";
import { buildSrep } from "../../lib/wire/response.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  decodeTimestamp,
  encodeTimestamp,
  radiusToMicros,
} from "../../lib/wire/timestamp.ts";
import {
  ALL,
  CONTEXT,
  contextsOf,
  entriesOf,
  LONG_TERM,
  makeKeyring,
  NOW_MICROS,
  ONLINE,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";
import { answers, DAY, only } from "../_support/keyring.ts";

const none = { permissions: "none" } as const;

function find(entries: readonly Entry[], tag: number): Uint8Array {
  const entry = entries.find(([t]) => t === tag);
  assert(entry);
  return Uint8Array.from(entry[1]);
}

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
