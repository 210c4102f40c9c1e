/**
 * A socket that can be opened anew under the loop that serves it.
 *
 * @module
 */

import type { PacketSocket } from "../net/datagram.ts";
import { TcpServerSocket } from "../net/tcp_server.ts";
import type { CheckedListener } from "./self_check.ts";
import type { Transport } from "../net/transport.ts";

/** Settles when a socket that was closed is gone. */
export async function closed(socket: PacketSocket): Promise<void> {
  if (socket instanceof TcpServerSocket) await socket.closed;
}

/** Closes a socket; settles when it is gone. */
export async function closeNow(socket: PacketSocket): Promise<void> {
  socket.close();
  await closed(socket);
}

/** Where a server listens in its main thread. */
export class Listener implements CheckedListener {
  readonly transport: Transport;
  readonly address: { readonly hostname: string; readonly port: number };
  /** Replies sent so far. */
  sent = 0;
  readonly #open: (() => Promise<PacketSocket>) | undefined;
  #socket: PacketSocket;
  #reopening = false;
  #stopped = false;
  #changed: PromiseWithResolvers<void> = Promise.withResolvers();

  /**
   * Begins with an open socket.
   *
   * @param socket The socket.
   * @param open Opens one like it; without, there is no other.
   */
  constructor(
    socket: PacketSocket,
    open: (() => Promise<PacketSocket>) | undefined,
  ) {
    this.#socket = socket;
    this.#open = open;
    this.transport = socket.transport;
    this.address = socket.address;
  }

  /** Also connections: in a crowd of those that ask nothing, they are all there is to see. */
  answered(): number {
    const socket = this.#socket;
    const arrived = socket instanceof TcpServerSocket ? socket.arrived : 0;
    return this.sent + arrived;
  }

  /**
   * The socket to serve after one that gives nothing more.
   *
   * @param last That one; without, the first.
   * @returns `undefined` once there will be none.
   */
  async next(last?: PacketSocket): Promise<PacketSocket | undefined> {
    while (this.#reopening && !this.#stopped) await this.#changed.promise;
    return this.#stopped || this.#socket === last ? undefined : this.#socket;
  }

  /**
   * Closes the socket, what hangs on it too, and opens it anew.
   *
   * @throws What opening throws; there is no socket then until it is called again.
   */
  async reopen(): Promise<void> {
    if (this.#open === undefined || this.#stopped) return;
    this.#reopening = true;
    this.#socket.close();
    await closed(this.#socket);
    if (this.#stopped) return;
    const socket = await this.#open();
    if (this.#stopped) {
      socket.close();
      return await closed(socket);
    }
    this.#socket = socket;
    this.#reopening = false;
    this.#change();
  }

  /** Takes nothing more from the network. */
  stop(): void {
    this.#stopped = true;
    this.#socket.stop();
    this.#change();
  }

  /** The same; settles when all is closed. */
  async close(): Promise<void> {
    this.stop();
    this.#socket.close();
    await closed(this.#socket);
  }

  #change(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
