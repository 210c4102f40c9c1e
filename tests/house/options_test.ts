/**
 * Every number that a public function takes has a range. What is outside is refused by name
 * before anything is done, and never looks like a fault of somebody else.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import {
  ChaosServer,
  FakeWorld,
  fuzzRequests,
  serveChaos,
} from "../../chaos.ts";
import {
  findQuorum,
  lintServerList,
  malfeasanceReport,
  sampleByOperator,
  submitReport,
} from "../../ecosystem.ts";
import { createSigner } from "../../server.ts";
import { buildRequest } from "../../wire.ts";
import { bytes } from "../_support/fixtures.ts";
import {
  asking,
  type Call,
  creating,
  delegating,
  limiting,
  loading,
  measuring,
  misbehaving,
  nobody,
  relaying,
  responding,
  ringing,
  SERVERS,
  serving,
  ticking,
} from "../_support/option_calls.ts";

/** What somebody may give by mistake where a number is wanted. */
const NUMBERS: readonly unknown[] = [
  ...[0, -1, 1.5, NaN, Infinity, -Infinity, 2 ** 53, 1e308, -1e308],
  ...["", "1", "x", null, true, {}, [], [1], Symbol.iterator, 1n],
];

/** The same where a bigint is wanted. */
const BIGINTS: readonly unknown[] = [
  ...[-1n, -(1n << 70n), 1n << 100n],
  ...[0, 1, 1.5, NaN, Infinity, "1", null, true, {}],
];

/** The same where a word is wanted. */
const WORDS: readonly unknown[] = ["", "bogus", 0, 1, null, true, {}, 1n];

/** An option, and what it does take of the above. */
interface Walk {
  /** As the documentation has it; functions stand for themselves. */
  readonly option: string;
  /** As the message names it. */
  readonly named?: string;
  readonly takes?: readonly unknown[];
  readonly wrong?: readonly unknown[];
  readonly calls: readonly Call[];
}

const WALKS: readonly Walk[] = [
  // One server.
  { option: "RequestOptions.port", calls: asking("port") },
  {
    option: "RequestOptions.timeout",
    takes: [1.5, 2 ** 53, 1e308, Infinity],
    calls: asking("timeout"),
  },
  {
    option: "RequestOptions.retries",
    takes: [Infinity],
    calls: asking("retries"),
  },
  { option: "RequestOptions.size", calls: asking("size") },
  {
    option: "RequestOptions.transport",
    wrong: WORDS,
    calls: asking("transport"),
  },
  {
    option: "BuildRequestOptions.size",
    calls: [
      (size) => buildRequest({ versions: [1], nonce: bytes(32, 1), size }),
    ],
  },
  // Several.
  {
    option: "AskListedOptions.timeout",
    takes: [1.5, 2 ** 53, 1e308, Infinity],
    calls: measuring("timeout"),
  },
  {
    option: "AskListedOptions.transport",
    wrong: WORDS,
    calls: measuring("transport"),
  },
  { option: "MeasureOptions.passes", calls: measuring("passes") },
  { option: "MeasureOptions.count", calls: measuring("count") },
  {
    option: "VoteOptions.driftPpm",
    takes: [0, 1.5],
    calls: measuring("driftPpm"),
  },
  {
    option: "VoteOptions.maxRadiusMicros",
    wrong: BIGINTS,
    takes: [1n << 100n],
    calls: measuring("maxRadiusMicros"),
  },
  { option: "QuorumOptions.minVoters", calls: measuring("minVoters") },
  {
    option: "findQuorum.minVoters",
    takes: [0], // an empty vote has no quorum even then
    calls: [(minVoters) => findQuorum([], { minVoters })],
  },
  {
    option: "sampleByOperator.count",
    takes: [0],
    calls: [(count) => sampleByOperator(SERVERS, count)],
  },
  {
    option: "SubmitOptions.tries",
    calls: [(tries) =>
      submitReport(
        { form: "rfc-10049", entries: [] },
        "https://h.invalid/",
        { tries, fetch: nobody, wait: nobody },
      )],
  },
  {
    option: "malfeasanceReport.form",
    wrong: WORDS,
    calls: [(form) => malfeasanceReport([], form)],
  },
  {
    option: "LintOptions.nowMicros",
    wrong: BIGINTS,
    calls: [(nowMicros) => lintServerList("{}", { nowMicros })],
  },
  // The clock.
  {
    option: "TrustedClockOptions.refreshSeconds",
    takes: [1.5, 2 ** 53, 1e308, Infinity],
    calls: [ticking("refreshSeconds")],
  },
  {
    option: "TrustedClockOptions.maxAgeSeconds",
    takes: [1.5],
    calls: [ticking("maxAgeSeconds")],
  },
  // The server.
  { option: "ServeOptions.port", takes: [0], calls: [serving("port")] },
  {
    option: "ListenAddress.port",
    named: "listen port",
    takes: [0],
    calls: [(port) =>
      (serving("listen") as (value: unknown) => unknown)([{
        hostname: "127.0.0.1",
        port,
      }])],
  },
  {
    option: "ServeOptions.maxDelayMicros",
    takes: [0, 1, 1.5],
    calls: [serving("maxDelayMicros")],
  },
  { option: "ServeOptions.workers", takes: [0], calls: [serving("workers")] },
  {
    option: "ServeOptions.selfCheckSeconds",
    takes: [0, 1.5],
    calls: [serving("selfCheckSeconds")],
  },
  { option: "ServeOptions.maxBatch", calls: [serving("maxBatch")] },
  {
    option: "ServeOptions.receiveBufferBytes",
    calls: [serving("receiveBufferBytes")],
  },
  { option: "ServeOptions.io", wrong: WORDS, calls: [serving("io")] },
  {
    option: "TcpLimits.maxMessageBytes",
    named: "tcpLimits.maxMessageBytes",
    calls: [limiting("maxMessageBytes")],
  },
  {
    option: "TcpLimits.maxConnections",
    named: "tcpLimits.maxConnections",
    calls: [limiting("maxConnections")],
  },
  {
    option: "TcpLimits.maxConnectionsPerAddress",
    named: "tcpLimits.maxConnectionsPerAddress",
    calls: [limiting("maxConnectionsPerAddress")],
  },
  {
    option: "TcpLimits.idleMs",
    named: "tcpLimits.idleMs",
    takes: [1.5],
    calls: [limiting("idleMs")],
  },
  {
    option: "TcpLimits.readMs",
    named: "tcpLimits.readMs",
    takes: [1.5],
    calls: [limiting("readMs")],
  },
  {
    option: "TcpLimits.writeMs",
    named: "tcpLimits.writeMs",
    takes: [1.5],
    calls: [limiting("writeMs")],
  },
  {
    option: "ServerOptions.radiusSeconds",
    takes: [1.5],
    calls: [creating("radiusSeconds")],
  },
  {
    option: "ServerOptions.maxRadiusSeconds",
    takes: [1.5],
    calls: [creating("maxRadiusSeconds")],
  },
  {
    option: "ServerOptions.validitySeconds",
    calls: [creating("validitySeconds")],
  },
  {
    option: "ServerOptions.v1Context",
    wrong: WORDS,
    calls: [creating("v1Context"), ringing("v1Context")],
  },
  ...["ServerOptions", "ResponderOptions"].map((owner): Walk => ({
    option: `${owner}.greaseProbability`,
    takes: [0],
    calls: [creating("greaseProbability"), responding("greaseProbability")],
  })),
  {
    option: "ResponderOptions.maxBatch",
    calls: [creating("maxBatch"), responding("maxBatch")],
  },
  ...["soloBudget", "singleBudget"].map((name): Walk => ({
    option: `ResponderOptions.${name}`,
    takes: [0, Infinity],
    calls: [creating(name), responding(name)],
  })),
  {
    // Whatever a clock says: nothing is signed until it says something plausible.
    option: "KeyringOptions.nowMicros",
    wrong: BIGINTS.filter((value) => typeof value !== "bigint"),
    calls: [ringing("nowMicros")],
  },
  {
    option: "KeyringOptions.validityMicros",
    wrong: [0n, ...BIGINTS],
    calls: [ringing("validityMicros")],
  },
  {
    option: "CreateDelegationOptions.notBeforeMicros",
    wrong: BIGINTS,
    calls: [delegating("notBeforeMicros")],
  },
  {
    option: "CreateDelegationOptions.notAfterMicros",
    wrong: BIGINTS,
    calls: [delegating("notAfterMicros")],
  },
  // The load.
  {
    option: "RelayOptions.timeout",
    takes: [1.5],
    calls: [relaying("timeout")],
  },
  ...["perMinute", "perMinuteInAll", "maxPending"].map((name) => ({
    option: `RelayOptions.${name}`,
    calls: [relaying(name)],
  })),
  { option: "LoadOptions.port", calls: [loading("port")] },
  { option: "LoadOptions.sockets", calls: [loading("sockets")] },
  {
    option: "LoadOptions.durationMillis",
    takes: [1.5],
    calls: [loading("durationMillis")],
  },
  {
    option: "LoadOptions.warmupMillis",
    takes: [0, 1.5],
    calls: [loading("warmupMillis")],
  },
  {
    option: "LoadOptions.timeoutMillis",
    takes: [1.5],
    calls: [loading("timeoutMillis")],
  },
  { option: "LoadOptions.verifyEvery", calls: [loading("verifyEvery")] },
  {
    option: "LoadPace.window",
    calls: [
      (window) => (loading("pace") as (value: unknown) => unknown)({ window }),
    ],
  },
  {
    option: "LoadPace.ratePerSecond",
    takes: [1.5],
    calls: [
      (ratePerSecond) =>
        (loading("pace") as (value: unknown) => unknown)({ ratePerSecond }),
    ],
  },
  // Chaos.
  {
    option: "ChaosOptions.seed",
    takes: [0, -1],
    calls: [(seed) => ChaosServer.create({ seed })],
  },
  {
    option: "FakeWorldOptions.seed",
    takes: [0, -1],
    calls: [(seed) => FakeWorld.create({ servers: 1, seed })],
  },
  {
    option: "FakeWorldOptions.servers",
    takes: [0, [], [1]],
    calls: [(servers) => FakeWorld.create({ servers })],
  },
  {
    option: "FakeWorldOptions.lying.offsetMicros",
    named: "offsetMicros",
    wrong: [null, 0, 1.5, "1", 1n << 100n],
    calls: [
      (offsetMicros) =>
        FakeWorld.create({ servers: 1, lying: [{ server: 0, offsetMicros }] }),
    ],
  },
  {
    option: "FakeServerOptions.radiusSeconds",
    takes: [1.5],
    calls: [
      (radiusSeconds) => FakeWorld.create({ servers: [{ radiusSeconds }] }),
    ],
  },
  {
    option: "ServeChaosOptions.port",
    takes: [0],
    calls: [
      async (port) =>
        await serveChaos(await ChaosServer.create(), { port, open: nobody }),
    ],
  },
  {
    option: "ServeChaosOptions.maxBatch",
    calls: [
      async (maxBatch) =>
        await serveChaos(await ChaosServer.create(), {
          maxBatch,
          open: nobody,
        }),
    ],
  },
  {
    option: "When.share",
    named: "silence.share",
    takes: [0],
    calls: [misbehaving("silence", "share")],
  },
  {
    option: "When.from",
    named: "silence.from",
    takes: [0],
    calls: [misbehaving("silence", "from")],
  },
  {
    option: "Misdeed.delayMs",
    named: "delay.delayMs",
    takes: [0, 1.5],
    calls: [misbehaving("delay", "delayMs")],
  },
  {
    option: "Misdeed.copies",
    named: "duplicate.copies",
    calls: [misbehaving("duplicate", "copies")],
  },
  ...["truncate", "append"].map((kind): Walk => ({
    option: `Misdeed.${kind}.bytes`,
    named: `${kind}.bytes`,
    takes: [0],
    calls: [misbehaving(kind as "truncate", "bytes")],
  })),
  {
    option: "Misdeed.type",
    named: "type.type",
    takes: [0],
    calls: [misbehaving("type", "type")],
  },
  {
    option: "Misdeed.offsetMicros",
    named: "lie.offsetMicros",
    wrong: [null, 0, 1.5, "1", 1n << 100n],
    calls: [misbehaving("lie", "offsetMicros")],
  },
  {
    option: "Misdeed.radiusMicros",
    named: "radius.radiusMicros",
    wrong: BIGINTS,
    calls: [misbehaving("radius", "radiusMicros")],
  },
  {
    option: "fuzzRequests.seed",
    takes: [0, -1],
    calls: [(seed) => fuzzRequests(seed, 1)],
  },
  {
    option: "fuzzRequests.count",
    takes: [0],
    calls: [(count) => fuzzRequests(1, count)],
  },
];

/** What holds a number and is no option: it is ours to fill in, or data that is judged. */
const NO_OPTIONS: readonly string[] = [
  "DatagramOptions.maxBatch", // given to a caller's `open`
  "DatagramOptions.port",
  "ForwardOptions.timeout", // given to a caller's `forward`
];

/** The part of a message that shows a value; objects are only named. */
function shown(value: unknown): string {
  return typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "bigint"
    ? `${value}`
    : typeof value === "object" && value !== null || typeof value === "symbol"
    ? ""
    : String(value);
}

async function refusal(call: Call, value: unknown): Promise<unknown> {
  try {
    await call(value as never);
  } catch (error) {
    return error;
  }
  return undefined;
}

for (const { option, named, takes = [], wrong = NUMBERS, calls } of WALKS) {
  Deno.test(`${option} has a range, and what is outside is refused by name`, async () => {
    const name = named ?? option.split(".").at(-1) as string;
    for (const [i, call] of calls.entries()) {
      for (const value of wrong) {
        if (takes.some((one) => Object.is(one, value))) continue;
        if (Array.isArray(value) && takes.some(Array.isArray)) continue;
        const what = `${option}, call ${i}: ${String(value)}`;
        const error = await refusal(call, value);
        assert(error instanceof Error, `${what} is taken`);
        const { name: kind, code, message } = error as Error & {
          code?: string;
        };
        assert(
          kind === "RangeError" ||
            (kind === "ServerError" && code === "config") ||
            (kind === "WireError" && code === "size"),
          `${what}: ${error}`,
        );
        assert(
          message.startsWith(`Cannot use ${name} of `) || code === "size",
          `${what}: ${message}`,
        );
        const part = code === "size" ? String(value) : shown(value);
        assert(message.includes(part), `${what}: ${message}`);
      }
    }
  });
}

/** A part of what `deno doc --json` says. */
interface DocType {
  readonly kind: string;
  readonly value?: unknown;
}

interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    readonly kind: string;
    readonly def?: {
      readonly properties?: readonly {
        readonly name: string;
        readonly tsType?: DocType;
      }[];
    };
  }[];
}

function isNumber({ kind, value }: DocType): boolean {
  return kind === "keyword"
    ? value === "number" || value === "bigint"
    : kind === "union" && (value as DocType[]).some(isNumber);
}

Deno.test("no public option that is a number is forgotten", async () => {
  const root = fileURLToPath(new URL("../../", import.meta.url));
  const doors = [
    "mod",
    "ecosystem",
    "clock",
    "server",
    "verify",
    "wire",
    "relay",
    "chaos",
  ];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...doors.map((door) => `${door}.ts`)],
    cwd: root,
    stderr: "null",
  }).output();
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, { symbols: DocSymbol[] }>;
  };
  const found = new Set<string>();
  for (const { symbols } of Object.values(nodes)) {
    for (const { name, declarations } of symbols) {
      if (!/(Options|Limits|^When|^ListenAddress)$/.test(name)) continue;
      for (const { def } of declarations) {
        for (const { name: property, tsType } of def?.properties ?? []) {
          if (tsType && isNumber(tsType)) found.add(`${name}.${property}`);
        }
      }
    }
  }
  assert(found.size >= 30, [...found].join(" "));
  const known = new Set([...WALKS.map(({ option }) => option), ...NO_OPTIONS]);
  assert.deepEqual([...found].filter((option) => !known.has(option)), []);
});

Deno.test("a seed of the wrong length is refused", () => {
  for (const length of [0, 31, 33, 64]) {
    assert.throws(() => createSigner(new Uint8Array(length)), RangeError);
  }
});
