import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import fc from "fast-check";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { WireError } from "../../lib/wire/errors.ts";
import {
  malfeasanceReport,
  MAX_REPORT_CHARS,
  MAX_REPORT_ENTRIES,
  parseReport,
} from "../../lib/verify/report.ts";
import { bytes } from "../_support/fixtures.ts";
import {
  type ChainLink,
  FORMS,
  makeChain,
  rfcEntries,
} from "../_support/many.ts";

const none = { permissions: "none" } as const;

function read(value: unknown): ReturnType<typeof parseReport> {
  return parseReport(JSON.stringify(value));
}

function pair(id: DialectId): Promise<ChainLink[]> {
  return makeChain([{ dialect: id, server: 0 }, { dialect: id, server: 1 }]);
}

Deno.test(
  "parseReport() reads what malfeasanceReport() writes",
  none,
  async () => {
    const chain = await makeChain([
      { dialect: "rfc-10049", server: 0 },
      { dialect: "draft-14", server: 1 },
      { dialect: "google", server: 2 },
    ]);
    const { form, entries } = parseReport(malfeasanceReport(chain));
    assert.equal(form, "rfc-10049");
    assert.deepEqual(
      entries.map(({ nonce: _, ...entry }) => entry),
      chain.map(({ exchange, rand }) => ({ ...exchange, rand })),
    );
  },
);

Deno.test(
  "malfeasanceReport() writes the members of RFC 10049, section 8.4, and no rand for the first",
  none,
  async () => {
    const chain = await pair("draft-14");
    const json = JSON.parse(malfeasanceReport(chain));
    assert.deepEqual(json, { responses: rfcEntries(chain) });
    const [first, second] = rfcEntries(chain);
    assert.deepEqual(Object.keys(first ?? {}), [
      "publicKey",
      "request",
      "response",
    ]);
    // Padded base64 of the alphabet with + and / (RFC 4648, section 4).
    assert.match(second?.rand ?? "", /^[A-Za-z0-9+/]{43}=$/);
  },
);

Deno.test("parseReport() tells the forms apart", none, async () => {
  const chain = await pair("draft-14");
  for (const [form, write] of Object.entries(FORMS)) {
    const report = read(write(chain));
    assert.equal(report.form, form);
    assert.deepEqual(
      report.entries.map(({ response }) => response),
      chain.map(({ exchange }) => exchange.response),
      form,
    );
    // In every form the second entry comes with what made its nonce.
    assert.deepEqual(report.entries[1]?.rand, chain[1]?.rand, form);
    assert.equal(report.entries[0]?.rand, undefined, form);
  }
});

Deno.test(
  "parseReport() gives keys, requests and nonces in the forms that have them",
  none,
  async () => {
    const chain = await pair("google");
    const has = Object.fromEntries(
      Object.entries(FORMS).map(([form, write]) => {
        const [first] = read(write(chain)).entries;
        return [form, [first?.publicKey, first?.request, first?.nonce]];
      }),
    );
    const [{ exchange: { publicKey, request }, blind }] = chain as [ChainLink];
    assert.deepEqual(has, {
      "rfc-10049": [publicKey, request, undefined],
      "bare-array": [publicKey, request, undefined],
      "draft-08": [undefined, undefined, undefined],
      "draft-00": [undefined, undefined, undefined],
      "google-chain": [publicKey, undefined, blind],
    });
  },
);

Deno.test(
  "parseReport() does not mind the order of members, or more of them",
  none,
  () => {
    const entry = {
      comment: "?",
      response: "AAAA",
      request: "AAAA",
      rand: "AA==",
      publicKey: base64.encode(bytes(32, 1)),
    };
    const { entries } = read({ note: 1, responses: [entry] });
    assert.deepEqual(entries, [{
      response: new Uint8Array(3),
      request: new Uint8Array(3),
      rand: new Uint8Array(1),
      publicKey: bytes(32, 1),
      nonce: undefined,
    }]);
  },
);

Deno.test("parseReport() ignores a blind behind the last reply", none, () => {
  const report = [
    { blind: "AAAA", response_packet: "AAAA" },
    { blind: "not base64", response_packet: "AAAA" },
  ];
  assert.deepEqual(read(report).entries.map(({ rand }) => rand), [
    undefined,
    new Uint8Array(3),
  ]);
});

const KEY = base64.encode(new Uint8Array(32));
const GOOD = { publicKey: KEY, request: "AAAA", response: "AAAA" };
const LINK = {
  publicKeyType: "ed25519",
  serverPublicKey: KEY,
  nonceOrBlind: "AAAA",
  reply: "AAAA",
};

const UNREADABLE: readonly [what: string, text: string, says: RegExp][] = [
  ["nothing", "", /not JSON/],
  ["no JSON", "{", /not JSON/],
  ["a number", "1", /neither/],
  ["null", "null", /neither/],
  ["a text", '"responses"', /neither/],
  ["an empty object", "{}", /no array "responses"/],
  ["responses that are none", '{"responses":{}}', /no array "responses"/],
  ["no entries", '{"responses":[]}', /no entries/],
  ["an empty array", "[]", /no entries/],
  ["no links", '{"links":[]}', /no entries/],
  ["an entry that is none", "[1]", /entry 0: it is not an object/],
  ["an entry that is a list", "[[]]", /entry 0: it is not an object/],
  ["an entry that is null", '{"responses":[null]}', /entry 0: .* object/],
  ...(["publicKey", "request", "response"] as const).map((
    name,
  ): [string, string, RegExp] => [
    `no ${name}`,
    JSON.stringify({ responses: [GOOD, { ...GOOD, [name]: undefined }] }),
    new RegExp(`entry 1: "${name}" is missing`),
  ]),
  ...(["rand", "publicKey", "request", "response"] as const).map((
    name,
  ): [string, string, RegExp] => [
    `${name} that is no base64`,
    JSON.stringify({ responses: [GOOD, GOOD, { ...GOOD, [name]: "A_==" }] }),
    new RegExp(`entry 2: "${name}" is not base64`),
  ]),
  [
    "base64 without padding",
    JSON.stringify([{ ...GOOD, request: "AA" }]),
    /entry 0: "request" is not base64/,
  ],
  [
    "a number for bytes",
    JSON.stringify([{ ...GOOD, response: 7 }]),
    /entry 0: "response" is not base64/,
  ],
  [
    "a short key",
    JSON.stringify([{ ...GOOD, publicKey: "AAAA" }]),
    /entry 0: "publicKey" has 3 bytes instead of 32/,
  ],
  [
    "a name that every object inherits",
    '[{"publicKey":"", "__proto__": {"request":"AAAA"}}]',
    /entry 0: "request" is missing|is missing/,
  ],
  [
    "more nonces than responses",
    '{"nonces":["",""],"responses":["AAAA"]}',
    /2 nonces for 1 responses/,
  ],
  [
    "an empty nonce after the first that is none",
    '{"nonces":["","!"],"responses":["AAAA","AAAA"]}',
    /entry 1: "nonces" is not base64/,
  ],
  [
    "a blind that is missing",
    '[{"response_packet":"AAAA"},{"response_packet":"AAAA"}]',
    /entry 0: "blind" is missing/,
  ],
  [
    "a draft's entry without a reply",
    '[{"blind":"AAAA"},{"response_packet":"AAAA"}]',
    /entry 0: "response_packet" is missing/,
  ],
  [
    "a link of another kind of key",
    JSON.stringify({ links: [LINK, { ...LINK, publicKeyType: "ml-dsa-44" }] }),
    /entry 1: "publicKeyType" is not "ed25519"/,
  ],
  [
    "a link without a reply",
    JSON.stringify({ links: [{ ...LINK, reply: undefined }] }),
    /entry 0: "reply" is missing/,
  ],
];

for (const [what, text, says] of UNREADABLE) {
  Deno.test(`parseReport() refuses ${what}, saying where`, none, () => {
    assert.throws(() => parseReport(text), (error) => {
      assert(error instanceof WireError);
      assert.equal(error.code, "report");
      assert.match(error.message, says);
      return true;
    });
  });
}

Deno.test("parseReport() has limits, and reads up to them", none, () => {
  const many = (count: number) => JSON.stringify(Array(count).fill(GOOD));
  assert.equal(
    parseReport(many(MAX_REPORT_ENTRIES)).entries.length,
    MAX_REPORT_ENTRIES,
  );
  assert.throws(() => parseReport(many(MAX_REPORT_ENTRIES + 1)), WireError);
  const report = JSON.stringify([GOOD]);
  const padded = report.padEnd(MAX_REPORT_CHARS);
  assert.equal(parseReport(padded).entries.length, 1);
  assert.throws(() => parseReport(`${padded} `), WireError);
  const deep = "[".repeat(MAX_REPORT_CHARS);
  assert.throws(() => parseReport(deep), WireError);
});

/** Values that look like a report from afar. */
const almost: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(KEY, "AAAA", "", "ed25519") },
    fc.anything({ maxDepth: 1 }),
    tie("object"),
    fc.array(tie("value"), { maxLength: 3 }),
  ),
  object: fc.dictionary(
    fc.constantFrom(
      ...["responses", "nonces", "links", "rand", "publicKey", "request"],
      ...["response", "blind", "response_packet", "publicKeyType", "reply"],
      ...["serverPublicKey", "nonceOrBlind", "__proto__", "constructor"],
    ),
    tie("value"),
    { maxKeys: 6 },
  ),
})).value;

/** Text gives a report or a WireError, and nothing else. */
function mustBeReadOrRefused(text: string): void {
  try {
    const { entries } = parseReport(text);
    assert(entries.length > 0);
    for (const { response } of entries) assert(response instanceof Uint8Array);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    assert.equal(error.code, "report");
  }
}

Deno.test(
  "parseReport() throws nothing but a WireError, whatever comes",
  none,
  () => {
    fc.assert(fc.property(fc.string(), mustBeReadOrRefused));
    fc.assert(fc.property(fc.json(), mustBeReadOrRefused), { numRuns: 500 });
    const text = almost
      .map((value) => {
        try {
          return JSON.stringify(value) ?? "";
        } catch {
          return ""; // a bigint, or a circle
        }
      });
    fc.assert(fc.property(text, mustBeReadOrRefused), { numRuns: 3000 });
  },
);

Deno.test(
  "parseReport() survives one changed character anywhere",
  none,
  async () => {
    const texts = Object.values(FORMS).map((write) => write).map(async (
      write,
    ) => JSON.stringify(write(await pair("google"))));
    for (const text of await Promise.all(texts)) {
      fc.assert(
        fc.property(
          fc.nat({ max: text.length - 1 }),
          fc.constantFrom(...'{}[]",:\\=A0 \0'),
          (at, char) =>
            mustBeReadOrRefused(text.slice(0, at) + char + text.slice(at + 1)),
        ),
        { numRuns: 300 },
      );
    }
  },
);

Deno.test(
  "malfeasanceReport() writes a request that nobody can read, without a rand",
  none,
  async () => {
    const [link, next] = await makeChain([
      { dialect: "draft-14", server: 0 },
      { dialect: "draft-14", server: 1 },
    ]);
    assert(link && next);
    for (const request of [new Uint8Array(0), bytes(40, 1)]) {
      const exchange = { ...link.exchange, request };
      for (const form of ["bare-array", "rfc-10049"] as const) {
        const text = malfeasanceReport([{ exchange }, next], form);
        const { entries } = parseReport(text);
        assert.deepEqual(entries[0]?.request, request);
        assert.equal(entries[0]?.rand, undefined);
        assert.deepEqual(entries[1]?.rand, next.rand);
      }
    }
  },
);
