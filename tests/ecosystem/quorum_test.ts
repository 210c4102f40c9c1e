import assert from "node:assert/strict";
import fc from "fast-check";
import {
  advance,
  driftSlack,
  extremes,
  findQuorum,
  intersect,
  type Interval,
  MIN_VOTERS,
  type Quorum,
  type Vote,
} from "../../lib/ecosystem/quorum.ts";

const none = { permissions: "none" } as const;

function vote(voter: string, earliest: number, latest: number): Vote {
  return {
    voter,
    earliestMicros: BigInt(earliest),
    latestMicros: BigInt(latest),
  };
}

/** The bounds and who agrees, or the reason, for short. */
function summary(quorum: Quorum): string {
  if (!quorum.ok) {
    return `${quorum.reason} ${quorum.agreeing}/${quorum.voters} < ${quorum.needed}`;
  }
  const { earliestMicros, latestMicros } = quorum.bounds;
  const agrees = quorum.agrees.map((yes) => yes ? "+" : "-").join("");
  return `${earliestMicros}..${latestMicros} ${agrees} ${quorum.agreeing}/${quorum.voters}`;
}

const TABLE: readonly [what: string, votes: Vote[], expected: string][] = [
  ["nobody", [], "too-few 0/0 < 3"],
  ["one", [vote("a", 0, 9)], "too-few 1/1 < 3"],
  [
    "two that agree",
    [vote("a", 0, 9), vote("b", 0, 9)],
    "too-few 2/2 < 3",
  ],
  [
    "three servers of two operators",
    [vote("a", 0, 9), vote("a", 0, 9), vote("b", 0, 9)],
    "too-few 2/2 < 3",
  ],
  [
    "three that agree",
    [vote("a", 0, 9), vote("b", 3, 12), vote("c", 5, 7)],
    // Two of three are a majority: what all three share may leave out the truth.
    "3..9 +++ 3/3",
  ],
  [
    "a liar",
    [vote("a", 0, 10), vote("b", 4, 14), vote("c", 90, 99)],
    "4..10 ++- 2/3",
  ],
  [
    "a liar on the other side",
    [vote("a", -99, -90), vote("b", 4, 14), vote("c", 0, 10)],
    "4..10 -++ 2/3",
  ],
  [
    "three that disagree",
    [vote("a", 0, 1), vote("b", 3, 4), vote("c", 6, 7)],
    "no-majority 1/3 < 2",
  ],
  [
    "two against two",
    [vote("a", 0, 1), vote("b", 0, 1), vote("c", 6, 7), vote("d", 6, 7)],
    "no-majority 2/4 < 3",
  ],
  [
    "ends that touch",
    [vote("a", 0, 5), vote("b", 5, 10), vote("c", 50, 51)],
    "5..5 ++- 2/3",
  ],
  [
    "ends that do not quite touch",
    [vote("a", 0, 4), vote("b", 5, 10), vote("c", 50, 51)],
    "no-majority 1/3 < 2",
  ],
  [
    "intervals of one moment",
    [vote("a", 5, 5), vote("b", 5, 5), vote("c", 5, 5)],
    "5..5 +++ 3/3",
  ],
  [
    "one that ends before it begins",
    [vote("a", 9, 0), vote("b", 0, 9), vote("c", 3, 12)],
    "3..9 -++ 2/3",
  ],
  [
    "one that ends before it begins and would have to agree",
    [vote("a", 9, 0), vote("b", 0, 9), vote("c", 30, 40)],
    "no-majority 1/3 < 2",
  ],
  [
    "an operator whose servers contradict each other, one of them right",
    [vote("a", 0, 9), vote("a", 90, 99), vote("b", 4, 14), vote("c", 200, 201)],
    "4..9 +-+- 2/3",
  ],
  [
    "an operator whose two servers would make a majority of servers",
    [vote("a", 0, 1), vote("a", 0, 1), vote("b", 5, 9), vote("c", 5, 9)],
    "5..9 --++ 2/3",
  ],
  [
    "one operator on both sides of a gap",
    [vote("a", 0, 4), vote("a", 6, 9), vote("b", 0, 9), vote("c", 20, 21)],
    "0..9 +++- 2/3",
  ],
  [
    "a liar between two regions",
    [
      ...[vote("a", 0, 10), vote("b", 0, 10), vote("c", 0, 100)],
      ...[vote("d", 0, 100), vote("e", 90, 100), vote("f", 90, 100)],
      vote("g", 40, 50),
    ],
    "0..100 ++++++- 4/7",
  ],
];

for (const [what, votes, expected] of TABLE) {
  Deno.test(`findQuorum(): ${what}`, none, () => {
    assert.equal(summary(findQuorum(votes)), expected);
  });
}

Deno.test("findQuorum() asks for as many voters as it is told", none, () => {
  assert.equal(MIN_VOTERS, 3);
  const votes = ["a", "b", "c", "d"].map((voter) => vote(voter, 0, 9));
  assert.equal(
    summary(findQuorum(votes, { minVoters: 5 })),
    "too-few 4/4 < 5",
  );
  assert.equal(summary(findQuorum(votes, { minVoters: 4 })), "0..9 ++++ 4/4");
  assert.equal(
    summary(findQuorum(votes.slice(0, 1), { minVoters: 1 })),
    "0..9 + 1/1",
  );
  assert.equal(findQuorum([], { minVoters: 0 }).ok, false);
});

interface Scenario {
  readonly truth: bigint;
  readonly votes: readonly (Vote & { readonly honest: boolean })[];
}

const small = fc.bigInt({ min: -20n, max: 20n });
const huge = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });
const distance = fc.oneof(
  fc.bigInt({ min: 0n, max: 20n }),
  fc.bigInt({ min: 0n, max: 2n ** 80n }),
);

/** Fewer than half of the operators have no honest server; their servers say anything. */
const scenarios: fc.Arbitrary<Scenario> = fc.record({
  truth: fc.oneof(small, huge),
  honest: fc.integer({ min: 2, max: 6 }),
  liars: fc.nat({ max: 5 }),
}).filter(({ honest, liars }) => honest > liars && honest + liars >= 3)
  .chain(({ truth, honest, liars }) => {
    const honestVote = fc.record({ before: distance, after: distance })
      .map(({ before, after }) => ({
        earliestMicros: truth - before,
        latestMicros: truth + after,
      }));
    const anyVote = fc.oneof(
      // As likely as not these end before they begin.
      fc.record({ earliestMicros: small, latestMicros: small })
        .map((one) => ({
          earliestMicros: truth + one.earliestMicros,
          latestMicros: truth + one.latestMicros,
        })),
      fc.record({ earliestMicros: huge, latestMicros: huge }),
    );
    const votesOf = (voter: number) => {
      const others = fc.array(anyVote, { maxLength: 2 });
      return voter < honest
        ? fc.tuple(fc.array(honestVote, { minLength: 1, maxLength: 3 }), others)
        : fc.tuple(fc.constant([]), others);
    };
    return fc.tuple(
      ...Array.from({ length: honest + liars }, (_, voter) => votesOf(voter)),
    )
      .map((all) =>
        all.flatMap((lists, voter) =>
          lists.flat().map((one) => ({
            ...one,
            voter: `operator ${voter}`,
            honest: contains(one, truth),
          }))
        )
      )
      .chain((votes) =>
        fc.shuffledSubarray(votes, {
          minLength: votes.length,
          maxLength: votes.length,
        })
      )
      .map((votes) => ({ truth, votes }));
  });

function contains(interval: Interval, moment: bigint): boolean {
  return interval.earliestMicros <= moment && moment <= interval.latestMicros;
}

/** How many voters hold a moment possible, counted the slow way. */
function votersAt(votes: readonly Vote[], moment: bigint): number {
  return new Set(
    votes.filter((one) => contains(one, moment)).map(({ voter }) => voter),
  ).size;
}

Deno.test(
  "findQuorum() contains the truth and calls no honest vote false while a majority is honest",
  none,
  () => {
    fc.assert(
      fc.property(scenarios, ({ truth, votes }) => {
        const quorum = findQuorum(votes, { minVoters: 2 });
        assert(quorum.ok);
        assert(contains(quorum.bounds, truth));
        for (const [i, one] of votes.entries()) {
          if (one.honest) assert(quorum.agrees[i], "an honest vote is false");
        }
      }),
      { numRuns: 5000 },
    );
  },
);

const anyVotes: fc.Arbitrary<Vote[]> = fc.array(
  fc.record({
    voter: fc.constantFrom("a", "b", "c", "d", "e"),
    earliestMicros: small,
    latestMicros: small,
  }),
  { maxLength: 9 },
);

Deno.test(
  "findQuorum() is what counting at every moment gives, whatever the votes",
  none,
  () => {
    const moments = Array.from({ length: 41 }, (_, i) => BigInt(i - 20));
    fc.assert(
      fc.property(anyVotes, (votes) => {
        const quorum = findQuorum(votes, { minVoters: 1 });
        const voters = new Set(votes.map(({ voter }) => voter)).size;
        const counts = moments.map((moment) => votersAt(votes, moment));
        const held = moments.filter((_, i) => (counts[i] ?? 0) * 2 > voters);
        assert.equal(quorum.voters, voters);
        assert.equal(quorum.agreeing, Math.max(...counts));
        assert.equal(quorum.ok, held.length > 0);
        if (!quorum.ok) return;
        assert.deepEqual(quorum.bounds, {
          earliestMicros: held[0],
          latestMicros: held.at(-1),
        });
        assert.deepEqual(
          quorum.agrees,
          votes.map((one) => held.some((moment) => contains(one, moment))),
        );
      }),
      { numRuns: 3000 },
    );
  },
);

Deno.test(
  "findQuorum() gives a voter no more weight for voting again",
  none,
  () => {
    fc.assert(
      fc.property(anyVotes, fc.nat({ max: 8 }), (votes, which) => {
        const again = votes[which];
        fc.pre(again !== undefined);
        const once = findQuorum(votes);
        const twice = findQuorum([...votes, again, again]);
        if (!once.ok || !twice.ok) return assert.deepEqual(twice, once);
        assert.deepEqual(
          { ...twice, agrees: twice.agrees.slice(0, votes.length) },
          once,
        );
      }),
      { numRuns: 1000 },
    );
  },
);

Deno.test("findQuorum() does not depend on the order of votes", none, () => {
  fc.assert(
    fc.property(anyVotes, (votes) => {
      const forwards = findQuorum(votes);
      const backwards = findQuorum([...votes].reverse());
      assert.deepEqual(
        backwards.ok
          ? { ...backwards, agrees: [...backwards.agrees].reverse() }
          : backwards,
        forwards,
      );
    }),
    { numRuns: 500 },
  );
});

Deno.test("findQuorum() copes with a thousand voters", none, () => {
  const votes = Array.from(
    { length: 1000 },
    (_, i) => vote(`${i}`, i, i + 600),
  );
  const quorum = findQuorum(votes);
  assert(quorum.ok);
  assert.deepEqual(quorum.bounds, {
    earliestMicros: 500n,
    latestMicros: 1099n,
  });
});

Deno.test("intersect() and extremes() give what all contain", none, () => {
  const [a, b, c] = [vote("a", 0, 5), vote("b", 5, 9), vote("c", 6, 9)];
  assert.deepEqual(intersect([a]), { earliestMicros: 0n, latestMicros: 5n });
  assert.deepEqual(intersect([a, b]), {
    earliestMicros: 5n,
    latestMicros: 5n,
  });
  assert.equal(intersect([a, b, c]), undefined);
  assert.deepEqual(extremes([a, b, c]), [6n, 5n]);
});

/** Where true time may have got to by a clock that is off by `rate` in 10^9. */
const drifts = fc.record({
  elapsed: fc.bigInt({ min: 0n, max: 10n ** 13n }),
  ppm: fc.integer({ min: 0, max: 100_000 }),
  // In thousandths of the bound.
  share: fc.integer({ min: -1000, max: 1000 }),
});

Deno.test(
  "advance() keeps up with the truth while the clock gains or loses within its bound",
  none,
  () => {
    fc.assert(
      fc.property(
        drifts,
        fc.bigInt({ min: 0n, max: 100n }),
        fc.bigInt({ min: 0n, max: 100n }),
        (drift, before, after) => {
          const { elapsed, ppm, share } = drift;
          const rate = BigInt(ppm) * BigInt(share);
          const unit = 1_000_000_000n;
          const start = 1_790_000_000_000_000n;
          const interval = {
            earliestMicros: start - before,
            latestMicros: start + after,
          };
          const now = advance(interval, elapsed, ppm);
          // Per true second, and per second of the local clock.
          for (
            const passed of [
              elapsed * unit / (unit + rate),
              elapsed * (unit + rate) / unit,
            ]
          ) {
            assert(contains(now, start + passed));
            // The two readings were cut off, so a microsecond more or less may have passed.
            if (elapsed > 0n) {
              assert(contains(now, start + passed + 1n));
              assert(contains(now, start + passed - 1n));
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  },
);

Deno.test("advance() widens by no more than the drift", none, () => {
  const now = { earliestMicros: 0n, latestMicros: 0n };
  assert.deepEqual(advance(now, 0n, 100), now);
  // An hour at 100 ppm is 0.36 s to either side.
  const { earliestMicros, latestMicros } = advance(now, 3_600_000_000n, 100);
  assert(earliestMicros >= 3_600_000_000n - 360_100n);
  assert(latestMicros <= 3_600_000_000n + 360_100n);
});

Deno.test("driftSlack() never shrinks as time goes by", none, () => {
  fc.assert(
    fc.property(drifts, distance, ({ elapsed, ppm }, more) => {
      assert(driftSlack(elapsed + more, ppm) >= driftSlack(elapsed, ppm));
    }),
  );
  assert.equal(driftSlack(-1n, 100), 0n);
  assert(driftSlack(1_000_000n, 0.5) >= 1n);
});

Deno.test("a drift that is none is refused, whatever has passed", none, () => {
  for (const ppm of [-1, -1e-9, -Infinity, NaN, 1_000_000, Infinity]) {
    for (const elapsed of [-1n, 0n, 1n, 10n ** 12n]) {
      assert.throws(() => driftSlack(elapsed, ppm), RangeError, `${ppm}`);
      const bounds = { earliestMicros: 0n, latestMicros: 1n };
      assert.throws(() => advance(bounds, elapsed, ppm), RangeError);
    }
  }
});
