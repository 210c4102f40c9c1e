import assert from "node:assert/strict";
import { DEFAULT_OFFER } from "../../lib/wire/dialect.ts";
import { buildRequest } from "../../lib/wire/request.ts";
import { answeredBy, roundTripMicros } from "../../lib/client/round_trip.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import {
  ALL,
  bytes,
  makeResponder,
  MOMENT,
  PUBLIC_KEY,
} from "../_support/fixtures.ts";

const none = { permissions: "none" } as const;

Deno.test(
  "where the leaf is the nonce, the oldest request with that nonce counts",
  none,
  async () => {
    const responder = await makeResponder();
    for (const dialect of ALL) {
      const nonce = bytes(dialect.nonceSize, 1);
      const typed = dialect.type === "required";
      const build = (
        nonce: Uint8Array,
        versions = [dialect.code],
        size = 1024,
      ) =>
        buildRequest({ versions, nonce, typed, publicKey: PUBLIC_KEY, size });
      const early = build(nonce, undefined, 1036);
      const foreign = build(bytes(dialect.nonceSize, 2));
      const late = build(nonce);
      const [outcome] = await responder.respond([late], MOMENT);
      assert(outcome && "reply" in outcome);
      const exchange = {
        request: late,
        response: outcome.reply,
        publicKey: PUBLIC_KEY,
      };
      const verdict = await verifyResponse(exchange);
      assert(verdict.ok);
      const at = (request: Uint8Array, ms: number) => ({
        request,
        sentAt: ms,
        sentWallAt: ms,
      });
      const rttMicros = roundTripMicros({
        attempts: [at(late, 2000), at(early, 1000), at(foreign, 0)],
        receivedAt: 2300,
        receivedWallAt: 2300,
      }, answeredBy(verdict, exchange));
      const signsPacket = verdict.versions.length > 0;
      assert.equal(rttMicros, signsPacket ? 300_000n : 1_300_000n, dialect.id);
    }
  },
);

Deno.test(
  "a sleep under way counts into the round trip, a clock set back does not",
  none,
  () => {
    const request = buildRequest({
      versions: DEFAULT_OFFER,
      nonce: bytes(32, 1),
    });
    const trip = (wallMs: number) =>
      roundTripMicros({
        attempts: [{ request, sentAt: 100, sentWallAt: 5000 }],
        receivedAt: 120.5,
        receivedWallAt: 5000 + wallMs,
      }, () => true);
    assert.equal(trip(20), 20_500n);
    assert.equal(trip(60_020), 60_021_000n);
    assert.equal(trip(-3000), 20_500n);
  },
);
