import assert from "node:assert/strict";
import { RateLimit } from "../../lib/relay/rate_limit.ts";

const none = { permissions: "none" } as const;

function limit(perMinute: number, perMinuteInAll = 1e6) {
  let ms = 0;
  const rate = new RateLimit({ perMinute, perMinuteInAll, now: () => ms });
  return { rate, pass: (more: number) => void (ms += more) };
}

Deno.test("each client has its own, and earns it back", none, () => {
  const { rate, pass } = limit(60);
  for (let i = 0; i < 60; i++) assert.equal(rate.take("192.0.2.1"), 0);
  assert.equal(rate.take("192.0.2.1"), 1000);
  assert.equal(rate.take("192.0.2.2"), 0);
  pass(400);
  assert.equal(rate.take("192.0.2.1"), 600);
  pass(600);
  assert.equal(rate.take("192.0.2.1"), 0);
  assert(rate.take("192.0.2.1") > 0);
  pass(3_600_000);
  for (let i = 0; i < 60; i++) assert.equal(rate.take("192.0.2.1"), 0);
  assert(rate.take("192.0.2.1") > 0);
});

Deno.test("all together have an end as well", none, () => {
  const { rate } = limit(60, 100);
  let passed = 0;
  for (let i = 0; i < 500; i++) {
    if (rate.take(`192.0.2.${i % 250}`) === 0) passed++;
  }
  assert.equal(passed, 100);
});

Deno.test(
  "one network of IPv6 is one client; spellings do not multiply it",
  none,
  () => {
    const { rate } = limit(2);
    assert.equal(rate.take("2001:db8::1"), 0);
    assert.equal(rate.take("2001:DB8:0:0::ffff"), 0);
    assert(rate.take("2001:db8::2") > 0);
    assert.equal(rate.take("2001:db8:0:1::1"), 0);
    assert.equal(rate.take("::ffff:192.0.2.1"), 0);
    assert.equal(rate.take("192.0.2.1"), 0);
    assert(rate.take("::ffff:192.0.2.1") > 0);
    assert.equal(rate.take(), 0);
    assert.equal(rate.take(undefined), 0);
    assert(rate.take("") > 0);
  },
);

Deno.test("what is remembered has an end", none, () => {
  const { rate } = limit(1);
  for (let i = 0; i < 10_000; i++) {
    rate.take(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  }
  assert(rate.size <= 4096);
});
