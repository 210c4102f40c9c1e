/**
 * The other end of a datagram, as the kernel writes and reads it.
 *
 * @module
 */

import type { Peer } from "../datagram.ts";
import { AddressPeer } from "../peer.ts";
import {
  AF_INET,
  decodeSockaddr,
  SOCKADDR_IN6_BYTES,
  SOCKADDR_IN_BYTES,
} from "./address.ts";
import {
  CONTROL,
  CONTROL_LENGTH,
  highWord,
  lowWord,
  MESSAGE_WORDS,
  type MessageTable,
  NAME,
  NAME_LENGTH,
  Pinned,
  PKTINFO6_ADDRESS,
  PKTINFO6_INTERFACE,
  PKTINFO6_SPACE,
  PKTINFO_INTERFACE,
  PKTINFO_SPACE,
} from "./message.ts";

/**
 * A record is a socket address and, where the socket is bound to all addresses, control
 * data with the address that was meant. What came in is what a reply goes out with.
 */
export const RECORD_BYTES = 72;
const RECORD_WORDS = RECORD_BYTES / 4;
/** Word where the control data begins, on a boundary of eight bytes. */
const RECORD_CONTROL = 8;

/** Words of the two pointers to a record. */
const PLACE_WORDS = 4;

/** A peer; text is made of it only when somebody asks. */
export class LinuxPeer implements Peer {
  readonly #records: Uint8Array;
  readonly #index: number;
  #text: AddressPeer | undefined;

  /**
   * Keeps records as they are.
   *
   * @param records Those of one peer or more, which nobody may write to any more.
   * @param index Which of them is this peer's.
   */
  constructor(records: Uint8Array, index = 0) {
    this.#records = records;
    this.#index = index;
  }

  /** The peer's record. */
  get record(): Uint8Array {
    const from = this.#index * RECORD_BYTES;
    return this.#records.subarray(from, from + RECORD_BYTES);
  }

  #read(): AddressPeer {
    if (this.#text === undefined) {
      const name = this.record.subarray(0, SOCKADDR_IN6_BYTES);
      const { hostname, port } = decodeSockaddr(name);
      this.#text = new AddressPeer(hostname, port);
    }
    return this.#text;
  }

  get address(): string {
    return this.#read().address;
  }

  get port(): number {
    return this.#read().port;
  }

  get zone(): string | undefined {
    return this.#read().zone;
  }

  toString(): string {
    return String(this.#read());
  }
}

/** The records that the messages of one socket are about. */
export class PeerRecords {
  readonly #memory: Pinned;
  /** For each record the pointers to its name and to its control data. */
  readonly #places: Uint32Array;
  readonly #nameBytes: number;
  /** 0 for a socket that is bound to one address: its replies leave from no other. */
  readonly #controlBytes: number;

  /** Makes room for so many, of a socket of that kind. */
  constructor(
    count: number,
    socket: { readonly family: number; readonly isWildcard: boolean },
  ) {
    const isIpv4 = socket.family === AF_INET;
    this.#nameBytes = isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES;
    const space = isIpv4 ? PKTINFO_SPACE : PKTINFO6_SPACE;
    this.#controlBytes = socket.isWildcard ? space : 0;
    this.#memory = new Pinned(count * RECORD_BYTES);
    this.#places = new Uint32Array(count * PLACE_WORDS);
    for (let i = 0; i < count; i++) {
      const name = this.#memory.address + BigInt(i * RECORD_BYTES);
      const control = name + BigInt(RECORD_CONTROL * 4);
      this.#places.set(
        [name, control].flatMap((one) => [lowWord(one), highWord(one)]),
        i * PLACE_WORDS,
      );
    }
  }

  /** Has a message be received into a record. */
  receiveInto(record: number, table: MessageTable, message: number): void {
    this.#lead(record, table, message);
    const length = message * MESSAGE_WORDS + CONTROL_LENGTH;
    table.words[length] = this.#controlBytes;
  }

  /** Has a message be sent to whom a record is about. */
  sendTo(record: number, table: MessageTable, message: number): void {
    this.#lead(record, table, message);
    if (this.#controlBytes === 0) return;
    const control = record * RECORD_WORDS + RECORD_CONTROL;
    const isThere = this.#memory.words[control] !== 0;
    const length = isThere ? this.#controlBytes : 0;
    table.words[message * MESSAGE_WORDS + CONTROL_LENGTH] = length;
  }

  #lead(record: number, { words }: MessageTable, message: number): void {
    const word = message * MESSAGE_WORDS;
    const place = record * PLACE_WORDS;
    words[word + NAME] = this.#places[place] as number;
    words[word + NAME + 1] = this.#places[place + 1] as number;
    words[word + NAME_LENGTH] = this.#nameBytes;
    if (this.#controlBytes === 0) return;
    words[word + CONTROL] = this.#places[place + 2] as number;
    words[word + CONTROL + 1] = this.#places[place + 3] as number;
  }

  /**
   * Makes of the first messages' control data that of their replies: the address that was
   * asked becomes the source. It stands where the source is looked for already, in IPv4 as
   * ipi_spec_dst (which, unlike ipi_addr, is ours even if all of a network was asked).
   */
  turnRound({ words }: MessageTable, count: number): void {
    // The kernel writes over the lengths of names, too, but with what they were.
    const bytes = this.#controlBytes;
    if (bytes === 0) return;
    const records = this.#memory.words;
    for (let i = 0; i < count; i++) {
      const length = i * MESSAGE_WORDS + CONTROL_LENGTH;
      const control = i * RECORD_WORDS + RECORD_CONTROL;
      // Without any, its length in the data says so to the reply.
      if (words[length] !== bytes) records[control] = 0;
      words[length] = bytes;
      // The way back need not be the way it came; but fe80::1 is on every interface.
      if (bytes === PKTINFO_SPACE) records[control + PKTINFO_INTERFACE] = 0;
      else {
        const address = records[control + PKTINFO6_ADDRESS] as number;
        if ((address & 0xc0ff) !== 0x80fe) {
          records[control + PKTINFO6_INTERFACE] = 0;
        }
      }
    }
  }

  /** Writes what a peer holds into a record. */
  set(record: number, peer: LinuxPeer): void {
    this.#memory.bytes.set(peer.record, record * RECORD_BYTES);
  }

  /** Copies records that are next to each other. */
  copy(first: number, count: number): Uint8Array {
    const from = first * RECORD_BYTES;
    return this.#memory.bytes.slice(from, from + count * RECORD_BYTES);
  }
}
