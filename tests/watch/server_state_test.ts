import assert from "node:assert/strict";
import type { ServerOutcome } from "../../lib/ecosystem/vote.ts";
import { NoAnswerError } from "../../lib/client/no_answer.ts";
import { NetworkError, VerificationError } from "../../lib/wire/errors.ts";
import { describeServer } from "../../lib/watch/server_state.ts";
import { farm, localClock, measured } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const LIAR = farm({ liars: [3] });

async function described(change: Partial<ServerOutcome>, place = 0) {
  const { outcomes, quorum } = await measured(LIAR);
  const outcome = { ...outcomes[place] as ServerOutcome, ...change };
  return describeServer(outcome, quorum, localClock());
}

Deno.test(
  "a server that agrees is told with all it said, and what that means here",
  none,
  async () => {
    const state = await described({});
    const { midpointMicros, radiusMicros, rttMicros, offsetMicros } = state;
    assert.equal(state.status, "ok");
    assert.equal(state.reason, null);
    assert.equal(state.address, "s0.op0.example:2002");
    assert.equal(radiusMicros, "3000000");
    assert.equal(rttMicros, "20000");
    const { earliest = "", latest = "" } = offsetMicros ?? {};
    assert.equal(BigInt(latest) - BigInt(earliest), 6_020_000n);
    assert(BigInt(earliest) < 0n && BigInt(latest) > 0n);
    assert.match(midpointMicros ?? "", /^\d{16}$/);
    assert((state.delegationSecondsLeft ?? 0) > 86_400);
  },
);

Deno.test(
  "a server that does not agree is told with the reason",
  none,
  async () => {
    const ahead = await described({}, 3);
    assert.deepEqual([ahead.status, ahead.reason], [
      "falseticker",
      "It is an hour ahead, says the majority.",
    ]);
    const torn = await described({
      bounds: { earliestMicros: 2n, latestMicros: 1n },
    }, 3);
    assert.equal(torn.reason, "Its own answers contradict each other.");
    const vague = await described({ status: "vague" });
    assert.match(vague.reason ?? "", /may be off by 3 s, as it says itself/);
  },
);

Deno.test(
  "a server without an answer is told with a code, and nothing acts on a terminal",
  none,
  async () => {
    const exchange = {
      request: new Uint8Array(),
      response: new Uint8Array(),
      publicKey: new Uint8Array(32),
    };
    const cases: [unknown, string, RegExp][] = [
      [
        new NoAnswerError("h", 1, 3000, []),
        "timeout",
        /^No answer from h port 1/,
      ],
      [new DOMException("late", "TimeoutError"), "timeout", /^late\.$/],
      [new NetworkError("name", "x", { reason: "name" }), "name", /\.$/],
      [new NetworkError("denied", "x"), "denied", /\.$/],
      [new Error("\u202e\u001b[2J\n"), "other", /^\ufffd\ufffd\[2J\.$/],
    ];
    for (const [error, code, reason] of cases) {
      const state = await described({
        status: "no-answer",
        answers: [],
        error,
      });
      assert.equal(state.status, "silent");
      assert.equal(state.code, code);
      assert.match(state.reason ?? "", reason);
      assert.equal(state.offsetMicros, null);
      assert.equal(state.transport, null);
    }
    const rejected = await described({
      status: "rejected",
      answers: [],
      error: new VerificationError({ code: "merkle-root" }, exchange),
    });
    assert.deepEqual([rejected.status, rejected.code], [
      "rejected",
      "merkle-root",
    ]);
  },
);
