import assert from "node:assert/strict";
import { pickServers, queryServers } from "../../lib/ecosystem/measure.ts";
import { malfeasanceReport, parseReport } from "../../lib/verify/report.ts";
import { findSuspects, judgeReport } from "../../lib/verify/judge.ts";
import { flip, SECOND } from "../_support/fixtures.ts";
import { askInMemory, listed, signerOf, World } from "../_support/many.ts";

const none = { permissions: "none" } as const;
const HOUR = 3600n * SECOND;

/** What a server may do, each with a real signature and judged from the report alone. */
const KINDS: readonly [
  what: string,
  ahead: (n: number, pass: number) => bigint,
  status: string,
  isProven: boolean,
][] = [
  ["is honest", () => 0n, "ok", false],
  ["is off by less than the radius", () => SECOND, "ok", false],
  ["is seconds ahead", () => 30n * SECOND, "falseticker", true],
  ["is seconds behind", () => -30n * SECOND, "falseticker", true],
  ["is hours ahead", () => 5n * HOUR, "falseticker", true],
  ["is years behind", () => -5n * 8760n * HOUR, "falseticker", true],
  ["is years ahead", () => 5n * 8760n * HOUR, "falseticker", true],
  [
    "lies on the second pass",
    (_, pass) => pass === 2 ? -HOUR : 0n,
    "falseticker",
    true,
  ],
];

for (const [what, ahead, status, isProven] of KINDS) {
  Deno.test(`with real signatures: one of four ${what}`, none, async () => {
    const world = new World();
    const passes = new Map<number, number>();
    const ask = askInMemory(world, (n, truthMicros) => {
      const pass = (passes.get(n) ?? 0) + 1;
      passes.set(n, pass);
      const midpointMicros = truthMicros + (n === 1 ? ahead(n, pass) : 0n);
      return { midpointMicros, radiusMicros: 3n * SECOND };
    });
    const servers = [0, 1, 2, 3].map((n) => listed(n));
    const options = { ask, now: world.now };
    const { chain, quorum, outcomes } = await queryServers(servers, options);
    assert(quorum.ok);
    assert(quorum.bounds.earliestMicros <= world.truthMicros);
    assert(quorum.bounds.latestMicros >= world.truthMicros);
    assert.deepEqual(outcomes.map((one) => one.status), [
      "ok",
      status,
      "ok",
      "ok",
    ]);
    const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
    assert(verdict.ok);
    assert.equal(verdict.violations.length > 0, isProven);
    assert.deepEqual(
      findSuspects(verdict),
      isProven ? [signerOf(1).publicKey] : [],
    );
  });
}

Deno.test(
  "with real signatures: spoilt replies are nobody's evidence (section 7)",
  none,
  async () => {
    const world = new World();
    const ask = askInMemory(
      world,
      (_, midpointMicros) => ({ midpointMicros, radiusMicros: 3n * SECOND }),
      (n, reply) => n === 1 ? flip(reply, 8 * reply.length - 400) : reply,
    );
    const servers = [0, 1, 2, 3].map((n) => listed(n));
    const options = { ask, now: world.now };
    const { chain, quorum, outcomes } = await queryServers(servers, options);
    assert(quorum.ok);
    assert.deepEqual(outcomes.map(({ status }) => status), [
      "ok",
      "rejected",
      "ok",
      "ok",
    ]);
    assert(chain.every(({ server }) => server !== 1));
    const verdict = await judgeReport(parseReport(malfeasanceReport(chain)));
    assert(verdict.ok && verdict.violations.length === 0);
  },
);

Deno.test(
  "pickServers() gives those that answer, in the order given",
  none,
  async () => {
    const world = new World();
    const ask = askInMemory(world, (n, midpointMicros) => {
      if (n % 2) throw new DOMException("nothing came", "TimeoutError");
      return { midpointMicros, radiusMicros: SECOND };
    });
    const servers = [4, 2, 0, 1, 3].map((n) => listed(n));
    const picked = await pickServers(servers, { ask, now: world.now });
    assert.deepEqual(picked, servers.slice(0, 3));
  },
);
