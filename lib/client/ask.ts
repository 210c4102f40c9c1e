/**
 * Asking one server until an answer satisfies: addresses raced, requests repeated with
 * back-off, offers falling back, TCP where UDP stays silent. What satisfies is for the
 * caller's judge to say; until then anything that comes in is only noise, since anybody
 * can send a datagram.
 *
 * @module
 */

import type { Transport } from "../net/transport.ts";
import { MAX_TIMER_MS, pause, untilAborted } from "./until_aborted.ts";
import type { AskOptions, Attempt } from "./question.ts";
import { isFramed } from "../wire/frame.ts";
import {
  type DatagramSocket,
  formatAddress,
  type Peer,
} from "../net/datagram.ts";
import { findCause } from "../net/cause.ts";
import { AddressPeer, samePeer } from "../net/peer.ts";
import { type Address, resolve } from "../net/resolve.ts";
import { connectTcp, type TcpConnection } from "../net/tcp.ts";
import { localAddress, openUdp } from "../net/udp.ts";
import { unreachable } from "../net/unreachable.ts";

export type { Arrival, AskOptions, Attempt } from "./question.ts";

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
      const names = addresses.map(({ hostname }) => hostname);
      if (!names.includes(host)) {
        options.onTrace?.({ kind: "lookup", host, addresses: names });
      }
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
  /** Addresses that UDP has been sent to, and those of them that refuse it. */
  readonly #asked = new Set<string>();
  readonly #refused = new Set<string>();
  /** Aborted when UDP is out of the question. */
  readonly #hopeless = new AbortController();

  constructor(options: AskOptions<T>, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#stop.abort(), { once: true });
  }

  async run(addresses: readonly Address[], port: number): Promise<void> {
    const { transport, timeout } = this.#options;
    const ways: Promise<void>[] = [];
    if (transport !== "tcp") {
      ways.push(
        this.#udp(addresses, port).then(() => {
          if (!this.reached) this.#hopeless.abort();
        }),
      );
    }
    if (transport !== "udp") {
      const delay = transport === "tcp"
        ? 0
        : Math.min(TCP_AFTER_MS, timeout / 2);
      ways.push(
        this.#sleep(delay, this.#hopeless.signal).then(() =>
          this.#tcp(addresses, port)
        ),
      );
    }
    await Promise.all(ways);
    // Everything is sent: what remains is to listen until the time is up.
    if (this.reached) await this.#sleep(timeout, this.#hopeless.signal);
    // What came before the refusal may still satisfy.
    await this.#judging;
  }

  /** Takes note of an address to which there is no way. */
  #fail(transport: Transport, address: string, error: unknown): void {
    this.failures.push(error);
    const { reason } = findCause(error);
    this.#options.onTrace?.({
      kind: "fail",
      transport,
      address,
      reason,
      error,
    });
  }

  /**
   * An ICMP message says that nobody listens. It proves nothing, so TCP is still asked; but
   * where every address refuses there is nothing to wait for.
   */
  #refuse(from: string | undefined, peers: readonly string[]): void {
    const [only] = peers;
    const address = from ?? (peers.length === 1 ? only : undefined);
    if (this.done || address === undefined || !this.#asked.has(address)) return;
    if (this.#refused.has(address)) return;
    this.#refused.add(address);
    const error = Object.assign(new Error("connection refused"), {
      code: "ECONNREFUSED",
    });
    this.#fail("udp", address, error);
    if (!peers.every((peer) => this.#refused.has(peer))) return;
    this.reached = false;
    this.#hopeless.abort();
  }

  /** Waits until nothing of this run is under way any more. */
  async settled(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#readers);
    await this.#judging;
  }

  /** Waits; ends early when the run stops or the extra signal aborts. */
  #sleep(ms: number, early?: AbortSignal): Promise<void> {
    return pause(ms, early ? [this.#stop.signal, early] : [this.#stop.signal]);
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
    const names: string[] = [];
    for (const { hostname, family } of addresses) {
      try {
        const opened = sockets.get(family) ??
          await this.#open(hostname, names);
        sockets.set(family, opened);
        const peer = opened.socket.peer(hostname, port);
        peers.push({ ...opened, peer });
        names.push(String(peer));
      } catch (error) {
        this.#fail("udp", formatAddress(hostname, port), error);
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
        this.#asked.add(String(peer));
        this.#attempt(request);
        this.#sent("udp", String(peer), n);
        taken += await socket.send([{ bytes: request, peer }]);
      }
      if (this.#hopeless.signal.aborted) return;
      if (taken > 0) this.reached = true;
      else if (n === 0) {
        this.failures.push(new Error("the system would not send"));
        return;
      }
      if (n + 1 === this.#options.retries) return;
      const spent = performance.now() - started;
      const pause = Math.max(1, retryInterval(n) - spent);
      await this.#sleep(pause, this.#hopeless.signal);
      if (signal.aborted || this.#hopeless.signal.aborted) return;
    }
  }

  #sent(transport: Transport, address: string, n: number): void {
    const { offers, request, versions, onTrace } = this.#options;
    onTrace?.({
      kind: "send",
      transport,
      address,
      versions: versions?.(n % offers) ?? [],
      bytes: request(n % offers).length,
      retry: n,
    });
  }

  async #open(
    hostname: string,
    names: readonly string[],
  ): Promise<AskingSocket> {
    const asked = new Set<Peer>();
    const socket = await (this.#options.open ?? openUdp)({
      hostname: localAddress(hostname),
      port: 0,
      maxBatch: RECEIVE_BATCH,
      onRefused: (from) => this.#refuse(from, names),
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
          } else {
            this.#options.onTrace?.({
              kind: "drop",
              transport: "udp",
              address: from,
              bytes: bytes.length,
              why: "stranger",
            });
          }
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
        this.#fail("tcp", from, error);
        continue;
      } finally {
        clearTimeout(timer);
      }
      this.reached = true;
      this.#options.onTrace?.({
        kind: "connect",
        transport: "tcp",
        address: from,
      });
      await this.#talk(connection, from);
      if (this.#stop.signal.aborted) return;
      this.#options.onTrace?.({
        kind: "close",
        transport: "tcp",
        address: from,
        broken: connection.broken,
      });
      // Hung up without an answer that satisfies: there may be another address.
    }
  }

  /** Sends each framed offer in turn until the other end closes or the run stops. */
  async #talk(connection: TcpConnection, to: string): Promise<void> {
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
      this.#sent("tcp", to, n);
      connection.send(request);
      await this.#sleep(retryInterval(n), closed.signal);
      if (this.#stop.signal.aborted) break;
    }
    if (open) await this.#sleep(this.#options.timeout, closed.signal);
    connection.close();
    await connection.closed;
  }
}
