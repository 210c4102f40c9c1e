import fc from "fast-check";
import assert from "node:assert/strict";
import { DROP_REASONS, type DropReason } from "../../lib/server/drop_reason.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { DEFAULT_OFFER, type Dialect } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { TAG } from "../../lib/wire/tag.ts";
import { encodeUint32s } from "../../lib/wire/uint.ts";
import {
  ALL,
  bytes,
  corpus,
  edit,
  encodeLoosely,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
  put,
  requestFor,
} from "../_support/fixtures.ts";
import { ask, dropped, equation, verified } from "../_support/responder.ts";

const none = { permissions: "none" } as const;

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
