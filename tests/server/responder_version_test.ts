import fc from "fast-check";
import assert from "node:assert/strict";
import type { ResponderOptions } from "../../lib/server/responder.ts";
import {
  ALIASES,
  DEFAULT_OFFER,
  type DialectId,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  entriesOf,
  makeKeyring,
  makeResponder,
  messageOf,
  MOMENT,
  requestFor,
} from "../_support/fixtures.ts";
import {
  ask,
  dropped,
  offering,
  replied,
  verified,
} from "../_support/responder.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "respond() negotiates the version (section 5.1.1)",
  none,
  async () => {
    const old = Array.from({ length: 12 }, (_, i) => 0x80000001 + i);
    const cases: {
      offer: readonly number[];
      expect: number;
      dialect: DialectId;
      options?: Partial<ResponderOptions>;
      nonceSize?: number;
      typed?: boolean;
    }[] = [
      { offer: [1, 0x8000000c], expect: 0x8000000c, dialect: "draft-14" },
      {
        offer: [1, 0x8000000c],
        options: { preferRfc: true },
        expect: 1,
        dialect: "rfc-10049",
      },
      {
        offer: [0x8000000c],
        options: { preferRfc: true },
        expect: 0x8000000c,
        dialect: "draft-14",
      },
      { offer: [1], expect: 1, dialect: "rfc-10049" },
      { offer: DEFAULT_OFFER, expect: 0x8000000c, dialect: "draft-14" },
      {
        offer: DEFAULT_OFFER,
        options: { preferRfc: true },
        expect: 1,
        dialect: "rfc-10049",
      },
      // Cloudflare's client sends its list unsorted, and repeats do no harm there.
      {
        offer: [0x8000000b, 0x80000008],
        typed: false,
        expect: 0x8000000b,
        dialect: "draft-11",
      },
      {
        offer: [0x80000008, 0x80000008],
        expect: 0x80000008,
        dialect: "draft-08",
      },
      // A list of everything: the nonce's length decides.
      { offer: old, expect: 0x8000000c, dialect: "draft-14" },
      { offer: old, typed: false, expect: 0x8000000c, dialect: "draft-12" },
      {
        offer: old,
        typed: false,
        nonceSize: 64,
        expect: 0x80000004,
        dialect: "draft-04",
      },
      // Nobody assigned the aliases; who offers nothing else is answered all the same.
      { offer: [0x8000000e], expect: 0x8000000e, dialect: "draft-14" },
      {
        offer: [0x8000000d, 0x8000000e, 0x8000000f],
        expect: 0x8000000d,
        dialect: "draft-14",
      },
      {
        offer: [0x8000000c, 0x8000000f],
        expect: 0x8000000c,
        dialect: "draft-14",
      },
      {
        offer: [0x8000000e],
        typed: false,
        expect: 0x8000000e,
        dialect: "draft-12",
      },
      { offer: [1, 0x8000000f], expect: 1, dialect: "rfc-10049" },
      // What nobody knows is passed over (section 5.1.1).
      { offer: [0, 1, 2, 0xffffffff], expect: 1, dialect: "rfc-10049" },
      {
        offer: [0x80000007, 0x80000014],
        expect: 0x80000007,
        dialect: "draft-07",
      },
      // Only what this server was told to speak.
      {
        offer: [1, 0x80000008, 0x8000000b, 0x8000000c],
        options: { versions: [0x80000008] },
        expect: 0x80000008,
        dialect: "draft-08",
      },
      {
        offer: DEFAULT_OFFER,
        options: { versions: [0x8000000b, 1] },
        expect: 1,
        dialect: "rfc-10049",
      },
    ];
    for (const { offer, expect, dialect, options, ...rest } of cases) {
      const request = offering(offer, rest);
      assert.equal(request.length, 1024);
      const verdict = await verified(request, await ask(request, options));
      assert.equal(verdict.version, expect, `offer ${offer}`);
      assert.equal(verdict.dialect, dialect, `offer ${offer}`);
    }
  },
);

Deno.test(
  "respond() picks the same out of any offer, whatever else is in it",
  none,
  async () => {
    const responder = await makeResponder();
    const known = [...SERVER_VERSIONS, ...ALIASES]
      .filter((code) => code < 0x80000001 || code > 0x80000004);
    const ranking = [0x8000000c, 1, ...ALIASES];
    for (let code = 0x8000000b; code >= 0x80000005; code--) ranking.push(code);
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(
          fc.oneof(
            fc.constantFrom(...known),
            fc.integer({ min: 0, max: 2 ** 32 - 1 }),
          ),
          { minLength: 1, maxLength: 32 },
        ),
        async (list) => {
          const offer = list.sort((a, b) => a - b);
          const request = offering(offer);
          const [outcome] = await responder.respond([request], MOMENT);
          const best = ranking.find((code) => offer.includes(code));
          // Such offers prove nothing, whatever is answered: verify_test.ts has them.
          const micros = [0x80000005, 0x80000006].some((c) =>
            offer.includes(c)
          );
          const seconds = [8, 9, 10, 11].some((n) =>
            offer.includes(0x80000000 + n)
          );
          fc.pre(!micros || !seconds);
          if (best === undefined) {
            return assert.equal(
              dropped(outcome),
              "version",
            );
          }
          assert.equal((await verified(request, outcome)).version, best);
        },
      ),
    );
  },
);

Deno.test(
  "respond() lists its versions in VERS, ascending, the chosen one among them (section 5.2.5)",
  none,
  async () => {
    const listed = async (
      offer: number[],
      options: Partial<ResponderOptions> = {},
    ) => {
      const request = offering(offer);
      return (await verified(request, await ask(request, options))).versions;
    };
    assert.deepEqual(await listed([1]), SERVER_VERSIONS);
    assert.deepEqual(await listed([0x8000000c]), SERVER_VERSIONS);
    for (const alias of ALIASES) {
      assert.deepEqual(await listed([alias]), [...SERVER_VERSIONS, alias]);
    }
    // Given in any order, and Google's number is not for the wire.
    const versions = [GOOGLE_VERSION, 0x8000000c, 0x80000008, 1];
    assert.deepEqual(await listed([1], { versions }), [
      1,
      0x80000008,
      0x8000000c,
    ]);
    assert.deepEqual(await listed([0x8000000e], { versions }), [
      1,
      0x80000008,
      0x8000000c,
      0x8000000e,
    ]);
  },
);

Deno.test(
  "respond() answers untyped 0x8000000c as drafts 12-13 do, without TYPE",
  none,
  async () => {
    for (const soloBudget of [0, 8]) {
      const request = requestFor("draft-12");
      const outcome = await ask(request, { soloBudget });
      const tags = entriesOf(messageOf(replied(outcome).reply))
        .map(([tag]) => tag);
      assert(!tags.includes(TAG.TYPE));
      assert(!tags.includes(TAG.VER));
      assert.equal((await verified(request, outcome)).dialect, "draft-12");
    }
    const typed = replied(await ask(requestFor("draft-14"))).reply;
    const type = entriesOf(messageOf(typed)).find(([tag]) => tag === TAG.TYPE);
    assert.deepEqual(Array.from(type?.[1] ?? []), [1, 0, 0, 0]);
  },
);

Deno.test(
  "respond() does not answer version 1 without TYPE (section 5.1.3)",
  none,
  async () => {
    const request = offering([1], { typed: false });
    assert.equal(dropped(await ask(request)), "version");
    // What needs no TYPE is still within reach, whatever is preferred.
    for (
      const [offer, expected] of [
        [[1, 0x8000000c], 0x8000000c],
        [[1, 0x8000000b], 0x8000000b],
      ] as const
    ) {
      const packet = offering([...offer], { typed: false });
      const reply = await ask(packet, { preferRfc: true });
      assert.equal((await verified(packet, reply)).version, expected);
    }
  },
);

Deno.test(
  "respond() ignores Google's protocol where it was not asked to speak it",
  none,
  async () => {
    const request = requestFor("google");
    assert.equal(
      dropped(await ask(request, { versions: SERVER_VERSIONS })),
      "version",
    );
    await verified(
      request,
      await ask(request, { versions: [GOOGLE_VERSION] }),
    );
    const framed = requestFor("rfc-10049");
    assert.equal(
      dropped(await ask(framed, { versions: [GOOGLE_VERSION] })),
      "version",
    );
    // Google's number in a framed offer is a number like any other.
    assert.equal(dropped(await ask(offering([GOOGLE_VERSION]))), "version");
  },
);

Deno.test(
  "respond() signs version 1 in the spelling the keyring was told (section 5.2.1)",
  none,
  async () => {
    for (const { id, context } of ALL) {
      const request = requestFor(id);
      for (const v1Context of ["rfc", "draft"] as const) {
        const keyring = await makeKeyring({ v1Context });
        const { spelling } = await verified(
          request,
          await ask(request, { keyring }),
        );
        const expected = context === "rfc" && v1Context === "draft"
          ? "plain"
          : context;
        assert.deepEqual(spelling, {
          delegation: expected,
          response: expected,
        });
      }
    }
  },
);
