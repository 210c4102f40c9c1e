import assert from "node:assert/strict";
import {
  compareClock,
  describeConsensus,
  describeLocalClock,
  describeServers,
  exitOf,
  formatOffset,
  jsonConsensus,
  jsonServer,
  showProgress,
  wallClockAt,
} from "../../../lib/cli/ecosystem/consensus.ts";
import { EXIT } from "../../../lib/cli/terminal/exit_code.ts";
import { jsonLine } from "../../../lib/cli/terminal/output.ts";
import { VerificationError } from "../../../lib/wire/errors.ts";
import {
  type Measurement,
  queryServers,
} from "../../../lib/ecosystem/measure.ts";
import type { ListedServer } from "../../../lib/ecosystem/list.ts";
import { NOW_MICROS, SECOND } from "../../_support/fixtures.ts";
import { claim, listed, serverNumber, World } from "../../_support/many.ts";

type Say = bigint | Error;

/** Measures with servers of which each says how far it is off, or fails. */
function measured(
  say: readonly Say[],
  more: Partial<ListedServer> = {},
  pass2: readonly Say[] = say,
): Promise<Measurement> {
  const world = new World();
  const asked = new Set<number>();
  return queryServers(say.map((_, n) => listed(n, n === 0 ? more : {})), {
    now: world.now,
    ask: (question) => {
      const n = serverNumber(question);
      const off = (asked.has(n) ? pass2 : say)[n] as Say;
      asked.add(n);
      const sentAt = world.monoMicros;
      world.pass(20_000n);
      if (typeof off !== "bigint") return Promise.reject(off);
      return Promise.resolve(claim(question, world, sentAt, {
        midpointMicros: world.truthMicros + off,
        radiusMicros: 3n * SECOND,
      }));
    },
  });
}

const silent = () => new DOMException("nothing came", "TimeoutError");
const refused = () =>
  new VerificationError({ code: "merkle-root" }, {
    request: new Uint8Array(),
    response: new Uint8Array(),
    publicKey: new Uint8Array(32),
  });

function test(name: string, fn: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn });
}

/** The last column, without the heading. */
function statuses(measurement: Measurement): string[] {
  const [heading = "", ...lines] = describeServers(measurement);
  return lines.map((line) => line.slice(heading.indexOf("STATUS")));
}

function json(value: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(jsonLine(value));
}

const HOUR = 3600n * SECOND;

test("a table says what became of each server", async () => {
  const measurement = await measured([0n, HOUR, 0n, 0n, refused(), silent()]);
  const [heading = "", ...lines] = describeServers(measurement);
  assert.match(
    heading,
    /^NAME +ADDRESS +VERSION +MIDPOINT +RADIUS +RTT +LOCAL CLOCK +STATUS$/,
  );
  assert.match(
    lines[0] ?? "",
    /^op0\.example +s0\.op0\.example:2002 +1 +2026-\S+Z +3 s +20\.0 ms +[-+]\S+ s +ok$/,
  );
  // Who did not answer is shown with the address that was asked.
  assert.match(lines[5] ?? "", /^op5\.example +s5\.op5\.example:2002 +- +- +-/);
  assert.deepEqual(statuses(measurement), [
    ...["ok", "falseticker", "ok", "ok"],
    "rejected: merkle-root",
    "no answer: timeout",
  ]);
});

test("a table says what failed after an answer came", async () => {
  const measurement = await measured([0n, 0n, 0n], {}, [silent(), 0n, 0n]);
  assert.deepEqual(statuses(measurement), ["ok, then timeout", "ok", "ok"]);
});

test("names and addresses from a list do nothing to a terminal", async () => {
  const name = "\u001b[2Jevil\u202e\n.example";
  for (const say of [0n, silent()]) {
    const measurement = await measured([say, 0n, 0n], {
      name,
      addresses: [{
        transport: "udp",
        host: "s0.\u001b]0;x\u0007.example",
        port: 1,
      }],
    });
    const lines = describeServers(measurement);
    assert.equal(lines.length, 4);
    for (const line of lines) assert.doesNotMatch(line, /[\p{C}\p{Zl}]/u);
    assert.match(lines[1] ?? "", /^\\u\{1b\}\[2Jevil\\u\{202e\}\\u\{a\}/);
    const [first] = measurement.outcomes;
    assert(first !== undefined);
    const line = jsonLine(jsonServer(first));
    assert.doesNotMatch(line, /[\p{C}\p{Zl}]/u);
    assert.equal(JSON.parse(line).name, name);
    let shown = "";
    showProgress({
      out: () => assert.fail(),
      err: () => assert.fail(),
      progress: (text) => shown = text,
    })({ done: 1, total: 6, server: first.server });
    assert.match(shown, /^1\/6 \\u\{1b\}/);
    assert.doesNotMatch(shown, /[\p{C}\p{Zl}]/u);
  }
});

test("times that no calendar reaches are shown as seconds", async () => {
  const far = 10n ** 18n * SECOND;
  const measurement = await measured([far, far, far]);
  assert.match(describeServers(measurement)[1] ?? "", / \d{19,}(\.\d+)? s /);
  assert.match(describeConsensus(measurement), /between \d{19,}/);
});

test("the consensus line says who agrees, or what is missing", async () => {
  const agreed = await measured([0n, HOUR, 0n, 0n]);
  assert.match(
    describeConsensus(agreed),
    /^Consensus: true time is between 2026-\S+Z and 2026-\S+Z, say 3 of 4 operators$/,
  );
  const numbersOf = async (...say: Say[]) => {
    const line = describeConsensus(await measured(say));
    assert.match(line, /^Consensus: none, /);
    return line.match(/\d+/g)?.map(Number).sort();
  };
  // Who agrees, who voted, how many it takes; or who voted and how many it takes.
  assert.deepEqual(await numbersOf(0n, HOUR, -HOUR), [1, 2, 3]);
  assert.deepEqual(await numbersOf(0n, silent(), refused()), [1, 3]);
});

test("the exit code is the first of: quorum, no quorum, rejected, no answer", async () => {
  const cases: readonly [Say[], number][] = [
    [[0n, 0n, 0n], EXIT.ok],
    [[0n, 0n, HOUR, refused(), silent()], EXIT.ok],
    [[0n, HOUR, -HOUR], EXIT.noQuorum],
    [[0n, refused(), silent()], EXIT.noQuorum],
    [[silent(), refused(), silent()], EXIT.rejected],
    [[silent(), silent(), silent()], EXIT.noAnswer],
    [[], EXIT.noAnswer],
  ];
  for (const [say, expected] of cases) {
    assert.equal(exitOf(await measured(say)), expected);
  }
});

test("the local clock is off by what the bounds do not cover", () => {
  const bounds = { earliestMicros: 100n, latestMicros: 200n };
  const offs = [99n, 100n, 150n, 200n, 203n].map((micros) =>
    compareClock(micros, bounds).offMicros
  );
  assert.deepEqual(offs, [-1n, 0n, 0n, 0n, 3n]);
  const line = (offMicros: bigint) =>
    describeLocalClock({ micros: 0n, offMicros });
  assert.equal(line(0n), "Local clock: within these bounds");
  assert.equal(line(1_500_000n), "Local clock: at least 1.5 s fast");
  assert.equal(line(-90n), "Local clock: at least 0.00009 s slow");
});

test("the local clock is that of the moment asked for", () => {
  const micros = wallClockAt(400, () => 1_790_000_000_000, () => 1000);
  assert.equal(micros, 1_789_999_999_400_000n);
});

test("an offset has a sign and a length that fits", () => {
  const cases: readonly [bigint, string][] = [
    [0n, "+0.0 s"],
    [1_250_000n, "+1.3 s"],
    [-1_250_000n, "-1.3 s"],
    [HOUR, "+3600.0 s"],
    [10n ** 18n * SECOND, "+1.00e+18 s"],
  ];
  for (const [micros, text] of cases) {
    const shown = formatOffset(micros);
    assert(shown === text || shown === text.replace("1.3", "1.2"), shown);
    assert(shown.length < 16);
  }
});

test("JSON has each server's answers, bounds and status", async () => {
  const measurement = await measured([0n, 0n, 0n, refused(), silent()]);
  const [first, , , rejected, unanswered] = measurement.outcomes.map((one) =>
    json(jsonServer(one))
  );
  const { answers, bounds, publicKey, ...rest } = first as {
    answers: Record<string, unknown>[];
    bounds: Record<string, Record<string, string>>;
    publicKey: string;
  };
  assert.deepEqual(rest, {
    name: "op0.example",
    operator: measurement.outcomes[0]?.operator,
    status: "ok",
  });
  assert.match(publicKey, /^[A-Za-z0-9+/]{43}=$/);
  assert.equal(answers.length, 2);
  const { midpoint, delegationNotAfter: _, ...answer } = answers[0] as {
    midpoint: Record<string, string>;
  } & Record<string, unknown>;
  assert.deepEqual(answer, {
    address: "s0.op0.example:2002",
    transport: "udp",
    version: "1",
    dialect: "rfc-10049",
    radiusMicros: "3000000",
    rttMicros: "20000",
  });
  assert.match(midpoint.time ?? "", /^2026-/);
  assert(BigInt(midpoint.micros ?? 0) > NOW_MICROS);
  assert(
    BigInt(bounds.earliest?.micros ?? 0) < BigInt(bounds.latest?.micros ?? 0),
  );
  for (
    const [outcome, status, code] of [
      [rejected, "rejected", "merkle-root"],
      [unanswered, "no-answer", "timeout"],
    ] as const
  ) {
    assert.equal(outcome?.status, status);
    assert.deepEqual(outcome?.answers, []);
    assert.equal((outcome?.error as { code: string }).code, code);
    assert(outcome !== undefined && !("bounds" in outcome));
  }
});

test("JSON has the quorum, or why there is none, and the local clock", async () => {
  const agreed = await measured([0n, 0n, 0n]);
  assert(agreed.quorum.ok);
  const clock = compareClock(0n, agreed.quorum.bounds);
  const { quorum, localClock } = json(jsonConsensus(agreed, clock)) as {
    quorum: { ok: boolean; voters: number; agreeing: number; bounds: object };
    localClock: Record<string, string>;
  };
  assert.deepEqual(
    [quorum.ok, quorum.voters, quorum.agreeing, Object.keys(quorum.bounds)],
    [true, 3, 3, ["earliest", "latest"]],
  );
  assert.deepEqual(localClock, {
    time: "1970-01-01T00:00:00.000Z",
    micros: "0",
    outsideBoundsMicros: String(-agreed.quorum.bounds.earliestMicros),
  });
  const none = await measured([0n, HOUR, -HOUR]);
  assert.deepEqual(json(jsonConsensus(none, undefined)), {
    quorum: {
      ok: false,
      reason: "no-majority",
      voters: 3,
      agreeing: 1,
      needed: 2,
    },
  });
});
