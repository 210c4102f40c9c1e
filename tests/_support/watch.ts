/**
 * What the tests of watching share: rounds of servers that really sign, rounds that are made
 * up, and a watcher's world in which no real time passes.
 *
 * @module
 */

import type {
  RoundState,
  ServerState,
  WatchState,
} from "../../lib/watch/api.ts";
import {
  measure,
  type Measurement,
  queryServers,
} from "../../lib/ecosystem/measure.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import type { AskServer } from "../../lib/ecosystem/pick.ts";
import {
  type NextIds,
  recordRound,
  type RoundRecord,
} from "../../lib/watch/record.ts";
import { WATCH_STATUSES } from "../../lib/watch/server_state.ts";
import type { WatchClock } from "../../lib/watch/watch_clock.ts";
import { NOW_MICROS, SECOND } from "./fixtures.ts";
import { askInMemory, listed, signerOf, World } from "./many.ts";

export const NOW_MS: number = Number(NOW_MICROS / 1000n);
export const DAY_MS = 86_400_000;
const HOUR = 3600n * SECOND;

/** Servers of which one is an hour ahead, if it is named. */
export interface Farm {
  readonly servers: readonly ListedServer[];
  readonly ask: AskServer;
  readonly world: World;
}

/** Four servers in memory; those named are an hour ahead, or dead. */
export function farm(
  { liars = [], dead = [], count = 4 }: {
    readonly liars?: readonly number[];
    readonly dead?: readonly number[];
    readonly count?: number;
  } = {},
): Farm {
  const world = new World();
  const signing = askInMemory(world, (n, truthMicros) => ({
    midpointMicros: truthMicros + (liars.includes(n) ? HOUR : 0n),
    radiusMicros: 3n * SECOND,
  }));
  const servers = Array.from({ length: count }, (_, n) => listed(n));
  const ask: AskServer = (question) => {
    const n = Number(/^s(\d+)/.exec(question.address.host)?.[1]);
    if (!dead.includes(n)) return signing(question);
    world.pass(BigInt(Math.ceil(question.timeout * 1000)));
    throw new DOMException("No answer came", "TimeoutError");
  };
  return { servers, ask, world };
}

/** Asks a farm in the order of its list. */
export async function measured(one: Farm): Promise<Measurement> {
  const { servers, ask, world } = one;
  return await queryServers(servers, { ask, now: world.now });
}

/** The local clock of a farm's world, which is right unless it is said to be off. */
export function localClock(offMicros = 0n): (at: number) => bigint {
  return (at) => NOW_MICROS + BigInt(Math.round(at * 1000)) + offMicros;
}

export const FIRST: NextIds = { round: 1, exchange: 1, report: 1 };

/** A round of a farm as it is recorded. */
export async function recorded(
  one: Farm,
  { ids = FIRST, offMicros = 0n }: {
    readonly ids?: NextIds;
    readonly offMicros?: bigint;
  } = {},
): Promise<RoundRecord> {
  const local = localClock(offMicros);
  const startedAtMs = Number(local(one.world.now()) / 1000n);
  const measurement = await measured(one);
  return await recordRound(measurement, {
    servers: one.servers,
    startedAtMs,
    endedAtMs: Number(local(one.world.now()) / 1000n),
    localMicrosAt: local,
    ids,
  });
}

/** A server's part of a round that nobody measured. */
export function madeUp(
  n: number,
  more: Partial<ServerState> = {},
): ServerState {
  const { name, publicKey } = listed(n);
  return {
    name,
    operator: name,
    address: `s${n}.${name}:2002`,
    publicKey: btoa(String.fromCharCode(...publicKey)),
    status: "ok",
    reason: null,
    code: null,
    transport: "udp",
    version: "1",
    midpointMicros: String(NOW_MICROS),
    radiusMicros: "3000000",
    rttMicros: "20000",
    offsetMicros: { earliest: "-3000000", latest: "3020000" },
    delegationSecondsLeft: 3600,
    exchanges: [],
    ...more,
  };
}

/** The same of one that was silent. */
export function silent(n: number): ServerState {
  return madeUp(n, {
    status: "silent",
    reason: "No answer came.",
    code: "timeout",
    transport: null,
    version: null,
    midpointMicros: null,
    radiusMicros: null,
    rttMicros: null,
    offsetMicros: null,
    delegationSecondsLeft: null,
  });
}

/** A round that nobody measured. */
export function madeUpRound(
  id: number,
  { atMs = NOW_MS, servers = [madeUp(0), madeUp(1), madeUp(2)], ...more }:
    & { readonly atMs?: number }
    & Partial<RoundState> = {},
): RoundState {
  return {
    id,
    startedAtMs: atMs,
    endedAtMs: atMs + 100,
    voters: servers.filter(({ status }) => status !== "silent").length,
    agreeing: servers.filter(({ status }) => status === "ok").length,
    quorumOffsetMicros: { earliest: "-2000000", latest: "2000000" },
    noQuorumReason: null,
    clockJumped: false,
    reports: [],
    chain: [],
    ...more,
    servers,
  };
}

/** The same with nothing that proves it. */
export function madeUpRecord(
  ...words: Parameters<typeof madeUpRound>
): RoundRecord {
  return {
    round: madeUpRound(...words),
    exchanges: [],
    contradiction: undefined,
  };
}

/** What is told of a round. */
export function stateOf(
  round: RoundState | null,
  more: Partial<WatchState> = {},
): WatchState {
  return {
    schema: "roughly/watch-state/1",
    list: { source: "list.json", servers: 3, skipped: 0, problem: null },
    intervalSeconds: 300,
    nextRoundAtMs: NOW_MS + 300_000,
    summary: "All is well.",
    history: { writing: true, problem: null },
    relay: false,
    round,
    contradictions: 0,
    ...more,
  };
}

/** A watcher's clocks over a world: whoever sleeps lets its time pass. */
export class FakeClock implements WatchClock {
  readonly #world: World;
  /** How far the local clock is off, in milliseconds. */
  offMs = 0;
  /** Called before each sleep. */
  onSleep: () => void | Promise<void> = () => {};

  constructor(world: World) {
    this.#world = world;
  }

  readonly now = (): number => this.#world.now();
  readonly wall = (): number =>
    NOW_MS + Number(this.#world.monoMicros) / 1000 + this.offMs;
  readonly random = (): number => 0.5;
  readonly sleep = async (
    ms: number,
    signals: readonly AbortSignal[],
  ): Promise<void> => {
    await this.onSleep();
    if (signals.some(({ aborted }) => aborted)) return;
    this.#world.pass(BigInt(Math.ceil(ms * 1000)));
  };
}

export { measure, signerOf, WATCH_STATUSES };
