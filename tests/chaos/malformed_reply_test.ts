import assert from "node:assert/strict";
import { malformedReplies } from "../../lib/chaos/malformed_reply.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { ALL, exchangeFor, midpointIn } from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

for (const dialect of ALL) {
  for (const batch of dialect.batches === "one" ? [1] : [1, 3]) {
    Deno.test(
      `malformedReplies() of ${dialect.id}, from a batch of ${batch}, are judged as they say`,
      none,
      async () => {
        const good = await exchangeFor(dialect.id, batch);
        const seen = new Set<string>();
        let certain = 0;
        for (const { name, packet, expect } of malformedReplies(good)) {
          assert(!seen.has(name), name);
          seen.add(name);
          const verdict = await verifyResponse({ ...good, response: packet });
          if (verdict.ok) {
            assert.equal(expect, "any", name);
            assert.equal(verdict.midpointMicros, midpointIn(dialect), name);
          } else if (expect !== "any" && expect !== "rejected") {
            assert.equal(verdict.rejection.code, expect, name);
            certain++;
          }
        }
        assert(seen.size > 900, `${seen.size}`);
        assert(certain > 300, `${certain}`);
      },
    );
  }
}

Deno.test(
  "malformedReplies() are the same every time and never the good reply",
  none,
  async () => {
    const good = await exchangeFor("rfc-10049", 2);
    const once = [...malformedReplies(good)];
    assert.deepEqual([...malformedReplies(good)], once);
    for (const { name, packet } of once) {
      assert.notDeepEqual(packet, good.response, name);
    }
  },
);

Deno.test(
  "malformedReplies() refuses to start from a reply that is not good",
  none,
  async () => {
    const { request } = await exchangeFor("rfc-10049", 1);
    assert.throws(
      () => malformedReplies({ request, response: request }).next(),
      RangeError,
    );
  },
);
