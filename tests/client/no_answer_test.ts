import assert from "node:assert/strict";
import { Trail } from "../../lib/client/trace.ts";
import { describeTried, NoAnswerError } from "../../lib/client/no_answer.ts";
import type { Tried } from "../../lib/client/trace.ts";

const none = { permissions: "none" } as const;

function tried(
  transport: "udp" | "tcp",
  address: string,
  outcome: Tried["outcome"],
): Tried {
  return { transport, address, outcome };
}

Deno.test(
  "NoAnswerError is the platform's TimeoutError, and says what was tried",
  none,
  () => {
    const all = [tried("udp", "a:1", "silent"), tried("tcp", "a:1", "refused")];
    const error = new NoAnswerError("a", 1, 1500, all);
    assert(error instanceof DOMException);
    assert.equal(error.name, "TimeoutError");
    assert.equal(error.server, "a:1");
    assert.deepEqual(error.tried, all);
    assert.equal(
      error.message,
      "No answer from a port 1 within 1.5 s: UDP brought nothing (a:1), TCP failed: connection refused (a:1)",
    );
    assert.equal(new NoAnswerError("::1", 1, 1, []).server, "[::1]:1");
    assert.equal(new NoAnswerError("[::1]", 1, 1, []).server, "[::1]:1");
  },
);

Deno.test(
  "describeTried() has words for every outcome, and names a few addresses",
  none,
  () => {
    assert.match(describeTried([]), /not resolved/);
    const outcomes = {
      "silent": /brought nothing/,
      "closed": /closed by the other end/,
      "nonsense": /another protocol/,
      "rejected": /refused/,
      "no-route": /no route/,
      "denied": /not permitted/,
      "other": /failed/,
    };
    for (const [outcome, words] of Object.entries(outcomes)) {
      const one = tried("tcp", "a:1", outcome as Tried["outcome"]);
      assert.match(describeTried([one]), /^TCP .*\(a:1\)$/);
      assert.match(describeTried([one]), words);
    }
    const many = [1, 2, 3, 4, 5, 6].map((n) =>
      tried("udp", `a:${n}`, "silent")
    );
    assert.equal(
      describeTried(many),
      "UDP brought nothing (a:1, a:2, a:3, a:4 and 2 more)",
    );
  },
);

Deno.test("NoAnswerError says that somebody else sent something", {
  permissions: "none",
}, () => {
  const trail = new Trail();
  assert.deepEqual(trail.strangers, []);
  for (let n = 1; n < 100; n++) {
    for (let copy = 0; copy < 2; copy++) {
      trail.follow({
        kind: "drop",
        transport: "udp",
        address: `192.0.2.${n}:2002`,
        bytes: 1,
        why: "stranger",
      });
    }
  }
  const named = [1, 2, 3].map((n) => `192.0.2.${n}:2002`);
  assert.deepEqual(trail.strangers, named);
  const error = new NoAnswerError("time.example", 2002, 300, [], named);
  assert.deepEqual(error.strangers, named);
  assert.match(
    error.message,
    /; packets came from 192\.0\.2\.1:2002, 192\.0\.2\.2:2002, 192\.0\.2\.3:2002, which was not asked$/,
  );
});
