/**
 * Reads requests where they lie in the kernel's memory, without making an object for any.
 * It takes only what is plainly in order; everything else goes to `request.ts` and
 * `responder.ts`, which know every rule and every reason. So a mistake here can cost speed,
 * but two readers can never disagree on what is refused.
 *
 * @module
 */

import {
  type Dialect,
  dialectFor,
  GOOGLE_VERSION,
  selectVersion,
} from "../../wire/dialect.ts";
import { FRAME_BYTES } from "../../wire/frame.ts";
import type { Kernel } from "./kernel/instance.ts";
import { INPUT_BYTES, inputOffset, SLOTS } from "./kernel/layout.ts";
import type { Identity } from "../keyring.ts";
import { REQUEST_BYTES } from "../../wire/request.ts";
import { TAG } from "../../wire/tag.ts";

/** How a request is to be answered. */
export interface Choice {
  /** The version to answer in. */
  readonly version: number;
  /** Its behaviour. */
  readonly dialect: Dialect;
}

/** What the server speaks. */
export interface ReaderOptions {
  /** Versions to answer; Google's protocol too if it is among them. */
  readonly versions: readonly number[];
  /** See `selectVersion()`. */
  readonly preferRfc: boolean;
}

// "ROUGHTIM" as two little-endian words (RFC 10049, section 5).
const MAGIC_LOW = 0x47554f52;
const MAGIC_HIGH = 0x4d495448;

/** Clients send five tags or so. */
const MAX_TAGS = 16;

/** Words in VER at most; see `MAX_VERSIONS`. */
const MAX_OFFER = 32;

/** Offers that are remembered: clients make a few, but an attacker can make them all. */
const MAX_REMEMBERED = 1024;

/** Reads the slots of one kernel. What it found stays until the slot is read again. */
export class SlotReader {
  /** Where each request's nonce begins in the memory. */
  readonly nonceAt: Uint32Array = new Uint32Array(SLOTS);
  /** Where each request's SRV begins, 0 where it has none. */
  readonly srvAt: Uint32Array = new Uint32Array(SLOTS);
  /** 1 where a request is in order but for wanting a signature of its own. */
  readonly singles: Uint8Array = new Uint8Array(SLOTS);
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #options: ReaderOptions;
  readonly #bits = new Map<number, number>();
  readonly #remembered = new Map<number, Choice | undefined>();
  readonly #choices: Choice[] = [];

  /**
   * Makes a reader.
   *
   * @param kernel In whose memory requests lie.
   * @param known Every number that may be offered and means something.
   * @param options What the server speaks.
   */
  constructor(
    kernel: Kernel,
    known: readonly number[],
    options: ReaderOptions,
  ) {
    this.#bytes = kernel.bytes;
    this.#words = new Uint32Array(kernel.memory.buffer);
    this.#options = options;
    known.forEach((code, i) => this.#bits.set(code, 1 << i));
  }

  /** How many offers are remembered: never more than a thousand or so. */
  get remembered(): number {
    return this.#remembered.size;
  }

  /**
   * Reads a request.
   *
   * @param slot Where it lies.
   * @param length Its length.
   * @returns How to answer it, or `undefined` if somebody else has to look.
   */
  read(slot: number, length: number): Choice | undefined {
    this.singles[slot] = 0;
    if (length < REQUEST_BYTES || length > INPUT_BYTES || (length & 3) !== 0) {
      return undefined;
    }
    const words = this.#words;
    const packet = inputOffset(slot) >>> 2;
    let message = packet;
    let bytes = length;
    const framed = words[packet] === MAGIC_LOW &&
      words[packet + 1] === MAGIC_HIGH;
    if (framed) {
      message += FRAME_BYTES >>> 2;
      bytes -= FRAME_BYTES;
      if (words[packet + 2] !== bytes) return undefined;
    }
    const tags = words[message] as number;
    if (tags < 1 || tags > MAX_TAGS) return undefined;
    const values = message + 2 * tags;
    const room = bytes - 8 * tags;
    let before = -1;
    let start = 0;
    let nonce = 0;
    let nonceBytes = 0;
    let offer = 0;
    let offered = 0;
    let srv = 0;
    let typed = 0;
    for (let i = 0; i < tags; i++) {
      const tag = words[message + tags + i] as number;
      const end = i + 1 < tags ? words[message + i + 1] as number : room;
      if (tag <= before || end < start || end > room || (end & 3) !== 0) {
        return undefined;
      }
      const at = values + (start >>> 2);
      const size = end - start;
      switch (tag) {
        case TAG.NONC:
          nonce = at;
          nonceBytes = size;
          break;
        case TAG.VER:
          offer = at;
          offered = size >>> 2;
          break;
        case TAG.SRV:
          if (size !== 32) return undefined;
          srv = at;
          break;
        case TAG.TYPE:
          if (size !== 4 || words[at] !== 0) return undefined;
          typed = 1;
          break;
        case TAG.SREP:
          return undefined;
      }
      before = tag;
      start = end;
    }
    if (nonceBytes !== 32 && nonceBytes !== 64) return undefined;
    const mask = framed ? this.#maskOf(offer, offered) : 0;
    if (mask < 0) return undefined;
    this.nonceAt[slot] = nonce << 2;
    this.srvAt[slot] = srv << 2;
    const choice = this.#choose(mask, framed, typed === 1, nonceBytes);
    // Where a signature answers only one request there is nothing to be gained.
    if (choice?.dialect.batches !== "one") return choice;
    this.singles[slot] = 1;
    return undefined;
  }

  /**
   * Which key the request that was read means; see `Keyring.select()`.
   *
   * @param slot Where it lies.
   * @param dialect How it is to be answered.
   * @param identities The keys there are.
   */
  select(
    slot: number,
    dialect: Dialect,
    identities: readonly Identity[],
  ): Identity | undefined {
    const srv = dialect.srv === "heeded" ? this.srvAt[slot] : 0;
    if (!srv) return identities.length === 1 ? identities[0] : undefined;
    search: for (const identity of identities) {
      for (let i = 0; i < 32; i++) {
        if (this.#bytes[srv + i] !== identity.srv[i]) continue search;
      }
      return identity;
    }
    return undefined;
  }

  /** The known ones among the versions offered, a bit each; -1 for a list out of order. */
  #maskOf(offer: number, offered: number): number {
    if (offered < 1 || offered > MAX_OFFER) return -1;
    let mask = 0;
    let before = -1;
    for (let i = 0; i < offered; i++) {
      const code = this.#words[offer + i] as number;
      if (code <= before) return -1;
      mask |= this.#bits.get(code) ?? 0;
      before = code;
    }
    return mask;
  }

  /** Few lists are ever offered, so what they come to is remembered. */
  #choose(
    mask: number,
    framed: boolean,
    typed: boolean,
    nonceSize: number,
  ): Choice | undefined {
    const shape = (framed ? 1 : 0) | (typed ? 2 : 0) | (nonceSize >>> 3 & 12);
    const key = mask * 16 + shape;
    const known = this.#remembered.get(key);
    if (known !== undefined || this.#remembered.has(key)) return known;
    const choice = this.#decide(mask, framed, typed, nonceSize);
    if (this.#remembered.size >= MAX_REMEMBERED) this.#remembered.clear();
    this.#remembered.set(key, choice);
    return choice;
  }

  #decide(
    mask: number,
    framed: boolean,
    typed: boolean,
    nonceSize: number,
  ): Choice | undefined {
    const { versions, preferRfc } = this.#options;
    const offered = [...this.#bits].filter(([, bit]) => (mask & bit) !== 0)
      .map(([code]) => code);
    const version = framed
      ? selectVersion(offered, {
        supported: versions,
        nonceSize,
        typed,
        preferRfc,
      })
      : versions.find((code) => code === GOOGLE_VERSION);
    const dialect = version === undefined
      ? undefined
      : dialectFor(version, { typed });
    return version === undefined || dialect?.nonceSize !== nonceSize
      ? undefined
      : this.#intern(version, dialect);
  }

  /** Requests share a tree where their choice is the same object, whatever they offered. */
  #intern(version: number, dialect: Dialect): Choice {
    const known = this.#choices.find((choice) =>
      choice.version === version && choice.dialect === dialect
    );
    if (known) return known;
    const choice = { version, dialect };
    this.#choices.push(choice);
    return choice;
  }
}
