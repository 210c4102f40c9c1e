/**
 * Puts a chaos server on UDP, with what only a network can do to replies: lateness,
 * copies, another order, another port.
 *
 * @module
 */

import { checkServeOptions } from "../server/check_options.ts";
import type { ChaosServer, Delivery } from "./server.ts";
import { ServerError } from "../wire/errors.ts";
import {
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
  type Peer,
} from "../net/datagram.ts";
import { isLoopback } from "../net/scope.ts";
import { openUdp } from "../net/udp.ts";
import type { ListenAddress } from "../server/serve.ts";

/** Options of {@linkcode serveChaos}. */
export interface ServeChaosOptions {
  /**
   * Literal address to listen on.
   *
   * @default {"127.0.0.1"}
   */
  readonly hostname?: string | undefined;
  /**
   * Port to listen on, 0 for any.
   *
   * @default {0}
   */
  readonly port?: number | undefined;
  /**
   * Listen on something else than loopback? Whoever takes this server's word elsewhere is
   * deceived, and would be right to be angry.
   *
   * @default {false}
   */
  readonly allowNonLoopback?: boolean | undefined;
  /**
   * Most packets answered in one go.
   *
   * @default {64}
   */
  readonly maxBatch?: number | undefined;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Opens UDP sockets; for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}

/** A chaos server on the network. */
export interface RunningChaos extends AsyncDisposable {
  /** Where it listens. */
  readonly address: ListenAddress;
  /** Settles when it has stopped; rejects with what a behaviour's `only` threw. */
  readonly finished: Promise<void>;
  /** Stops it. What is held back by then is not sent any more. */
  shutdown(): Promise<void>;
}

/**
 * Serves chaos on UDP until shut down, on loopback unless told otherwise.
 *
 * @example
 * ```ts
 * import { ChaosServer, serveChaos } from "@roughly/roughly/chaos";
 * import { sendRequest } from "@roughly/roughly";
 *
 * const server = await ChaosServer.create({
 *   behaviours: [{ kind: "duplicate" }, { kind: "corrupt", share: 0.1 }],
 * });
 * await using running = await serveChaos(server);
 * const { hostname: host, port } = running.address;
 * await sendRequest({ host, port, publicKey: server.publicKey });
 * ```
 *
 * @param server Answers the requests.
 * @param options Where to listen.
 * @returns The running server, once it listens.
 * @throws {ServerError} With code `config` if the address is not loopback, with `bind` if
 *   it cannot be had.
 */
export async function serveChaos(
  server: ChaosServer,
  options: ServeChaosOptions = {},
): Promise<RunningChaos> {
  const { hostname = "127.0.0.1", port = 0, maxBatch = 64 } = options;
  const { allowNonLoopback = false, open = openUdp } = options;
  checkServeOptions({ port, maxBatch });
  if (!allowNonLoopback && !isLoopback(hostname)) {
    throw new ServerError(
      "config",
      `Cannot serve chaos on ${hostname}: it is not loopback`,
    );
  }
  let socket: DatagramSocket;
  try {
    socket = await open({ hostname, port, maxBatch });
  } catch (cause) {
    const address = formatAddress(hostname, port);
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `Cannot listen on ${address}: ${reason}`;
    throw new ServerError("bind", message, { cause });
  }
  const loop = new ChaosLoop(
    server,
    socket,
    () => open({ hostname, port: 0, maxBatch: 1 }),
  );
  const stop = () => loop.stop();
  options.signal?.addEventListener("abort", stop, { once: true });
  if (options.signal?.aborted) stop();
  const finished = loop.run().finally(() =>
    options.signal?.removeEventListener("abort", stop)
  );
  // Whoever shuts it down is told; until then a failure must not end the process.
  finished.catch(() => {});
  const shutdown = async () => {
    stop();
    await finished;
  };
  const { address } = socket;
  return { address, finished, shutdown, [Symbol.asyncDispose]: shutdown };
}

class ChaosLoop {
  readonly #server: ChaosServer;
  readonly #socket: DatagramSocket;
  readonly #openOther: () => Promise<DatagramSocket>;
  readonly #held = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  #other: Promise<DatagramSocket> | undefined;

  constructor(
    server: ChaosServer,
    socket: DatagramSocket,
    openOther: () => Promise<DatagramSocket>,
  ) {
    this.#server = server;
    this.#socket = socket;
    this.#openOther = openOther;
  }

  stop(): void {
    this.#ending.abort();
    this.#socket.stop();
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        const batch = await this.#socket.receive();
        if (batch.length === 0) return;
        await this.#answer(
          batch.map(({ bytes }) => bytes),
          batch.map(({ peer }) => peer),
        );
      }
    } finally {
      this.stop();
      await Promise.all(this.#held);
      this.#socket.close();
      (await this.#other)?.close();
    }
  }

  async #answer(
    packets: readonly Uint8Array[],
    peers: readonly Peer[],
  ): Promise<void> {
    const { udp } = this.#server.counters;
    udp.received += packets.length;
    const { deliveries, outcomes } = await this.#server.deliver(packets, {
      peers,
    });
    for (const outcome of outcomes) {
      if ("drop" in outcome) udp.dropped[outcome.drop]++;
      else udp.answered++;
    }
    for (const delivery of deliveries) {
      const peer = peers[delivery.position] as Peer;
      if (delivery.delayMs === 0) await this.#send(delivery, peer);
      else this.#hold(delivery, peer);
    }
  }

  #hold(delivery: Delivery, peer: Peer): void {
    const { signal } = this.#ending;
    const held = this.#server.sleep(delivery.delayMs, signal).then(
      () => signal.aborted ? undefined : this.#send(delivery, peer),
    ).finally(() => this.#held.delete(held));
    this.#held.add(held);
  }

  async #send({ bytes, otherPort }: Delivery, peer: Peer): Promise<void> {
    if (!otherPort) {
      await this.#socket.send([{ bytes, peer }]);
      return;
    }
    const other = await (this.#other ??= this.#openOther());
    const { address, zone, port } = peer;
    const hostname = zone === undefined ? address : `${address}%${zone}`;
    await other.send([{ bytes, peer: other.peer(hostname, port) }]);
  }
}
