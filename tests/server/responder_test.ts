import fc from "fast-check";
import assert from "node:assert/strict";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import { ANSWERABLE, Responder } from "../../lib/server/responder.ts";
import type { DialectId } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { radiusToMicros } from "../../lib/wire/timestamp.ts";
import {
  ALL,
  bytes,
  drop,
  edit,
  entriesOf,
  LONG_TERM,
  makeKeyring,
  makeResponder,
  messageOf,
  MOMENT,
  NOW_MICROS,
  OTHER_LONG_TERM,
  put,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";
import { ask, dropped, replied, verified } from "../_support/responder.ts";

const none = { permissions: "none" } as const;

for (const dialect of ALL) {
  const { id } = dialect;
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
