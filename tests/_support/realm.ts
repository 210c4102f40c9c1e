/**
 * What the tests of several servers under chaos share: a fake world whose time passes while
 * packets travel, and what has to hold of any measurement whose liars are known.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Behaviour } from "../../lib/chaos/behaviour.ts";
import {
  DEFAULT_OFFER,
  type Dialect,
  DIALECTS,
} from "../../lib/wire/dialect.ts";
import { VerificationError } from "../../lib/wire/errors.ts";
import { FakeWorld } from "../../lib/chaos/fake_world.ts";
import type {
  Measurement,
  MeasureOptions,
} from "../../lib/ecosystem/measure.ts";
import type { ServerStatus } from "../../lib/ecosystem/vote.ts";
import type { AskServer, Question } from "../../lib/ecosystem/pick.ts";
import { malfeasanceReport, parseReport } from "../../lib/verify/report.ts";
import { confirmMalfeasance, judgeReport } from "../../lib/verify/judge.ts";
import { buildRequest, REQUEST_BYTES } from "../../lib/wire/request.ts";
import type { ListedServer } from "../../lib/ecosystem/list.ts";
import { verifyResponse } from "../../lib/verify/response.ts";
import { SECOND } from "./fixtures.ts";
import { World } from "./many.ts";

const HOP_MICROS = 10_000n;
export const HOUR: bigint = 3600n * SECOND;
export const YEAR: bigint = 365n * 24n * HOUR;

/** A server of a realm. */
export interface Subject {
  readonly behaviours?: readonly Behaviour[];
  readonly operator?: string;
  readonly requestBytes?: number;
  readonly radiusSeconds?: number;
}

/** What a realm is to be. */
export interface RealmOptions {
  readonly subjects: readonly Subject[];
  /** All servers are asked for this one alone; the usual offer without. */
  readonly dialect?: Dialect | undefined;
  /** See {@linkcode World}. */
  readonly rate?: bigint;
  readonly seed?: number;
}

/** Lists a server that is found by its place, each of another operator unless told. */
export function listedAt(
  n: number,
  publicKey: Uint8Array,
  more: { readonly operator?: string; readonly version?: number } = {},
): ListedServer {
  const { operator = `op${n}.example`, version } = more;
  return {
    name: `s${n}`,
    publicKey,
    addresses: [{ transport: "udp", host: `s${n}.${operator}`, port: 2002 }],
    version: version ?? 1,
    offer: version === undefined ? undefined : [version],
  };
}

/** Where a server listed by {@linkcode listedAt} stands. */
export function placeOf(name: string): number {
  return Number(/^s(\d+)/.exec(name)?.[1]);
}

/** Servers in memory that are asked as over a network, for whom no real time passes. */
export class Realm {
  readonly world: World;
  readonly servers: readonly ListedServer[];
  readonly fake: FakeWorld;
  readonly #subjects: readonly Subject[];
  readonly #deadline: { micros: bigint };

  private constructor(
    world: World,
    fake: FakeWorld,
    { subjects, dialect }: RealmOptions,
    deadline: { micros: bigint },
  ) {
    this.world = world;
    this.fake = fake;
    this.#subjects = subjects;
    this.#deadline = deadline;
    this.servers = fake.servers.map(({ publicKey }, n) =>
      listedAt(n, publicKey, {
        ...subjects[n]?.operator && { operator: subjects[n].operator },
        ...dialect && { version: dialect.code },
      })
    );
  }

  static async create(options: RealmOptions): Promise<Realm> {
    const { subjects, rate, seed = 1 } = options;
    const world = new World(rate);
    const deadline = { micros: 0n };
    const fake = await FakeWorld.create({
      servers: subjects,
      seed,
      nowMicros: () => world.truthMicros,
      sleep: (milliseconds) => {
        const wanted = world.monoMicros + BigInt(milliseconds) * 1000n;
        const { micros } = deadline;
        world.monoMicros = wanted < micros ? wanted : micros;
        return Promise.resolve();
      },
    });
    return new Realm(world, fake, options, deadline);
  }

  /** Changes what a server gets wrong from now on. */
  behave(n: number, behaviours: readonly Behaviour[]): void {
    this.fake.servers[n]?.server.behave(behaviours);
  }

  /** For measurements and clocks in this realm. */
  get options(): MeasureOptions & { readonly ask: AskServer } {
    return { now: this.world.now, ask: (question) => this.#ask(question) };
  }

  async #ask(question: Question): ReturnType<AskServer> {
    const { world } = this;
    const { publicKey, nonce, versions = DEFAULT_OFFER, address } = question;
    const size = this.#subjects[placeOf(address.host)]?.requestBytes ??
      REQUEST_BYTES;
    const request = buildRequest({ versions, nonce, publicKey, size });
    const sentAt = world.monoMicros;
    const deadline = sentAt + BigInt(Math.ceil(question.timeout * 1000));
    this.#deadline.micros = deadline;
    world.pass(HOP_MICROS);
    const response = await this.fake.ask(publicKey, request);
    world.pass(HOP_MICROS);
    if (response === undefined || world.monoMicros > deadline) {
      world.monoMicros = deadline;
      throw new DOMException("nothing came", "TimeoutError");
    }
    const exchange = { request, response, publicKey };
    const verdict = await verifyResponse(exchange);
    if (!verdict.ok) throw new VerificationError(verdict.rejection, exchange);
    return {
      verdict,
      exchange,
      rttMicros: world.monoMicros - sentAt,
      receivedAt: world.now(),
      address: `${address.host}:${address.port}`,
      transport: "udp",
    };
  }
}

/** The status of each server by its place, whatever the order asked. */
export function statuses({ outcomes }: Measurement): ServerStatus[] {
  const byPlace: ServerStatus[] = [];
  for (const { server, status } of outcomes) {
    byPlace[placeOf(server.name)] = status;
  }
  return byPlace;
}

/** What a test knows of a measurement. */
export interface Known {
  /** True time at `takenAt`. */
  readonly truthMicros: bigint;
  /** Is the server at this place honest throughout? */
  readonly isHonest: (n: number) => boolean;
  /** Were the honest ones more than half of those who voted? */
  readonly hasMajority?: boolean;
}

/** Holds whoever lies: what is said is true, nobody honest is accused, evidence is evidence. */
export async function assertJust(
  measurement: Measurement,
  { truthMicros, isHonest, hasMajority = true }: Known,
): Promise<void> {
  const { outcomes, quorum, chain, violations } = measurement;
  if (hasMajority) {
    assert(quorum.ok, "there is a quorum");
    assert(quorum.bounds.earliestMicros <= truthMicros, "not too late");
    assert(quorum.bounds.latestMicros >= truthMicros, "not too early");
  }
  for (const { server, status, bounds, answers, error } of outcomes) {
    if (!isHonest(placeOf(server.name))) continue;
    assert.equal(error, undefined, server.name);
    assert.equal(answers.length, 2, server.name);
    assert(bounds && bounds.earliestMicros <= truthMicros, server.name);
    assert(bounds.latestMicros >= truthMicros, server.name);
    if (hasMajority) assert.equal(status, "ok", server.name);
  }
  const places = chain.map(({ server }) =>
    placeOf(outcomes[server]?.server.name ?? "")
  );
  for (const { earlier, later } of violations) {
    const pair = [places[earlier], places[later]] as [number, number];
    assert(!pair.every(isHonest), `${pair} are honest`);
  }
  if (chain.length === 0) return;
  const text = malfeasanceReport(chain);
  const verdict = await judgeReport(parseReport(text));
  assert(verdict.ok, "every entry is proven and chained");
  assert.deepEqual(verdict.violations, violations);
  assert.deepEqual(violations, contradictions(verdict.entries));
  for (const form of ["rfc-10049", "bare-array"] as const) {
    assert.equal(
      await confirmMalfeasance(malfeasanceReport(chain, form)),
      violations.length > 0,
    );
  }
}

/** Each pair of which the later says that it is before the earlier (section 8.2). */
function contradictions(
  entries: readonly {
    readonly verdict: {
      readonly midpointMicros: bigint;
      readonly radiusMicros: bigint;
    };
  }[],
) {
  return entries.flatMap(({ verdict: a }, earlier) =>
    entries.flatMap(({ verdict: b }, later) => {
      const gapMicros = a.midpointMicros - b.midpointMicros - a.radiusMicros -
        b.radiusMicros;
      return earlier < later && gapMicros > 0n
        ? [{ earlier, later, gapMicros }]
        : [];
    })
  );
}

/** The dialects that a list can ask for by their number. */
export const LISTABLE: readonly Dialect[] = Object.values(DIALECTS)
  .filter(({ id }) => id !== "draft-12");
