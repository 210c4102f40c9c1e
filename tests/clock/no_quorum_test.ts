import assert from "node:assert/strict";
import { noQuorum } from "../../lib/clock/no_quorum.ts";
import type { ServerOutcome } from "../../lib/ecosystem/vote.ts";
import { NetworkError } from "../../lib/wire/errors.ts";

const none = { permissions: "none" } as const;

function outcome(
  name: string,
  status: ServerOutcome["status"],
  error?: unknown,
): ServerOutcome {
  const server = {
    name,
    publicKey: new Uint8Array(32),
    addresses: [],
    version: undefined,
    offer: undefined,
  };
  return {
    server,
    operator: name,
    status,
    error,
    answers: [],
    bounds: undefined,
  };
}

function quorum(voters: number) {
  return {
    ok: false,
    reason: "too-few",
    voters,
    agreeing: voters,
    needed: 3,
  } as const;
}

Deno.test(
  "noQuorum() names every server and why, as text and as data",
  none,
  () => {
    const refused = new NetworkError(
      "unreachable",
      "Cannot reach a:1: refused",
    );
    const silent = new DOMException("No answer from b", "TimeoutError");
    const error = noQuorum({
      quorum: quorum(0),
      outcomes: [
        outcome("a", "no-answer", refused),
        outcome("b", "no-answer", silent),
        outcome("c", "vague"),
      ],
    });
    assert.equal(error.code, "no-answer");
    assert.equal(
      error.message,
      "Cannot tell the time: no server gave an answer that counts (a: Cannot reach a:1: refused; b: No answer from b; c: claims too wide a radius)",
    );
    assert.deepEqual(error.outcomes, [
      { server: "a", status: "no-answer", error: refused },
      { server: "b", status: "no-answer", error: silent },
      { server: "c", status: "vague", error: undefined },
    ]);
    assert(error.cause instanceof AggregateError);
    assert.deepEqual(error.cause.errors, [refused, silent]);
  },
);

Deno.test(
  "noQuorum() has the one failure for its cause, and none where nobody failed",
  none,
  () => {
    const odd = "odd";
    const one = noQuorum({
      quorum: quorum(2),
      outcomes: [outcome("a", "no-answer", odd), outcome("b", "unjudged")],
    });
    assert.equal(one.code, "no-quorum");
    assert.match(
      one.message,
      /of 2 operators 2 agree and 3 would have to \(a: odd\)$/,
    );
    assert.equal(one.cause, odd);
    const nobody = noQuorum({ quorum: quorum(0), outcomes: [] });
    assert.match(nobody.message, /; none was asked$/);
    assert(!("cause" in nobody));
  },
);

Deno.test("noQuorum() stays short however many fail", none, () => {
  const outcomes = Array.from(
    { length: 100 },
    (_, i) => outcome(`s${i}`, "no-answer", new Error("x")),
  );
  const error = noQuorum({ quorum: quorum(0), outcomes });
  assert.match(error.message, /s7: x; and 92 more\)$/);
  assert.equal(error.outcomes.length, 100);
});
