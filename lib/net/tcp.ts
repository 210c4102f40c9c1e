/**
 * Roughtime over TCP: a stream of framed packets (RFC 10049, section 5). Over `node:net`,
 * which Deno, Node and Bun all have.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import { nodeModule } from "./node_module.ts";
import { readUint32 } from "../wire/uint.ts";
import { FRAME_BYTES, isFramed, mayBeFramed } from "../wire/frame.ts";

/**
 * Cuts a stream into packets. A stream that is out of step cannot be mended, so after the
 * first wrong header it gives nothing more.
 */
export class PacketReader {
  readonly #maxMessageBytes: number;
  #pending: Uint8Array = new Uint8Array(0);
  #broken = false;

  /**
   * Starts at the beginning of a stream.
   *
   * @param maxMessageBytes Longest message that is taken.
   */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Did something else than a packet come in? The connection should be closed then. */
  get broken(): boolean {
    return this.#broken;
  }

  /** Is part of a packet waiting for the rest? */
  get partial(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * Takes what came in.
   *
   * @returns The packets that are complete now, frames included.
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const packets: Uint8Array[] = [];
    if (this.#broken) return packets;
    // Node's Buffer is a Uint8Array whose slice() does not copy.
    const plain = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    let bytes = this.#pending.length ? concat(this.#pending, plain) : plain;
    while (bytes.length >= FRAME_BYTES) {
      const length = readUint32(bytes, 8);
      if (!isFramed(bytes) || length > this.#maxMessageBytes) {
        return this.#break(packets);
      }
      const end = FRAME_BYTES + length;
      if (bytes.length < end) break;
      packets.push(bytes.slice(0, end));
      bytes = bytes.subarray(end);
    }
    // Whoever speaks another protocol may be waiting for us after a few bytes.
    if (!mayBeFramed(bytes)) return this.#break(packets);
    this.#pending = bytes.slice();
    return packets;
  }

  #break(packets: Uint8Array[]): Uint8Array[] {
    this.#broken = true;
    this.#pending = new Uint8Array(0);
    return packets;
  }
}

/** Longest reply that a client takes; the longest legal one is far shorter. */
const MAX_REPLY_BYTES = 16384;

/** A client's connection. */
export interface TcpConnection {
  /** Sends a packet. */
  send(packet: Uint8Array): void;
  /** Closes it. */
  close(): void;
  /** Settles when the other end is gone or talks nonsense. */
  readonly closed: Promise<void>;
  /** Did it talk nonsense, as a server of another protocol does? */
  readonly broken: boolean;
}

/**
 * Connects and hands on every packet that comes back.
 *
 * @param address Where to.
 * @param onPacket Takes packets, frames included.
 * @param signal Gives up, also while connecting.
 */
export function connectTcp(
  address: { readonly hostname: string; readonly port: number },
  onPacket: (packet: Uint8Array) => void,
  signal: AbortSignal,
): Promise<TcpConnection> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = address;
    const socket = nodeModule("node:net").connect({
      host,
      port,
      noDelay: true,
    });
    const reader = new PacketReader(MAX_REPLY_BYTES);
    const abort = () => socket.destroy();
    const closed = new Promise<void>((gone) => {
      socket.once("close", () => {
        signal.removeEventListener("abort", abort);
        gone();
        reject(new Error("Cannot connect: closed"));
      });
    });
    socket.once("error", reject);
    socket.on("error", () => socket.destroy());
    socket.once("connect", () =>
      resolve({
        send: (packet) => void socket.write(packet),
        close: () => socket.destroy(),
        closed,
        get broken() {
          return reader.broken;
        },
      }));
    socket.on("data", (chunk) => {
      for (const packet of reader.push(chunk)) onPacket(packet);
      if (reader.broken) socket.destroy();
    });
    signal.addEventListener("abort", abort, { once: true });
    if (signal.aborted) abort();
  });
}
