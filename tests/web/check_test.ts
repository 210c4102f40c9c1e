import assert from "node:assert/strict";
import { base64 } from "@scure/base";
import type {
  ExchangeState,
  RoundState,
  ServerState,
} from "../../lib/watch/api.ts";
import { RecentRounds } from "../../lib/watch/recent_rounds.ts";
import { checkRound, holds, type RoundCheck } from "../../web/check.ts";
import { flip } from "../_support/fixtures.ts";
import { signerOf } from "../_support/many.ts";
import { farm, recorded } from "../_support/watch.ts";

const none = { permissions: "none" } as const;

/** What a watcher tells. */
interface Told {
  readonly round: RoundState;
  readonly exchanges: readonly (ExchangeState | Error)[];
}

/** What an honest watcher tells of a round. */
async function told(liars: readonly number[] = []): Promise<Told> {
  const record = await recorded(farm({ liars, dead: [3], count: 6 }));
  const recent = new RecentRounds();
  recent.add(record);
  const exchanges = record.round.chain.map(({ exchange }) =>
    recent.exchange(exchange) as ExchangeState
  );
  return { round: record.round, exchanges };
}

function check({ round, exchanges }: Told): Promise<RoundCheck> {
  return checkRound(round, exchanges);
}

/** The same with something else said of one server. */
function saying(
  { round, exchanges }: Told,
  n: number,
  more: Partial<ServerState>,
): Told {
  const servers = round.servers.map((one, i) =>
    i === n ? { ...one, ...more } : one
  );
  return { round: { ...round, servers }, exchanges };
}

/** The same with one exchange stored otherwise. */
function storing(
  { round, exchanges }: Told,
  n: number,
  more: Partial<ExchangeState>,
): Told {
  return {
    round,
    exchanges: exchanges.map((one, i) =>
      i === n ? { ...one as ExchangeState, ...more } : one
    ),
  };
}

/** What is found to be wrong, each with the server it concerns. */
function findings(one: RoundCheck): string[] {
  assert.equal(holds(one), false);
  return [
    ...one.round,
    ...one.servers.flatMap((problems, n) =>
      problems.map((problem) => `${n}: ${problem}`)
    ),
  ];
}

Deno.test(
  "what an honest watcher tells holds, whoever lied to it",
  none,
  async () => {
    for (const liars of [[], [2]]) {
      const result = await check(await told(liars));
      assert.deepEqual(result.servers.flat(), []);
      assert.deepEqual(result.round, []);
      assert.equal(result.confirmed, 10);
      assert(holds(result));
    }
  },
);

Deno.test(
  "a bit that is not what it was breaks its reply and the next link",
  none,
  async () => {
    const honest = await told();
    const response = base64.decode(
      (honest.exchanges[4] as ExchangeState).response,
    );
    const result = await check(storing(honest, 4, {
      response: base64.encode(flip(response, 8 * response.length - 3)),
    }));
    assert.equal(result.confirmed, 8);
    assert.deepEqual(
      findings(result).map((one) => one.slice(0, 3)),
      ["0: ", "5: "],
    );
  },
);

Deno.test(
  "replies under another key than the list's are not confirmed",
  none,
  async () => {
    const stranger = base64.encode(signerOf(9).publicKey);
    const honest = await told();
    const [first = ""] = findings(
      await check(saying(honest, 1, { publicKey: stranger })),
    );
    assert.equal(first, "1: it was made under another key than the list's");
    const both = storing(saying(honest, 0, { publicKey: stranger }), 0, {
      publicKey: stranger,
    });
    assert.match(findings(await check(both))[0] ?? "", /^0: the certificate/);
  },
);

Deno.test(
  "packets that are missing, or no packets, are not confirmed",
  none,
  async () => {
    const honest = await told();
    const missing = await check({
      ...honest,
      exchanges: honest.exchanges.with(1, new Error("gone")),
    });
    assert.equal(missing.confirmed, 8);
    assert.deepEqual(findings(missing), [
      "1: its packets cannot be had: gone",
      "2: the reply before it is missing, so its place in the chain is open",
    ]);
    const garbled = await check(storing(honest, 1, { request: "?" }));
    assert.match(findings(garbled)[0] ?? "", /^1: its packets are not base64/);
  },
);

Deno.test("a watcher that makes something up is found out", none, async () => {
  const honest = await told([2]);
  const at = honest.round.servers[0]?.offsetMicros ??
    { earliest: "0", latest: "0" };
  const cases: [number, Partial<ServerState>, RegExp][] = [
    [0, { midpointMicros: "1" }, /is in none of its replies/],
    [0, { radiusMicros: "1" }, /is in none of its replies/],
    [
      0,
      { offsetMicros: { ...at, latest: String(Number(at.latest) + 1e6) } },
      /offset .* does not follow/,
    ],
    [
      0,
      { status: "falseticker" },
      /says that it is wrong, and its replies agree/,
    ],
    [2, { status: "ok" }, /says that it agrees, and its replies do not/],
    [3, { midpointMicros: "1" }, /nothing is there to prove/],
    [0, { exchanges: [] }, /not all in the chain/],
  ];
  for (const [n, more, finding] of cases) {
    const [first = ""] = findings(await check(saying(honest, n, more)));
    assert(first.startsWith(`${n}: `), first);
    assert.match(first, finding);
  }
});

Deno.test(
  "contradictions that are hidden or made up are found out",
  none,
  async () => {
    const lied = await told([2]);
    const hidden = { ...lied, round: { ...lied.round, reports: [] } };
    assert.match(findings(await check(hidden))[0] ?? "", /does not say so/);
    const honest = await told();
    const madeUp = { ...honest, round: { ...honest.round, reports: [1] } };
    assert.match(
      findings(await check(madeUp))[0] ?? "",
      /in this round none do/,
    );
  },
);
