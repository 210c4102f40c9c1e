import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type AddressProblem,
  explainAddress,
  formatServerAddress,
  isIpv4,
  isIpv6,
  readAddress,
} from "../../lib/net/address.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

test("readAddress() reads names and addresses (RFC 10049, section 8.3)", () => {
  const cases: [text: string, host: string, port: number][] = [
    ["roughtime.example.com:2002", "roughtime.example.com", 2002],
    ["example.com.:5319", "example.com.", 5319],
    ["localhost:1", "localhost", 1],
    ["_rough-time.example:65535", "_rough-time.example", 65535],
    ["xn--bcher-kva.example:2002", "xn--bcher-kva.example", 2002],
    ["192.0.2.33:2002", "192.0.2.33", 2002],
    ["[2001:db8::2:33]:2002", "2001:db8::2:33", 2002],
    ["[::ffff:192.0.2.1]:2002", "::ffff:192.0.2.1", 2002],
    ["1.example:2002", "1.example", 2002],
  ];
  for (const [text, host, port] of cases) {
    assert.deepEqual(
      readAddress(text),
      { ok: true, host, port, unbracketed: false },
      text,
    );
  }
});

test("readAddress() takes the last colon where drafts 12-14 had no brackets", () => {
  assert.deepEqual(readAddress("2001:db8::2:33:2002"), {
    ok: true,
    host: "2001:db8::2:33",
    port: 2002,
    unbracketed: true,
  });
});

test("readAddress() says what is wrong", () => {
  const cases: Record<AddressProblem, string[]> = {
    "no-port": ["", "example.com", "192.0.2.1", "[::1]"],
    "port": [
      "a:",
      "a:x",
      "a:65536",
      "a:-1",
      "a: 1",
      "a:0x10",
      "a:000001",
      "a:1e3",
      "[::1]x:1",
      "[::1]2002",
    ],
    "port-zero": ["example.com:0", "[::1]:00"],
    "zone": ["[fe80::1%eth0]:2002", "fe80::1%25eth0:2002"],
    "ipv6": [
      "[::1",
      "[]:1",
      "[192.0.2.1]:1",
      "[example.com]:1",
      "[::g]:1",
      "2001:db8::",
      "1:2:3:4:5:6:7:8:9:2002",
      "http://example.com:2002",
    ],
    "host": [
      ":2002",
      "a b:1",
      "a/b:1",
      "a@b:1",
      "-a.example:1",
      "a..b:1",
      "bücher.example:1",
      "256.0.0.1:1",
      "1.2.3:1",
      "2130706433:1",
      "0x7f.0x1:1",
      "example.0x7f:1",
      "a\u001b[2J:1",
      `${"a".repeat(64)}.example:1`,
      `${"a.".repeat(128)}example:1`,
    ],
  };
  for (const [problem, texts] of Object.entries(cases)) {
    for (const text of texts) {
      assert.deepEqual(readAddress(text), { ok: false, problem }, text);
    }
    assert.match(explainAddress(problem as AddressProblem), /^[a-z]/);
  }
});

test("readAddress() never throws, and reads back what formatServerAddress() writes", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    const read = readAddress(text);
    if (!read.ok) return;
    const again = readAddress(formatServerAddress(read));
    assert.deepEqual(again, { ...read, unbracketed: false });
  }));
  fc.assert(fc.property(
    fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
    fc.integer({ min: 1, max: 0xffff }),
    (host, port) => {
      assert.deepEqual(
        readAddress(formatServerAddress({ host, port })),
        { ok: true, host, port, unbracketed: false },
      );
    },
  ));
});

test("isIpv4() and isIpv6() tell addresses from names", () => {
  fc.assert(fc.property(fc.ipV4(), (ip) => isIpv4(ip) && !isIpv6(ip)));
  fc.assert(fc.property(fc.ipV6(), (ip) => isIpv6(ip) && !isIpv4(ip)));
  for (
    const text of ["", ":", "::%1", "01.2.3.4", "1.2.3.4.5", "::1]", "[::]"]
  ) {
    assert(!isIpv4(text) && !isIpv6(text), text);
  }
});
