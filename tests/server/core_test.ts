import assert from "node:assert/strict";
import type { Signer } from "../../lib/crypto/ed25519.ts";
import { Server } from "../../lib/server/core.ts";
import { DROP_REASONS } from "../../lib/server/drop_reason.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { type Dialect, GOOGLE_VERSION } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import {
  askAll,
  floorTo,
  only,
  SEED,
  turned,
  verified,
} from "../_support/core.ts";
import {
  ALL,
  bytes,
  corpus,
  LONG_TERM,
  NOW_MICROS,
  OTHER_LONG_TERM,
  PUBLIC_KEY,
  requestFor,
  SECOND,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

const HOUR: bigint = 3600n * SECOND;

Deno.test("Server answers for each of its long-term keys", none, async () => {
  const signers = [LONG_TERM, OTHER_LONG_TERM];
  const server = await turned({ longTerm: signers });
  assert.deepEqual(
    server.publicKeys,
    signers.map(({ publicKey }) => publicKey),
  );
  const nonce = bytes(32, 9);
  const versions = [1, 0x8000000b, 0x8000000c];
  for (const { publicKey } of signers) {
    const request = buildRequest({ versions, nonce, publicKey });
    await verified(request, await only(server, request), publicKey);
  }
  // Without SRV nobody knows which one is meant.
  const vague = buildRequest({ versions, nonce });
  assert.deepEqual(await only(server, vague), { drop: "srv" });
});

Deno.test(
  "Server lets keys sign elsewhere, in their own time",
  none,
  async () => {
    let asked = 0;
    const remote: Signer = {
      publicKey: LONG_TERM.publicKey,
      sign: async (message) => {
        asked++;
        await new Promise((resolve) => setTimeout(resolve));
        return await LONG_TERM.sign(message);
      },
    };
    const server = await turned({ longTerm: [remote] });
    const before = asked;
    assert(before > 0);
    await askAll(server);
    assert.equal(asked, before, "only delegations are signed with it");
  },
);

Deno.test(
  "Server.handleBatch() answers nothing to an empty batch",
  none,
  async () => {
    assert.deepEqual(await (await turned()).handleBatch([]), []);
  },
);

for (const { id } of ALL) {
  Deno.test(
    `Server.handleBatch() survives every malformed request of ${id} and answers the good ones`,
    none,
    async () => {
      const server = await turned();
      const good = requestFor(id, 7);
      const cases = [...corpus(requestFor(id))];
      for (let at = 0; at < cases.length; at += 63) {
        const some = cases.slice(at, at + 63);
        const middle = some.length >> 1;
        const packets = some.map(({ packet }) => packet);
        packets.splice(middle, 0, good);
        const copies = packets.map((packet) => packet.slice());
        const outcomes = await server.handleBatch(packets);
        assert.equal(outcomes.length, packets.length);
        assert.deepEqual(packets, copies, "requests are only read");
        await verified(good, outcomes[middle]);
        for (const [i, outcome] of outcomes.entries()) {
          const { name } = some[i < middle ? i : i - 1] ?? { name: "good" };
          if ("drop" in outcome) {
            assert(DROP_REASONS.includes(outcome.drop));
            assert.notEqual(outcome.drop, "internal", name);
          } else {
            assert(
              outcome.reply.length <= (packets[i] as Uint8Array).length,
              name,
            );
          }
        }
      }
    },
  );
}

Deno.test(
  "Server.handleBatch() answers in the order of the requests",
  none,
  async () => {
    const server = await turned({ singleBudget: Infinity });
    const requests = Array.from(
      { length: 300 },
      (_, n) => requestFor((ALL[n % ALL.length] as Dialect).id, n),
    );
    const outcomes = await server.handleBatch(requests);
    for (const [i, request] of requests.entries()) {
      const { dialect } = await verified(request, outcomes[i]);
      assert.equal(dialect, ALL[i % ALL.length]?.id);
    }
  },
);

Deno.test(
  "Server certifies its online keys for as long as it is told",
  none,
  async () => {
    for (const validitySeconds of [undefined, 4, 60, 86_400, 31_536_000]) {
      const server = await turned({ validitySeconds });
      const validity = BigInt(validitySeconds ?? 3600) * SECOND;
      const backdate = validity < HOUR ? validity : HOUR;
      for (const { dialect, verdict } of await askAll(server)) {
        const { notBeforeMicros, notAfterMicros } = verdict.delegation;
        assert.equal(notBeforeMicros, floorTo(dialect, NOW_MICROS - backdate));
        assert.equal(notAfterMicros, floorTo(dialect, NOW_MICROS + validity));
      }
    }
  },
);

Deno.test("Server spells version 1 as it is told", none, async () => {
  const request = requestFor("rfc-10049");
  for (
    const [v1Context, spelling] of [["rfc", "rfc"], ["draft", "plain"]] as const
  ) {
    const server = await turned({ v1Context });
    const verdict = await verified(request, await only(server, request));
    assert.deepEqual(verdict.spelling, {
      delegation: spelling,
      response: spelling,
    });
    await askAll(server);
  }
});

Deno.test(
  "Server answers the versions it is told to, and no others",
  none,
  async () => {
    const versions = [1, 0x80000008, GOOGLE_VERSION];
    const server = await turned({ versions });
    for (const dialect of ALL) {
      const request = requestFor(dialect.id);
      const outcome = await only(server, request);
      if (versions.includes(dialect.code)) {
        const verdict = await verified(request, outcome);
        const listed = dialect.versionEcho === "srep" ? [1, 0x80000008] : [];
        assert.deepEqual(verdict.versions, listed);
      } else {
        assert.deepEqual(outcome, { drop: "version" }, dialect.id);
      }
    }
  },
);

Deno.test("Server spoils replies only where it is told to", none, async () => {
  const request = requestFor("rfc-10049");
  const judge = async (server: Server): Promise<boolean> => {
    const outcome = await only(server, request);
    assert("reply" in outcome);
    const { reply } = outcome;
    const exchange = { request, response: reply, publicKey: PUBLIC_KEY };
    return (await verifyResponse(exchange)).ok;
  };
  // Chance decides that a tag is left out, whenever it is asked.
  const random = () => 0;
  assert.equal(await judge(await turned({ random })), true);
  const spoiling = await turned({ random, greaseProbability: 1 });
  assert.equal(await judge(spoiling), false);
  // By default a few: certainly one where chance says 0.
  const privateKey = SEED;
  assert.equal(
    await judge(await Server.create({ privateKey, random })),
    false,
  );
  const lucky = await Server.create({ privateKey, random: () => 0.5 });
  assert.equal(await judge(lucky), true);
});
