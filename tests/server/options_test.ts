import assert from "node:assert/strict";
import { base64, hex } from "@scure/base";
import fc from "fast-check";
import { ServerError } from "../../lib/wire/errors.ts";
import {
  longTermSigners,
  randomBytes,
  secondsToMicros,
} from "../../lib/server/options.ts";
import {
  bytes,
  LONG_TERM,
  makeKeyring,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

/** The seed behind PUBLIC_KEY. */
const SEED: Uint8Array = bytes(32, 1);

Deno.test("secondsToMicros() rounds to microseconds", none, () => {
  const expected: readonly [seconds: number, micros: bigint][] = [
    [1, 1_000_000n],
    [3, 3_000_000n],
    [0.25, 250_000n],
    [1e-6, 1n],
    [5e-7, 1n],
    [1.0000004, 1_000_000n],
    [1.0000006, 1_000_001n],
    [0xffffffff, 4_294_967_295_000_000n],
  ];
  for (const [seconds, micros] of expected) {
    assert.equal(secondsToMicros("radius", seconds), micros);
  }
});

Deno.test(
  "secondsToMicros() refuses what is no duration, by name",
  none,
  () => {
    const wrong = [0, -0, -1, 4e-7, NaN, Infinity, -Infinity, 2 ** 32, 1e300];
    for (const seconds of wrong) {
      assert.throws(() => secondsToMicros("validity", seconds), (error) => {
        assert(error instanceof ServerError);
        assert.equal(error.code, "config");
        assert(error.message.includes(`validity of ${seconds} seconds`));
        return true;
      });
    }
  },
);

Deno.test("secondsToMicros() includes the largest value", none, () => {
  assert.equal(secondsToMicros("radius", 10, 10), 10_000_000n);
  assert.throws(() => secondsToMicros("radius", 10.000001, 10), ServerError);
});

Deno.test("secondsToMicros() is exact for whole seconds", none, () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 0xffffffff }), (seconds) => {
    assert.equal(secondsToMicros("x", seconds), BigInt(seconds) * 1_000_000n);
  }));
});

Deno.test(
  "randomBytes() gives as many as asked, each time others",
  none,
  () => {
    assert.equal(randomBytes(0).length, 0);
    assert.equal(randomBytes(32).length, 32);
    assert.notDeepEqual(randomBytes(32), randomBytes(32));
  },
);

Deno.test("longTermSigners() reads a private key in any form", none, () => {
  for (const privateKey of [SEED, base64.encode(SEED), hex.encode(SEED)]) {
    const [signer, ...rest] = longTermSigners({ privateKey });
    assert.deepEqual(signer?.publicKey, PUBLIC_KEY);
    assert.deepEqual(rest, []);
  }
});

Deno.test("longTermSigners() leaves the caller's bytes alone", none, () => {
  const privateKey = SEED.slice();
  longTermSigners({ privateKey });
  assert.deepEqual(privateKey, SEED);
});

Deno.test("longTermSigners() prefers signers that are there", none, () => {
  const longTerm = [LONG_TERM, OTHER_LONG_TERM];
  assert.equal(longTermSigners({ longTerm }), longTerm);
  assert.equal(longTermSigners({ longTerm, privateKey: SEED }), longTerm);
  assert.deepEqual(longTermSigners({ longTerm: [] }), []);
});

Deno.test(
  "longTermSigners() makes a key where there is none of any kind",
  none,
  () => {
    for (const keys of [{}, { delegated: [] }]) {
      const [one] = longTermSigners(keys);
      const [other] = longTermSigners(keys);
      assert.equal(one?.publicKey.length, 32);
      assert.notDeepEqual(one?.publicKey, other?.publicKey);
    }
  },
);

Deno.test(
  "longTermSigners() makes no key beside a delegated one",
  none,
  async () => {
    const delegated = (await makeKeyring()).identities;
    assert.deepEqual(longTermSigners({ delegated }), []);
    const [own] = longTermSigners({ delegated, privateKey: bytes(32, 2) });
    assert.deepEqual(own?.publicKey, OTHER_LONG_TERM.publicKey);
  },
);

Deno.test(
  "longTermSigners() does not repeat what may be a secret",
  none,
  () => {
    const wrong = [
      bytes(31, 1),
      bytes(33, 1),
      "secret",
      "",
      hex.encode(bytes(31, 1)),
      base64.encode(bytes(33, 1)),
    ];
    for (const privateKey of wrong) {
      assert.throws(() => longTermSigners({ privateKey }), (error) => {
        assert(error instanceof ServerError);
        assert.equal(error.code, "key");
        if (typeof privateKey === "string" && privateKey !== "") {
          assert(!Deno.inspect(error).includes(privateKey));
        }
        return true;
      });
    }
  },
);
