/**
 * Asking one server until an answer satisfies: addresses raced, requests repeated with
 * back-off, offers falling back, TCP where UDP stays silent. What satisfies is for the
 * caller's judge to say; until then anything that comes in is only noise, since anybody
 * can send a datagram.
 *
 * @module
 */

import type { Transport } from "../net/transport.ts";
import { isFramed } from "../wire/frame.ts";
import type { DatagramOptions, DatagramSocket, Peer } from "../net/datagram.ts";
import { AddressPeer, samePeer } from "../net/peer.ts";
import { type Address, type Lookup, resolve } from "../net/resolve.ts";
import { connectTcp, type TcpConnection } from "../net/tcp.ts";
import { localAddress, openUdp } from "../net/udp.ts";
import { unreachable } from "../net/unreachable.ts";

/** A request that is out, and when it first went out. */
export interface Attempt {
  /** The packet. */
  readonly request: Uint8Array;
  /** `performance.now()` just before its first byte left. */
  readonly sentAt: number;
  /** `Date.now()` then. */
  readonly sentWallAt: number;
}

/** A packet that came in from an address that was asked. */
export interface Arrival {
  /** The packet; the judge may keep it. */
  readonly response: Uint8Array;
  /** `performance.now()` just after it came in. */
  readonly receivedAt: number;
  /** `Date.now()` then. */
  readonly receivedWallAt: number;
  /** Who sent it, as `host:port`. */
  readonly from: string;
  /** How it came. */
  readonly transport: Transport;
  /** Requests it may answer, newest first. */
  readonly attempts: readonly Attempt[];
}

/** What {@linkcode ask} needs. */
export interface AskOptions<T> {
  /** Name or literal address. */
  readonly host: string;
  /** Port, for UDP and TCP alike. */
  readonly port: number;
  /** How to reach it; `auto` is UDP, with TCP beside it when that stays silent. */
  readonly transport: "auto" | Transport;
  /** Milliseconds until it is given up. */
  readonly timeout: number;
  /** How often a request is sent by UDP at most. */
  readonly retries: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** How many different requests there are. */
  readonly offers: number;
  /** Gives the nth request: always the same packet for the same n. */
  readonly request: (n: number) => Uint8Array;
  /** Looks at what came in: a value ends the asking, `undefined` lets it go on. */
  readonly judge: (arrival: Arrival) => Promise<T | undefined>;
  /** Told who sent something without having been asked; it is not looked at. */
  readonly onStranger?: ((from: string) => void) | undefined;
  /** Resolves names. */
  readonly lookup?: Lookup | undefined;
  /** Opens UDP sockets. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** Back-off between requests (RFC 10049, section 5): 1 s, then 1.5 times as long each time. */
const FIRST_INTERVAL_MS = 1000;
const BACKOFF = 1.5;
const MAX_INTERVAL_MS = 86_400_000;

/** Head start of each address over the next one (RFC 8305, section 5). */
const RACE_MS = 250;

/** UDP has been silent this long, or half the timeout, when TCP is tried beside it. */
const TCP_AFTER_MS = 2500;

/** An address that has not taken a connection by then gives way to the next one. */
const CONNECT_MS = 2000;

/** Datagrams taken at once. */
const RECEIVE_BATCH = 8;

/** Packets that may wait for the judge; only a stream can bring so many. */
const MAX_WAITING = 256;

/** Beyond this a timer of the runtime fires at once. */
const MAX_TIMER_MS = 0x7fffffff;

/** The wait after the nth request, counted from 0. */
export function retryInterval(n: number): number {
  return Math.min(FIRST_INTERVAL_MS * BACKOFF ** n, MAX_INTERVAL_MS);
}

/**
 * Asks until the judge is satisfied.
 *
 * @returns What the judge gave, or `undefined` if the time ran out.
 * @throws {NetworkError} If the server cannot be asked at all.
 * @throws The signal's reason if it aborts.
 */
export async function ask<T>(options: AskOptions<T>): Promise<T | undefined> {
  const { host, port, signal } = options;
  signal?.throwIfAborted();
  const controller = new AbortController();
  const outer = () => controller.abort(signal?.reason);
  signal?.addEventListener("abort", outer, { once: true });
  const timer = setTimeout(
    () => controller.abort(),
    Math.min(options.timeout, MAX_TIMER_MS),
  );
  const asking = new Asking(options, controller.signal);
  try {
    const addresses = await untilAborted(
      resolve(host, options.lookup),
      controller.signal,
    );
    if (addresses) {
      await asking.run(addresses, port);
      signal?.throwIfAborted();
      if (!asking.done && asking.failures.length > 0 && !asking.reached) {
        throw unreachable(host, port, asking.failures);
      }
    }
    signal?.throwIfAborted();
    return asking.answer;
  } finally {
    clearTimeout(timer);
    controller.abort();
    signal?.removeEventListener("abort", outer);
    await asking.settled();
  }
}

function untilAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    if (signal.aborted) resolve(undefined);
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

/** A socket, and who was asked through it. */
interface AskingSocket {
  readonly socket: DatagramSocket;
  readonly asked: Set<Peer>;
}

/** One run of {@linkcode ask}. */
class Asking<T> {
  /** What the judge gave. */
  answer: T | undefined;
  /** Has the judge given something? */
  done = false;
  /** Did any packet get on its way? */
  reached = false;
  /** What went wrong in reaching the server. */
  readonly failures: unknown[] = [];
  readonly #options: AskOptions<T>;
  readonly #signal: AbortSignal;
  readonly #stop = new AbortController();
  readonly #attempts: Attempt[] = [];
  readonly #readers: Promise<void>[] = [];
  #judging: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: AskOptions<T>, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#stop.abort(), { once: true });
  }

  async run(addresses: readonly Address[], port: number): Promise<void> {
    const { transport, timeout } = this.#options;
    const ways: Promise<void>[] = [];
    const hopeless = new AbortController(); // aborted when UDP is out of the question
    if (transport !== "tcp") {
      ways.push(
        this.#udp(addresses, port).then(() => {
          if (!this.reached) hopeless.abort();
        }),
      );
    }
    if (transport !== "udp") {
      const delay = transport === "tcp"
        ? 0
        : Math.min(TCP_AFTER_MS, timeout / 2);
      ways.push(
        this.#sleep(delay, hopeless.signal).then(() =>
          this.#tcp(addresses, port)
        ),
      );
    }
    await Promise.all(ways);
    // Everything is sent: what remains is to listen until the time is up.
    if (this.reached) await this.#sleep(this.#options.timeout);
  }

  /** Waits until nothing of this run is under way any more. */
  async settled(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#readers);
    await this.#judging;
  }

  /** Waits; ends early when the run stops or the extra signal aborts. */
  #sleep(ms: number, early?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#stop;
      if (signal.aborted || early?.aborted || ms <= 0) return resolve();
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", finish);
        early?.removeEventListener("abort", finish);
        resolve();
      };
      const timer = setTimeout(finish, Math.min(ms, MAX_TIMER_MS));
      signal.addEventListener("abort", finish, { once: true });
      early?.addEventListener("abort", finish, { once: true });
    });
  }

  #attempt(request: Uint8Array): void {
    // The first time counts, however often the same bytes go out again: a reply then
    // looks slower than it was, and the bounds wider, never the other way round.
    if (this.#attempts.some((attempt) => attempt.request === request)) return;
    this.#attempts.unshift({
      request,
      sentAt: performance.now(),
      sentWallAt: Date.now(),
    });
  }

  #arrived(response: Uint8Array, from: string, transport: Transport): void {
    const receivedAt = performance.now();
    const receivedWallAt = Date.now();
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    this.#judging = this.#judging.then(async () => {
      this.#waiting--;
      if (this.#stop.signal.aborted) return;
      const value = await this.#options.judge({
        response,
        receivedAt,
        receivedWallAt,
        from,
        transport,
        attempts: this.#attempts,
      });
      if (value === undefined || this.done) return;
      this.answer = value;
      this.done = true;
      this.#stop.abort();
    });
  }

  async #udp(addresses: readonly Address[], port: number): Promise<void> {
    const sockets = new Map<number, AskingSocket>();
    const peers: (AskingSocket & { peer: Peer })[] = [];
    for (const { hostname, family } of addresses) {
      try {
        const opened = sockets.get(family) ?? await this.#open(hostname);
        sockets.set(family, opened);
        peers.push({ ...opened, peer: opened.socket.peer(hostname, port) });
      } catch (error) {
        this.failures.push(error);
      }
    }
    const close = () => sockets.forEach(({ socket }) => socket.close());
    const { signal } = this.#stop;
    signal.addEventListener("abort", close, { once: true });
    if (signal.aborted) return close();
    for (let n = 0; n < this.#options.retries; n++) {
      const request = this.#options.request(n % this.#options.offers);
      const started = performance.now();
      let taken = 0;
      for (const [i, { socket, asked, peer }] of peers.entries()) {
        // Only the first round races; later ones find out nothing by waiting.
        if (n === 0 && i > 0) await this.#sleep(RACE_MS);
        if (signal.aborted) return;
        asked.add(peer);
        this.#attempt(request);
        taken += await socket.send([{ bytes: request, peer }]);
      }
      if (taken > 0) this.reached = true;
      else if (n === 0) {
        this.failures.push(new Error("the system would not send"));
        return;
      }
      if (n + 1 === this.#options.retries) return;
      const spent = performance.now() - started;
      await this.#sleep(Math.max(1, retryInterval(n) - spent));
      if (signal.aborted) return;
    }
  }

  async #open(hostname: string): Promise<AskingSocket> {
    const asked = new Set<Peer>();
    const socket = await (this.#options.open ?? openUdp)({
      hostname: localAddress(hostname),
      port: 0,
      maxBatch: RECEIVE_BATCH,
    });
    this.#readers.push((async () => {
      while (true) {
        const batch = await socket.receive();
        if (batch.length === 0) return;
        for (const { bytes, peer } of batch) {
          const from = String(peer);
          // Only whoever was asked may answer, and where it was asked.
          if ([...asked].some((one) => samePeer(one, peer))) {
            this.#arrived(bytes.slice(), from, "udp");
          } else this.#options.onStranger?.(from);
        }
        // Nothing more is taken until this is judged: a flood then waits, and is lost, in
        // the kernel's buffer rather than in our memory.
        await this.#judging;
      }
    })());
    return { socket, asked };
  }

  async #tcp(addresses: readonly Address[], port: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    for (const { hostname } of addresses) {
      const from = String(new AddressPeer(hostname, port));
      let connection: TcpConnection;
      const patience = new AbortController();
      const giveUp = () => patience.abort();
      this.#stop.signal.addEventListener("abort", giveUp, { once: true });
      const timer = setTimeout(giveUp, CONNECT_MS);
      try {
        connection = await connectTcp(
          { hostname, port },
          (packet) => this.#arrived(packet, from, "tcp"),
          patience.signal,
        );
      } catch (error) {
        if (this.#stop.signal.aborted) return; // out of time, which is no fault of theirs
        this.failures.push(error);
        continue;
      } finally {
        clearTimeout(timer);
      }
      this.reached = true;
      await this.#talk(connection);
      if (this.#stop.signal.aborted) return;
      // Hung up without an answer that satisfies: there may be another address.
    }
  }

  /** Sends each framed offer in turn until the other end closes or the run stops. */
  async #talk(connection: TcpConnection): Promise<void> {
    let open = true;
    const closed = new AbortController();
    connection.closed.then(() => {
      open = false;
      closed.abort();
    });
    for (let n = 0; open && n < this.#options.offers; n++) {
      const request = this.#options.request(n);
      if (!isFramed(request)) continue; // Google's protocol is UDP only
      this.#attempt(request);
      connection.send(request);
      await this.#sleep(retryInterval(n), closed.signal);
      if (this.#stop.signal.aborted) break;
    }
    if (open) await this.#sleep(this.#options.timeout, closed.signal);
    connection.close();
    await connection.closed;
  }
}
