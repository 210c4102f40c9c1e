import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  chainNonce,
  type Claim,
  findViolations,
} from "../../lib/verify/chain.ts";
import { DIALECTS } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

function sha512(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha512");
  for (const part of parts) hash.update(part);
  return Uint8Array.from(hash.digest());
}

function seconds(midpoint: number, radius: number): Claim {
  return {
    midpointMicros: BigInt(midpoint) * SECOND,
    radiusMicros: BigInt(radius) * SECOND,
  };
}

Deno.test(
  "chainNonce() hashes twice for Google and draft 01, once since (section 8.2)",
  none,
  () => {
    const reply = bytes(416, 1);
    for (const dialect of ALL) {
      const blind = bytes(dialect.nonceSize, 2);
      const twice = dialect.id === "google" || dialect.id === "draft-01";
      const whole = twice ? sha512(sha512(reply), blind) : sha512(reply, blind);
      const nonce = chainNonce(dialect, reply, blind);
      assert.equal(nonce.length, dialect.nonceSize, dialect.id);
      assert.deepEqual(
        Uint8Array.from(nonce),
        whole.slice(0, dialect.nonceSize),
        dialect.id,
      );
    }
  },
);

Deno.test(
  "chainNonce() gives the nonce that was worked out elsewhere",
  none,
  () => {
    // sha512sum of 416 bytes of 0x01 and 32 of 0x02, cut in half; and Google's for 64.
    const hex = (b: Uint8Array) =>
      Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
    const reply = new Uint8Array(416).fill(1);
    assert.equal(
      hex(chainNonce(DIALECTS["rfc-10049"], reply, new Uint8Array(32).fill(2))),
      "68eb1209a835b3194024cf84be59d13da1d5c3eab7ad22977fd597955d12e6d0",
    );
    assert.equal(
      hex(chainNonce(DIALECTS.google, reply, new Uint8Array(64).fill(2))),
      "1c52f62284fb9fee70f2afde866134065a44f231b8f5dc4a120cda0adc31c960" +
        "53f68c955a92802f80abc178fbead1a3c91e9f1a1fd2e84fb57ae55eb17a3ff9",
    );
  },
);

Deno.test(
  "chainNonce() depends on every byte of the reply and of the blind",
  none,
  () => {
    for (const dialect of ALL) {
      const reply = bytes(100, 1);
      const blind = bytes(dialect.nonceSize, 2);
      const seen = new Set([String(chainNonce(dialect, reply, blind))]);
      for (const changed of [reply, blind]) {
        for (let i = 0; i < changed.length; i++) {
          changed[i] = (changed[i] ?? 0) ^ 1;
          seen.add(String(chainNonce(dialect, reply, blind)));
          changed[i] = (changed[i] ?? 0) ^ 1;
        }
      }
      assert.equal(seen.size, 1 + 100 + dialect.nonceSize);
    }
  },
);

Deno.test(
  "a chain through all dialects can be asked, answered and checked again",
  none,
  async () => {
    const responder = await makeResponder();
    let previous: Uint8Array | undefined;
    const claims: Claim[] = [];
    for (const [i, dialect] of ALL.entries()) {
      const blind = bytes(dialect.nonceSize, i);
      const nonce = previous === undefined
        ? blind
        : chainNonce(dialect, previous, blind);
      const request = buildRequest({
        versions: [dialect.code],
        nonce,
        publicKey: PUBLIC_KEY,
        typed: dialect.type === "required",
      });
      const [outcome] = await responder.respond([request], {
        ...MOMENT,
        midpointMicros: MOMENT.midpointMicros + BigInt(i) * SECOND,
      });
      assert(outcome !== undefined && "reply" in outcome);
      const response = outcome.reply;
      const verdict = await verifyResponse({
        request,
        response,
        publicKey: PUBLIC_KEY,
      });
      assert(verdict.ok);
      claims.push(verdict);
      previous = response;
    }
    assert.deepEqual(findViolations(claims), []);
  },
);

Deno.test(
  "findViolations() finds none among fewer than two claims",
  none,
  () => {
    assert.deepEqual(findViolations([]), []);
    assert.deepEqual(findViolations([seconds(1_790_000_000, 3)]), []);
  },
);

Deno.test(
  "findViolations() is one-sided: a reply may be late by any amount (section 8.2)",
  none,
  () => {
    assert.deepEqual(
      findViolations([seconds(1000, 3), seconds(1_790_000_000, 3)]),
      [],
    );
    // The other way round the second says it was before the first.
    assert.deepEqual(
      findViolations([seconds(1_790_000_000, 3), seconds(1000, 3)]),
      [{
        earlier: 0,
        later: 1,
        gapMicros: (1_790_000_000n - 3n - 1003n) * SECOND,
      }],
    );
  },
);

Deno.test("findViolations() lets intervals touch", none, () => {
  assert.deepEqual(findViolations([seconds(106, 3), seconds(100, 3)]), []);
  const off = { midpointMicros: 106n * SECOND + 1n, radiusMicros: 3n * SECOND };
  assert.deepEqual(findViolations([off, seconds(100, 3)]), [
    { earlier: 0, later: 1, gapMicros: 1n },
  ]);
});

Deno.test(
  "findViolations() counts wide radii in favour of the server",
  none,
  () => {
    const unsynchronised = seconds(0, 0xffffffff);
    assert.deepEqual(
      findViolations([seconds(1_790_000_000, 3), unsynchronised]),
      [],
    );
    assert.deepEqual(
      findViolations([unsynchronised, seconds(1000, 3)]),
      [],
    );
  },
);

Deno.test(
  "findViolations() finds the pairs of RFC 10049, appendix B",
  none,
  () => {
    const found = findViolations([
      seconds(1773685571, 3),
      seconds(1773599171, 3),
      seconds(1773599171, 3),
    ]);
    assert.deepEqual(found, [
      { earlier: 0, later: 1, gapMicros: 86_394n * SECOND },
      { earlier: 0, later: 2, gapMicros: 86_394n * SECOND },
    ]);
  },
);

Deno.test(
  "findViolations() catches who lies in one of two passes",
  none,
  () => {
    // The second of three is a day ahead: seen when the next one is not.
    const t = 1_790_000_000;
    const pass = [seconds(t, 3), seconds(t + 86_400, 3), seconds(t + 1, 3)];
    assert.deepEqual(
      findViolations([...pass, ...pass]).map(({ earlier, later }) => [
        earlier,
        later,
      ]),
      [[1, 2], [1, 3], [1, 5], [4, 5]],
    );
    // The last of three is a day ahead: one pass alone does not show it.
    const last = [seconds(t, 3), seconds(t + 1, 3), seconds(t + 86_400, 3)];
    assert.deepEqual(findViolations(last), []);
    assert.equal(findViolations([...last, ...last]).length, 2);
  },
);

Deno.test(
  "findViolations() never accuses honest servers, however long the client waits",
  none,
  () => {
    const link = fc.record({
      wait: fc.bigInt({ min: 0n, max: 10n ** 13n }),
      radius: fc.bigInt({ min: 0n, max: 10n ** 10n }),
      // Where in its interval the truth lies, in thousandths of the radius.
      skew: fc.integer({ min: -1000, max: 1000 }),
    });
    fc.assert(
      fc.property(fc.array(link, { maxLength: 20 }), (links) => {
        let truth = 1_790_000_000n * SECOND;
        const claims = links.map(({ wait, radius, skew }) => {
          truth += wait;
          const midpointMicros = truth + radius * BigInt(skew) / 1000n;
          return { midpointMicros, radiusMicros: radius };
        });
        assert.deepEqual(findViolations(claims), []);
      }),
      { numRuns: 1000 },
    );
  },
);

Deno.test("findViolations() is exactly the rule, pair by pair", none, () => {
  const claim = fc.record({
    midpointMicros: fc.bigInt({ min: 0n, max: 100n }),
    radiusMicros: fc.bigInt({ min: 0n, max: 20n }),
  });
  fc.assert(
    fc.property(fc.array(claim, { maxLength: 12 }), (claims) => {
      const found = findViolations(claims);
      const expected: [number, number][] = [];
      for (let i = 0; i < claims.length; i++) {
        for (let j = i + 1; j < claims.length; j++) {
          const a = claims[i] as Claim;
          const b = claims[j] as Claim;
          if (
            a.midpointMicros - a.radiusMicros >
              b.midpointMicros + b.radiusMicros
          ) expected.push([i, j]);
        }
      }
      assert.deepEqual(
        found.map(({ earlier, later }) => [earlier, later]),
        expected,
      );
      assert(found.every(({ gapMicros }) => gapMicros > 0n));
    }),
    { numRuns: 1000 },
  );
});

Deno.test(
  "findViolations() names no more pairs than anybody would read, the first ones",
  { permissions: "none" },
  () => {
    // Each claims to be a day before the one before: all pairs contradict each other.
    const claims = Array.from({ length: 600 }, (_, n) => ({
      midpointMicros: 10n ** 15n - BigInt(n) * 86_400_000_000n,
      radiusMicros: 1n,
    }));
    const found = findViolations(claims);
    assert.equal(found.length, 100_000);
    const pairs = found.map(({ earlier, later }) => earlier * 600 + later);
    assert.deepEqual(pairs, pairs.toSorted((a, b) => a - b));
    assert.deepEqual([found[0]?.earlier, found[0]?.later], [0, 1]);
    const few = findViolations(claims.slice(0, 400));
    assert.equal(few.length, 400 * 399 / 2);
  },
);
