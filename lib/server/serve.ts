/**
 * The loop that puts a {@linkcode Server} on the network: take what is waiting, answer it
 * with one signature, send, go back. There is no batch timer.
 *
 * @module
 */

import {
  type PacketCounters,
  type ServerCounters,
  sumCounters,
} from "./counters.ts";
import type { DropReason } from "./drop_reason.ts";
import type { FastResponder } from "./fast/responder.ts";
import { INPUT_BYTES, inputOffset, SLOTS } from "./fast/kernel/layout.ts";
import { announced, openAll } from "./listen.ts";
import { Listener } from "./listener.ts";
import { startSelfCheck } from "./self_check_start.ts";
import type { ListenerState } from "./self_check.ts";
import type { ListenAddress, ServeOptions } from "./serve_options.ts";
import {
  type Datagram,
  isOverlong,
  type PacketSocket,
} from "../net/datagram.ts";
import type { Server } from "./core.ts";
import { type EventSink, guarded } from "./event.ts";

export { DEFAULT_PORT } from "./check_options.ts";
export type { ListenerState } from "./self_check.ts";
export type { ListenAddress, ServeOptions } from "./serve_options.ts";

/** A server on the network. */
export interface RunningServer extends AsyncDisposable {
  /** Where it listens first. */
  readonly address: ListenAddress;
  /** What the server has done so far: `server.counters`, and those of its workers. */
  readonly counters: ServerCounters;
  /** Brings `counters` up to date with what workers have done in the last second. */
  refresh(): Promise<void>;
  /** Everywhere it listens. */
  readonly addresses: readonly ListenAddress[];
  /** Does it answer where it listens? As the last self-check found. */
  readonly listeners: readonly ListenerState[];
  /** Questions that it has asked itself so far. */
  readonly selfChecks: number;
  /** Settles when it has stopped. */
  readonly finished: Promise<void>;
  /** Stops it after the batches that are being answered. */
  shutdown(): Promise<void>;
}

/**
 * Serves on UDP and TCP until shut down.
 *
 * @example
 * ```ts
 * import { serve, Server } from "@roughly/roughly/server";
 *
 * const server = await Server.create();
 * await using running = await serve(server, { hostname: "127.0.0.1", port: 0 });
 * console.log(running.address.port);
 * ```
 *
 * @param server Answers the requests.
 * @param options Where to listen.
 * @returns The running server, once it listens everywhere.
 * @throws {ServerError} With code `bind` if an address cannot be had.
 */
export async function serve(
  server: Server,
  options: ServeOptions = {},
): Promise<RunningServer> {
  const tell = guarded(options.onEvent);
  const listening = await openAll(server, options, tell);
  const { sockets, pools } = listening;
  const listeners = sockets.map((socket) =>
    new Listener(socket, listening.reopen.get(socket))
  );
  const check = startSelfCheck(server, [...pools, ...listeners], options, tell);
  const stopAll = () => {
    check.stop();
    pools.forEach((pool) => pool.stop());
    listeners.forEach((listener) => listener.stop());
  };
  const { signal } = options;
  const finished = Promise.all([
    ...pools.map((pool) => pool.finished.then(stopAll)),
    ...listeners.map(async (listener) => {
      await pump(server, listener, tell);
      // Half a server would look alive: whoever restarts it has to see that it ended.
      stopAll();
      await listener.close();
    }),
  ]).then(() => signal?.removeEventListener("abort", stopAll));
  signal?.addEventListener("abort", stopAll, { once: true });
  if (signal?.aborted) stopAll();
  const shutdown = async () => {
    stopAll();
    await finished;
  };
  const addresses = announced(listening)
    .filter(({ transport }) => transport === "udp")
    .map(({ address }) => address);
  return {
    address: addresses[0] as ListenAddress,
    get counters() {
      return pools.length === 0 ? server.counters : sumCounters([
        server.counters,
        ...pools.map((pool) => pool.counters),
      ]);
    },
    refresh: async () => {
      await Promise.all(pools.map((pool) => pool.refresh()));
    },
    addresses,
    get listeners() {
      return check.states;
    },
    get selfChecks() {
      return check.asked;
    },
    finished,
    shutdown,
    [Symbol.asyncDispose]: shutdown,
  };
}

/** Faults in a row after which a socket is taken to be beyond help. */
const MAX_FAULTS = 100;

async function pump(
  server: Server,
  listener: Listener,
  tell: EventSink,
): Promise<void> {
  const { transport } = listener;
  const counters = server.counters[transport];
  const slots = transport === "udp" ? server.openSlots() : undefined;
  let socket = await listener.next();
  for (let faults = 0; socket !== undefined && faults < MAX_FAULTS;) {
    try {
      const batch = await socket.receive();
      if (batch.length === 0) {
        socket = await listener.next(socket);
        continue;
      }
      listener.sent += await answer(server, socket, batch, counters, slots);
      faults = 0;
    } catch {
      // Nothing in here is meant to throw. If it does all the same, go on.
      faults++;
      server.counters.panics++;
      tell({ kind: "restarted", what: `${transport} loop` });
    }
  }
  if (socket !== undefined) {
    tell({ kind: "gave-up", what: `${transport} loop` });
  }
}

async function answer(
  server: Server,
  socket: PacketSocket,
  batch: readonly Datagram[],
  counters: PacketCounters,
  slots: FastResponder | undefined,
): Promise<number> {
  counters.received += batch.length;
  let replies: Datagram[] = [];
  let sent = 0;
  let dropped = 0;
  try {
    // Of those beyond what a datagram may have, there is no saying what they were.
    const whole = socket.transport === "udp" && batch.some(isOverlong)
      ? batch.filter((one) => !isOverlong(one))
      : batch;
    dropped = batch.length - whole.length;
    counters.dropped.framing += dropped;
    const outcomes = whole.length === 0
      ? []
      : slots && whole.length <= SLOTS
      ? await answerInPlace(server, whole, slots)
      : await server.handleBatch(
        whole.map(({ bytes }) => bytes),
        { transport: socket.transport, peers: whole.map(({ peer }) => peer) },
      );
    outcomes.forEach((outcome, i) => {
      if ("drop" in outcome) {
        counters.dropped[outcome.drop]++;
        dropped++;
      } else {
        const { peer } = whole[i] as Datagram;
        replies.push({ bytes: outcome.reply, peer });
      }
    });
    sent = await socket.send(replies);
    return sent;
  } catch (error) {
    replies = [];
    throw error;
  } finally {
    // Every packet is counted once, also when something threw on the way.
    counters.answered += sent;
    counters.dropped.write += replies.length - sent;
    counters.dropped.internal += batch.length - dropped - replies.length;
    socket.settle?.(batch);
  }
}

/** The replies stay good until the next batch, by when they are sent. */
async function answerInPlace(
  server: Server,
  batch: readonly Datagram[],
  slots: FastResponder,
): Promise<({ reply: Uint8Array } | { drop: DropReason })[]> {
  batch.forEach(({ bytes }, slot) => {
    slots.lengths[slot] = bytes.length;
    slots.kernel.bytes.set(bytes.subarray(0, INPUT_BYTES), inputOffset(slot));
  });
  await server.handleSlots(slots, batch.length);
  return batch.map((_, slot) =>
    slots.replyLengths[slot] === 0
      ? { drop: slots.drops[slot] ?? "internal" }
      : { reply: slots.reply(slot) }
  );
}
