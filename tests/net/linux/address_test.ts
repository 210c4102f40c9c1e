import assert from "node:assert/strict";
import {
  AF_INET,
  AF_INET6,
  decodeSockaddr,
  encodeSockaddr,
  formatSockaddr,
  parseAddress,
} from "../../../lib/net/linux/address.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const ADDRESSES: readonly (readonly [text: string, hex: string])[] = [
  ["0.0.0.0", "00000000"],
  ["127.0.0.1", "7f000001"],
  ["255.254.253.252", "fffefdfc"],
  ["::", "00".repeat(16)],
  ["::1", "00".repeat(15) + "01"],
  ["fe80::1:2", "fe80" + "00".repeat(10) + "00010002"],
  ["2001:db8::", "20010db8" + "00".repeat(12)],
  ["1:2:3:4:5:6:7:8", "00010002000300040005000600070008"],
  ["2001:db8:0:1::1", "20010db800000001" + "00".repeat(7) + "01"],
];

test("parseAddress() reads literal addresses", () => {
  for (const [text, hex] of ADDRESSES) {
    const { bytes, zone } = parseAddress(text);
    assert.equal(toHex(bytes), hex, text);
    assert.equal(zone, "");
  }
  assert.equal(parseAddress("fe80::1%eth0").zone, "eth0");
  assert.equal(
    toHex(parseAddress("::ffff:192.0.2.1").bytes),
    "c0000201",
  );
});

test("parseAddress() refuses what is none", () => {
  for (
    const text of ["", "localhost", "1.2.3", "1.2.3.256", "01.2.3.4", "0x7f.1"]
      .concat([
        "2130706433",
        "::1::",
        ":",
        "1:2:3",
        "::1]",
        "a/b",
        "::1/",
        "127.0.0.1%1",
      ])
  ) assert.throws(() => parseAddress(text), TypeError, text);
});

test("socket addresses come back as they were", () => {
  for (const [text] of ADDRESSES) {
    const { bytes } = parseAddress(text);
    const families = bytes.length === 4 ? [AF_INET, AF_INET6] : [AF_INET6];
    for (const family of families) {
      const name = encodeSockaddr(family, bytes, 0xabcd);
      assert.deepEqual(decodeSockaddr(name), { hostname: text, port: 0xabcd });
    }
  }
});

test("socket addresses are laid out as the headers say", () => {
  const ipv4 = encodeSockaddr(AF_INET, Uint8Array.of(127, 0, 0, 2), 2002);
  assert.equal(toHex(ipv4), "020007d27f0000020000000000000000");
  const ipv6 = encodeSockaddr(AF_INET6, parseAddress("fe80::1").bytes, 2002, 3);
  assert.equal(
    toHex(ipv6),
    "0a0007d200000000fe80000000000000000000000000000103000000",
  );
  // An IPv4 socket is told the truth, so that the kernel can refuse it.
  const alien = encodeSockaddr(AF_INET, parseAddress("::1").bytes, 2002);
  assert.equal(alien[0], AF_INET6);
});

test("formatSockaddr() writes addresses as people do", () => {
  const format = (host: string) =>
    formatSockaddr(encodeSockaddr(AF_INET6, parseAddress(host).bytes, 2002));
  assert.equal(format("::1"), "[::1]:2002");
  assert.equal(format("192.0.2.1"), "192.0.2.1:2002");
});

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(
    "",
  );
}
