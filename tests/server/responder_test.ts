import assert from "node:assert/strict";
import fc from "fast-check";
import { radiusToMicros } from "../../lib/wire/timestamp.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALIASES,
  DEFAULT_OFFER,
  type Dialect,
  type DialectId,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { DROP_REASONS, type DropReason } from "../../lib/server/drop_reason.ts";
import {
  ANSWERABLE,
  type Moment,
  type Outcome,
  Responder,
  type ResponderOptions,
} from "../../lib/server/responder.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  corpus,
  drop,
  edit,
  encodeLoosely,
  entriesOf,
  LONG_TERM,
  makeKeyring,
  makeResponder,
  messageOf,
  midpointIn,
  MOMENT,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  put,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import { checkOnce } from "../_support/signatures.ts";

const none = { permissions: "none" } as const;

/** The replies of a batch have their signatures in common. */
const equation = checkOnce();

type Reply = Extract<Outcome, { reply: Uint8Array }>;

function replied(outcome: Outcome | undefined): Reply {
  if (outcome !== undefined && "reply" in outcome) return outcome;
  assert.fail(Deno.inspect(outcome));
}

function dropped(outcome: Outcome | undefined): DropReason {
  assert(outcome !== undefined && "drop" in outcome, "answered");
  return outcome.drop;
}

async function verified(
  request: Uint8Array,
  outcome: Outcome | undefined,
  publicKey: Uint8Array = PUBLIC_KEY,
): Promise<Verified> {
  const { reply, version } = replied(outcome);
  const exchange = { request, response: reply, publicKey };
  const verdict = await verifyResponse(exchange, { equation });
  if (!verdict.ok) assert.fail(Deno.inspect(verdict));
  assert.equal(verdict.version, version);
  assert(reply.length <= request.length);
  return verdict;
}

/** Answers one request. */
async function ask(
  request: Uint8Array,
  options: Partial<ResponderOptions> = {},
  moment: Moment = MOMENT,
): Promise<Outcome> {
  const responder = await makeResponder(options);
  const outcomes = await responder.respond([request], moment);
  assert.equal(outcomes.length, 1);
  return outcomes[0] as Outcome;
}

/** A request for an offer; the number makes its nonce. */
function offering(
  versions: readonly number[],
  options: { number?: number; typed?: boolean; nonceSize?: number } = {},
): Uint8Array {
  const { number = 0, typed = true, nonceSize = 32 } = options;
  // Built by hand: buildRequest() would sort, and refuse what does not fit together.
  const request = buildRequest({
    versions: [0x8000000c],
    nonce: bytes(32, number),
    publicKey: PUBLIC_KEY,
    typed,
    size: 1024 - 4 * (versions.length - 1) + (32 - nonceSize),
  });
  return edit(request, (e) =>
    put(
      put(e, TAG.VER, encodeUint32s(versions)),
      TAG.NONC,
      bytes(nonceSize, number),
    ));
}

/** Requests in an old dialect get an empty PATH as long as the budget lasts. */
function isOld(dialect: Dialect): boolean {
  return dialect.type === "none";
}

/** Levels of a tree: old clients need an even number of them. */
function levelsIn(dialect: Dialect, size: number): number {
  const levels = Math.ceil(Math.log2(size));
  return isOld(dialect) && size <= 256 ? levels + levels % 2 : levels;
}

for (const dialect of ALL) {
  const { id } = dialect;
  const one = dialect.batches === "one";

  Deno.test(
    `respond() answers batches of 1-64 and 255-257 in ${id}, each request provably`,
    none,
    async () => {
      const sizes = Array.from({ length: 64 }, (_, i) => i + 1);
      const requests = Array.from({ length: 257 }, (_, i) => requestFor(id, i));
      const signed: [number, number][] = [];
      const responder = await makeResponder({
        maxBatch: 512,
        soloBudget: 0,
        singleBudget: Infinity,
        onBatch: (version, size) => signed.push([version, size]),
      });
      for (const size of [...sizes, 255, 256, 257]) {
        signed.length = 0;
        const batch = requests.slice(0, size);
        const outcomes = await responder.respond(batch, MOMENT);
        assert.equal(outcomes.length, size);
        const indexes = new Set<number>();
        for (const [i, request] of batch.entries()) {
          const verdict = await verified(request, outcomes[i]);
          assert.equal(verdict.dialect, id);
          assert.equal(verdict.version, dialect.code);
          assert.equal(verdict.midpointMicros, midpointIn(dialect));
          assert.equal(verdict.radiusMicros, MOMENT.radiusMicros);
          assert.equal(verdict.pathOrder, "hash-first");
          assert.equal(verdict.index, one ? 0 : i);
          assert.equal(
            verdict.pathLength,
            one ? 0 : levelsIn(dialect, size),
          );
          indexes.add(verdict.index);
        }
        assert.equal(indexes.size, one ? 1 : size);
        assert.deepEqual(
          signed,
          one ? batch.map(() => [dialect.code, 1]) : [[dialect.code, size]],
        );
      }
    },
  );

  Deno.test(
    `respond() splits 257 requests of ${id} into two trees by default`,
    none,
    async () => {
      const requests = Array.from({ length: 257 }, (_, i) => requestFor(id, i));
      const sizes: number[] = [];
      const responder = await makeResponder({
        soloBudget: 0,
        singleBudget: Infinity,
        onBatch: (_, size) => sizes.push(size),
      });
      const outcomes = await responder.respond(requests, MOMENT);
      for (const [i, request] of requests.entries()) {
        const { index, pathLength } = await verified(request, outcomes[i]);
        assert.equal(index, one ? 0 : i % 256);
        assert.equal(pathLength, one || i === 256 ? 0 : 8);
      }
      assert.deepEqual(sizes, one ? requests.map(() => 1) : [256, 1]);
    },
  );

  Deno.test(
    `respond() answers in ${id} inside the delegation only, ends included (section 5.2.6)`,
    none,
    async () => {
      const keyring = await makeKeyring();
      const { notBeforeMicros, notAfterMicros } =
        (keyring.identities[0] as (typeof keyring.identities)[0]).online;
      const request = requestFor(id);
      const at = async (midpointMicros: bigint) =>
        (await new Responder({ keyring }).respond([request], {
          midpointMicros,
          radiusMicros: SECOND,
        }))[0];
      for (const inside of [notBeforeMicros, notAfterMicros]) {
        const verdict = await verified(request, await at(inside));
        assert(inside - verdict.midpointMicros < SECOND);
      }
      for (const outside of [notBeforeMicros - 1n, notAfterMicros + 1n]) {
        assert.equal(dropped(await at(outside)), "delegation");
      }
    },
  );
}

Deno.test(
  "respond() answers all dialects in one call, in order, garbage between",
  none,
  async () => {
    const requests: { packet: Uint8Array; dialect?: DialectId }[] = [];
    for (let round = 0; round < 3; round++) {
      for (const [i, { id }] of ALL.entries()) {
        const number = 100 * round + i;
        requests.push({ packet: requestFor(id, number), dialect: id });
        requests.push({ packet: bytes(1024, number) });
        requests.push({ packet: requestFor(id, number).slice(0, 1020) });
        requests.push({ packet: new Uint8Array(0) });
        requests.push({
          packet: offering(DEFAULT_OFFER, { number }),
          dialect: "draft-14",
        });
        requests.push({
          packet: offering(SERVER_VERSIONS, { number, nonceSize: 64 }),
          // With a 64-byte nonce only Google and 01-04 are left.
          dialect: "draft-04",
        });
        requests.push({
          packet: offering([0x80000001, 0x80000003, 0x80000008], {
            number,
            nonceSize: 64,
          }),
          dialect: "draft-03",
        });
      }
    }
    const good = requests.filter(({ dialect }) => dialect !== undefined);
    const groups = new Map<number, number[]>();
    const responder = await makeResponder({
      soloBudget: 0,
      onBatch: (version, size) =>
        groups.set(version, [...groups.get(version) ?? [], size]),
    });
    const outcomes = await responder.respond(
      requests.map(({ packet }) => packet),
      MOMENT,
    );
    assert.equal(outcomes.length, requests.length);
    let answered = 0;
    for (const [i, { packet, dialect }] of requests.entries()) {
      if (dialect === undefined) {
        assert(DROP_REASONS.includes(dropped(outcomes[i])));
        continue;
      }
      assert.equal((await verified(packet, outcomes[i])).dialect, dialect);
      answered++;
    }
    assert.equal(answered, good.length);
    // One signature per version and TYPE; 01 and 02 sign the nonce and so each alone.
    assert.deepEqual(
      Object.fromEntries(groups),
      {
        [GOOGLE_VERSION]: [3],
        [0x80000001]: [1, 1, 1],
        [0x80000002]: [1, 1, 1],
        [0x80000003]: [3 + 45],
        [0x80000004]: [3 + 45],
        [0x80000005]: [3],
        [0x80000006]: [3],
        [0x80000007]: [3],
        [0x80000008]: [3],
        [0x80000009]: [3],
        [0x8000000a]: [3],
        [0x8000000b]: [3],
        // Drafts 14-19 and 12-13 apart; the former came first.
        [0x8000000c]: [3 + 45, 3],
        [1]: [3],
      },
    );
  },
);

Deno.test(
  "respond() never lets one signature speak for two versions or two TYPEs",
  none,
  async () => {
    const requests = ALL.flatMap(({ id }, i) => [
      requestFor(id, 2 * i),
      requestFor(id, 2 * i + 1),
    ]);
    const responder = await makeResponder({ soloBudget: 0 });
    const outcomes = await responder.respond(requests, MOMENT);
    const bySrep = new Map<string, Set<string>>();
    for (const [i, request] of requests.entries()) {
      const { dialect } = await verified(request, outcomes[i]);
      const srep = entriesOf(messageOf(replied(outcomes[i]).reply))
        .find(([tag]) => tag === TAG.SREP)?.[1];
      const key = String(srep);
      bySrep.set(key, (bySrep.get(key) ?? new Set()).add(dialect));
    }
    for (const dialects of bySrep.values()) assert.equal(dialects.size, 1);
  },
);

Deno.test(
  "respond() signs for an alias and for 0x8000000c apart, since SREP names the version",
  none,
  async () => {
    const offers = [0x8000000c, 0x8000000e, 0x8000000c, 0x8000000d, 0x8000000e];
    const requests = offers.map((code, number) => offering([code], { number }));
    const groups: [number, number][] = [];
    const responder = await makeResponder({
      onBatch: (version, size) => groups.push([version, size]),
    });
    const outcomes = await responder.respond(requests, MOMENT);
    for (const [i, request] of requests.entries()) {
      assert.equal((await verified(request, outcomes[i])).version, offers[i]);
    }
    assert.deepEqual(groups, [[0x8000000c, 2], [0x8000000e, 2], [
      0x8000000d,
      1,
    ]]);
  },
);

Deno.test(
  "respond() gives old clients an empty PATH until the budget is used up",
  none,
  async () => {
    for (const dialect of ALL) {
      const { id } = dialect;
      const requests = Array.from({ length: 20 }, (_, i) => requestFor(id, i));
      for (const [soloBudget, alone] of [[undefined, 8], [0, 0], [3, 3]]) {
        const sizes: number[] = [];
        const responder = await makeResponder({
          soloBudget,
          singleBudget: Infinity,
          onBatch: (_, size) => sizes.push(size),
        });
        // The budget is for one call: the next has it again.
        for (let call = 0; call < 2; call++) {
          sizes.length = 0;
          const outcomes = await responder.respond(requests, MOMENT);
          const depths: number[] = [];
          for (const [i, request] of requests.entries()) {
            depths.push((await verified(request, outcomes[i])).pathLength);
          }
          const solos = dialect.batches === "one"
            ? 20
            : isOld(dialect)
            ? alone as number
            : 0;
          const rest = 20 - solos;
          const depth = levelsIn(dialect, rest);
          assert.deepEqual(
            depths,
            requests.map((_, i) => i < solos ? 0 : depth),
            id,
          );
          assert.deepEqual(sizes, [
            ...Array(solos).fill(1),
            ...(rest > 0 ? [rest] : []),
          ]);
        }
      }
    }
  },
);

const SINGLE: readonly DialectId[] = ["draft-01", "draft-02"];

Deno.test(
  "respond() signs one by one only until the budget is used up",
  none,
  async () => {
    assert.deepEqual(
      ALL.filter(({ batches }) => batches === "one").map(({ id }) => id),
      SINGLE,
    );
    // Among others, who are answered all the same.
    const ids: DialectId[] = ["draft-01", "rfc-10049", "draft-02", "google"];
    const requests = Array.from(
      { length: 120 },
      (_, i) => requestFor(ids[i % 4] as DialectId, i),
    );
    for (const [singleBudget, answered] of [[undefined, 8], [0, 0], [3, 3]]) {
      const sizes: number[] = [];
      const responder = await makeResponder({
        singleBudget,
        soloBudget: 0,
        onBatch: (_, size) => sizes.push(size),
      });
      // The budget is for one call: the next has it again.
      for (let call = 0; call < 2; call++) {
        sizes.length = 0;
        const outcomes = await responder.respond(requests, MOMENT);
        let singles = 0;
        for (const [i, request] of requests.entries()) {
          const outcome = outcomes[i] as Outcome;
          if (i % 2 === 0 && singles++ >= (answered as number)) {
            assert.deepEqual(outcome, { drop: "budget" });
          } else await verified(request, outcome);
        }
        assert.deepEqual(sizes.filter((size) => size > 1), [30, 30]);
        assert.equal(sizes.length, (answered as number) + 2);
      }
    }
  },
);

Deno.test(
  "respond() spends nothing on what would not be answered anyhow",
  none,
  async () => {
    const responder = await makeResponder({ singleBudget: 1 });
    const requests = [0, 1, 2].map((n) => requestFor("draft-02", n));
    const outcomes = await responder.respond(requests, MOMENT, {
      accept: (_, i) => i > 0,
    });
    assert.deepEqual(outcomes[0], { drop: "refused" });
    await verified(requests[1] as Uint8Array, outcomes[1]);
    assert.deepEqual(outcomes[2], { drop: "budget" });
  },
);

Deno.test(
  "respond() shares the budget among old dialects and spends none on new ones",
  none,
  async () => {
    const ids: DialectId[] = ["rfc-10049", "draft-14", "draft-11", "google"];
    const requests = Array.from(
      { length: 40 },
      (_, i) => requestFor(ids[i % 4] as DialectId, i),
    );
    const groups: [number, number][] = [];
    const responder = await makeResponder({
      soloBudget: 12,
      onBatch: (version, size) => groups.push([version, size]),
    });
    await responder.respond(requests, MOMENT);
    assert.deepEqual(groups, [
      [1, 10],
      [0x8000000c, 10],
      ...Array(10).fill([0x8000000b, 1]),
      ...Array(2).fill([GOOGLE_VERSION, 1]),
      [GOOGLE_VERSION, 8],
    ]);
  },
);

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
  "respond() chooses among several identities by SRV (section 5.1.4)",
  none,
  async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const keys = [LONG_TERM.publicKey, OTHER_LONG_TERM.publicKey];
    const naming = (i: number, code: number) =>
      buildRequest({
        versions: [code],
        nonce: bytes(32, i),
        publicKey: keys[i % 2],
      });
    const groups: number[] = [];
    const responder = new Responder({
      keyring,
      onBatch: (_, size) => groups.push(size),
    });
    const requests = Array.from(
      { length: 8 },
      (_, i) => naming(i, i < 4 ? 1 : 0x8000000c),
    );
    const outcomes = await responder.respond(requests, MOMENT);
    for (const [i, request] of requests.entries()) {
      await verified(request, outcomes[i], keys[i % 2]);
    }
    // Two identities in two versions: four signatures.
    assert.deepEqual(groups, [2, 2, 2, 2]);
  },
);

Deno.test(
  "respond() drops a request that names none of its keys as srv",
  none,
  async () => {
    const without = buildRequest({ versions: [1], nonce: bytes(32, 1) });
    const right = requestFor("rfc-10049");
    const wrong = buildRequest({
      versions: [1],
      nonce: bytes(32, 1),
      publicKey: OTHER_LONG_TERM.publicKey,
    });
    // One key: SRV may be missing but not wrong.
    await verified(without, await ask(without));
    await verified(right, await ask(right));
    assert.equal(dropped(await ask(wrong)), "srv");
    for (const length of [0, 28, 36, 64]) {
      const request = edit(right, (e) => put(e, TAG.SRV, bytes(length, 1)));
      const padded = request.length < 1024
        ? edit(request, (e) => put(e, TAG.ZZZZ, new Uint8Array(1000)))
        : request;
      assert.equal(dropped(await ask(padded)), "srv");
    }
    // Two keys: it must be there.
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    assert.equal(dropped(await ask(without, { keyring })), "srv");
    // Dialects that know no SRV cannot say which key they mean.
    for (const dialect of ALL.filter(({ srv }) => srv === "ignored")) {
      const request = requestFor(dialect.id);
      assert.equal(dropped(await ask(request, { keyring })), "srv");
      // With one key it does not matter what stands there.
      const odd = edit(
        request,
        (e) => put(drop(e, TAG[dialect.padding]), TAG.SRV, bytes(1000, 1)),
      );
      await verified(odd, await ask(odd));
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
  "respond() drops what is shorter than 1024 bytes as undersize (section 9.7)",
  none,
  async () => {
    for (const { id } of ALL) {
      const request = requestFor(id);
      assert.equal(dropped(await ask(request.slice(0, 1023))), "undersize");
      assert.equal(dropped(await ask(requestFor(id, 0, 1020))), "undersize");
      for (const size of [1024, 1028, 1036, 1500]) {
        const long = requestFor(id, 0, size);
        await verified(long, await ask(long));
      }
    }
    assert.equal(dropped(await ask(new Uint8Array(0))), "undersize");
  },
);

Deno.test("respond() drops a reply in disguise", none, async () => {
  for (const { id } of ALL) {
    const request = requestFor(id);
    const { reply } = replied(await ask(request));
    assert.equal(dropped(await ask(reply)), "undersize");
    // Long enough to be looked at, and with all that a request has.
    const filled = edit(reply, (e) => put(e, TAG.ZZZZ, new Uint8Array(1024)));
    assert(["type", "parse"].includes(dropped(await ask(filled))));
    const disguised = edit(filled, (e) => {
      const own = entriesOf(messageOf(request)).filter(([tag]) =>
        tag === TAG.VER || tag === TAG.NONC || tag === TAG.TYPE
      );
      return own.reduce((all, [tag, value]) => put(all, tag, value), e);
    });
    assert.equal(dropped(await ask(disguised)), "type");
  }
});

Deno.test("respond() never sends more than was asked with", none, async () => {
  const responder = await makeResponder({ maxBatch: 512 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          dialect: fc.constantFrom(...ALL.map(({ id }) => id)),
          words: fc.integer({ min: 256, max: 375 }),
        }),
        { minLength: 1, maxLength: 80 },
      ),
      async (asked) => {
        const requests = asked.map(({ dialect, words }, i) =>
          requestFor(dialect, i, 4 * words)
        );
        const outcomes = await responder.respond(requests, MOMENT);
        outcomes.forEach((outcome, i) => {
          const { reply } = replied(outcome);
          assert(reply.length <= (requests[i] as Uint8Array).length);
          // Some clients read no more than this.
          assert(reply.length <= 1024);
        });
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test(
  "respond() drops as amplification what the tree makes too long",
  none,
  async () => {
    const requests = Array.from(
      { length: 513 },
      (_, i) => requestFor("google", i),
    );
    requests.push(requestFor("google", 513, 1100));
    const options = { soloBudget: 0, maxBatch: 1024 };
    const responder = await makeResponder(options);
    const outcomes = await responder.respond(requests, MOMENT);
    // Ten nodes of 64 bytes are too many for 1024 bytes but not for 1100.
    for (const outcome of outcomes.slice(0, 513)) {
      assert.equal(dropped(outcome), "amplification");
    }
    const last = requests[513] as Uint8Array;
    assert.equal((await verified(last, outcomes[513])).pathLength, 10);
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

Deno.test(
  "respond() widens RADI to the least that the dialect allows",
  none,
  async () => {
    for (const dialect of ALL) {
      const request = requestFor(dialect.id);
      const radius = async (radiusMicros: bigint) =>
        (await verified(
          request,
          await ask(request, {}, { midpointMicros: NOW_MICROS, radiusMicros }),
        )).radiusMicros;
      const least = BigInt(dialect.leastRadiusSeconds) * SECOND;
      assert.equal(await radius(0n), least);
      for (const asked of [1n, 22n, SECOND, 2n * SECOND + 1n, 10n * SECOND]) {
        const got = await radius(asked);
        assert(got >= asked && got >= least);
        assert(got < asked + SECOND || got === least);
      }
      // As wide as the field; beyond it a smaller one would claim more than is known.
      const widest = radiusToMicros(dialect.time, 0xffffffff);
      assert.equal(await radius(widest), widest);
      for (const radiusMicros of [widest + 1n, 1n << 80n]) {
        const moment = { midpointMicros: NOW_MICROS, radiusMicros };
        assert.deepEqual(await ask(request, {}, moment), { drop: "clock" });
      }
    }
  },
);

Deno.test(
  "respond() drops a group whose signer fails as internal, and no other",
  none,
  async () => {
    const rfc = "Roughtime v1 response signature\0";
    const failures = [
      () => {
        throw new Error("no signature today");
      },
      () => Promise.reject(new Error("no signature today")),
    ];
    for (const fail of failures) {
      const keyring = await makeKeyring();
      const signer = (keyring.identities[0] as (typeof keyring.identities)[0])
        .online.signer;
      const sign = signer.sign.bind(signer);
      signer.sign = (message) =>
        new TextDecoder().decode(message.subarray(0, rfc.length)) === rfc
          ? fail()
          : sign(message);
      const ids: DialectId[] = ["rfc-10049", "draft-14", "google", "draft-01"];
      const requests = Array.from(
        { length: 16 },
        (_, i) => requestFor(ids[i % 4] as DialectId, i),
      );
      const signed: number[] = [];
      const responder = new Responder({
        keyring,
        onBatch: (version) => signed.push(version),
      });
      const outcomes = await responder.respond(requests, MOMENT);
      for (const [i, request] of requests.entries()) {
        if (i % 4 === 0) assert.equal(dropped(outcomes[i]), "internal");
        else await verified(request, outcomes[i]);
      }
      assert(!signed.includes(1));
    }
  },
);

Deno.test(
  "respond() waits for a signer that is not in this process",
  none,
  async () => {
    const keyring = await makeKeyring();
    const { signer } = (keyring.identities[0] as (typeof keyring.identities)[0])
      .online;
    const sign = signer.sign.bind(signer);
    signer.sign = async (message) => await Promise.resolve(sign(message));
    for (const { id } of ALL) {
      const request = requestFor(id);
      await verified(request, await ask(request, { keyring }));
    }
  },
);

Deno.test("respond() answers nothing to nothing", none, async () => {
  const responder = await makeResponder();
  assert.deepEqual(await responder.respond([], MOMENT), []);
});

Deno.test("respond() only reads what it is given", none, async () => {
  const requests = ALL.map(({ id }) => requestFor(id));
  const before = structuredClone(requests);
  const responder = await makeResponder();
  await responder.respond(requests, MOMENT);
  assert.deepEqual(requests, before);
});

/** Every dialect's own request and one with the default offer, longer than need be. */
const BASES: [string, Uint8Array][] = [
  ...ALL.map(({ id }): [string, Uint8Array] => [id, requestFor(id, 0, 1100)]),
  [
    "the default offer",
    buildRequest({
      versions: DEFAULT_OFFER,
      nonce: bytes(32, 1),
      publicKey: PUBLIC_KEY,
      size: 1100,
    }),
  ],
];

for (const [name, valid] of BASES) {
  Deno.test(
    `respond() survives the corpus made from ${name}, good requests between`,
    none,
    async () => {
      const packets: { name: string; packet: Uint8Array; good: boolean }[] = [];
      const names = new Set<string>();
      for (const malformed of corpus(valid)) {
        assert(!names.has(malformed.name), malformed.name);
        names.add(malformed.name);
        packets.push({ ...malformed, good: false });
        if (names.size % 8 !== 1) continue;
        const { id } = ALL[packets.length % ALL.length] as Dialect;
        const packet = requestFor(id, packets.length);
        packets.push({ name: id, packet, good: true });
      }
      packets.push({ name, packet: valid, good: true });
      const responder = await makeResponder({ singleBudget: Infinity });
      const outcomes = await responder.respond(
        packets.map(({ packet }) => packet),
        MOMENT,
      );
      assert.equal(outcomes.length, packets.length);
      let legal = 0;
      const reasons = new Set<DropReason>();
      for (const [i, { name, packet, good }] of packets.entries()) {
        const outcome = outcomes[i] as Outcome;
        if ("drop" in outcome) {
          assert(!good, `${name}: ${outcome.drop}`);
          assert(DROP_REASONS.includes(outcome.drop), name);
          reasons.add(outcome.drop);
          continue;
        }
        if (!good) legal++;
        const exchange = {
          request: packet,
          response: outcome.reply,
          publicKey: PUBLIC_KEY,
        };
        const verdict = await verifyResponse(exchange, { equation });
        if (!verdict.ok) assert.fail(`${name}: ${Deno.inspect(verdict)}`);
        assert(outcome.reply.length <= packet.length, name);
      }
      // Some are legal after all, most are not, and not all for the same reason.
      assert(legal > 0 && legal < packets.length / 4, `${legal}`);
      for (const reason of ["undersize", "parse", "type"] as const) {
        assert(reasons.has(reason), reason);
      }
    },
  );
}

Deno.test(
  "respond() gives each malformed request the reason it deserves",
  none,
  async () => {
    const valid = requestFor("draft-14", 0, 1100);
    const expected: Record<string, DropReason> = {
      "empty datagram": "undersize",
      "1023 bytes": "undersize",
      "cut to 1096 bytes": "framing",
      "cut to 1095 bytes, frame mended": "parse",
      "frame length one more": "framing",
      "frame length one less": "framing",
      "frame length 4 more": "framing",
      "frame length 0": "framing",
      "frame length 0xffffffff": "framing",
      "magic byte 0 wrong": "parse",
      "magic byte 7 wrong": "parse",
      "4 bytes appended": "framing",
      "count set to 0x0": "parse",
      "count set to 0xffffffff": "parse",
      "offset 2 descending": "parse",
      "offset 1 past the end": "parse",
      "offset 1 unaligned": "parse",
      "tags 0 and 1 swapped": "parse",
      "tag 0 doubled over tag 1": "parse",
      "tags reversed": "parse",
      "TYPE of 0 bytes": "parse",
      "TYPE of 8 bytes": "parse",
      "TYPE 1": "type",
      "TYPE 2": "type",
      "33 versions": "version",
      "versions unsorted": "version",
      "versions repeated": "version",
      "a version repeated later": "version",
      "no version": "version",
      "version 0": "version",
      "only unknown versions": "version",
      "VER of 2 bytes": "parse",
      "NONC of 28 bytes": "nonce",
      "NONC of 31 bytes": "parse",
      "NONC of 33 bytes": "parse",
      "NONC of 36 bytes": "nonce",
      "NONC of 64 bytes": "version",
      "SRV of another key": "srv",
      "SRV of 0 bytes": "srv",
      "SRV of 31 bytes": "parse",
      "SRV of 32 bytes": "srv",
      "a reply": "type",
      "a reply without TYPE": "parse",
      "a request with a reply's tags": "type",
      "a reply with VER and TYPE 0": "type",
      "framed twice": "parse",
      "zeros": "parse",
      "ones": "parse",
    };
    const seen = new Map<string, DropReason>();
    const responder = await makeResponder();
    for (const { name, packet } of corpus(valid)) {
      const [outcome] = await responder.respond([packet], MOMENT);
      assert(outcome !== undefined, name);
      if ("drop" in outcome) seen.set(name, outcome.drop);
    }
    for (const [name, reason] of Object.entries(expected)) {
      assert.equal(seen.get(name), reason, name);
    }
  },
);

Deno.test(
  "respond() drops a short nonce of Google's as nonce",
  none,
  async () => {
    const request = edit(
      requestFor("google"),
      (e) =>
        put(put(e, TAG.NONC, bytes(32, 1)), TAG.PADFF, new Uint8Array(1000)),
    );
    assert.equal(dropped(await ask(request)), "nonce");
  },
);

Deno.test("respond() answers noise with silence", none, async () => {
  const responder = await makeResponder();
  const good = requestFor("rfc-10049");
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1000, maxLength: 1100 }), {
        maxLength: 20,
      }),
      async (junk) => {
        const outcomes = await responder.respond([...junk, good], MOMENT);
        for (const outcome of outcomes.slice(0, -1)) dropped(outcome);
        await verified(good, outcomes.at(-1));
      },
    ),
  );
});

Deno.test(
  "respond() reads tags in whatever values a request brings",
  none,
  async () => {
    // Any values under a request's tags: answered provably or dropped for a reason.
    const responder = await makeResponder();
    const value = fc.uint8Array({ maxLength: 80 });
    const word = fc.oneof(
      fc.constantFrom(0, 1, 0x80000008, 0x8000000c, 0x8000000e),
      fc.nat(),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          VER: fc.option(fc.oneof(
            value,
            fc.array(word, { maxLength: 5 }).map((list) =>
              encodeUint32s(list.sort((a, b) => a - b))
            ),
          )),
          SRV: fc.option(value),
          NONC: fc.option(
            fc.oneof(value, fc.uint8Array({ minLength: 32, maxLength: 32 })),
          ),
          TYPE: fc.option(fc.oneof(value, fc.constant(new Uint8Array(4)))),
        }),
        async (tags) => {
          const entries = Object.entries(tags).flatMap(([name, value]) =>
            value === null
              ? []
              : [[TAG[name as "VER"], value] as [number, Uint8Array]]
          );
          entries.push([TAG.ZZZZ, new Uint8Array(1024)]);
          const message = encodeLoosely(entries.sort(([a], [b]) => a - b));
          const packet = Uint8Array.from([
            ...new TextEncoder().encode("ROUGHTIM"),
            ...encodeUint32s([message.length]),
            ...message,
          ]);
          const [outcome] = await responder.respond([packet], MOMENT);
          if (outcome !== undefined && "drop" in outcome) {
            return void assert(DROP_REASONS.includes(outcome.drop));
          }
          await verified(packet, outcome);
        },
      ),
      { numRuns: 500 },
    );
  },
);

Deno.test(
  "DROP_REASONS is pinned: metrics and documents name them",
  none,
  () => {
    assert.deepEqual(DROP_REASONS, [
      "undersize",
      "framing",
      "parse",
      "type",
      "version",
      "nonce",
      "srv",
      "delegation",
      "clock",
      "budget",
      "refused",
      "amplification",
      "write",
      "internal",
    ]);
  },
);

Deno.test("ANSWERABLE is every version and Google's", none, () => {
  assert.deepEqual(
    new Set(ANSWERABLE),
    new Set(ALL.map(({ code }) => code)),
  );
  assert.equal(ANSWERABLE.length, 14);
});
