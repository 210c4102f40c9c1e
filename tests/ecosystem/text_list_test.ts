import assert from "node:assert/strict";
import fc from "fast-check";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import { lintServerList } from "../../lib/ecosystem/lint.ts";
import { parseServerList } from "../../lib/ecosystem/list.ts";
import { readTextList } from "../../lib/ecosystem/text_list.ts";
import { WireError } from "../../lib/wire/errors.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { bytes } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;
const KEYS = [1, 2, 3].map((seed) =>
  formatKey(createSigner(bytes(32, seed)).publicKey)
);
const [A, B, C] = KEYS;

Deno.test("Botan's lists are read, line by line", none, () => {
  const { servers, skipped } = parseServerList([
    "# servers",
    `one ed25519 ${A} udp one.example:2002`,
    "",
    `two Ed25519 ${B} UDP4 two.example:2003;`,
    `three ed25519 ${C} udp 192.0.2.1:2002 [2001:db8::1]:2002`,
  ].join("\r\n"));
  assert.deepEqual(skipped, []);
  assert.deepEqual(
    servers.map(({ name, publicKey, addresses, version }) => [
      name,
      formatKey(publicKey),
      addresses.map(({ transport, host, port }) =>
        `${transport} ${host} ${port}`
      ).join(),
      version,
    ]),
    [
      ["one", A, "udp one.example 2002", undefined],
      ["two", B, "udp two.example 2003", undefined],
      ["three", C, "udp 192.0.2.1 2002,udp 2001:db8::1 2002", undefined],
    ],
  );
});

Deno.test("lines that are of no use are skipped with a reason", none, () => {
  const good = `one ed25519 ${A} udp one.example:2002`;
  const lines = {
    [`two rsa ${B} udp two.example:2002`]: "key-type",
    "two ed25519 AAAA udp two.example:2002": "key",
    [`two ed25519 ${B} sctp two.example:2002`]: "address",
    [`two ed25519 ${B} udp two.example`]: "address",
    [`two ed25519 ${B} udp`]: "address",
    "Servers of today": "entry",
    ["x".repeat(10_000)]: "entry",
  };
  for (const [line, reason] of Object.entries(lines)) {
    const { servers, skipped } = parseServerList(`${line}\n${good}\n`);
    assert.equal(servers.length, 1, line);
    assert.deepEqual(skipped.map((one) => one.reason), [reason], line);
  }
});

Deno.test("no other text is taken for such a list", none, () => {
  for (
    const text of [
      "",
      "not a list",
      `{"servers": [}`,
      `<p>one</p> ed25519 ${A} <b>udp one.example:2002`,
      `one ed25519 udp ${A} one.example:2002`,
      `"name": ed25519 ${A}`,
    ]
  ) {
    assert.equal(readTextList(text), undefined, text);
    assert.throws(() => parseServerList(text), WireError);
  }
  fc.assert(fc.property(fc.string(), (text) => {
    assert.equal(readTextList(text), undefined);
  }));
});

Deno.test(
  "lint says that other readers want JSON, and what else is wrong",
  none,
  () => {
    const findings = lintServerList(
      [
        `one ed25519 ${A} udp one.example:2002`,
        `two Ed25519 ${B} UDP two.example:2003`,
        `three ed25519 ${C} sctp three.example:2003`,
      ].join("\n"),
      { nowMicros: 0n },
    );
    const said = findings.map(({ severity, code, path }) =>
      `${severity} ${code} ${path}`
    );
    for (
      const expected of [
        "warning not-json ",
        "warning key-type servers[1].publicKeyType",
        "warning transport servers[1].addresses[0].protocol",
        "error transport servers[2].addresses[0].protocol",
      ]
    ) assert(said.includes(expected), expected);
  },
);
