/**
 * One socket of a load generator: what it has under way, and what became of it.
 *
 * @module
 */

import { Histogram } from "./histogram.ts";
import type { LoadJudge } from "./judge.ts";
import { type LoadPacket, REPLY } from "./packet.ts";
import type { Datagram, DatagramSocket, Peer } from "../net/datagram.ts";
import { samePeer } from "../net/peer.ts";

/** Datagrams sent at once. */
const LANE_BATCH = 64;

/** After so many batches without one, others get a turn: a backend may never wait. */
const TURN_AFTER = 16;

/** Time, for tests to have their own. */
export interface LoadClock {
  /** Milliseconds that never go back. */
  now(): number;
  /** Waits so long, in milliseconds, or somewhat longer. */
  sleep(millis: number): Promise<void>;
  /** Waits until sockets and timers had their turn. */
  turn(): Promise<void>;
}

/** What all lanes count together; see `LoadMeasurement` for the meanings. */
export class LoadTally {
  /** Requests planned from here on count, in milliseconds of the clock. */
  from: number = Infinity;
  /** None is sent from here on. */
  until: number = Infinity;
  sent: number = 0;
  answered: number = 0;
  repliesWhileMeasuring: number = 0;
  lost: number = 0;
  late: number = 0;
  unsent: number = 0;
  bad: number = 0;
  matchedByOrder: number = 0;
  replyBytes: number = 0;
  readonly pathLengths: number[] = new Array(33).fill(0);
  readonly latencyNanos: Histogram = new Histogram();
  readonly sendDelayNanos: Histogram = new Histogram();
  /** What nobody foresaw; it ends the run. */
  failure: unknown;

  /** Keeps the first failure. */
  fail(error: unknown): void {
    this.failure ??= error;
  }
}

/** Options of a {@linkcode LoadLane}. */
export interface LoadLaneOptions {
  readonly socket: DatagramSocket;
  /** Who is asked. */
  readonly peer: Peer;
  readonly packet: LoadPacket;
  readonly clock: LoadClock;
  readonly tally: LoadTally;
  readonly judge: LoadJudge | undefined;
  /** Requests that are remembered; a power of two. */
  readonly capacity: number;
  /** Milliseconds until a request is given up. */
  readonly timeoutMillis: number;
  /** How many requests to keep under way; or when to send each. */
  readonly pace:
    | { readonly window: number }
    | { readonly firstAt: number; readonly everyMillis: number };
}

const STATE = { unused: 0, underWay: 1, answered: 2, givenUp: 3 } as const;

/** Where replies do not say whom they answer, requests this far back may be meant. */
const MAX_CANDIDATES = 256;

/**
 * Requests are numbered, and a number's low bits say where its times and its state are
 * kept. The ring is that large that a number is given up long before its place is needed.
 */
export class LoadLane {
  readonly #options: LoadLaneOptions;
  readonly #plannedAt: Float64Array;
  readonly #sentAt: Float64Array;
  readonly #state: Uint8Array;
  readonly #mask: number;
  readonly #batch: Datagram[] = [];
  readonly #paced: boolean;
  #next = 0; // numbers are uint32s and start again
  #oldest = 0;
  #underWay = 0;
  #plannedNext = 0;
  #sending: Promise<void> | undefined;

  constructor(options: LoadLaneOptions) {
    this.#options = options;
    const { capacity, packet, peer, pace } = options;
    this.#plannedAt = new Float64Array(capacity);
    this.#sentAt = new Float64Array(capacity);
    this.#state = new Uint8Array(capacity);
    this.#mask = capacity - 1;
    for (let i = 0; i < LANE_BATCH; i++) {
      this.#batch.push({ bytes: packet.make(), peer });
    }
    this.#paced = "firstAt" in pace;
    if ("firstAt" in pace) this.#plannedNext = pace.firstAt;
  }

  /** How many requests are under way. */
  get underWay(): number {
    return this.#underWay;
  }

  /** When the next request is due; `Infinity` if that depends on replies. */
  get nextAt(): number {
    return this.#paced ? this.#plannedNext : Infinity;
  }

  /** Requests that were planned before the end and never sent: too late is lost, too. */
  get overdue(): number {
    const { pace, tally } = this.#options;
    if ("window" in pace || tally.from === Infinity) return 0;
    const { everyMillis } = pace;
    const behind = Math.max(0, tally.from - this.#plannedNext);
    const first = this.#plannedNext +
      Math.ceil(behind / everyMillis) * everyMillis;
    return Math.max(0, Math.ceil((tally.until - first) / everyMillis));
  }

  /** Sends what is due. */
  pump(): void {
    if (this.#sending) return;
    const { tally } = this.#options;
    this.#sending = this.#sendDue().catch((error) => tally.fail(error))
      .finally(() => this.#sending = undefined);
  }

  async #sendDue(): Promise<void> {
    const { socket, clock, tally } = this.#options;
    for (let round = 1;; round++) {
      const now = clock.now();
      let count = 0;
      while (count < LANE_BATCH && this.#isDue(now)) this.#issue(count++, now);
      if (count === 0) return;
      const batch = count === LANE_BATCH
        ? this.#batch
        : this.#batch.slice(0, count);
      const taken = await socket.send(batch);
      if (taken < count && now >= tally.from) tally.unsent += count - taken;
      if (round % TURN_AFTER === 0) await clock.turn();
    }
  }

  #isDue(now: number): boolean {
    const { pace, tally } = this.#options;
    if (now >= tally.until) return false;
    return "window" in pace
      ? this.#underWay < pace.window
      : this.#plannedNext <= now && this.#plannedNext < tally.until;
  }

  /** Puts the next request into a place of the batch. */
  #issue(place: number, now: number): void {
    const { packet, pace, tally } = this.#options;
    const number = this.#next;
    const at = number & this.#mask;
    if (this.#state[at] === STATE.underWay) this.#giveUp(at);
    let plannedAt = now;
    if ("everyMillis" in pace) {
      plannedAt = this.#plannedNext;
      this.#plannedNext += pace.everyMillis;
    }
    this.#plannedAt[at] = plannedAt;
    this.#sentAt[at] = now;
    this.#state[at] = STATE.underWay;
    this.#underWay++;
    this.#next = (number + 1) >>> 0;
    packet.write((this.#batch[place] as Datagram).bytes, number);
    if (plannedAt < tally.from) return;
    tally.sent++;
    if (this.#paced) tally.sendDelayNanos.record((now - plannedAt) * 1e6);
  }

  #giveUp(at: number): void {
    const { tally } = this.#options;
    this.#state[at] = STATE.givenUp;
    this.#underWay--;
    if ((this.#plannedAt[at] ?? 0) >= tally.from) tally.lost++;
  }

  /** Gives up what is under way for too long. */
  sweep(now: number): void {
    const { timeoutMillis } = this.#options;
    for (; this.#oldest !== this.#next; this.#advance()) {
      const at = this.#oldest & this.#mask;
      if (this.#state[at] !== STATE.underWay) continue;
      if (now - (this.#sentAt[at] ?? 0) <= timeoutMillis) return;
      this.#giveUp(at);
    }
  }

  #advance(): void {
    this.#oldest = (this.#oldest + 1) >>> 0;
  }

  /** Takes replies until the socket closes. */
  async listen(): Promise<void> {
    const { socket, clock, judge } = this.#options;
    for (let round = 1;; round++) {
      const batch = await socket.receive();
      if (batch.length === 0) return await this.#sending;
      const now = clock.now();
      for (const datagram of batch) this.#take(datagram, now);
      this.pump();
      if (judge) await judge.keepUp();
      if (round % TURN_AFTER === 0) await clock.turn();
    }
  }

  #take({ bytes, peer }: Datagram, now: number): void {
    const { packet, tally, judge } = this.#options;
    let number = packet.read(bytes);
    const anonymous = number === REPLY.anonymous;
    if (anonymous) number = this.#oldestFor(peer);
    const age = (this.#next - number) >>> 0;
    const known = number >= 0 && age >= 1 && age <= this.#mask + 1;
    const at = number & this.#mask;
    const state = known ? this.#state[at] : STATE.unused;
    if (state === STATE.unused || state === STATE.answered) {
      if (now >= tally.from) tally.bad++;
      return;
    }
    const plannedAt = this.#plannedAt[at] ?? 0;
    const counts = plannedAt >= tally.from;
    this.#state[at] = STATE.answered;
    if (state === STATE.givenUp) {
      if (counts) tally.late++;
      return;
    }
    this.#underWay--;
    if (now >= tally.from && now < tally.until) tally.repliesWhileMeasuring++;
    if (!counts) return;
    tally.answered++;
    tally.replyBytes += bytes.length;
    tally.latencyNanos.record((now - plannedAt) * 1e6);
    const depth = Math.min(32, packet.pathLength);
    tally.pathLengths[depth] = (tally.pathLengths[depth] ?? 0) + 1;
    if (anonymous) tally.matchedByOrder++;
    if (!judge?.isDue()) return;
    const others = anonymous ? this.#unanswered() : [];
    judge.take(bytes, [number, ...others].map((one) => packet.make(one)));
  }

  /** The request that waits longest, if the reply comes from who was asked. */
  #oldestFor(peer: Peer): number {
    // Without a nonce of ours in the reply its sender is all there is to go by.
    if (!samePeer(peer, this.#options.peer)) return REPLY.foreign;
    for (; this.#oldest !== this.#next; this.#advance()) {
      if (this.#state[this.#oldest & this.#mask] === STATE.underWay) {
        return this.#oldest;
      }
    }
    return REPLY.foreign;
  }

  /** Numbers of late that a reply may be meant for. */
  #unanswered(): number[] {
    const numbers: number[] = [];
    for (let back = 1; back <= MAX_CANDIDATES && back <= this.#mask; back++) {
      const number = (this.#next - back) >>> 0;
      const state = this.#state[number & this.#mask];
      if (state === STATE.underWay || state === STATE.givenUp) {
        numbers.push(number);
      }
    }
    return numbers.reverse();
  }
}
