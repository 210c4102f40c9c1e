import { base64 } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import { parseDelegation } from "../../lib/server/delegation.ts";
import {
  CERTIFICATE_KINDS,
  certifyOnlineKey,
  type Delegated,
} from "../../lib/server/keyring.ts";
import { Responder } from "../../lib/server/responder.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  create,
  DAY,
  type File,
  file,
  ONLINE_KEY,
  refused,
  SEED,
} from "../_support/delegation_file.ts";
import {
  ALL,
  bytes,
  LONG_TERM,
  makeKeyring,
  MOMENT,
  NOW_MICROS,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

async function good(text: string): Promise<Delegated> {
  const result = await parseDelegation(text);
  if (!result.ok) assert.fail(Deno.inspect(result));
  return result.delegated;
}

Deno.test(
  "createDelegation() says what a person wants to know",
  none,
  async () => {
    const text = await create();
    assert(text.endsWith("}\n"));
    const json: File = JSON.parse(text);
    assert.deepEqual(Object.keys(json), [
      "schema",
      "publicKey",
      "notBefore",
      "notAfter",
      "onlineSeed",
      "certificates",
    ]);
    assert.equal(json.schema, "roughly/delegation/1");
    assert.equal(json.publicKey, base64.encode(PUBLIC_KEY));
    assert.equal(json.notBefore, "2026-09-20T14:13:20.123Z");
    assert.equal(json.notAfter, "2026-10-21T14:13:20.123Z");
    assert.deepEqual(base64.decode(json.onlineSeed), SEED);
    assert.deepEqual(Object.keys(json.certificates), [...CERTIFICATE_KINDS]);
  },
);

Deno.test(
  "createDelegation() makes the certificates a server would",
  none,
  async () => {
    const { certificates } = await file();
    const online = await certifyOnlineKey(LONG_TERM, createSigner(SEED), {
      notBeforeMicros: NOW_MICROS - DAY,
      notAfterMicros: NOW_MICROS + 30n * DAY,
    });
    for (const [kind, value] of online.certificates) {
      assert.equal(certificates[kind], base64.encode(value));
    }
  },
);

Deno.test("createDelegation() leaves its inputs usable", none, async () => {
  const onlineSeed = SEED.slice();
  await create({ onlineSeed });
  assert.deepEqual(onlineSeed, SEED);
  assert.equal((await LONG_TERM.sign(bytes(4, 1))).length, 64);
});

Deno.test(
  "createDelegation() passes on that the long-term key cannot sign",
  none,
  async () => {
    const longTerm = {
      publicKey: PUBLIC_KEY,
      sign: () => {
        throw new Error("locked");
      },
    };
    await assert.rejects(create({ longTerm }), /locked/);
    await assert.rejects(create({ onlineSeed: bytes(31, 1) }), RangeError);
  },
);

for (const v1Context of ["rfc", "draft"] as const) {
  Deno.test(
    `a delegation signs what every client believes, version 1 as the ${v1Context} spells it`,
    none,
    async () => {
      const delegated = await good(await create());
      assert.deepEqual(delegated.publicKey, PUBLIC_KEY);
      const { online } = delegated;
      assert.deepEqual(online.signer.publicKey, ONLINE_KEY);
      assert.deepEqual([...online.certificates.keys()], [...CERTIFICATE_KINDS]);
      const keyring = await makeKeyring({
        longTerm: [],
        delegated: [delegated],
        v1Context,
      });
      const responder = new Responder({ keyring });
      for (const { id, time } of ALL) {
        const request = requestFor(id);
        const [outcome] = await responder.respond([request], MOMENT);
        if (!(outcome && "reply" in outcome)) {
          assert.fail(Deno.inspect(outcome));
        }
        const response = outcome.reply;
        const exchange = { request, response, publicKey: PUBLIC_KEY };
        const verdict = await verifyResponse(exchange);
        if (!verdict.ok) assert.fail(Deno.inspect(verdict));
        assert.equal(verdict.dialect, id);
        const { delegation } = verdict;
        assert.deepEqual(delegation.publicKey, ONLINE_KEY);
        const cut = time === "unix-seconds" ? NOW_MICROS % SECOND : 0n;
        assert.equal(delegation.notBeforeMicros, NOW_MICROS - DAY - cut);
        assert.equal(delegation.notAfterMicros, NOW_MICROS + 30n * DAY - cut);
        if (id !== "rfc-10049") continue;
        const spelling = v1Context === "rfc" ? "rfc" : "plain";
        assert.deepEqual(verdict.spelling, {
          delegation: spelling,
          response: spelling,
        });
      }
    },
  );
}

Deno.test(
  "parseDelegation() keeps the narrowest of the windows",
  none,
  async () => {
    // Some layouts cut MINT and MAXT down to seconds.
    const { online } = await good(await create());
    assert.equal(online.notBeforeMicros, NOW_MICROS - DAY);
    assert.equal(
      online.notAfterMicros,
      NOW_MICROS + 30n * DAY - NOW_MICROS % SECOND,
    );
    // Certificates of different windows are no mistake of their own.
    const json = await file();
    const shorter = await file({
      notBeforeMicros: NOW_MICROS,
      notAfterMicros: NOW_MICROS + DAY,
    });
    for (const kind of CERTIFICATE_KINDS) {
      const certificates = {
        ...json.certificates,
        [kind]: shorter.certificates[kind],
      };
      const mixed = await good(JSON.stringify({ ...json, certificates }));
      const { notBeforeMicros, notAfterMicros } = mixed.online;
      const cut = kind.endsWith("seconds") ? NOW_MICROS % SECOND : 0n;
      assert.equal(notBeforeMicros, NOW_MICROS - cut, kind);
      assert.equal(notAfterMicros, NOW_MICROS + DAY - cut, kind);
    }
  },
);

Deno.test(
  "parseDelegation() gives the window of any delegation",
  none,
  async () => {
    const micros = fc.bigInt({ min: 0n, max: 10n ** 17n });
    await fc.assert(
      fc.asyncProperty(micros, micros, async (start, length) => {
        const notBeforeMicros = start;
        const notAfterMicros = start + length;
        const text = await create({ notBeforeMicros, notAfterMicros });
        const end = notAfterMicros - notAfterMicros % SECOND;
        if (end < start) {
          assert.equal(await refused(text), "its window is empty");
          return;
        }
        const { online } = await good(text);
        assert.equal(online.notBeforeMicros, start);
        assert.equal(online.notAfterMicros, end);
      }),
      { numRuns: 30 },
    );
  },
);

Deno.test(
  "parseDelegation() reads a window beyond any date",
  none,
  async () => {
    const text = await create({
      notBeforeMicros: 0n,
      notAfterMicros: 2n ** 40n * SECOND - 1n,
    });
    assert.equal(JSON.parse(text).notAfter, undefined);
    const { online } = await good(text);
    assert.equal(online.notBeforeMicros, 0n);
    assert(online.notAfterMicros > NOW_MICROS + 1000n * 365n * DAY);
  },
);

Deno.test(
  "createDelegation() signs no window that a dialect cannot say",
  none,
  async () => {
    for (
      const [notBeforeMicros, notAfterMicros] of [
        [-1n, DAY],
        [0n, 2n ** 64n - 1n],
        [0n, 2n ** 80n],
      ] as const
    ) {
      await assert.rejects(
        create({ notBeforeMicros, notAfterMicros }),
        RangeError,
      );
    }
  },
);

Deno.test(
  "parseDelegation() reads no more than the certificates say",
  none,
  async () => {
    // The times are for people; what holds is signed.
    const json = await file();
    const { online } = await good(JSON.stringify({
      ...json,
      notBefore: undefined,
      notAfter: "9999-01-01T00:00:00Z",
      comment: "more",
      certificates: { ...json.certificates, "other/kind": 5 },
    }));
    assert.equal(online.notBeforeMicros, NOW_MICROS - DAY);
    assert(online.notAfterMicros < NOW_MICROS + 30n * DAY);
    assert.equal(online.certificates.size, CERTIFICATE_KINDS.length);
  },
);

Deno.test("a delegation leaves no copy of the online key's seed but those in use", async () => {
  const worker = new Worker(
    new URL("../_support/secrets_worker.ts", import.meta.url),
    {
      type: "module",
    },
  );
  try {
    const copies = await new Promise<
      Record<string, { made: number; left: number }>
    >((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
    });
    for (const [way, { made }] of Object.entries(copies)) assert(made > 0, way);
    assert.deepEqual(
      Object.fromEntries(
        Object.entries(copies).map(([way, { left }]) => [way, left]),
      ),
      {
        create: 0,
        refuse: 0,
        refuseExportable: 0,
        parse: 1,
        parseExportable: 2,
      },
    );
  } finally {
    worker.terminate();
  }
});
