import assert from "node:assert/strict";
import fc from "fast-check";
import { readUint32 } from "../../lib/wire/uint.ts";
import type { Dialect } from "../../lib/wire/dialect.ts";
import type { Exchange } from "../../lib/wire/errors.ts";
import { isFramed } from "../../lib/wire/frame.ts";
import {
  chooseGrease,
  grease,
  GREASE_KINDS,
  type GreaseKind,
} from "../../lib/server/grease.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { encodeResponse } from "../../lib/wire/response.ts";
import { TAG, tagName } from "../../lib/wire/tag.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  entriesOf,
  exchangeFor,
  judge,
  makeResponder,
  messageOf,
  midpointIn,
  MOMENT,
  PUBLIC_KEY,
  requestFor,
  seeded,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const GREASED = ALL.filter((dialect) => dialect.grease === "should");
const LEFT_ALONE = ALL.filter((dialect) => dialect.grease === "may");

/** Batches, so that PATH is there to be lost. */
const GOOD = new Map<Dialect, Exchange>();
for (const dialect of GREASED) {
  GOOD.set(dialect, await exchangeFor(dialect.id, 5));
}

function spoil(kind: GreaseKind, dialect: Dialect, seed: number): Exchange {
  const exchange = GOOD.get(dialect) as Exchange;
  const entries = entriesOf(messageOf(exchange.response));
  const spoilt = grease(kind, entries, dialect, seeded(seed));
  return { ...exchange, response: encodeResponse(dialect, spoilt) };
}

/** Item by item: a difference between long lists of bytes takes long to print. */
function assertSame(got: readonly Outcome[], wanted: readonly Outcome[]): void {
  assert.equal(got.length, wanted.length);
  got.forEach((outcome, i) => assert.deepEqual(outcome, wanted[i]));
}

const anySeed = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyGreased = fc.constantFrom(...GREASED);

Deno.test(
  "grease is for drafts 10 and later, where it SHOULD be (section 7)",
  none,
  () => {
    assert.deepEqual(GREASED.map(({ id }) => id), [
      "draft-10",
      "draft-11",
      "draft-12",
      "draft-14",
      "rfc-10049",
    ]);
  },
);

Deno.test("GREASE_KINDS is pinned", none, () => {
  assert.deepEqual(GREASE_KINDS, [
    "missing-tag",
    "unknown-version",
    "undefined-tag",
    "wrong-time",
  ]);
});

Deno.test(
  "grease() takes away one mandatory tag, any of them",
  none,
  async () => {
    for (const dialect of GREASED) {
      const good = entriesOf(
        messageOf(GOOD.get(dialect)?.response as Uint8Array),
      );
      const lost = new Set<string>();
      for (let seed = 0; seed < 60; seed++) {
        const exchange = spoil("missing-tag", dialect, seed);
        const left = entriesOf(messageOf(exchange.response));
        assert.equal(left.length, good.length - 1);
        const kept = left.map(([tag]) => tag);
        const missing = good.filter(([tag]) => !kept.includes(tag));
        lost.add(tagName(missing[0]?.[0] as number));
        const verdict = await verifyResponse(exchange);
        assert(!verdict.ok && verdict.rejection.code === "tag-missing");
        assert.equal(verdict.rejection.tag, missing[0]?.[0]);
      }
      assert.deepEqual([...lost].sort(), [
        "CERT",
        "INDX",
        "PATH",
        "SIG",
        "SREP",
      ]);
    }
  },
);

Deno.test(
  "grease() names a version from the private range, where nobody offers any",
  none,
  async () => {
    await fc.assert(
      fc.asyncProperty(anyGreased, anySeed, async (dialect, seed) => {
        const verdict = await verifyResponse(
          spoil("unknown-version", dialect, seed),
        );
        assert(!verdict.ok && verdict.rejection.code === "version-unknown");
        const { version } = verdict.rejection;
        assert(version >= 0xc0000000 && version <= 0xffffffff);
      }),
    );
    // The ends of the range too.
    for (const dialect of GREASED) {
      for (const chance of [0, 1 - 2 ** -53]) {
        const exchange = GOOD.get(dialect) as Exchange;
        const entries = entriesOf(messageOf(exchange.response));
        const spoilt = grease(
          "unknown-version",
          entries,
          dialect,
          () => chance,
        );
        const response = encodeResponse(dialect, spoilt);
        assert.equal(await judge({ ...exchange, response }), "version-unknown");
      }
    }
  },
);

Deno.test(
  "grease() adds a tag that nobody defined, and the reply stays good",
  none,
  async () => {
    const known = new Set<number>(Object.values(TAG));
    await fc.assert(
      fc.asyncProperty(anyGreased, anySeed, async (dialect, seed) => {
        const exchange = spoil("undefined-tag", dialect, seed);
        const good = entriesOf(
          messageOf(GOOD.get(dialect)?.response as Uint8Array),
        );
        const now = entriesOf(messageOf(exchange.response));
        assert.equal(now.length, good.length + 1);
        const [tag, value] = now.at(-1) as [number, Uint8Array];
        // Four capital letters, as tags are from draft 11 on (section 4.1.3).
        assert(/^[A-Z]{4}$/.test(tagName(tag)));
        assert(!known.has(tag));
        assert.equal(value.length, 4);
        const verdict = await verifyResponse(exchange);
        assert(verdict.ok);
        assert.deepEqual(
          verdict,
          await verifyResponse(GOOD.get(dialect) as Exchange),
        );
      }),
    );
  },
);

Deno.test(
  "grease() never puts a wrong time under valid signatures",
  none,
  async () => {
    const seen = new Set<string>();
    await fc.assert(
      fc.asyncProperty(anyGreased, anySeed, async (dialect, seed) => {
        const verdict = await verifyResponse(
          spoil("wrong-time", dialect, seed),
        );
        if (verdict.ok) {
          assert.equal(verdict.midpointMicros, midpointIn(dialect));
        } else seen.add(verdict.rejection.code);
      }),
      { numRuns: 500 },
    );
    for (const code of seen) {
      assert(code === "outside-delegation" || code === "response-signature");
    }
    assert(seen.has("outside-delegation"));
  },
);

Deno.test(
  "grease() never puts a time inside the window under valid signatures either",
  none,
  async () => {
    for (const dialect of GREASED) {
      const { midpointMicros } = MOMENT;
      // Chance that leads to a minute before the true time.
      const chance = Number(midpointMicros / 1_000_000n - 60n) / 4_000_000_000;
      const exchange = GOOD.get(dialect) as Exchange;
      const entries = entriesOf(messageOf(exchange.response));
      const spoilt = grease("wrong-time", entries, dialect, () => chance);
      const response = encodeResponse(dialect, spoilt);
      assert.equal(
        await judge({ ...exchange, response }),
        "response-signature",
      );
    }
  },
);

Deno.test("grease() leaves the good reply as it was", none, () => {
  for (const dialect of GREASED) {
    const { response } = GOOD.get(dialect) as Exchange;
    const entries = entriesOf(messageOf(response));
    const before = structuredClone(entries);
    for (const kind of GREASE_KINDS) {
      for (let seed = 0; seed < 20; seed++) {
        grease(kind, entries, dialect, seeded(seed));
      }
    }
    assert.deepEqual(entries, before);
  }
});

Deno.test(
  "chooseGrease() follows the probability and uses every kind",
  none,
  () => {
    const count = (probability: number) => {
      const random = seeded(7);
      const kinds = new Map<GreaseKind | undefined, number>();
      for (let i = 0; i < 10_000; i++) {
        const kind = chooseGrease(probability, random);
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      }
      return kinds;
    };
    assert.deepEqual([...count(0).keys()], [undefined]);
    const all = count(1);
    assert.equal(all.get(undefined), undefined);
    for (const kind of GREASE_KINDS) assert((all.get(kind) ?? 0) > 2000);
    const some = 10_000 - (count(0.01).get(undefined) ?? 0);
    assert(some > 50 && some < 200);
  },
);

Deno.test(
  "respond() with all replies spoilt never proves a wrong time nor says more than was asked",
  none,
  async () => {
    const random = seeded(11);
    const responder = await makeResponder({ greaseProbability: 1, random });
    const plain = await makeResponder();
    const verdicts = new Map<string, number>();
    for (const dialect of GREASED) {
      for (let round = 0; round < 8; round++) {
        const requests = Array.from(
          { length: 32 },
          (_, i) => requestFor(dialect.id, 100 * round + i),
        );
        const outcomes = await responder.respond(requests, MOMENT);
        const unspoilt = await plain.respond(requests, MOMENT);
        for (const [i, request] of requests.entries()) {
          const outcome = outcomes[i];
          assert(outcome && "reply" in outcome);
          assert(outcome.reply.length <= request.length);
          assert(isFramed(outcome.reply));
          assert.notDeepEqual(outcome, unspoilt[i]);
          const verdict = await verifyResponse({
            request,
            response: outcome.reply,
            publicKey: PUBLIC_KEY,
          });
          const word = verdict.ok ? "ok" : verdict.rejection.code;
          verdicts.set(word, (verdicts.get(word) ?? 0) + 1);
          if (!verdict.ok) continue;
          assert.equal(verdict.midpointMicros, midpointIn(dialect));
          assert.equal(verdict.radiusMicros, MOMENT.radiusMicros);
        }
      }
    }
    // All kinds were there: the undefined tag alone leaves a reply good.
    assert.deepEqual(
      [...verdicts.keys()].filter((word) => word !== "response-signature")
        .sort(),
      ["ok", "outside-delegation", "tag-missing", "version-unknown"],
    );
  },
);

Deno.test(
  "respond() spoils each reply of a batch on its own",
  none,
  async () => {
    const responder = await makeResponder({
      greaseProbability: 0.5,
      random: seeded(3),
    });
    const requests = Array.from(
      { length: 64 },
      (_, i) => requestFor("draft-14", i),
    );
    const outcomes = await responder.respond(requests, MOMENT);
    let good = 0;
    for (const [i, request] of requests.entries()) {
      const outcome = outcomes[i];
      assert(outcome && "reply" in outcome);
      const exchange = {
        request,
        response: outcome.reply,
        publicKey: PUBLIC_KEY,
      };
      if (await judge(exchange) === "ok") good++;
    }
    assert(good > 16 && good < 60, `${good}`);
  },
);

Deno.test(
  "respond() never spoils replies of dialects that only MAY be",
  none,
  async () => {
    assert.equal(LEFT_ALONE.length, 10);
    const plain = await makeResponder();
    const greasy = await makeResponder({
      greaseProbability: 1,
      random: seeded(5),
    });
    const requests = LEFT_ALONE.flatMap(({ id }) =>
      Array.from({ length: 20 }, (_, i) => requestFor(id, i))
    );
    assertSame(
      await greasy.respond(requests, MOMENT),
      await plain.respond(requests, MOMENT),
    );
  },
);

Deno.test(
  "respond() spoils nothing without probability or without chance",
  none,
  async () => {
    const requests = ALL.flatMap(({ id }) =>
      Array.from({ length: 10 }, (_, i) => requestFor(id, i))
    );
    const plain = await (await makeResponder()).respond(requests, MOMENT);
    for (
      const options of [
        { greaseProbability: 0, random: seeded(5) },
        { random: seeded(5) },
        { greaseProbability: 1 },
      ]
    ) {
      const responder = await makeResponder(options);
      assertSame(await responder.respond(requests, MOMENT), plain);
    }
  },
);

Deno.test(
  "a reply spoilt with an undefined tag is the size of a good one and 12 bytes",
  none,
  () => {
    for (const dialect of GREASED) {
      const { response } = GOOD.get(dialect) as Exchange;
      const spoilt = spoil("undefined-tag", dialect, 1).response;
      assert.equal(spoilt.length, response.length + 12);
      assert.equal(readUint32(spoilt, 8), spoilt.length - 12);
    }
  },
);
