/**
 * UDP with the kernel's own batches, through calls into the C library. Needs Linux and
 * `--allow-ffi`.
 *
 * @module
 */

import {
  type Datagram,
  type DatagramOptions,
  type DatagramSocket,
  type Peer,
  RECEIVE_BYTES,
} from "../datagram.ts";
import { libcSocketProblem, wakeLibcSocket } from "./calls.ts";
import type { LinuxUdpOptions } from "./socket.ts";
import type { LinuxPeer } from "./peer.ts";
import { PacketRing, type PacketRingOptions } from "./packet_ring.ts";

/** Is this backend there? Never asks the user for permission. */
export function hasLinuxUdp(): boolean {
  return linuxUdpProblem() === undefined;
}

/**
 * Why this backend is not there.
 *
 * @returns The reason in words, such as "it needs --allow-ffi", or `undefined` if it is.
 */
export function linuxUdpProblem(): string | undefined {
  return libcSocketProblem();
}

/** Binds a socket. Throws what the runtime would, such as `AddrInUse`. */
export function openLinuxUdp(
  options: DatagramOptions & LinuxUdpOptions,
): LinuxUdpSocket {
  return new LinuxUdpSocket(options);
}

/** The same for a thread that may block, over memory of the caller's. */
export function openPacketRing(options: PacketRingOptions): PacketRing {
  return new PacketRing(options);
}

/**
 * Wakes a ring of another thread.
 *
 * @param wakeFd Its {@linkcode PacketRing.wakeFd}. The ring must still be open: once it is
 * closed, the number may be that of another file.
 */
export function wakeRing(wakeFd: number): void {
  wakeLibcSocket(wakeFd);
}

/** How long the event loop may be kept waiting while there is always something to take. */
const MAX_HOLD_MS = 1;

/** From one datagram to the next: a multiple of eight. */
const SLOT_BYTES = (RECEIVE_BYTES + 7) & ~7;

/** Room for replies until they are flushed: more than the longest datagram. */
const OUTPUT_BYTES = 1 << 17;

/** A {@linkcode PacketRing} behind the seam. All of an isolate's share a `Poller`. */
export class LinuxUdpSocket implements DatagramSocket {
  readonly transport = "udp";
  /** The receive buffer that the kernel gave, if a size was asked for. */
  readonly receiveBufferBytes: number | undefined;
  readonly #ring: PacketRing;
  readonly #memory: Uint8Array;
  readonly #outputOffset: number;
  #turnAt = 0;
  #waiting = false;
  #stopped = false;
  #closed = false;

  /** Binds. */
  constructor(options: DatagramOptions & LinuxUdpOptions) {
    const slots = options.maxBatch;
    this.#outputOffset = slots * SLOT_BYTES;
    this.#memory = new Uint8Array(this.#outputOffset + OUTPUT_BYTES);
    const memory = {
      bytes: this.#memory,
      inputOffset: 0,
      inputStride: SLOT_BYTES,
      inputBytes: RECEIVE_BYTES,
      slots,
    };
    this.#ring = new PacketRing({ ...options, memory });
    this.receiveBufferBytes = this.#ring.receiveBufferBytes;
  }

  get address(): { readonly hostname: string; readonly port: number } {
    return this.#ring.address;
  }

  peer(hostname: string, port: number): Peer {
    return this.#ring.peer(hostname, port);
  }

  async receive(): Promise<readonly Datagram[]> {
    if (this.#stopped) return [];
    // Promises that are settled already would keep timers and other sockets from their turn.
    if (performance.now() - this.#turnAt < MAX_HOLD_MS) {
      const taken = this.#ring.take();
      if (taken > 0) return this.#batch(taken);
    }
    this.#waiting = true;
    try {
      const taken = await this.#ring.receiveAside();
      return this.#stopped ? [] : this.#batch(taken);
    } finally {
      this.#turnAt = performance.now();
      this.#waiting = false;
      if (this.#closed) this.#ring.close();
    }
  }

  #batch(count: number): Datagram[] {
    return this.#ring.peers(count).map((peer, i) => {
      const from = i * SLOT_BYTES;
      // Where one was cut, what the ring says is more than any length.
      const length = Math.min(this.#ring.lengths[i] as number, RECEIVE_BYTES);
      return { bytes: this.#memory.subarray(from, from + length), peer };
    });
  }

  // deno-lint-ignore require-await
  async send(batch: readonly Datagram[]): Promise<number> {
    if (this.#closed) return 0;
    let sent = 0;
    let offset = this.#outputOffset;
    for (const { bytes, peer } of batch) {
      if (bytes.length > OUTPUT_BYTES) continue; // no datagram is so long
      if (this.#ring.isFull || offset + bytes.length > this.#memory.length) {
        sent += this.#ring.flush();
        offset = this.#outputOffset;
      }
      this.#memory.set(bytes, offset);
      this.#ring.queueTo(peer as LinuxPeer, offset, bytes.length);
      offset += bytes.length;
    }
    return sent + this.#ring.flush();
  }

  stop(): void {
    this.#stopped = true;
    this.#ring.stop();
  }

  close(): void {
    if (this.#closed) return;
    this.stop();
    this.#closed = true;
    // What waits still has the socket's number; it closes the socket when it is back.
    if (!this.#waiting) this.#ring.close();
  }
}
