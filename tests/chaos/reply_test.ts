import assert from "node:assert/strict";
import type { Misdeed } from "../../lib/chaos/behaviour.ts";
import { type ChaosKeys, misstate, spoil } from "../../lib/chaos/reply.ts";
import { createSigner } from "../../lib/crypto/ed25519.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { spellingOf } from "../../lib/wire/certificate.ts";
import { type ParsedRequest, parseRequest } from "../../lib/wire/request.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  exchangeFor,
  judge,
  LONG_TERM,
  midpointIn,
  PUBLIC_KEY,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const KEYS: ChaosKeys = {
  longTerm: LONG_TERM,
  online: createSigner(bytes(32, 71)),
  stranger: createSigner(bytes(32, 72)),
  spellingOf: (dialect) => spellingOf(dialect, "rfc"),
};

async function wrong(id: DialectId, batch: number, ...misdeeds: Misdeed[]) {
  const { request, response } = await exchangeFor(id, batch);
  const parsed = parseRequest(request);
  assert(parsed.ok);
  const reply = await misstate(response, parsed.request, misdeeds, KEYS);
  return { request, response: reply, publicKey: PUBLIC_KEY };
}

for (const dialect of ALL) {
  Deno.test(
    `misstate() signs a false time of ${dialect.id} so that it verifies, in a batch too`,
    none,
    async () => {
      for (const batch of dialect.batches === "one" ? [1] : [1, 3]) {
        for (const seconds of [1n, -1n, 86_400n, 3_153_600_000n]) {
          const offsetMicros = seconds * SECOND;
          const lie = { kind: "lie", offsetMicros } as const;
          const verdict = await verifyResponse(
            await wrong(dialect.id, batch, lie),
          );
          if (!verdict.ok) assert.fail(Deno.inspect(verdict));
          assert.equal(
            verdict.midpointMicros,
            midpointIn(dialect) + offsetMicros,
          );
          assert.equal(verdict.dialect, dialect.id);
          assert.equal(verdict.pathLength, batch === 1 ? 0 : 2);
        }
      }
    },
  );
}

Deno.test(
  "misstate() does several things at once, in whatever order",
  none,
  async () => {
    const lie: Misdeed = { kind: "lie", offsetMicros: SECOND };
    const fill: Misdeed = { kind: "fill" };
    const key: Misdeed = { kind: "wrong-key", signature: "DELE" };
    for (const misdeeds of [[lie, fill, key], [key, fill, lie]]) {
      const exchange = await wrong("rfc-10049", 1, ...misdeeds);
      assert.equal(await judge(exchange), "certificate-signature");
      assert.equal(exchange.response.length, exchange.request.length);
    }
  },
);

Deno.test(
  "misstate() leaves a reply alone that it has nothing to do to",
  none,
  async () => {
    const { response } = await exchangeFor("google", 1);
    const silence: Misdeed = { kind: "silence" };
    const untouched = await wrong("google", 1, silence, {
      kind: "versions",
      list: "empty",
    });
    assert.deepEqual(untouched.response, response);
    const junk = new Uint8Array(12);
    const request = { framed: true } as ParsedRequest;
    assert.equal(await misstate(junk, request, [{ kind: "fill" }], KEYS), junk);
  },
);

Deno.test("spoil() cuts, grows and turns over just one bit", none, async () => {
  const { response } = await exchangeFor("rfc-10049", 1);
  const copy = response.slice();
  const never = () => assert.fail("no chance needed");
  const cut = spoil(response, { kind: "truncate", bytes: 9 }, never);
  assert.deepEqual(cut, response.slice(0, -9));
  assert.equal(
    spoil(response, { kind: "truncate", bytes: 9999 }, never).length,
    0,
  );
  const grown = spoil(response, { kind: "append", bytes: 3 }, never);
  assert.equal(grown.length, response.length + 3);
  const noisy = spoil(response, { kind: "corrupt" }, () => 0.5);
  const parts = spoil(response, { kind: "corrupt", part: "ROOT" }, never);
  for (const changed of [noisy, parts]) {
    const different = changed.filter((byte, i) => byte !== response[i]);
    assert.equal(different.length, 1);
  }
  assert.equal(spoil(response, { kind: "silence" }, never), response);
  assert.deepEqual(response, copy, "what is given is only read");
});
