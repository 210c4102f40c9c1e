import assert from "node:assert/strict";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import {
  DEFAULT_OFFER,
  type DialectId,
  GOOGLE_VERSION,
  SERVER_VERSIONS,
} from "../../lib/wire/dialect.ts";
import { TAG } from "../../lib/wire/tag.ts";
import {
  ALL,
  bytes,
  entriesOf,
  makeResponder,
  messageOf,
  midpointIn,
  MOMENT,
  requestFor,
} from "../_support/fixtures.ts";
import {
  dropped,
  levelsIn,
  offering,
  replied,
  verified,
} from "../_support/responder.ts";

const none = { permissions: "none" } as const;

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
