import assert from "node:assert/strict";
import { ChaosServer } from "../../lib/chaos/server.ts";
import {
  type Behaviour,
  BEHAVIOURS,
  expectationOf,
} from "../../lib/chaos/behaviour.ts";
import { type RunningChaos, serveChaos } from "../../lib/chaos/serve.ts";
import { sendRequest } from "../../lib/client/send_request.ts";
import { REQUEST_BYTES } from "../../lib/wire/request.ts";
import { measure, type Measurement } from "../../lib/ecosystem/measure.ts";
import type { ServerStatus } from "../../lib/ecosystem/vote.ts";
import type { AskServer } from "../../lib/ecosystem/pick.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import type { Peer } from "../../lib/net/datagram.ts";
import { NOW_MICROS, SECOND } from "../_support/fixtures.ts";
import {
  assertJust,
  HOUR,
  listedAt,
  placeOf,
  statuses,
  YEAR,
} from "../_support/realm.ts";

/** Plenty for whoever is going to answer. */
const PATIENCE_MS = 20_000;
/** Enough for those of whom no answer is expected, or one that is no use. */
const HASTE_MS = 300;

/** The servers' clock: the monotonic one that answers are timed by, so that nothing steps it. */
function truthAt(milliseconds: number): bigint {
  return NOW_MICROS + BigInt(Math.round(milliseconds * 1000));
}

interface Subject {
  readonly behaviours?: readonly Behaviour[];
  readonly requestBytes?: number;
  readonly timeoutMs?: number;
  readonly greaseProbability?: number;
}

const HONEST: Subject = {};

/** Measures over loopback, every server by a name of its own. */
async function measured(
  subjects: readonly Subject[],
): Promise<{ measurement: Measurement; truthMicros: bigint }> {
  await using stack = new AsyncDisposableStack();
  const running: RunningChaos[] = [];
  const servers: ListedServer[] = [];
  for (const [n, { behaviours, greaseProbability = 0 }] of subjects.entries()) {
    const server = await ChaosServer.create({
      behaviours,
      greaseProbability,
      seed: n + 1,
      nowMicros: () => truthAt(performance.now()),
    });
    running.push(stack.use(await serveChaos(server)));
    servers.push(listedAt(n, server.publicKey));
  }
  const ask: AskServer = ({ address, ...question }) => {
    const n = placeOf(address.host);
    const { timeoutMs = PATIENCE_MS, requestBytes = REQUEST_BYTES } =
      subjects[n] ?? {};
    return sendRequest({
      ...question,
      host: address.host,
      port: running[n]?.address.port ?? 0,
      timeout: timeoutMs,
      size: requestBytes,
      lookup: () => Promise.resolve([{ hostname: "127.0.0.1", family: 4 }]),
    });
  };
  const measurement = await measure(servers, { ask, transport: "udp" });
  return { measurement, truthMicros: truthAt(measurement.takenAt) };
}

/** Measures, and holds what has to hold if the first so many are honest and no others are. */
async function just(
  honest: number,
  others: readonly Subject[],
): Promise<Measurement> {
  const good = Array.from({ length: honest }, () => HONEST);
  const { measurement, truthMicros } = await measured([...good, ...others]);
  await assertJust(measurement, { truthMicros, isHonest: (n) => n < honest });
  return measurement;
}

/** What may become of each behaviour; of who is too late or wrong, the network decides which. */
const ALLOWED: readonly {
  readonly name: string;
  readonly subject: Subject;
  readonly statuses: readonly ServerStatus[];
}[] = BEHAVIOURS.map((known) => {
  const { name, behaviour, requestBytes } = known;
  const expected = expectationOf(known, "draft-14");
  const answers = ["accepted", "unaffected"].includes(expected);
  return {
    name,
    subject: {
      behaviours: [behaviour],
      requestBytes,
      timeoutMs: answers ? PATIENCE_MS : HASTE_MS,
    },
    statuses: behaviour.kind === "lie"
      ? ["falseticker"]
      : name === "radius-wide"
      ? ["vague"]
      : answers
      ? ["ok"]
      : expected === "unharmed"
      ? ["ok", "rejected", "no-answer"]
      : expected === "silence" || expected === "late"
      ? ["no-answer"]
      : ["rejected", "no-answer"],
  };
});

Deno.test("measure() over UDP with every behaviour among three honest servers", async () => {
  const lanes = 8;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const others = ALLOWED.filter((_, i) => i % lanes === lane);
      const measurement = await just(3, others.map(({ subject }) => subject));
      const found = statuses(measurement);
      for (const [i, { name, statuses }] of others.entries()) {
        const status = found[3 + i] as ServerStatus;
        assert(statuses.includes(status), `${name}: ${status}`);
      }
    }),
  );
});

/** Lies to whoever asks first, and to nobody else. */
function toTheFirst(): (request: unknown, peer: Peer | undefined) => boolean {
  let first: string | undefined;
  return (_, peer) => (first ??= `${peer}`) === `${peer}`;
}

const LIARS: Record<string, () => Behaviour> = {
  "seconds ahead": () => ({ kind: "lie", offsetMicros: 40n * SECOND }),
  "seconds behind": () => ({ kind: "lie", offsetMicros: -40n * SECOND }),
  "hours ahead": () => ({ kind: "lie", offsetMicros: 5n * HOUR }),
  "hours behind": () => ({ kind: "lie", offsetMicros: -5n * HOUR }),
  "years ahead": () => ({ kind: "lie", offsetMicros: 9n * YEAR }),
  "years behind": () => ({ kind: "lie", offsetMicros: -9n * YEAR }),
  "ahead on the second pass": () => ({
    kind: "lie",
    offsetMicros: HOUR,
    from: 1,
  }),
  "behind on the second pass": () => ({
    kind: "lie",
    offsetMicros: -HOUR,
    from: 1,
  }),
  "to one peer": () => ({
    kind: "lie",
    offsetMicros: -HOUR,
    only: toTheFirst(),
  }),
};

/** Proven only if an honest server happens to be asked on the right side of the lie. */
const LUCKY = ["ahead on the second pass", "to one peer"];

Deno.test("measure() over UDP names and convicts two liars of five", async () => {
  await Promise.all(
    Object.entries(LIARS).map(async ([name, make]) => {
      const liar = () => ({ behaviours: [make()] });
      const measurement = await just(3, [liar(), liar()]);
      assert.deepEqual(
        statuses(measurement),
        ["ok", "ok", "ok", "falseticker", "falseticker"],
        name,
      );
      const { outcomes, chain, violations } = measurement;
      assert.equal(chain.length, 10, name);
      const accused = new Set(
        violations.flatMap(({ earlier, later }) => [earlier, later])
          .map((link) => outcomes[chain[link]?.server ?? -1]?.server.name),
      );
      if (!LUCKY.includes(name)) {
        assert(accused.has("s3") && accused.has("s4"), name);
      }
    }),
  );
});

Deno.test("measure() over UDP keeps servers whose replies get through now and then", async () => {
  const storms: readonly (readonly Behaviour[])[] = [
    [{ kind: "duplicate" }, { kind: "delay", delayMs: 20, share: 0.5 }],
    [{ kind: "corrupt", only: oddOnes() }],
    [{ kind: "silence", only: oddOnes() }],
    [{ kind: "replay", only: oddOnes() }],
    [{ kind: "foreign-nonce", disguised: true, only: oddOnes() }],
    [{ kind: "wrong-key", signature: "DELE", only: oddOnes() }],
    [{ kind: "wrong-context", signature: "SREP", only: oddOnes() }],
    [{ kind: "delegation", window: "expired", only: oddOnes() }],
    [{ kind: "other-port", only: oddOnes() }],
    [{ kind: "reorder" }, { kind: "truncate", only: oddOnes() }],
  ];
  await Promise.all(storms.map(async (behaviours, i) => {
    const measurement = await just(3, [{ behaviours }]);
    assert.deepEqual(statuses(measurement), ["ok", "ok", "ok", "ok"], `${i}`);
    assert.equal(measurement.chain.length, 8);
    assert.deepEqual(measurement.violations, []);
  }));
});

/** Spoils the first try and lets the next one through. */
function oddOnes(): () => boolean {
  let asked = 0;
  return () => asked++ % 2 === 0;
}

Deno.test("measure() over UDP takes grease for no server's opinion (section 7)", async () => {
  const greasing = { greaseProbability: 1, timeoutMs: HASTE_MS };
  const others = Array.from({ length: 8 }, () => greasing);
  const measurement = await just(3, others);
  for (const status of statuses(measurement).slice(3)) {
    assert(["ok", "rejected", "no-answer"].includes(status), status);
  }
  assert.deepEqual(measurement.violations, []);
});

Deno.test("measure() over UDP among servers that are all wrong, mute or liars has no answer", async () => {
  const behaviours = (...all: Behaviour[]) => ({
    behaviours: all,
    timeoutMs: HASTE_MS,
  });
  const mute = await measured([
    behaviours({ kind: "silence" }),
    behaviours({ kind: "other-port" }),
    behaviours({ kind: "delay", delayMs: 60_000 }),
  ]);
  assert(!mute.measurement.quorum.ok);
  assert.deepEqual(statuses(mute.measurement), [
    ...["no-answer", "no-answer", "no-answer"],
  ]);
  const liars = [0n, HOUR, 2n * HOUR, -HOUR].map((offsetMicros) => ({
    behaviours: [{ kind: "lie", offsetMicros } as const],
  }));
  const { measurement, truthMicros } = await measured(liars);
  assert(!measurement.quorum.ok);
  assert.equal(measurement.quorum.reason, "no-majority");
  await assertJust(measurement, {
    truthMicros,
    isHonest: (n) => n === 0,
    hasMajority: false,
  });
  assert(measurement.violations.length > 0);
  assert(statuses(measurement).every((status) => status === "unjudged"));
});
