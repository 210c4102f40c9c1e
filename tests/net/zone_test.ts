import assert from "node:assert/strict";
import os from "node:os";
import {
  canonicalLiteral,
  canonicalZone,
  type Interfaces,
} from "../../lib/net/zone.ts";

const none = { permissions: "none" } as const;

const INTERFACES: Interfaces = {
  lo: [{}, { scopeid: 0 }],
  eth0: [{}, { scopeid: 4 }],
  "wlan0.7": [{ scopeid: 12 }],
};
const known = () => INTERFACES;

Deno.test("canonicalZone() has one spelling for name and number", none, () => {
  for (const [name, number] of [["eth0", "4"], ["wlan0.7", "12"]] as const) {
    for (const zone of [name, number, `0${number}`]) {
      assert.equal(canonicalZone(zone, known, false), name);
      assert.equal(canonicalZone(zone, known, true), number);
    }
  }
});

Deno.test("canonicalZone() leaves what nobody knows as it is", none, () => {
  for (const isWindows of [false, true]) {
    assert.equal(canonicalZone("eth9", known, isWindows), "eth9");
    assert.equal(canonicalZone("09", known, isWindows), "9");
    assert.equal(canonicalZone("0", known, isWindows), "0");
    assert.equal(canonicalZone("9", () => ({}), isWindows), "9");
  }
});

Deno.test("canonicalZone() asks nobody for permission", none, () => {
  assert.equal(canonicalZone("4"), "4");
});

Deno.test("canonicalLiteral() knows this machine's links", () => {
  for (const [name, addresses = []] of Object.entries(os.networkInterfaces())) {
    for (const one of addresses) {
      if (one.family !== "IPv6" || !one.scopeid) continue;
      const address = one.address.split("%")[0] as string;
      assert.equal(
        canonicalLiteral(`${address.toUpperCase()}%${one.scopeid}`),
        canonicalLiteral(`${address}%${name}`),
      );
    }
  }
  assert.equal(canonicalLiteral("::FFFF:7f00:1"), "127.0.0.1");
  assert.equal(canonicalLiteral("localhost"), "localhost");
});
