import assert from "node:assert/strict";
import fc from "fast-check";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import {
  DEFAULT_OFFER,
  DIALECTS,
  GOOGLE_VERSION,
} from "../../lib/wire/dialect.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import {
  explainSkip,
  formatServerList,
  type ListedServer,
  MAX_LIST_ADDRESSES,
  MAX_LIST_LENGTH,
  MAX_LIST_SERVERS,
  parseServerList,
  readListedVersion,
  type SkipReason,
} from "../../lib/ecosystem/list.ts";
import { bytes } from "../_support/fixtures.ts";
import { thirdParty, thirdPartyText } from "../_support/vectors.ts";

const KEYS = [1, 2, 3].map((seed) => createSigner(bytes(32, seed)).publicKey);
const [KEY = new Uint8Array()] = KEYS;

const ENTRY = {
  name: "one",
  version: 1,
  publicKeyType: "ed25519",
  publicKey: formatKey(KEY),
  addresses: [{ protocol: "udp", address: "one.example:2002" }],
};

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

function listOf(...servers: unknown[]): string {
  return JSON.stringify({ servers });
}

function only(entry: unknown): ListedServer {
  const { servers, skipped } = parseServerList(listOf(entry));
  assert.deepEqual(skipped, []);
  assert.equal(servers.length, 1);
  return servers[0] as ListedServer;
}

function refused(list: unknown, message: RegExp): void {
  assert.throws(() => parseServerList(list), (error) => {
    assert(error instanceof WireError);
    assert.equal(error.code, "list");
    assert.match(error.message, message);
    return true;
  });
}

test("parseServerList() reads the form of RFC 10049, section 8.3", () => {
  const list = parseServerList(JSON.stringify({
    servers: [{
      ...ENTRY,
      addresses: [
        { protocol: "udp", address: "192.0.2.33:2002" },
        { protocol: "tcp", address: "[2001:db8::2:33]:5319" },
      ],
    }],
    sources: ["https://www.example.net/list.json", "http://example.org/x", 7],
    reports: "https://www.example.net/malfeasance",
  }));
  assert.deepEqual(list, {
    servers: [{
      name: "one",
      version: 1,
      offer: undefined,
      publicKey: KEY,
      addresses: [
        { transport: "udp", host: "192.0.2.33", port: 2002 },
        { transport: "tcp", host: "2001:db8::2:33", port: 5319 },
      ],
    }],
    sources: ["https://www.example.net/list.json"],
    reports: "https://www.example.net/malfeasance",
    skipped: [],
    createdMicros: undefined,
    expiresMicros: undefined,
  });
});

Deno.test({
  ...thirdParty("parseServerList() reads everybody's lists"),
  permissions: { read: true },
  fn: () => {
    const cases: [file: string, names: number, skipped: SkipReason[]][] = [
      ["cloudflare-roughtime/ecosystem.json", 4, []],
      ["google-roughtime/roughtime-servers.json", 1, []],
      ["ietf-draft-roughtime/appendix-a-server-list.json", 2, []],
      ["pyroughtime/ecosystem.json", 2, []],
      ["roughenough/serverlist-cloudflare.json", 4, []],
      ["roughenough/serverlist-localhost.json", 4, []],
      ["roughly/ecosystem.json", 10, []],
      ["tannerryan-roughtime/ecosystem.json", 8, ["key-type"]],
    ];
    for (const [file, count, reasons] of cases) {
      const text = thirdPartyText(file);
      const { servers, skipped } = parseServerList(text);
      assert.equal(servers.length, count, file);
      assert.deepEqual(skipped.map(({ reason }) => reason), reasons, file);
      for (const { addresses, publicKey } of servers) {
        assert(addresses.length > 0);
        assert.equal(publicKey.length, 32);
      }
      assert.deepEqual(parseServerList(JSON.parse(text)).servers, servers);
    }
    const { createdMicros, expiresMicros } = parseServerList(
      thirdPartyText("google-roughtime/roughtime-servers.json"),
    );
    assert.equal(createdMicros, 1472598540_000_000n);
    assert.equal(expiresMicros, 1488326400_000_000n);
  },
});

test("a version says what to offer first", () => {
  const draft8 = DIALECTS["draft-08"].code;
  const draft5 = DIALECTS["draft-05"].code;
  const draft4 = DIALECTS["draft-04"].code;
  const draft9 = DIALECTS["draft-09"].code;
  const draft14 = DIALECTS["draft-14"].code;
  const alias = draft14 + 2;
  const cases: [
    version: unknown,
    number: number | undefined,
    offer: unknown,
  ][] = [
    [undefined, undefined, undefined],
    [null, undefined, undefined],
    ["", undefined, undefined],
    ["IETF-Roughtime", undefined, undefined],
    ["Google-Roughtime", GOOGLE_VERSION, [GOOGLE_VERSION]],
    [GOOGLE_VERSION, GOOGLE_VERSION, [GOOGLE_VERSION]],
    [1, 1, undefined],
    ["1", 1, undefined],
    ["19", draft14, undefined],
    [draft14, draft14, undefined],
    [String(draft14), draft14, undefined],
    ["0x8000000C", draft14, undefined],
    [draft8, draft8, [...DEFAULT_OFFER, draft8].sort((a, b) => a - b)],
    [draft9, draft9, [...DEFAULT_OFFER, draft9].sort((a, b) => a - b)],
    [alias, alias, [...DEFAULT_OFFER, alias]],
    [draft5, draft5, [1, draft5, DIALECTS["draft-07"].code, draft14]],
    [draft4, draft4, [draft4]],
    [2, 2, undefined],
    [0x90000001, 0x90000001, undefined],
    [-1, undefined, undefined],
    [1.5, undefined, undefined],
    [2 ** 32, undefined, undefined],
    [true, undefined, undefined],
    [[1], undefined, undefined],
    ["999999999999", undefined, undefined],
    ["__proto__", undefined, undefined],
  ];
  for (const [version, number, offer] of cases) {
    const server = only({ ...ENTRY, version });
    assert.equal(server.version, number, String(version));
    assert.deepEqual(server.offer, offer, String(version));
  }
  assert(Object.is(readListedVersion(-0), 0));
});

test("keys are read in every spelling in use", () => {
  const base64 = formatKey(KEY);
  const hex = [...KEY].map((b) => b.toString(16).padStart(2, "0")).join("");
  const url = base64.replaceAll("+", "-").replaceAll("/", "_");
  for (
    const publicKey of [
      base64,
      base64.slice(0, -1),
      url,
      url.slice(0, -1),
      hex,
      hex.toUpperCase(),
    ]
  ) assert.deepEqual(only({ ...ENTRY, publicKey }).publicKey, KEY, publicKey);
  const { publicKeyType: _, ...untyped } = ENTRY;
  assert.deepEqual(only(untyped).publicKey, KEY);
});

test("an entry of no use is skipped, with a reason, and spoils nothing", () => {
  const small = new Uint8Array(32);
  const cases: [SkipReason, unknown[]][] = [
    ["entry", [null, 1, "x", [], [ENTRY]]],
    [
      "name",
      ["", "  ", 7, null, {}, "x".repeat(257)].map((name) => ({
        ...ENTRY,
        name,
      })),
    ],
    [
      "key-type",
      ["ml-dsa-44", "", 1, null, "ED448"].map((
        publicKeyType,
      ) => ({ ...ENTRY, publicKeyType })),
    ],
    [
      "key",
      [
        undefined,
        null,
        7,
        "",
        "AAAA",
        formatKey(new Uint8Array(1312)),
        `${ENTRY.publicKey}${ENTRY.publicKey}`,
        "x".repeat(1_000_000),
      ].map((publicKey) => ({ ...ENTRY, publicKey })),
    ],
    [
      "weak-key",
      [
        small,
        Uint8Array.of(1, ...small.subarray(1)),
        new Uint8Array(32).fill(0xff),
        Uint8Array.of(2, ...small.subarray(1)),
      ].map((key) => ({ ...ENTRY, publicKey: formatKey(key) })),
    ],
    [
      "address",
      [
        undefined,
        null,
        {},
        [],
        [null, 1, {}],
        [{ protocol: "udp" }],
        [{ protocol: "udp", address: 1 }],
        [{ protocol: "quic", address: "a.example:2002" }],
        [{ protocol: "udp", address: "a.example:0" }],
        [{ protocol: "udp", address: "a.example" }],
        [{ protocol: "udp", address: "[fe80::1%eth0]:2002" }],
      ].map((addresses) => ({ ...ENTRY, addresses })),
    ],
  ];
  for (const [reason, entries] of cases) {
    for (const entry of entries) {
      const { servers, skipped } = parseServerList(listOf(entry, ENTRY));
      assert.equal(servers.length, 1, JSON.stringify(entry)?.slice(0, 200));
      assert.equal(skipped[0]?.reason, reason, JSON.stringify(entry));
      assert.equal(skipped[0]?.index, 0);
      assert.match(skipped[0]?.name, /^(one|servers\[0\])$/);
    }
    assert.match(explainSkip(reason), /^\w/);
  }
});

test("an address of no use does not spoil the others", () => {
  const { addresses } = only({
    ...ENTRY,
    addresses: [
      { protocol: "udp", address: "a.example:0" },
      ...ENTRY.addresses,
      { protocol: "quic", address: "a.example:2002" },
    ],
  });
  assert.deepEqual(addresses, [
    { transport: "udp", host: "one.example", port: 2002 },
  ]);
});

test("what is no list at all is refused", () => {
  for (const text of ["", "{", "nonsense", "\u0000"]) refused(text, /not JSON/);
  for (const value of [null, 1, true, [], {}, { servers: {} }, undefined]) {
    refused(value, /no array called servers/);
    if (value !== undefined) refused(JSON.stringify(value), /no array/);
  }
  refused(`{"__proto__":{"servers":[]}}`, /no array/);
  refused(Object.create({ servers: [] }), /no array/);
});

test("a list that is too large is refused, whatever is in it", () => {
  refused(" ".repeat(MAX_LIST_LENGTH + 1), /longer than/);
  refused(listOf(...Array(MAX_LIST_SERVERS + 1).fill(0)), /1025 servers/);
  const many = parseServerList(listOf(...Array(MAX_LIST_SERVERS).fill(0)));
  assert.equal(many.skipped.length, MAX_LIST_SERVERS);
  const { addresses } = only({
    ...ENTRY,
    addresses: Array(1000).fill(ENTRY.addresses[0]),
  });
  assert.equal(addresses.length, MAX_LIST_ADDRESSES);
});

test("hostile text makes no trouble", () => {
  const deep = "[".repeat(1_000_000);
  refused(deep, /not JSON/);
  refused(deep + "]".repeat(1_000_000), /no array/);
  const twice = listOf(ENTRY).replace('"name":"one"', '"name":1,"name":"two"');
  assert.equal(parseServerList(twice).servers[0]?.name, "two");
  for (const name of ["\u001b[2J\u202e", "\ud800", "__proto__", "toString"]) {
    assert.equal(only({ ...ENTRY, name }).name, name);
  }
  assert.equal(parseServerList(`\ufeff${listOf(ENTRY)}`).servers.length, 1);
  const inherited = `{"servers":[{"__proto__":${JSON.stringify(ENTRY)}}]}`;
  assert.equal(parseServerList(inherited).skipped[0]?.reason, "name");
});

const anyJson = fc.jsonValue({ stringUnit: "binary" });

test("parseServerList() throws nothing but a WireError", () => {
  const value = (special: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 3, arbitrary: special }, anyJson);
  const address = fc.record({
    protocol: value(fc.constantFrom("udp", "tcp")),
    address: value(fc.oneof(fc.string(), fc.webAuthority({ withPort: true }))),
  }, { requiredKeys: [] });
  const server = fc.record({
    name: value(fc.string()),
    version: value(fc.oneof(fc.integer(), fc.string())),
    publicKeyType: value(fc.constant("ed25519")),
    publicKey: value(fc.oneof(
      fc.base64String(),
      fc.constantFrom(...KEYS).map(formatKey),
    )),
    addresses: value(fc.array(value(address))),
  }, { requiredKeys: [] });
  const list = value(fc.record({
    servers: value(fc.array(value(server))),
    sources: value(fc.array(value(fc.webUrl()))),
    reports: value(fc.webUrl()),
    created: value(fc.string()),
    expires: value(
      fc.date({ noInvalidDate: true }).map((d) => d.toISOString()),
    ),
  }, { requiredKeys: [] }));
  fc.assert(fc.property(list, (list) => {
    try {
      const parsed = parseServerList(JSON.stringify(list));
      const { servers } = parseServerList(formatServerList(parsed));
      assert.deepEqual(servers, parsed.servers);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }));
  fc.assert(fc.property(fc.string(), (text) => refused(text, /./)));
});

test("formatServerList() writes what parseServerList() reads back", () => {
  const server = fc.record({
    name: fc.string({ minLength: 1, unit: "binary" }).filter((s) =>
      s.trim() !== ""
    ),
    version: fc.option(fc.integer({ min: 0, max: 0xffffffff })),
    publicKey: fc.constantFrom(...KEYS).map(formatKey),
    addresses: fc.array(
      fc.record({
        protocol: fc.constantFrom("udp", "tcp"),
        address: fc.tuple(
          fc.oneof(fc.ipV4(), fc.ipV6().map((ip) => `[${ip}]`), fc.domain()),
          fc.integer({ min: 1, max: 0xffff }),
        ).map(([host, port]) => `${host}:${port}`),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  });
  const list = fc.record({
    servers: fc.array(server),
    sources: fc.array(fc.webUrl({ validSchemes: ["https"] })),
    reports: fc.webUrl({ validSchemes: ["https"] }),
  });
  fc.assert(fc.property(list, (list) => {
    const parsed = parseServerList(list);
    assert.equal(parsed.servers.length, list.servers.length);
    assert.deepEqual(parseServerList(formatServerList(parsed)), parsed);
  }));
});

test("formatServerList() writes the specification's form and no more", () => {
  const { servers } = parseServerList(listOf(ENTRY));
  assert.deepEqual(JSON.parse(formatServerList({ servers })), {
    servers: [ENTRY],
  });
  const google = parseServerList(
    listOf({ ...ENTRY, version: "Google-Roughtime" }),
  );
  assert.match(formatServerList(google), /"version": 3000600613,/);
  assert.match(formatServerList(google), /\}\n$/);
  const unsaid = parseServerList(
    listOf({ ...ENTRY, version: "IETF-Roughtime" }),
  );
  assert.doesNotMatch(formatServerList(unsaid), /version/);
});

test("protocol and type of key are read however they are spelled, if there is no doubt", () => {
  const words: [protocol: unknown, transport: "udp" | "tcp" | undefined][] = [
    ["udp", "udp"],
    ["UDP", "udp"],
    ["udp4", "udp"],
    ["Udp6", "udp"],
    [" tcp ", "tcp"],
    ["TCP4", "tcp"],
    ["udp5", undefined],
    ["udp46", undefined],
    ["udplite", undefined],
    ["tls", undefined],
    ["", undefined],
    [4, undefined],
    [["udp"], undefined],
    [undefined, undefined],
  ];
  for (const [protocol, transport] of words) {
    const addresses = [{ protocol, address: "one.example:2002" }];
    const { servers, skipped } = parseServerList(
      listOf({ ...ENTRY, addresses }),
    );
    assert.equal(
      servers[0]?.addresses[0]?.transport,
      transport,
      String(protocol),
    );
    const reasons = transport === undefined ? ["address"] : [];
    assert.deepEqual(skipped.map(({ reason }) => reason), reasons);
  }
  for (const publicKeyType of ["Ed25519", "ED25519", " ed25519 "]) {
    only({ ...ENTRY, publicKeyType });
  }
  for (
    const publicKeyType of ["ed448", "ed25519ph", "", null, 1, ["ed25519"]]
  ) {
    const { skipped } = parseServerList(listOf({ ...ENTRY, publicKeyType }));
    assert.deepEqual(skipped.map(({ reason }) => reason), ["key-type"]);
  }
});
