import { base64 } from "@scure/base";
import fc from "fast-check";
import assert from "node:assert/strict";
import {
  DELEGATION_SCHEMA,
  parseDelegation,
} from "../../lib/server/delegation.ts";
import { CERTIFICATE_KINDS } from "../../lib/server/keyring.ts";
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
  bytes,
  exchangeFor,
  flip,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

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
