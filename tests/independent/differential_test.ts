/**
 * `verifyResponse` next to a verifier in Python that was written from the specifications
 * alone: on mutated exchanges of every dialect, and on every packet ever recorded.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Exchange, verifyResponse } from "../../verify.ts";
import { chainNonce, type DialectId, DIALECTS } from "../../wire.ts";
import { ALL, exchangeFor, flip, requestFor } from "../_support/fixtures.ts";
import * as vectors from "../_support/vectors.ts";
import {
  compare,
  type Comparison,
  emptyComparison,
  type Verify,
} from "./compare.ts";
import { defaultVerifiers, differential } from "./differential.ts";
import { Dice } from "./dice.ts";
import { EDITS } from "./edits.ts";
import { FORGERIES } from "./forgeries.ts";
import { honestExchanges, Keys } from "./honest.ts";
import { type Case, mutate } from "./mutate.ts";
import { assemble, takeApart } from "./parts.ts";
import { NoPython, PythonVerifier } from "./python.ts";
import { SCRAMBLES } from "./scramble.ts";

const CASES = 1500;
const SEED = 20261201;

/** Why there is nothing to compare with, or nothing if there is. */
async function whyNoPython(): Promise<string | undefined> {
  try {
    await using _python = await PythonVerifier.start();
    return undefined;
  } catch (error) {
    if (error instanceof NoPython) return error.message;
    throw error;
  }
}

const missing = await whyNoPython();

/** Options that skip a test, saying why in its name. */
function withPython(name: string): { name: string; ignore: boolean } {
  return {
    name: missing === undefined ? name : `${name} (skipped: ${missing})`,
    ignore: missing !== undefined,
  };
}

/** Fails with the whole evidence of the first disagreements. */
function assertAgreed({ differences }: Comparison): void {
  assert.deepEqual(differences.slice(0, 5), []);
  assert.equal(differences.length, 0);
}

/** Judges exchanges that are not mutated. */
async function judgedByBoth(
  exchanges: readonly (Exchange & { readonly name: string })[],
): Promise<Comparison> {
  await using python = await PythonVerifier.start();
  const comparison = emptyComparison();
  const cases = exchanges.map(({ name, ...exchange }): Case => ({
    exchange,
    dialect: "recorded",
    mutation: name,
  }));
  await compare(cases, python, defaultVerifiers, comparison);
  return comparison;
}

Deno.test({
  ...withPython("two verifiers agree on mutated exchanges of every dialect"),
  fn: async () => {
    const comparison = await differential(CASES, SEED);
    const { accepted, rejected, acceptedByDialect } = comparison;
    assertAgreed(comparison);
    assert.equal(accepted + rejected, CASES);
    // Were all rejected, or all for one reason, then agreeing would be no art.
    assert(accepted > CASES / 5, `only ${accepted} accepted`);
    assert(rejected > CASES / 5, `only ${rejected} rejected`);
    for (const { id } of ALL) {
      assert((acceptedByDialect[id] ?? 0) >= 5, `few accepted of ${id}`);
    }
    for (
      const reason of [
        "ROOT",
        "signature of the delegation",
        "signature of the reply",
        "outside the delegation",
        "MIDP is no plausible time",
        "time of day",
        "nonce of another version",
        "INDX has bits left over",
        "version was not offered",
      ]
    ) {
      assert(reason in comparison.rejectedByReason, `none rejected: ${reason}`);
    }
  },
});

Deno.test({
  ...withPython("two verifiers disagree where one of them is wrong"),
  fn: async () => {
    // Each is a mistake that a verifier could make, and what it must be caught by.
    const mistakes: Record<string, Verify> = {
      "accepts a reply it should not": async (exchange) => {
        const verdict = await verifyResponse(exchange);
        if (verdict.ok || verdict.rejection.code !== "index-bits") {
          return verdict;
        }
        const good = await exchangeFor("google", 1);
        return await verifyResponse(good);
      },
      "reads a microsecond too many": async (exchange) => {
        const verdict = await verifyResponse(exchange);
        return verdict.ok
          ? { ...verdict, midpointMicros: verdict.midpointMicros + 1n }
          : verdict;
      },
      "finds another dialect": async (exchange) => {
        const verdict = await verifyResponse(exchange);
        return verdict.ok && verdict.dialect === "draft-12"
          ? { ...verdict, dialect: "draft-14" }
          : verdict;
      },
      "throws": () => Promise.reject(new RangeError("offset")),
    };
    for (const [name, verify] of Object.entries(mistakes)) {
      const { differences } = await differential(300, SEED, () => [verify]);
      assert(differences.length > 0, name);
      const [first] = differences;
      assert(first && first.request.length > 0 && first.mutation !== "", name);
    }
  },
});

Deno.test({
  ...withPython("two verifiers agree on every recorded exchange"),
  fn: async () => {
    const recorded = [
      ...vectors.recorded("roughly.json"),
      ...vectors.recorded("roughtimed.json"),
    ];
    const comparison = await judgedByBoth(recorded);
    assertAgreed(comparison);
    assert.equal(comparison.accepted, 66);
    const spoilt = await judgedByBoth(recorded.map((exchange, i) => ({
      ...exchange,
      response: flip(exchange.response, 8 * (12 + 5 * i)),
    })));
    assertAgreed(spoilt);
  },
});

const CLOUDFLARE = ["google", "ietf_draft08", "ietf_draft11"] as const;

Deno.test({
  ...vectors.thirdParty(
    withPython("two verifiers agree on the exchanges of other projects").name,
  ),
  ignore: missing !== undefined || !vectors.hasThirdParty(),
  fn: async () => {
    const links = vectors.googleChain();
    const exchanges = [
      ...vectors.roughlyPackets(),
      ...CLOUDFLARE.flatMap((dialect) =>
        (["001", "010", "100"] as const).flatMap((count) =>
          vectors.cloudflare(dialect, count)
        )
      ),
      ...links.map(({ publicKey, nonceOrBlind, reply }, i) => ({
        name: `Google's chain[${i}]`,
        request: vectors.googleRequest(
          i === 0 ? nonceOrBlind : chainNonce(
            DIALECTS.google,
            (links[i - 1] as vectors.GoogleLink).reply,
            nonceOrBlind,
          ),
        ),
        response: reply,
        publicKey,
      })),
      ...vectors.nodeRoughtime(),
      ...vectors.appendixB(),
      vectors.roughenough(),
    ];
    const comparison = await judgedByBoth(exchanges);
    assertAgreed(comparison);
    assert.equal(comparison.rejected, 0);
    assert.equal(comparison.accepted, 11 + 333 + 12 + 2 + 3 + 1);
  },
});

Deno.test({
  ...vectors.thirdParty(
    withPython("two verifiers refuse replies whose requests were not kept")
      .name,
  ),
  ignore: missing !== undefined || !vectors.hasThirdParty(),
  fn: async () => {
    const files: [string, DialectId][] = [
      ["butterfield/cloudflare-response.bin", "draft-03"],
      ["butterfield/draft11-response.bin", "draft-11"],
      ["butterfield/roughenough-response.bin", "rfc-10049"],
      ["butterfield/roughenough-response-14.bin", "draft-14"],
      ["roughenough/rfc-response.path8.index2.4c16c619", "draft-14"],
      ["roughenough/golden-response.phase8", "draft-14"],
      ["roughenough/max-path32-response.bin", "draft-14"],
    ];
    const comparison = await judgedByBoth(files.map(([file, id]) => ({
      name: file,
      request: requestFor(id),
      response: vectors.thirdPartyFile(file),
      publicKey: vectors.PLUMMET_KEY,
    })));
    assertAgreed(comparison);
    assert.equal(comparison.rejected, files.length);
  },
});

Deno.test({
  name: "a case depends on the pool, the seed and its number alone",
  permissions: "none",
  fn: async () => {
    const pool = await honestExchanges();
    const keys = new Keys(pool);
    for (const number of [0, 1, 77]) {
      const first = await mutate(pool, keys, SEED, number);
      assert.deepEqual(await mutate(pool, keys, SEED, number), first);
      const other = await mutate(pool, keys, SEED + 1, number);
      assert.notDeepEqual(other.exchange, first.exchange);
    }
  },
});

Deno.test({
  name: "the pool holds every dialect in every size of batch, and all verify",
  permissions: "none",
  fn: async () => {
    const pool = await honestExchanges();
    for (const { exchange, dialect, origin } of pool) {
      const verdict = await verifyResponse(exchange);
      assert(verdict.ok, origin);
      assert.equal(verdict.dialect, dialect.id, origin);
    }
    for (const { id, batches, type } of ALL) {
      const depths = new Set<number>();
      for (const { exchange, dialect } of pool) {
        if (dialect.id !== id) continue;
        const verdict = await verifyResponse(exchange);
        if (verdict.ok) depths.add(verdict.pathLength);
      }
      // Clients without TYPE get trees with an even number of levels.
      const many = type === "none" ? [0, 2, 4] : [0, 1, 3, 4];
      const expected = batches === "one" ? [0] : many;
      assert.deepEqual([...depths].sort(), expected, id);
    }
  },
});

Deno.test({
  name: "an exchange taken apart and put together is the same, signatures too",
  permissions: "none",
  fn: async () => {
    const pool = await honestExchanges();
    const keys = new Keys(pool);
    for (const honest of pool) {
      const parts = takeApart(honest, keys);
      assert.deepEqual(await assemble(parts), honest.exchange, honest.origin);
      // Ed25519 signs the same thing the same way.
      parts.anew = { delegation: true, response: true, root: true };
      const signed = await assemble(parts);
      if (honest.dialect.id !== DIALECTS["rfc-10049"].id) {
        assert.deepEqual(signed, honest.exchange, honest.origin);
      }
      assert((await verifyResponse(signed)).ok, honest.origin);
    }
  },
});

Deno.test({
  name: "every kind of change changes something",
  permissions: "none",
  fn: async () => {
    const pool = await honestExchanges();
    const keys = new Keys(pool);
    const [first] = pool;
    assert(first);
    const changed = new Set<string>();
    const kinds = Object.entries({ ...EDITS, ...FORGERIES });
    for (let i = 0; i < 40; i++) {
      const dice = new Dice(i);
      const [honest, other] = [dice.pick(pool), dice.pick(pool)];
      for (const [name, edit] of kinds) {
        if (changed.has(name)) continue;
        const parts = takeApart(honest, keys);
        parts.anew.root = name === "node-first";
        edit(parts, { dice, other: takeApart(other, keys), keys });
        if (/key of|server's key|signature by|context/.test(name)) {
          parts.anew = { delegation: true, response: true, root: true };
        }
        const { request, response, publicKey } = await assemble(parts);
        const before = honest.exchange;
        if (
          String(request) !== String(before.request) ||
          String(response) !== String(before.response) ||
          String(publicKey) !== String(before.publicKey)
        ) changed.add(name);
      }
      for (const [name, scramble] of Object.entries(SCRAMBLES)) {
        const { response } = honest.exchange;
        const after = scramble(response, other.exchange.response, dice);
        if (String(after) !== String(response)) changed.add(name);
      }
    }
    const names = [...kinds.map(([name]) => name), ...Object.keys(SCRAMBLES)];
    assert.deepEqual(names.filter((name) => !changed.has(name)), []);
  },
});

Deno.test({
  name: "a missing Python is said, with what to do",
  fn: async () => {
    await assert.rejects(
      PythonVerifier.start("python-that-is-not-there"),
      (error) => {
        assert(error instanceof NoPython);
        assert.match(error.message, /install Python/);
        return true;
      },
    );
  },
});
