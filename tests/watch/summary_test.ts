import assert from "node:assert/strict";
import { clockOffMicros, summarise } from "../../lib/watch/summary.ts";
import { madeUp, madeUpRound, NOW_MS, silent } from "../_support/watch.ts";

const none = { permissions: "none" } as const;
const AHEAD = { earliest: "3597000000", latest: "3603000000" };

Deno.test(
  "the sentence: who agrees, what time it is, who does not",
  none,
  () => {
    const servers = [
      madeUp(0),
      madeUp(1),
      madeUp(2, {
        name: "Late\u202e <b>",
        status: "falseticker",
        offsetMicros: AHEAD,
      }),
      silent(3),
      madeUp(4, { status: "rejected" }),
      madeUp(5, { status: "rejected" }),
    ];
    const round = madeUpRound(1, {
      servers,
      voters: 3,
      agreeing: 2,
      atMs: NOW_MS,
    });
    const at = new Date(NOW_MS + 61_100).toISOString().slice(11, 19);
    assert.equal(
      summarise(round, { sinceMs: 61_000 }),
      `2 of 3 operators agree: it is ${at} UTC, give or take 3 s. ` +
        "Late\ufffd <b> is an hour ahead. " +
        "op4.example and op5.example give no valid answer. op3.example does not answer.",
    );
    assert.match(
      summarise(round),
      /agree: it was \d\d:\d\d:\d\d UTC, give or take 2 s\./,
    );
  },
);

Deno.test(
  "the sentence: the local clock is what others are compared with, so it is said when it is off",
  none,
  () => {
    const slow = madeUpRound(1, {
      quorumOffsetMicros: { earliest: "7200000000", latest: "7204000000" },
    });
    assert.equal(clockOffMicros(slow), -7_200_000_000n);
    assert.match(
      summarise(slow),
      /The clock of this machine is 2 hours slow\./,
    );
    const at = new Date(NOW_MS + 100 + 7_202_000).toISOString().slice(11, 19);
    assert(summarise(slow, { sinceMs: 0 }).includes(`it is ${at} UTC`));
    const fast = madeUpRound(1, {
      quorumOffsetMicros: { earliest: "-9000000", latest: "-5000000" },
    });
    assert.match(summarise(fast), /is 5 s fast\./);
  },
);

Deno.test(
  "the sentence: nobody, too few, no majority, too many to name",
  none,
  () => {
    const lost = {
      quorumOffsetMicros: null,
      noQuorumReason: "Of 2 operators 1 agree, and it takes 2.",
    };
    assert.equal(summarise(null), "No server has been asked yet.");
    assert.equal(
      summarise(madeUpRound(1, { ...lost, servers: [silent(0), silent(1)] })),
      "No server answers.",
    );
    assert.match(
      summarise(madeUpRound(1, { ...lost })),
      /^No majority\. Of 2 operators 1 agree/,
    );
    const many = Array.from({ length: 7 }, (_, n) => silent(n + 1));
    assert.match(
      summarise(madeUpRound(1, { servers: [madeUp(0), ...many] })),
      /op1\.example, op2\.example, op3\.example and 4 more do not answer\.$/,
    );
    const liars = Array.from(
      { length: 5 },
      (_, n) => madeUp(n + 1, { status: "falseticker", offsetMicros: AHEAD }),
    );
    assert.match(
      summarise(madeUpRound(1, { servers: [madeUp(0), ...liars] })),
      /2 more contradict the majority\.$/,
    );
  },
);
