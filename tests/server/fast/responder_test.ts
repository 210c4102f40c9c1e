import assert from "node:assert/strict";
import fc from "fast-check";
import type { DialectId } from "../../../lib/wire/dialect.ts";
import { DIALECTS } from "../../../lib/wire/dialect.ts";
import { FastResponder } from "../../../lib/server/fast/responder.ts";
import { inputOffset, SLOTS } from "../../../lib/server/fast/kernel/layout.ts";
import { type Outcome, Responder } from "../../../lib/server/responder.ts";
import { buildRequest } from "../../../lib/wire/request.ts";
import {
  ALL,
  bytes,
  corpus,
  judge,
  LONG_TERM,
  makeKeyring,
  MOMENT,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
  seeded,
} from "../../_support/fixtures.ts";
import { verifyResponse } from "../../../lib/verify/response.ts";

function load(fast: FastResponder, packets: readonly Uint8Array[]): void {
  packets.forEach((packet, slot) => {
    fast.kernel.bytes.set(packet.subarray(0, 2048), inputOffset(slot));
    fast.lengths[slot] = packet.length;
  });
}

async function answer(
  fast: FastResponder,
  packets: readonly Uint8Array[],
  moment = MOMENT,
): Promise<Outcome[]> {
  load(fast, packets);
  await fast.answer(packets.length, moment);
  return packets.map((_, slot) =>
    fast.replyLengths[slot] === 0
      ? { drop: fast.drops[slot] ?? assert.fail("neither reply nor reason") }
      : { reply: fast.reply(slot).slice(), version: 0 }
  );
}

/** Ed25519 signs the same bytes alike, so equal decisions are equal packets. */
function same(actual: readonly Outcome[], expected: readonly Outcome[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((outcome, i) => {
    const other = expected[i] as Outcome;
    if ("drop" in outcome || "drop" in other) {
      assert.deepEqual(outcome, other, `packet ${i}`);
    } else {
      assert.deepEqual(outcome.reply, other.reply, `packet ${i}`);
    }
  });
}

const IDS = ALL.map(({ id }) => id);

/**
 * The reason for silence, or what a client makes of the reply. In mixed batches the two may
 * put different requests under one signature, so PATH differs and the signature with it.
 */
async function decision(
  request: Uint8Array,
  outcome: Outcome | undefined,
): Promise<unknown> {
  assert(outcome);
  if ("drop" in outcome) return outcome.drop;
  const keys = [PUBLIC_KEY, OTHER_LONG_TERM.publicKey];
  const response = outcome.reply;
  const verdicts = [];
  for (const publicKey of keys) {
    const verdict = await verifyResponse({ request, response, publicKey });
    verdicts.push(
      verdict.ok
        ? [verdict.dialect, verdict.midpointMicros, verdict.radiusMicros]
        : verdict.rejection.code,
    );
  }
  return verdicts;
}

for (const count of [1, 2, 3, 63, 64, 65, 127, 128]) {
  Deno.test({
    name:
      `a batch of ${count} in every dialect is answered as by the responder`,
    permissions: "none",
    fn: async () => {
      const keyring = await makeKeyring();
      const options = { keyring, soloBudget: 0, singleBudget: Infinity };
      const fast = new FastResponder(options);
      const slow = new Responder(options);
      for (const id of IDS) {
        const packets = Array.from(
          { length: count },
          (_, i) => requestFor(id, i),
        );
        const replies = await answer(fast, packets);
        same(replies, await slow.respond(packets, MOMENT));
        const last = replies.at(-1) as Outcome;
        assert("reply" in last, id);
        const exchange = {
          request: packets.at(-1) as Uint8Array,
          response: last.reply,
          publicKey: PUBLIC_KEY,
        };
        assert.equal(await judge(exchange), "ok");
      }
    },
  });
}

Deno.test({
  name:
    "mixed batches of good, odd and broken requests are answered as by the responder",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const options = { keyring, soloBudget: 0, maxBatch: 50 };
    const fast = new FastResponder(options);
    const slow = new Responder(options);
    const broken = [...corpus(requestFor("rfc-10049"))]
      .map(({ packet }) => packet)
      .filter(({ length }) => length <= 2048);
    const good = (id: DialectId, n: number, publicKey?: Uint8Array) =>
      buildRequest({
        versions: [DIALECTS[id].code],
        nonce: bytes(DIALECTS[id].nonceSize, n),
        publicKey,
        typed: DIALECTS[id].type === "required",
        size: 1024 + 4 * (n % 250),
      });
    const offers = [[1, 0x8000000c], [0x80000007, 0x8000000b, 0x8000000c], [
      1,
      0x8000000f,
    ]];
    const packet = fc.oneof(
      fc.nat(broken.length - 1).map((i) => broken[i] as Uint8Array),
      fc.tuple(fc.constantFrom(...IDS), fc.nat(10_000), fc.nat(3)).map((
        [id, n, key],
      ) =>
        good(
          id,
          n,
          [PUBLIC_KEY, OTHER_LONG_TERM.publicKey, bytes(32, 9), undefined][key],
        )
      ),
      fc.tuple(fc.constantFrom(...offers), fc.nat(10_000)).map((
        [versions, n],
      ) =>
        buildRequest({ versions, nonce: bytes(32, n), publicKey: PUBLIC_KEY })
      ),
      fc.tuple(fc.constantFrom(...IDS), fc.nat(8192)).map(([id, bit]) => {
        const copy = requestFor(id).slice();
        const at = (bit >> 3) % copy.length;
        copy[at] = (copy[at] ?? 0) ^ (1 << (bit & 7));
        return copy;
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(packet, { minLength: 1, maxLength: SLOTS }),
        async (packets) => {
          const actual = await answer(fast, packets);
          const expected = await slow.respond(packets, MOMENT);
          for (const [i, request] of packets.entries()) {
            assert.deepEqual(
              await decision(request, actual[i]),
              await decision(request, expected[i]),
              `packet ${i}`,
            );
          }
        },
      ),
      { numRuns: 40, seed: 7 },
    );
  },
});

Deno.test({
  name: "every flipped bit of a header is decided as by the responder",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring();
    const fast = new FastResponder({ keyring, soloBudget: 0 });
    const slow = new Responder({ keyring, soloBudget: 0 });
    for (const id of ["google", "draft-08", "draft-12", "rfc-10049"] as const) {
      const request = requestFor(id);
      for (let first = 0; first < 8 * 100; first += SLOTS) {
        const packets = Array.from({ length: SLOTS }, (_, i) => {
          const copy = request.slice();
          const bit = first + i;
          copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          return copy;
        });
        same(await answer(fast, packets), await slow.respond(packets, MOMENT));
      }
    }
  },
});

Deno.test({
  name: "a datagram that did not fit into its slot is refused",
  permissions: "none",
  fn: async () => {
    const fast = new FastResponder({ keyring: await makeKeyring() });
    load(fast, [requestFor("rfc-10049", 0, 2048)]);
    fast.lengths[0] = 0xffff_ffff;
    await fast.answer(1, MOMENT);
    assert.equal(fast.drops[0], "framing");
    assert.equal(fast.replyLengths[0], 0);
  },
});

Deno.test({
  name: "the first old clients of a batch get a tree each",
  permissions: "none",
  fn: async () => {
    const fast = new FastResponder({
      keyring: await makeKeyring(),
      soloBudget: 2,
    });
    const packets = Array.from(
      { length: 6 },
      (_, i) => requestFor("google", i),
    );
    const lengths = (await answer(fast, packets)).map((outcome) =>
      "reply" in outcome ? outcome.reply.length : 0
    );
    const [alone = 0, , shared = 0] = lengths;
    assert.deepEqual(lengths, [alone, alone, shared, shared, shared, shared]);
    assert.equal(shared - alone, 2 * 64);
  },
});

Deno.test({
  name: "what is signed one by one has the budget that the responder gives it",
  permissions: "none",
  fn: async () => {
    // Old and new side by side.
    const ids: DialectId[] = ["draft-02", "rfc-10049", "draft-01", "draft-05"];
    const packets = Array.from(
      { length: 128 },
      (_, i) => requestFor(ids[i % 4] as DialectId, i),
    );
    // The last keys sign in a year that the layouts of these drafts are not believed in.
    const year = 1n << 63n;
    for (
      const [longTerm, nowMicros] of [
        [[LONG_TERM], MOMENT.midpointMicros],
        [[LONG_TERM, OTHER_LONG_TERM], MOMENT.midpointMicros],
        [[LONG_TERM], year],
      ] as const
    ) {
      const keyring = await makeKeyring({ longTerm, nowMicros });
      for (const singleBudget of [undefined, 0, 5]) {
        const options = { keyring, soloBudget: 0, singleBudget };
        const fast = new FastResponder(options);
        const slow = new Responder(options);
        const late = {
          ...MOMENT,
          midpointMicros: keyring.notAfterMicros + SECOND,
        };
        const now = { ...MOMENT, midpointMicros: nowMicros };
        for (const moment of [now, late, now]) {
          const actual = await answer(fast, packets, moment);
          const expected = await slow.respond(packets, moment);
          const reasons = (outcomes: readonly Outcome[]) =>
            outcomes.map((one) => "drop" in one ? one.drop : "answered");
          assert.deepEqual(reasons(actual), reasons(expected));
          const dropped = reasons(actual).filter((one) => one === "budget");
          const isOpen = moment === now && longTerm.length === 1 &&
            nowMicros !== year;
          const singles = isOpen ? 64 : 0;
          assert.equal(
            dropped.length,
            Math.max(0, singles - (singleBudget ?? 8)),
          );
        }
      }
    }
  },
});

Deno.test({
  name: "outside the window of its key nothing is signed",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring();
    const fast = new FastResponder({ keyring });
    const late = {
      ...MOMENT,
      midpointMicros: keyring.notAfterMicros + SECOND,
    };
    const [outcome] = await answer(fast, [requestFor("rfc-10049")], late);
    assert.deepEqual(outcome, { drop: "delegation" });
  },
});

Deno.test({
  name:
    "spoilt replies are as many as asked for, and never longer than the request",
  permissions: "none",
  fn: async () => {
    const fast = new FastResponder({
      keyring: await makeKeyring(),
      greaseProbability: 0.5,
      random: seeded(3),
    });
    let good = 0;
    for (let round = 0; round < 4; round++) {
      const packets = Array.from(
        { length: SLOTS },
        (_, i) => requestFor("rfc-10049", round * SLOTS + i),
      );
      const outcomes = await answer(fast, packets);
      for (const [i, outcome] of outcomes.entries()) {
        assert("reply" in outcome);
        const request = packets[i] as Uint8Array;
        assert(outcome.reply.length <= request.length);
        const exchange = {
          request,
          response: outcome.reply,
          publicKey: PUBLIC_KEY,
        };
        if (await judge(exchange) === "ok") good++;
      }
    }
    assert(good > 4 * SLOTS * 0.4 && good < 4 * SLOTS * 0.8, String(good));
  },
});

Deno.test({
  name: "a signer that fails costs its own requests the answer and no others",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring({
      longTerm: [LONG_TERM, OTHER_LONG_TERM],
    });
    const failures: unknown[] = [];
    const broken = keyring.identities[1]?.online.signer as {
      sign: (message: Uint8Array) => Promise<Uint8Array>;
    };
    broken.sign = () => Promise.reject(new Error("gone"));
    const fast = new FastResponder({
      keyring,
      onSignerFailure: (error) => failures.push(error),
    });
    const ask = (publicKey: Uint8Array) =>
      buildRequest({ versions: [1], nonce: bytes(32, 5), publicKey });
    const outcomes = await answer(fast, [
      ask(PUBLIC_KEY),
      ask(OTHER_LONG_TERM.publicKey),
    ]);
    assert("reply" in (outcomes[0] as Outcome));
    assert.deepEqual(outcomes[1], { drop: "internal" });
    assert.equal(failures.length, 1);
  },
});

Deno.test({
  name: "keys that are replaced in the middle of a batch wait for the next one",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring();
    const options = { keyring, soloBudget: 0 };
    const fast = new FastResponder(options);
    const signer = keyring.identities[0]?.online.signer as {
      sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>;
    };
    const sign = signer.sign.bind(signer);
    const next = await makeKeyring({ longTerm: [OTHER_LONG_TERM] });
    signer.sign = (message) => {
      fast.reconfigure({ ...options, keyring: next });
      return Promise.resolve(sign(message));
    };
    // Several trees, and somebody who is answered slowly.
    const packets = IDS.flatMap((id) => [requestFor(id, 1), requestFor(id, 2)]);
    const outcomes = await answer(fast, packets);
    for (const [i, outcome] of outcomes.entries()) {
      assert("reply" in outcome);
      const request = packets[i] as Uint8Array;
      const exchange = {
        request,
        response: outcome.reply,
        publicKey: PUBLIC_KEY,
      };
      assert.equal(await judge(exchange), "ok");
    }
    const [late] = await answer(fast, [requestFor("rfc-10049")]);
    assert.deepEqual(late, { drop: "srv" });
  },
});

Deno.test({
  name:
    "old clients get a tree each up to the budget, also the one nobody chose",
  permissions: "none",
  fn: async () => {
    const keyring = await makeKeyring();
    const requests = Array.from(
      { length: 20 },
      (_, n) => requestFor("draft-12", n),
    );
    for (const [soloBudget, alone] of [[undefined, 8], [0, 0], [3, 3]]) {
      const fast = new FastResponder({ keyring, soloBudget });
      const outcomes = await answer(fast, requests);
      for (const [i, outcome] of outcomes.entries()) {
        assert("reply" in outcome);
        const verdict = await verifyResponse({
          request: requests[i] as Uint8Array,
          response: outcome.reply,
          publicKey: PUBLIC_KEY,
        });
        assert(verdict.ok);
        assert.equal(verdict.pathLength === 0, i < (alone as number), `${i}`);
        assert.equal(verdict.pathLength % 2, 0, "old clients need it even");
      }
    }
  },
});

Deno.test({
  name: "a reply may be as long as its request, and no longer",
  permissions: "none",
  fn: async () => {
    const fast = new FastResponder({ keyring: await makeKeyring() });
    const packet = requestFor("rfc-10049");
    load(fast, [packet]);
    for (const [more, isSent] of [[-1, true], [0, true], [1, false]] as const) {
      const reply = bytes(packet.length + more, 1);
      fast.put(0, { reply, version: 1 });
      assert.equal(fast.replyLengths[0], isSent ? reply.length : 0);
      assert.equal(fast.drops[0], isSent ? undefined : "amplification");
      if (isSent) assert.deepEqual(fast.reply(0), reply);
    }
  },
});
