/**
 * Answering before anybody asks. A runtime compiles what is run often, and the first some
 * thousand requests cost three times as much as all later ones; on a server that is asked a
 * few times a second, that is an hour.
 *
 * @module
 */

import type { Server } from "../core.ts";
import type { FastResponder } from "../fast/responder.ts";
import { inputOffset } from "../fast/kernel/layout.ts";
import { randomBytes } from "../options.ts";
import { DEFAULT_OFFER } from "../../wire/dialect.ts";
import { buildRequest, nonceSizeOf } from "../../wire/request.ts";

/** After so many, everything is compiled. Together they take some tenths of a second. */
const ROUNDS = 10000;

/** So many at a time: a client that comes meanwhile waits a millisecond or so. */
const ROUNDS_AT_ONCE = 16;

/** Rehearses one server's answers. */
export class Rehearsal {
  readonly #server: Server;
  readonly #slots: FastResponder;
  readonly #requests: readonly Uint8Array[];
  #rounds = 0;

  /**
   * Prepares it.
   *
   * @param server Whose answers.
   * @param slots Where they are made.
   */
  constructor(server: Server, slots: FastResponder) {
    this.#server = server;
    this.#slots = slots;
    const likely = server.versions.filter((one) => DEFAULT_OFFER.includes(one));
    this.#requests = likely.map((version) => {
      const versions = [version];
      const nonce = randomBytes(nonceSizeOf(versions));
      return buildRequest({ versions, nonce });
    });
  }

  /** Is there no more to be gained? */
  get isOver(): boolean {
    return this.#rounds >= ROUNDS || this.#requests.length === 0;
  }

  /** Goes on for a moment. The slots must not be in use. */
  async go(): Promise<void> {
    const { kernel, lengths } = this.#slots;
    for (let i = 0; i < ROUNDS_AT_ONCE; i++) {
      const at = this.#rounds++ % this.#requests.length;
      const request = this.#requests[at] as Uint8Array;
      kernel.bytes.set(request, inputOffset(0));
      lengths[0] = request.length;
      await this.#server.rehearse(this.#slots);
    }
  }
}
