import assert from "node:assert/strict";
import net from "node:net";
import fc from "fast-check";
import {
  canonicalName,
  formatIp,
  ipOf,
  readIp,
} from "../../lib/net/ip_address.ts";

function test(name: string, fn: () => void): void {
  Deno.test({ name, permissions: "none", fn });
}

const BYTES4 = fc.uint8Array({ minLength: 4, maxLength: 4 });
/** Many zeros, so that there is something to shorten. */
const BYTES16 = fc.array(
  fc.oneof(fc.constant(0), fc.constant(0), fc.nat(255)),
  { minLength: 16, maxLength: 16 },
).map((bytes) => Uint8Array.from(bytes));

/** The same address in another spelling: case, zeros, a place for `::`, dots at the end. */
function spell(
  bytes: Uint8Array,
  { upper, pad, gap, dots }: {
    upper: boolean;
    pad: boolean;
    gap: number;
    dots: boolean;
  },
): string {
  const words = Array.from({ length: 8 }, (_, i) => {
    const word = (bytes[2 * i] as number) << 8 | (bytes[2 * i + 1] as number);
    const text = word.toString(16).padStart(pad ? 4 : 1, "0");
    return upper ? text.toUpperCase() : text;
  });
  const parts = dots
    ? [...words.slice(0, 6), bytes.subarray(12).join(".")]
    : words;
  const isZero = (part: string | undefined) => /^0+$/.test(part ?? "");
  if (!isZero(parts[gap])) return parts.join(":");
  let end = gap;
  while (isZero(parts[end])) end++;
  return `${parts.slice(0, gap).join(":")}::${parts.slice(end).join(":")}`;
}

const STYLE = fc.record({
  upper: fc.boolean(),
  pad: fc.boolean(),
  gap: fc.nat(7),
  dots: fc.boolean(),
});

test("readIp() gives all spellings of an address the same one", () => {
  fc.assert(
    fc.property(BYTES16, STYLE, (bytes, style) => {
      const text = spell(bytes, style);
      assert.equal(net.isIP(text), 6, text);
      const ip = readIp(text);
      assert(ip, text);
      assert.deepEqual(ip, ipOf(bytes), text);
      assert.deepEqual(readIp(ip.text), ip);
      assert.equal(formatIp(ip), ip.text);
    }),
    { numRuns: 1000 },
  );
});

test("readIp() takes IPv4 in IPv6's clothes for IPv4 in every spelling", () => {
  fc.assert(fc.property(BYTES4, STYLE, (bytes, style) => {
    const mapped = Uint8Array.of(...new Array(10).fill(0), 255, 255, ...bytes);
    for (const text of [bytes.join("."), spell(mapped, style)]) {
      const ip = readIp(text);
      assert(ip, text);
      assert.equal(ip.family, 4);
      assert.equal(ip.text, bytes.join("."));
      assert.deepEqual([...ip.bytes], [...bytes]);
    }
  }));
  // Nobody else's clothes.
  for (const text of ["::192.0.2.1", "64:ff9b::192.0.2.1", "::fffe:c000:201"]) {
    assert.equal(readIp(text)?.family, 6, text);
  }
});

test("two addresses have one text only if they are one", () => {
  const ip = fc.oneof(BYTES4, BYTES16).map((bytes) => ipOf(bytes));
  fc.assert(fc.property(ip, ip, (a, b) => {
    assert.equal(a.text === b.text, String(a.bytes) === String(b.bytes));
  }));
});

test("readIp() writes as RFC 5952 wants it", () => {
  const cases = {
    "2001:0DB8::0001": "2001:db8::1", // 4.1, 4.3
    "2001:db8:0:0:0:0:2:1": "2001:db8::2:1", // 4.2.1
    "2001:db8::1:1:1:1:1": "2001:db8:0:1:1:1:1:1", // 4.2.2
    "2001:0:0:1:0:0:0:1": "2001:0:0:1::1", // 4.2.3
    "2001:db8:0:0:1:0:0:1": "2001:db8::1:0:0:1",
    "0:0:0:0:0:0:0:0": "::",
  };
  for (const [text, canonical] of Object.entries(cases)) {
    assert.equal(readIp(text)?.text, canonical);
  }
});

test("readIp() keeps the zone of link-local addresses, and of no others", () => {
  for (const zone of ["eth0", "4", "wlan0.7", "br-1_a"]) {
    for (const text of ["fe80::1", "FE80:0::1", "febf::1"]) {
      const ip = readIp(`${text}%${zone}`);
      assert.equal(ip?.zone, zone);
      assert.equal(ip && formatIp(ip), `${ip?.text}%${zone}`);
    }
    for (const text of ["::1", "2001:db8::1", "fec0::1", "::ffff:127.0.0.1"]) {
      assert.equal(readIp(`${text}%${zone}`)?.zone, undefined, text);
    }
  }
  assert.equal(readIp("fe80::1")?.zone, undefined);
});

test("readIp() takes nothing else, and never throws", () => {
  const strange = ["", "%", "localhost", "1.2.3", "01.2.3.4", "0x7f.1", ":::"];
  for (
    const text of strange.concat([
      "[::1]",
      "::1/64",
      "fe80::1%",
      "fe80::1%a b",
      "fe80::1%a%b",
      "127.0.0.1%1",
      "1:2:3:4:5:6:7:8:9",
    ])
  ) assert.equal(readIp(text), undefined, text);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const ip = readIp(text);
    if (ip) assert.notEqual(net.isIP(text.split("%")[0] as string), 0);
  }));
});

test("canonicalName() spells names in lower case and in A-labels", () => {
  const cases = {
    "Time.Example.ORG": "time.example.org",
    "time.example.": "time.example.",
    "bücher.example": "xn--bcher-kva.example",
    "BÜCHER.Example": "xn--bcher-kva.example",
    "bu\u0308cher.example": "xn--bcher-kva.example",
    "xn--BCHER-kva.example": "xn--bcher-kva.example",
    "例え。テスト": "xn--r8jz45g.xn--zckzah",
    "": "",
  };
  for (const [name, canonical] of Object.entries(cases)) {
    assert.equal(canonicalName(name), canonical);
    assert.equal(canonicalName(canonical), canonical);
  }
  // What is no name is for the resolver to refuse: it must not become somebody's address.
  for (const name of ["１２７.0.0.1", "é/b", "é@example.org", "é:1", "é %"]) {
    assert.equal(canonicalName(name), name);
  }
});
