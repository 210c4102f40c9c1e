import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import fc from "fast-check";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import {
  createDelegation,
  type CreateDelegationOptions,
  DELEGATION_SCHEMA,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import {
  CERTIFICATE_KINDS,
  certifyOnlineKey,
  type Delegated,
} from "../../lib/server/keyring.ts";
import { Responder } from "../../lib/server/responder.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  exchangeFor,
  flip,
  LONG_TERM,
  makeKeyring,
  MOMENT,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const DAY = 86_400n * SECOND;
const SEED: Uint8Array = bytes(32, 7);
const ONLINE_KEY: Uint8Array = createSigner(SEED).publicKey;

function create(
  options: Partial<CreateDelegationOptions> = {},
): Promise<string> {
  return createDelegation({
    longTerm: LONG_TERM,
    onlineSeed: SEED,
    notBeforeMicros: NOW_MICROS - DAY,
    notAfterMicros: NOW_MICROS + 30n * DAY,
    ...options,
  });
}

interface File {
  schema: string;
  publicKey: string;
  notBefore: string;
  notAfter: string;
  onlineSeed: string;
  certificates: Record<string, string>;
}

async function file(
  options: Partial<CreateDelegationOptions> = {},
): Promise<File> {
  return JSON.parse(await create(options));
}

async function good(text: string): Promise<Delegated> {
  const result = await parseDelegation(text);
  assert(result.ok, Deno.inspect(result));
  return result.delegated;
}

/** The text must be refused, with a reason for people. */
async function refused(json: unknown): Promise<string> {
  const text = typeof json === "string" ? json : JSON.stringify(json);
  const result = await parseDelegation(text);
  assert(!result.ok, `taken: ${text.slice(0, 2000)}`);
  assert.match(result.problem, /^[a-z][ -~]+$/);
  // The file holds a secret, and may be one that is not even meant for this.
  assert(!result.problem.includes(base64.encode(SEED)));
  return result.problem;
}

/** Whatever comes out of a damaged text signs for the same keys as before. */
async function harmless(text: string): Promise<void> {
  const result = await parseDelegation(text);
  if (!result.ok) {
    assert.match(result.problem, /^[a-z][ -~]+$/);
    return;
  }
  const { publicKey, online } = result.delegated;
  assert.deepEqual(publicKey, PUBLIC_KEY);
  assert.deepEqual(online.signer.publicKey, ONLINE_KEY);
  assert.equal(online.notBeforeMicros, NOW_MICROS - DAY);
}

/** Each of the values in base64, with the way to put another one there. */
function* values(json: File): Generator<{
  name: string;
  text: string;
  put(value: unknown): unknown;
}> {
  for (const name of ["publicKey", "onlineSeed"] as const) {
    const put = (value: unknown) => ({ ...json, [name]: value });
    yield { name, text: json[name], put };
  }
  for (const kind of CERTIFICATE_KINDS) {
    const put = (value: unknown) => ({
      ...json,
      certificates: { ...json.certificates, [kind]: value },
    });
    yield { name: kind, text: json.certificates[kind] as string, put };
  }
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
        assert(outcome && "reply" in outcome, Deno.inspect(outcome));
        const response = outcome.reply;
        const exchange = { request, response, publicKey: PUBLIC_KEY };
        const verdict = await verifyResponse(exchange);
        assert(verdict.ok, Deno.inspect(verdict));
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

Deno.test("parseDelegation() refuses an empty window", none, async () => {
  for (const length of [-DAY, -SECOND, -1n]) {
    const text = await create({
      notBeforeMicros: NOW_MICROS,
      notAfterMicros: NOW_MICROS + length,
    });
    assert.equal(await refused(text), "its window is empty");
  }
});

Deno.test(
  "parseDelegation() refuses what is not a delegation",
  none,
  async () => {
    const deep = "[".repeat(200_000);
    const notJson = [
      "",
      " ",
      "{",
      "nul",
      "\0",
      "{'a':1}",
      deep,
      "a".repeat(1e6),
    ];
    for (const text of notJson) {
      assert.equal(await refused(text), "it is not JSON");
    }
    const json = await file();
    const others = [
      null,
      true,
      0,
      1e308,
      [],
      [json],
      {},
      { ...json, schema: undefined },
      { ...json, schema: null },
      { ...json, schema: [DELEGATION_SCHEMA] },
      { ...json, schema: "roughly/delegation/2" },
      { ...json, schema: `${DELEGATION_SCHEMA} ` },
      { delegation: json },
    ];
    for (const other of [...others, '""', '"roughly/delegation/1"']) {
      assert.equal(
        await refused(other),
        "it is not of the form roughly/delegation/1",
      );
    }
  },
);

Deno.test(
  "parseDelegation() misses each value that is not there",
  none,
  async () => {
    const json = await file();
    const wrong = [undefined, null, true, 0, 32, [], {}, "", " "];
    for (const { name, put, text } of values(json)) {
      for (const value of [...wrong, [text], [...base64.decode(text)]]) {
        const problem = await refused(put(value));
        const expected = name.includes("/")
          ? `its certificate ${name} is missing or not valid`
          : "a key in it is not 32 bytes of base64";
        assert.equal(problem, expected);
      }
    }
    for (const certificates of [undefined, null, 1, "x", [], {}, true]) {
      const problem = await refused({ ...json, certificates });
      assert.match(problem, /^its certificate \S+ is missing or not valid$/);
    }
    const list = Object.values(json.certificates);
    await refused({ ...json, certificates: list });
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

Deno.test(
  "parseDelegation() refuses base64 that was cut or stretched",
  none,
  async () => {
    const json = await file();
    for (const { text, put } of values(json)) {
      for (let length = 0; length < text.length; length += 3) {
        await refused(put(text.slice(0, length)));
      }
      const last = text.slice(0, -1);
      for (const other of [last, `${text}A`, `${text}====`, `${text}AAAA`]) {
        await refused(put(other));
      }
      await refused(put(text.replace(/^./, "*")));
      // Runtimes differ in whether space around base64 belongs to it.
      for (const other of [` ${text}`, `${text}\n`]) {
        await harmless(JSON.stringify(put(other)));
      }
      const value = base64.decode(text);
      for (const length of [4, 28, value.length - 4, value.length - 1]) {
        await refused(put(base64.encode(value.subarray(0, length))));
      }
      const longer = new Uint8Array(value.length + 4);
      longer.set(value);
      await refused(put(base64.encode(longer)));
    }
  },
);

Deno.test("parseDelegation() refuses values of any size", none, async () => {
  const huge = base64.encode(new Uint8Array(1 << 20));
  for (const { put } of values(await file())) await refused(put(huge));
});

Deno.test(
  "parseDelegation() notices one wrong bit anywhere",
  none,
  async () => {
    for (const { name, text, put } of values(await file())) {
      const value = base64.decode(text);
      const step = name.includes("/") ? 9 : 1;
      for (let bit = 0; bit < 8 * value.length; bit += step) {
        await refused(put(base64.encode(flip(value, bit))));
      }
    }
  },
);

Deno.test(
  "parseDelegation() wants each certificate in its own place",
  none,
  async () => {
    const json = await file();
    for (const a of CERTIFICATE_KINDS) {
      for (const b of CERTIFICATE_KINDS) {
        if (a === b) continue;
        const [first, second] = [json.certificates[a], json.certificates[b]];
        const copied = { ...json.certificates, [a]: second };
        await refused({ ...json, certificates: copied });
        const swapped = { ...copied, [b]: first };
        await refused({ ...json, certificates: swapped });
      }
    }
  },
);

Deno.test(
  "parseDelegation() wants one long-term key and one online key",
  none,
  async () => {
    const json = await file();
    const strangers = [
      await file({ longTerm: OTHER_LONG_TERM }),
      await file({ onlineSeed: bytes(32, 8) }),
    ];
    for (const other of strangers) {
      const { certificates } = other;
      await refused({ ...json, certificates });
      for (const kind of CERTIFICATE_KINDS) {
        await refused({
          ...json,
          certificates: { ...json.certificates, [kind]: certificates[kind] },
        });
      }
      if (other.publicKey !== json.publicKey) {
        await refused({ ...json, publicKey: other.publicKey });
      } else await refused({ ...json, onlineSeed: other.onlineSeed });
    }
    // A key of small order under which one signature would fit everything.
    const identity = Uint8Array.from({ length: 32 }, (_, i) => i === 0 ? 1 : 0);
    await refused({ ...json, publicKey: base64.encode(identity) });
    // The two signatures in a reply have different contexts.
    const { response } = await exchangeFor("rfc-10049", 1);
    const message = base64.encode(response.subarray(12));
    for (const { put } of values(json)) await refused(put(message));
  },
);

Deno.test("parseDelegation() takes any JSON calmly", none, async () => {
  const original = await create();
  const { certificates, ...rest } = JSON.parse(original) as File;
  const where = fc.constantFrom(
    ...Object.keys(rest),
    "certificates",
    "__proto__",
    "toString",
  );
  const kind = fc.constantFrom(...CERTIFICATE_KINDS, "__proto__");
  await fc.assert(fc.asyncProperty(fc.json(), harmless));
  await fc.assert(
    fc.asyncProperty(where, fc.json(), async (name, value) => {
      const others = { ...rest, certificates } as Record<string, unknown>;
      delete others[name];
      const fields = Object.entries(others).map(([key, other]) =>
        `${JSON.stringify(key)}:${JSON.stringify(other)}`
      );
      const text = [...fields, `${JSON.stringify(name)}:${value}`].join(",");
      await harmless(`{${text}}`);
    }),
  );
  await fc.assert(
    fc.asyncProperty(kind, fc.jsonValue(), async (name, value) => {
      const changed = { ...certificates, [name]: value };
      await harmless(JSON.stringify({ ...rest, certificates: changed }));
    }),
  );
});

Deno.test(
  "parseDelegation() takes damage to the text calmly",
  none,
  async () => {
    const original = await create();
    const cut = fc.record({
      at: fc.nat(original.length),
      gone: fc.nat(20),
      put: fc.string({ unit: "binary", maxLength: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(cut, { maxLength: 3 }), async (cuts) => {
        let text = original;
        for (const { at, gone, put } of cuts) {
          text = text.slice(0, at) + put + text.slice(at + gone);
        }
        await harmless(text);
      }),
    );
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

Deno.test(
  "a seed beside a key of the wrong size is overwritten",
  none,
  async () => {
    const json = {
      ...JSON.parse(await create()),
      publicKey: base64.encode(SEED.subarray(1)),
    };
    const { fill } = Uint8Array.prototype;
    const filled: string[] = [];
    Uint8Array.prototype.fill = function (...args) {
      filled.push(base64.encode(this));
      return fill.apply(this, args);
    };
    try {
      const result = await parseDelegation(JSON.stringify(json));
      assert(!result.ok);
    } finally {
      Uint8Array.prototype.fill = fill;
    }
    assert(filled.includes(base64.encode(SEED)));
  },
);
