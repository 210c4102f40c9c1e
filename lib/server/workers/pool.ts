/**
 * Workers on one address: each has a socket of its own on the same port, and the kernel
 * deals the clients out. This thread binds the sockets, hands out keys, sums up numbers, and
 * replaces a worker that dies.
 *
 * @module
 */

import {
  createCounters,
  type ServerCounters,
  sumCounters,
} from "../counters.ts";
import { ServerError } from "../../wire/errors.ts";
import { LibcSocket } from "../../net/linux/socket.ts";
import { every } from "../../net/heartbeat.ts";
import type { Server } from "../core.ts";
import type { EventSink } from "../event.ts";
import type { PortableServer } from "../options.ts";
import type { Order, Report } from "./message.ts";

/** Options of {@linkcode WorkerPool.bind}. */
export interface WorkerPoolOptions {
  /** Literal address. */
  readonly hostname: string;
  /** Port, 0 for any. */
  readonly port: number;
  /** How many workers. */
  readonly workers: number;
  /** Most datagrams that one takes at once. */
  readonly maxBatch: number;
  /** Longest time that datagrams are let gather, in microseconds. */
  readonly maxDelayMicros: number;
  /** Receive buffer to ask the system for, for each of them. */
  readonly receiveBufferBytes?: number | undefined;
  /** Told what an operator should know. */
  readonly onEvent: EventSink;
  /** Whether they rehearse before they are ready; yes unless told otherwise, for tests. */
  readonly rehearse?: boolean;
  /** Starts a thread that runs `thread.ts`; for tests. */
  readonly spawn?: (() => Worker) | undefined;
}

/** A dead worker is replaced after this, and later each time that it does not last. */
const RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;

/** How long a worker may take to say what it has done. */
const REFRESH_MS = 500;

/** How long workers have to finish what they are answering. */
const STOP_MS = 5_000;

/** Several threads that answer on one UDP address. */
export class WorkerPool {
  /** Always `udp`. */
  readonly transport = "udp";
  /** Where they listen. */
  readonly address: { readonly hostname: string; readonly port: number };
  /** The smallest receive buffer that the kernel gave. */
  readonly receiveBufferBytes: number | undefined;
  /** Settles when all have stopped. */
  readonly finished: Promise<void>;
  readonly #members: readonly Member[];
  readonly #forget: () => void;

  private constructor(
    server: Server,
    sockets: readonly LibcSocket[],
    options: WorkerPoolOptions,
  ) {
    const [first] = sockets as [LibcSocket];
    this.address = first.address;
    this.receiveBufferBytes = first.receiveBufferBytes;
    this.#members = sockets.map((socket) =>
      new Member(server, socket, options)
    );
    this.#forget = server.onKeys(() => {
      this.#members.forEach((member) => member.handOutKeys());
    });
    // No batch of this thread may do so.
    const endCare = every(server.careMs, () => void server.lookAfter());
    this.finished = Promise.all(this.#members.map((one) => one.finished))
      .then(() => {
        endCare();
        this.#forget();
      });
  }

  /**
   * Binds the sockets. Nobody is answered before {@linkcode WorkerPool.start}.
   *
   * @param server Made with `exportable`.
   * @param options Where, and how many.
   * @throws {ServerError} If the server cannot be told to other threads.
   * @throws What binding throws, such as `AddrInUse`.
   */
  static bind(server: Server, options: WorkerPoolOptions): WorkerPool {
    if (server.export() === undefined) {
      throw new ServerError(
        "config",
        "Cannot use workers: this server cannot be told to other threads",
      );
    }
    const sockets: LibcSocket[] = [];
    try {
      const { hostname, workers, receiveBufferBytes } = options;
      let { port } = options;
      for (let i = 0; i < workers; i++) {
        const socket = new LibcSocket({
          hostname,
          port,
          reusePort: i > 0,
          receiveBufferBytes,
        });
        sockets.push(socket);
        // The first one has the port for itself before it shares it: else another server
        // could have it too, and each would get half of the clients.
        if (i === 0 && workers > 1) socket.sharePort();
        port = socket.address.port;
      }
    } catch (error) {
      sockets.forEach((socket) => socket.close());
      throw error;
    }
    return new WorkerPool(server, sockets, options);
  }

  /**
   * Starts the workers. If they do not start, the pool is closed.
   *
   * @throws {ServerError} If they do not.
   */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#members.map((member) => member.start()));
    } catch (cause) {
      await this.close();
      throw new ServerError("config", "Cannot start workers", { cause });
    }
  }

  /** What all workers have done so far, also those that are gone. */
  get counters(): ServerCounters {
    return sumCounters(this.#members.map((member) => member.counters));
  }

  /** Has all workers say what they have done; settles soon even if one does not. */
  async refresh(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.refresh()));
  }

  /** Replies that all workers have sent so far. */
  async answered(): Promise<number> {
    await this.refresh();
    return this.counters.udp.answered;
  }

  /** Has other threads take over the sockets. */
  reopen(): Promise<void> {
    this.#members.forEach((member) => member.restart());
    return Promise.resolve();
  }

  /** Takes nothing more from the network. What was taken is still answered. */
  stop(): void {
    this.#members.forEach((member) => member.stop());
  }

  /** The same; settles when the sockets are closed. */
  async close(): Promise<void> {
    this.stop();
    await this.finished;
  }
}

/** One socket, and the worker that has it. */
class Member {
  readonly finished: Promise<void>;
  readonly #server: Server;
  readonly #socket: LibcSocket;
  readonly #options: WorkerPoolOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #finish: () => void;
  #worker: Worker | undefined;
  #orders = new Int32Array(new SharedArrayBuffer(4));
  #past: ServerCounters = createCounters();
  #counters: ServerCounters = createCounters();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isReady = false;
  #asked = 0;
  readonly #waiting = new Map<number, () => void>();
  #restarts = 0;
  #state: "running" | "stopping" | "ended" = "running";

  constructor(
    server: Server,
    socket: LibcSocket,
    options: WorkerPoolOptions,
  ) {
    const finished = Promise.withResolvers<void>();
    this.#server = server;
    this.#socket = socket;
    this.#options = options;
    this.finished = finished.promise;
    this.#finish = finished.resolve;
  }

  /** Settles once the worker is ready. */
  start(): Promise<void> {
    this.#start();
    return this.#ready.promise;
  }

  get counters(): ServerCounters {
    return sumCounters([this.#past, this.#counters]);
  }

  #start(): void {
    const { hostname, port } = this.#socket.address;
    const { fd, wakeFd } = this.#socket;
    this.#orders = new Int32Array(new SharedArrayBuffer(4));
    this.#worker = (this.#options.spawn ?? spawn)();
    this.#worker.onmessage = ({ data }) => this.#heed(data as Report);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#died(event.message);
    };
    this.#order({
      kind: "start",
      server: this.#server.export() as PortableServer,
      socket: { fd, wakeFd },
      hostname,
      port,
      maxBatch: this.#options.maxBatch,
      maxDelayMicros: this.#options.maxDelayMicros,
      rehearse: this.#options.rehearse ?? true,
      orders: this.#orders,
    });
  }

  handOutKeys(): void {
    const keys = this.#server.export()?.keys;
    if (keys !== undefined) this.#order({ kind: "keys", keys });
  }

  /** Counted before it is sent, and the worker woken after: it waits for as many as there are. */
  #order(order: Order): void {
    if (this.#state === "ended") return;
    Atomics.add(this.#orders, 0, 1);
    this.#worker?.postMessage(order);
    this.#socket.wake();
  }

  async refresh(): Promise<void> {
    if (this.#worker === undefined || this.#state !== "running") return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, REFRESH_MS);
    const number = ++this.#asked;
    this.#waiting.set(number, resolve);
    this.#order({ kind: "report", number });
    await promise;
    this.#waiting.delete(number);
    clearTimeout(timer);
  }

  /** Lets go of those who wait for an answer to an order up to this one. */
  #answered(last: number): void {
    for (const [number, resolve] of this.#waiting) {
      if (number <= last) resolve();
    }
  }

  #heed(report: Report): void {
    switch (report.kind) {
      case "ready":
        this.#isReady = true;
        return this.#ready.resolve();
      case "counters":
        this.#restarts = 0; // it lasts
        this.#counters = report.counters;
        return this.#answered(report.number);
      case "fault":
        return this.#options.onEvent({
          kind: "panic",
          error: new Error(report.message),
        });
      case "stopped":
        this.#counters = report.counters;
        return this.#end();
    }
  }

  /** Its socket lives on and keeps what comes in meanwhile for the next worker. */
  #died(message: string): void {
    this.#terminate();
    this.#answered(this.#asked);
    if (!this.#isReady) this.#ready.reject(new Error(message));
    if (!this.#isReady || this.#state !== "running") return this.#end();
    this.#past = this.counters;
    this.#past.panics++;
    this.#counters = createCounters();
    this.#options.onEvent({ kind: "restarted", what: `worker: ${message}` });
    const delay = Math.min(
      RESTART_MS * 2 ** this.#restarts++,
      LONGEST_RESTART_MS,
    );
    this.#timer = setTimeout(() => this.#start(), delay);
  }

  /**
   * Ends the thread. It is told of an order that never comes, and so leaves its event loop the
   * turn in which it ends: one that sleeps would be woken in its successor's stead.
   */
  #terminate(): void {
    if (this.#worker === undefined) return;
    Atomics.add(this.#orders, 0, 1);
    this.#socket.wake();
    this.#worker.terminate();
    this.#worker = undefined;
  }

  /** Replaces a thread that gives no answers. */
  restart(): void {
    if (this.#worker === undefined || this.#state !== "running") return;
    this.#died("it does not answer");
  }

  stop(): void {
    if (this.#state !== "running") return;
    this.#state = "stopping";
    clearTimeout(this.#timer);
    if (this.#worker === undefined) return this.#end();
    this.#order({ kind: "stop" });
    this.#timer = setTimeout(() => this.#end("busy"), STOP_MS);
  }

  #end(worker: "gone" | "busy" = "gone"): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    clearTimeout(this.#timer);
    this.#answered(this.#asked);
    this.#terminate();
    // A thread that is busy or blocked goes on for as long as it likes, terminated or not,
    // and its socket's number must not become that of another file meanwhile.
    if (worker === "gone") this.#socket.close();
    this.#finish();
  }
}

function spawn(): Worker {
  return new Worker(new URL("./thread.ts", import.meta.url), {
    type: "module",
    name: "roughly",
  });
}

// Never called. What only an address names is not fetched with the other modules, and a
// server that has to fetch it when it starts does not start without the network.
void (() => import("./thread.ts"));
