/**
 * Batches of datagrams between the kernel and memory of the caller's, such as that of a
 * WebAssembly module: nothing is copied on the way and nothing is made for a packet.
 *
 * @module
 */

import { encodeSockaddr, parseAddress } from "./address.ts";
import { EAGAIN, MSG_DONTWAIT, MSG_TRUNC } from "./calls.ts";
import {
  FLAGS,
  highWord,
  IOVEC_LENGTH,
  LENGTH,
  lowWord,
  MESSAGE_WORDS,
  MessageTable,
  pointerTo,
} from "./message.ts";
import { LOOK_MS, Pace } from "./pace.ts";
import { LibcSocket, type LinuxUdpOptions } from "./socket.ts";
import { LinuxPeer, PeerRecords, RECORD_BYTES } from "./peer.ts";

/** Where datagrams land and replies are sent from. */
export interface RingMemory {
  /**
   * The memory. The kernel knows its address, so it must neither move nor be let go of while
   * the ring is open: WebAssembly memory has to be made with its maximum as its initial size.
   */
  readonly bytes: Uint8Array;
  /** Where in it the first input slot begins. */
  readonly inputOffset: number;
  /** Bytes from one input slot to the next. */
  readonly inputStride: number;
  /**
   * Bytes of a slot that hold a datagram; a longer one is cut.
   *
   * @default {inputStride}
   */
  readonly inputBytes?: number | undefined;
  /** How many input slots there are: the most datagrams in a batch. */
  readonly slots: number;
}

/** Options of {@linkcode PacketRing}. */
export interface PacketRingOptions extends LinuxUdpOptions {
  /** Where datagrams land and replies are sent from. */
  readonly memory: RingMemory;
  /** When {@linkcode PacketRing.receive} looks, sleeps and lets datagrams gather. */
  readonly pace?: Pace | undefined;
}

/** Length of a datagram that did not fit into its slot. */
export const CUT = 0xffff_ffff;

/** Batches after which a flooded ring looks whether somebody wants to wake it. */
const BATCHES_BETWEEN_LOOKS = 64;

/** Failures in a row, each with a longer rest, after which a socket is beyond help. */
const MAX_FAULTS = 100;

/** How long replies may wait for room in the send buffer, and how often that is tried. */
const SEND_WAIT_MS = 2;
const MAX_SEND_WAITS = 5;

/** A UDP socket for a thread that may block. */
export class PacketRing {
  /** Lengths of the datagrams of the last batch, {@linkcode CUT} where one was cut. */
  readonly lengths: Uint32Array;
  readonly #socket: LibcSocket;
  readonly #memory: RingMemory;
  readonly #slots: number;
  readonly #inputBytes: number;
  readonly #pace: Pace;
  readonly #input: MessageTable;
  readonly #output: MessageTable;
  // One record for each input slot, then one for each datagram to a peer from elsewhere.
  readonly #records: PeerRecords;
  readonly #memoryLow: number;
  readonly #memoryHigh: number;
  #queued = 0;
  #unlooked = 0;
  #faults = 0;
  #stopped = false;
  #closed = false;

  /** Binds a socket. Throws what the runtime would, such as `AddrInUse`. */
  constructor(options: PacketRingOptions) {
    const { memory } = options;
    const { bytes, inputOffset, inputStride, slots } = memory;
    if (
      slots < 1 || inputStride < 1 || inputOffset < 0 ||
      inputOffset + slots * inputStride > bytes.length
    ) throw new RangeError("Slots outside of the memory");
    const socket = new LibcSocket(options);
    this.#socket = socket;
    this.#memory = memory;
    this.#slots = slots;
    this.#pace = options.pace ?? new Pace(0);
    this.#inputBytes = Math.min(memory.inputBytes ?? inputStride, inputStride);
    this.lengths = new Uint32Array(slots);
    this.#input = new MessageTable(slots);
    this.#output = new MessageTable(slots);
    this.#records = new PeerRecords(2 * slots, socket);
    const base = Deno.UnsafePointer.value(pointerTo(bytes));
    this.#memoryLow = lowWord(base);
    this.#memoryHigh = highWord(base);
    for (let i = 0; i < slots; i++) {
      const data = base + BigInt(inputOffset + i * inputStride);
      this.#input.setData(i, data, this.#inputBytes);
      this.#records.receiveInto(i, this.#input, i);
    }
  }

  /** Where it is bound. */
  get address(): { readonly hostname: string; readonly port: number } {
    return this.#socket.address;
  }

  /** The receive buffer that the kernel gave, if a size was asked for. */
  get receiveBufferBytes(): number | undefined {
    return this.#socket.receiveBufferBytes;
  }

  /** What another thread wakes it by; see {@linkcode wakeRing}. */
  get wakeFd(): number {
    return this.#socket.wakeFd;
  }

  /**
   * Takes datagrams, and blocks the thread until there are some.
   *
   * @param timeoutMs Longest wait, -1 for ever.
   * @returns How many lie in the first slots until the next call; 0 once it has been woken
   * or is stopped, -1 when it has waited long enough.
   */
  receive(timeoutMs = -1): number {
    while (!this.#stopped) {
      const isFlooded = this.#unlooked++ >= BATCHES_BETWEEN_LOOKS;
      const found = isFlooded ? 0 : this.#takeBeforeSleep();
      if (found > 0) return this.#noted(found);
      this.#unlooked = 0;
      const sleptAt = performance.now();
      const ready = this.#socket.wait(timeoutMs);
      if (ready === "woken") return 0;
      if (ready === "packets" && !isFlooded) this.#letGather(sleptAt);
      const taken = this.take();
      if (taken > 0) return this.#noted(taken);
      if (ready === "nothing" && timeoutMs >= 0) return -1;
      const restMs = ready === "packets" ? this.#fault() : 0;
      if (restMs > 0) this.#socket.rest(restMs);
    }
    return 0;
  }

  #noted(taken: number): number {
    this.#pace.took(taken, performance.now());
    return taken;
  }

  /** Takes what has come in since the last batch, or is about to. */
  #takeBeforeSleep(): number {
    const pace = this.#pace;
    const restMs = pace.restAfterAnswers(performance.now());
    if (restMs > 0 && this.#socket.rest(restMs)) return 0;
    if (restMs === 0 && !pace.mayBeMore) return 0;
    const taken = this.take();
    if (taken > 0 || !pace.shouldLook) return taken;
    const end = performance.now() + LOOK_MS;
    let found = 0;
    while (found === 0 && performance.now() < end) found = this.take();
    pace.looked(found > 0);
    return found;
  }

  /** Something has ended the sleep. Is it worth while to wait for company? */
  #letGather(sleptAt: number): void {
    const now = performance.now();
    if (!this.#pace.shouldLook) this.#pace.slept(now - sleptAt);
    const restMs = this.#pace.restAfterFirst(now, sleptAt);
    if (restMs > 0) this.#socket.rest(restMs);
  }

  /**
   * The same for a thread that must not block. There must be one call at a time.
   *
   * @returns As {@linkcode receive}, when the event loop has had a turn.
   */
  async receiveAside(): Promise<number> {
    while (!this.#stopped) {
      const ready = await this.#socket.waitAside();
      if (ready === "woken" || this.#stopped) return 0;
      const taken = this.take();
      if (taken > 0) return taken;
      const restMs = ready === "packets" ? this.#fault() : 0;
      if (restMs > 0) await this.#socket.restAside(restMs);
    }
    return 0;
  }

  /** Something was said to be there and was not: how long to leave the socket alone. */
  #fault(): number {
    if (++this.#faults > MAX_FAULTS) throw new Error("Socket only fails");
    return this.#faults - 1;
  }

  /** Takes what is waiting and does not wait. Why there is nothing makes no difference. */
  take(): number {
    if (this.#stopped) return 0;
    if (this.#memory.bytes.length === 0) {
      throw new TypeError("Memory has moved");
    }
    const taken = this.#socket.calls.recvmmsg(
      this.#socket.fd,
      this.#input.pointer,
      this.#slots,
      MSG_DONTWAIT,
      null,
    );
    if (taken <= 0) return 0;
    this.#faults = 0;
    const { words } = this.#input;
    const inputBytes = this.#inputBytes;
    for (let i = 0; i < taken; i++) {
      const message = i * MESSAGE_WORDS;
      const length = words[message + LENGTH] as number;
      this.lengths[i] = length;
      if (
        length === inputBytes &&
        ((words[message + FLAGS] as number) & MSG_TRUNC) !== 0
      ) this.lengths[i] = CUT;
    }
    this.#records.turnRound(this.#input, taken);
    return taken;
  }

  /**
   * Puts a reply to a datagram of the last batch into the next {@linkcode flush}.
   *
   * @param slot The slot of the datagram.
   * @param offset Where in the memory the reply begins. It has to stay until the flush.
   * @param length How long it is.
   */
  queue(slot: number, offset: number, length: number): void {
    if (!(slot >= 0 && slot < this.#slots)) {
      throw new RangeError("No such slot");
    }
    this.#put(slot, offset, length);
  }

  /**
   * The same for a peer from any time, whose record is copied.
   *
   * @param peer Of this ring or one like it.
   * @param offset Where in the memory the datagram begins.
   * @param length How long it is.
   */
  queueTo(peer: LinuxPeer, offset: number, length: number): void {
    const record = this.#slots + this.#queued;
    if (!this.isFull) this.#records.set(record, peer);
    this.#put(record, offset, length);
  }

  #put(record: number, offset: number, length: number): void {
    if (this.isFull) throw new RangeError("The queue is full");
    // The kernel would send whatever memory of the process it is told to.
    if (
      !(offset >= 0 && length >= 0 &&
        offset + length <= this.#memory.bytes.length)
    ) throw new RangeError("A reply outside of the memory");
    const message = this.#queued++;
    const { words } = this.#output;
    const iovec = this.#output.iovec(message);
    const low = this.#memoryLow + offset;
    words[iovec] = low; // modulo 2 ** 32
    words[iovec + 1] = this.#memoryHigh + (low > 0xffff_ffff ? 1 : 0);
    words[iovec + IOVEC_LENGTH] = length;
    this.#records.sendTo(record, this.#output, message);
  }

  /** Does the queue have no room? It holds as many as there are slots. */
  get isFull(): boolean {
    return this.#queued >= this.#slots;
  }

  /**
   * Sends what is queued. One that cannot be sent does not keep the others from it.
   *
   * @returns How many the system took.
   */
  flush(): number {
    const queued = this.#queued;
    const { calls, fd, errno } = this.#socket;
    this.#queued = 0;
    let sent = 0;
    let waits = 0;
    for (let at = 0; at < queued && !this.#closed;) {
      const next = at === 0 ? this.#output.pointer : this.#output.from(at);
      const taken = calls.sendmmsg(fd, next, queued - at, MSG_DONTWAIT);
      if (taken > 0) {
        at += taken;
        sent += taken;
      } else if (errno() !== EAGAIN) {
        at++; // the first one is at fault, else there would be a count
      } else {
        if (++waits > MAX_SEND_WAITS) break;
        this.#socket.waitWritable(SEND_WAIT_MS);
      }
    }
    return sent;
  }

  /** Whom the datagram in a slot is from. */
  peerOf(slot: number): LinuxPeer {
    return new LinuxPeer(this.#records.copy(slot, 1));
  }

  /** Whom the first datagrams are from. */
  peers(count: number): LinuxPeer[] {
    const records = this.#records.copy(0, count);
    return Array.from({ length: count }, (_, i) => new LinuxPeer(records, i));
  }

  /**
   * Names a destination.
   *
   * @param hostname A literal address.
   * @param port The port.
   */
  peer(hostname: string, port: number): LinuxPeer {
    const { bytes, zone } = parseAddress(hostname);
    const scope = this.#socket.scope(zone);
    const record = new Uint8Array(RECORD_BYTES);
    record.set(encodeSockaddr(this.#socket.family, bytes, port, scope));
    return new LinuxPeer(record);
  }

  /** Has {@linkcode receive} return, now or when it is next called. */
  wake(): void {
    if (!this.#closed) this.#socket.wake();
  }

  /** Takes nothing more from the network. What was taken can still be answered. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.wake();
  }

  /** Closes the socket. Neither form of receiving may be under way. */
  close(): void {
    if (this.#closed) return;
    this.#stopped = true;
    this.#closed = true;
    this.#socket.close();
  }
}
