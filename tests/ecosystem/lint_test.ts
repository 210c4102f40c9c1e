import assert from "node:assert/strict";
import fc from "fast-check";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import {
  type Finding,
  FINDING_CODES,
  type FindingCode,
  lintServerList,
} from "../../lib/ecosystem/lint.ts";
import { bytes } from "../_support/fixtures.ts";
import { thirdParty, thirdPartyText } from "../_support/vectors.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function entry(n: number) {
  return {
    name: `server ${n}`,
    version: 1,
    publicKeyType: "ed25519",
    publicKey: formatKey(createSigner(bytes(32, n)).publicKey),
    addresses: [{ protocol: "udp", address: `time.operator${n}.example:2002` }],
  };
}

const CLEAN = { servers: [entry(1), entry(2), entry(3)] };
const KEY = entry(1).publicKey;
const HEX = [...createSigner(bytes(32, 1)).publicKey].map((b) =>
  b.toString(16).padStart(2, "0")
).join("");

function lint(list: unknown, nowMicros?: bigint): Finding[] {
  return lintServerList(JSON.stringify(list), { nowMicros });
}

/** A list whose first server is changed. */
function changed(change: Record<string, unknown>): unknown {
  return {
    servers: [{ ...entry(1), ...change }, entry(2), entry(3), entry(4)],
  };
}

function at(address: string): unknown {
  return changed({ addresses: [{ protocol: "udp", address }] });
}

test("lintServerList() finds nothing in a clean list", () => {
  assert.deepEqual(lint(CLEAN), []);
  assert.deepEqual(
    lint({
      ...CLEAN,
      sources: ["https://example.org/list.json"],
      reports: "https://example.org/reports",
      created: "2026-01-01T00:00:00Z",
      expires: "2027-01-01T00:00:00Z",
    }, 1_790_000_000_000_000n),
    [],
  );
});

/** Exactly one finding each: what, where, and a list that has it. */
const CASES: readonly [string, unknown][] = [
  ["error empty servers", { servers: [] }],
  ["error time created", { ...CLEAN, created: "yesterday" }],
  ["error time expires", { ...CLEAN, expires: 7 }],
  ["error expired expires", { ...CLEAN, expires: "2017-03-01T00:00:00Z" }],
  ["error schema sources", { ...CLEAN, sources: "https://example.org" }],
  ["error url sources[1]", {
    ...CLEAN,
    sources: ["https://example.org", "http://example.org"],
  }],
  ["error too-many sources", {
    ...CLEAN,
    sources: Array(65).fill("https://example.org"),
  }],
  ["error url reports", { ...CLEAN, reports: "http://example.org" }],
  ["error schema servers[3]", { servers: [...CLEAN.servers, 7] }],
  ["error name servers[0].name", changed({ name: undefined })],
  ["error name servers[0].name", changed({ name: 7 })],
  ["error duplicate-name servers[1].name", changed({ name: "server 2" })],
  [
    "warning version-missing servers[0].version",
    changed({ version: undefined }),
  ],
  ["warning version-text servers[0].version", changed({ version: "1" })],
  [
    "warning version-text servers[0].version",
    changed({
      version: "IETF-Roughtime",
    }),
  ],
  ["error version servers[0].version", changed({ version: null })],
  ["error version servers[0].version", changed({ version: 1.5 })],
  ["warning version-unknown servers[0].version", changed({ version: 2 })],
  [
    "warning key-type servers[0].publicKeyType",
    changed({
      publicKeyType: "ml-dsa-44",
    }),
  ],
  [
    "error key-type servers[0].publicKeyType",
    changed({
      publicKeyType: undefined,
    }),
  ],
  ["error key servers[0].publicKey", changed({ publicKey: undefined })],
  ["error key servers[0].publicKey", changed({ publicKey: "?" })],
  ["error key servers[0].publicKey", changed({ publicKey: "AAAA" })],
  ["warning key-encoding servers[0].publicKey", changed({ publicKey: HEX })],
  [
    "warning key-encoding servers[0].publicKey",
    changed({
      publicKey: KEY.slice(0, -1),
    }),
  ],
  [
    "error weak-key servers[0].publicKey",
    changed({
      publicKey: formatKey(new Uint8Array(32)),
    }),
  ],
  [
    "warning duplicate-key servers[1].publicKey",
    changed({
      publicKey: entry(2).publicKey,
    }),
  ],
  ["error schema servers[0].addresses", changed({ addresses: undefined })],
  ["error no-address servers[0].addresses", changed({ addresses: [] })],
  [
    "error too-many servers[0].addresses",
    changed({
      addresses: Array(65).fill(entry(1).addresses[0]),
    }),
  ],
  [
    "error transport servers[0].addresses[0].protocol",
    changed({
      addresses: [{ protocol: "quic", address: "a.example:2002" }],
    }),
  ],
  [
    "error address servers[0].addresses[0].address",
    changed({
      addresses: [{ protocol: "udp" }],
    }),
  ],
  ["error address servers[0].addresses[0].address", at("a.example")],
  ["error address servers[0].addresses[0].address", at("a.example:0")],
  ["error address servers[0].addresses[0].address", at("a.example:65536")],
  ["error address servers[0].addresses[0].address", at("[fe80::1%eth0]:1")],
  [
    "error ipv6-brackets servers[0].addresses[0].address",
    at("2001:db8::33:2002"),
  ],
  ["warning same-operator servers[1]", at("other.operator2.example:2002")],
  ["warning few-operators servers", { servers: [entry(1), entry(2)] }],
];

test("lintServerList() says what is wrong and where", () => {
  for (const [expected, list] of CASES) {
    const found = lint(list, 1_790_000_000_000_000n);
    assert.deepEqual(
      found.map(({ severity, code, path }) => `${severity} ${code} ${path}`),
      [expected],
    );
    assert.match(found[0]?.message ?? "", /^["a-z].{9}/);
  }
});

test("lintServerList() has a case for every code", () => {
  const seen = new Set(CASES.map(([expected]) => expected.split(" ")[1]));
  // What is no JSON has tests of its own, here and in text_list_test.ts.
  seen.add("not-a-list").add("not-json");
  assert.deepEqual([...seen].sort(), [...FINDING_CODES].sort());
});

test("lintServerList() refuses what is no list", () => {
  for (const text of ["", "{", "[]", "{}", "null", "[".repeat(1e6)]) {
    const [finding, ...more] = lintServerList(text);
    assert.equal(finding?.code, "not-a-list");
    assert.equal(finding?.path, "");
    assert.deepEqual(more, []);
  }
});

test("lintServerList() does not let a list expire without a clock", () => {
  assert.deepEqual(lint({ ...CLEAN, expires: "2017-03-01T00:00:00Z" }), []);
});

test("lintServerList() tells the number that belongs in place of a text", () => {
  const [finding] = lint(changed({ version: "0x8000000c" }));
  assert(finding?.message.includes(String(DIALECTS["draft-14"].code)));
});

test("lintServerList() keeps its messages short", () => {
  const [finding] = lint(at("x".repeat(100_000)));
  assert((finding?.message.length ?? 0) < 200);
});

test("lintServerList() never throws", () => {
  const piece = (inner: fc.Arbitrary<unknown>) =>
    fc.oneof(inner, fc.jsonValue({ stringUnit: "binary" }));
  const server = fc.dictionary(
    fc.constantFrom(
      "name",
      "version",
      "publicKeyType",
      "publicKey",
      "addresses",
    ),
    fc.jsonValue({ stringUnit: "binary" }),
  );
  fc.assert(fc.property(
    piece(fc.record({ servers: piece(fc.array(piece(server))) })),
    (list) => {
      for (const { code } of lint(list)) assert(FINDING_CODES.includes(code));
    },
  ));
  fc.assert(fc.property(fc.string(), (text) => {
    assert(lintServerList(text).length > 0);
  }));
});

Deno.test({
  name: "the bundled list has no errors, and warnings only of common operators",
  permissions: { read: true },
  fn: () => {
    const url = new URL("../../ecosystem.json", import.meta.url);
    const found = lintServerList(Deno.readTextFileSync(url));
    assert.deepEqual(
      found.map(({ severity, code }) => `${severity} ${code}`),
      ["warning same-operator", "warning same-operator"],
    );
  },
});

Deno.test({
  ...thirdParty("lintServerList() finds in others' lists what is in them"),
  permissions: { read: true },
  fn: () => {
    const cases: [file: string, codes: FindingCode[]][] = [
      ["ietf-draft-roughtime/appendix-a-server-list.json", ["few-operators"]],
      ["cloudflare-roughtime/ecosystem.json", ["version-text"]],
      ["pyroughtime/ecosystem.json", ["version-missing", "few-operators"]],
      ["google-roughtime/roughtime-servers.json", [
        "expired",
        "version-missing",
        "few-operators",
      ]],
      ["roughly/ecosystem.json", ["version-text", "same-operator"]],
      ["roughenough/serverlist-localhost.json", [
        "version-text",
        "key-encoding",
        "duplicate-key",
        "same-operator",
        "few-operators",
      ]],
      ["tannerryan-roughtime/ecosystem.json", [
        "version-text",
        "key-type",
        "same-operator",
      ]],
    ];
    for (const [file, codes] of cases) {
      const found = lintServerList(thirdPartyText(file), {
        nowMicros: 1_790_000_000_000_000n,
      });
      assert.deepEqual(
        [...new Set(found.map(({ code }) => code))],
        codes,
        file,
      );
    }
  },
});
