import assert from "node:assert/strict";
import fc from "fast-check";
import { operatorOf } from "../../lib/ecosystem/operator.ts";
import { readAddress } from "../../lib/net/address.ts";

function operator(...hosts: string[]): string {
  return operatorOf({
    addresses: hosts.map((host) => ({ transport: "udp", host, port: 2002 })),
  });
}

Deno.test({
  name: "operatorOf() finds the domain that was registered",
  permissions: "none",
  fn: () => {
    const cases: [host: string, operator: string][] = [
      ["sth1.roughtime.netnod.se", "netnod.se"],
      ["STH2.Roughtime.Netnod.SE.", "netnod.se"],
      ["roughtime.se", "roughtime.se"],
      ["a.b.example.co.uk", "example.co.uk"],
      ["co.uk", "co.uk"],
      ["localhost", "localhost"],
      ["a.local.unheardof", "local.unheardof"],
      ["mine.duckdns.org", "duckdns.org"],
      ["192.0.2.1", "192.0.2.1"],
      ["2001:DB8:0::1", "2001:db8::1"],
      ["2001:db8::0:1", "2001:db8::1"],
    ];
    for (const [host, expected] of cases) {
      assert.equal(operator(host), expected, host);
    }
  },
});

Deno.test({
  name: "operatorOf() trusts a name more than an address",
  permissions: "none",
  fn: () => {
    assert.equal(operator("192.0.2.1", "a.example.org"), "example.org");
    assert.equal(operator("a.example.org", "b.example.net"), "example.org");
    assert.equal(operator(), "");
  },
});

Deno.test({
  name: "operatorOf() has an answer for every host of a list",
  permissions: "none",
  fn: () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.ipV6()), (text) => {
        const read = readAddress(`${text}:2002`);
        if (read.ok) assert.notEqual(operator(read.host), "");
      }),
    ),
});

Deno.test({
  name: "operatorOf() knows an IPv4 address in IPv6 clothes",
  permissions: "none",
  fn: () => {
    const of = (host: string) =>
      operatorOf({ addresses: [{ transport: "udp", host, port: 2002 }] });
    assert.equal(of("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(of("::ffff:c000:201"), "192.0.2.1");
  },
});
