import assert from "node:assert/strict";
import { intervalFor, isNear, nextAfterMs } from "../../lib/watch/pace.ts";
import { listed } from "../_support/many.ts";

const none = { permissions: "none" } as const;

Deno.test("isNear() knows loopback and private addresses", none, () => {
  const near = [
    ...["127.0.0.1", "127.9.9.9", "::1", "localhost", "a.localhost."],
    ...["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    ...["169.254.0.1", "fd00::1", "fe80::1", "::ffff:127.0.0.1"],
  ];
  const far = [
    ...["time.example.com", "172.15.0.1", "172.32.0.1", "192.169.0.1"],
    ...["11.0.0.1", "2001:db8::1", "fec0::1", "localhost.example.com"],
  ];
  for (const host of near) assert(isNear(host), host);
  for (const host of far) assert(!isNear(host), host);
});

Deno.test("servers of others are asked once a minute at most", none, () => {
  const near = listed(0, {
    addresses: [{ transport: "udp", host: "127.0.0.1", port: 2002 }],
  });
  assert.equal(intervalFor([near], 5), 5);
  assert.equal(intervalFor([near, listed(1)], 5), 60);
  assert.equal(intervalFor([listed(1)], 300), 300);
  for (const random of [0, 0.5, 0.999]) {
    assert(nextAfterMs(60, random) >= 60_000);
    assert(Math.abs(nextAfterMs(300, random) - 300_000) <= 15_000);
  }
  assert.notEqual(nextAfterMs(300, 0), nextAfterMs(300, 0.9));
});
