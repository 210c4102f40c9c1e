/**
 * Does a server answer where it listens? It asks itself, over every listener, and has one
 * reopened that keeps silent. That a socket is open and a loop waits for it proves nothing.
 *
 * @module
 */

import type { Listened, SelfAnswer } from "../net/self_query.ts";
import { formatAddress } from "../net/datagram.ts";
import type { Transport } from "../net/transport.ts";
import type { EventSink } from "./event.ts";

/** A listener as the check found it. */
export interface ListenerState {
  /** How packets travel. */
  readonly transport: Transport;
  /** Where, as `host:port`. */
  readonly address: string;
  /** Did it answer? `undefined` before the first check, and where it cannot be asked. */
  readonly up: boolean | undefined;
}

/** What is checked. */
export interface CheckedListener extends Listened {
  /** Signs of life so far: replies sent, connections taken. */
  answered(): number | Promise<number>;
  /** Opens it anew. */
  reopen(): Promise<void>;
}

/** Options of {@linkcode SelfCheck}. */
export interface SelfCheckOptions {
  /** Milliseconds from one round to the next. */
  readonly everyMs: number;
  /** Asks a listener once. */
  readonly ask: (listener: Listened) => Promise<SelfAnswer>;
  /** Is the server meant to answer now? While it must not sign, silence is right. */
  readonly mayAnswer: () => boolean;
  /** Counts what shows that TCP is crowded; a change has TCP checked at once. */
  readonly crowding: () => number;
  /** Told when a listener falls silent and when it answers again. */
  readonly tell: EventSink;
}

/** How often it is looked whether a check is due. */
export const TICK_MS = 1000;

/** Questions that have to go unanswered: a full queue loses some without being dead. */
const ATTEMPTS = 3;

interface Watched {
  readonly listener: CheckedListener;
  up: boolean | undefined;
}

/** Checks listeners; whoever has it calls {@linkcode SelfCheck.tick} every second. */
export class SelfCheck {
  /** Questions asked so far. */
  asked = 0;
  readonly #watched: readonly Watched[];
  readonly #options: SelfCheckOptions;
  readonly #ticksBetween: number;
  #ticks = 0;
  #crowding: number;
  #busy = false;

  /** Begins with nothing known. */
  constructor(
    listeners: readonly CheckedListener[],
    options: SelfCheckOptions,
  ) {
    this.#watched = listeners.map((listener) => ({ listener, up: undefined }));
    this.#options = options;
    this.#ticksBetween = Math.max(1, Math.round(options.everyMs / TICK_MS));
    this.#crowding = options.crowding();
  }

  /** What was found last. */
  get states(): readonly ListenerState[] {
    return this.#watched.map(({ listener: { transport, address }, up }) => ({
      transport,
      address: formatAddress(address.hostname, address.port),
      up,
    }));
  }

  /** Checks what is due: all of it now and then, at once what is down or crowded. */
  async tick(): Promise<void> {
    if (this.#busy) return;
    const { crowding, mayAnswer } = this.#options;
    this.#ticks++;
    const all = this.#ticks % this.#ticksBetween === 0;
    const crowd = crowding();
    const crowded = crowd !== this.#crowding;
    this.#crowding = crowd;
    if (!mayAnswer()) return;
    this.#busy = true;
    try {
      await Promise.all(
        this.#watched.filter(({ listener: { transport }, up }) =>
          all || up === false || (crowded && transport === "tcp")
        ).map((one) => this.#check(one)),
      );
    } finally {
      this.#busy = false;
    }
  }

  async #check(watched: Watched): Promise<void> {
    const { listener } = watched;
    let answer = await this.#ask(listener);
    if (answer === "silent" && this.#options.mayAnswer()) {
      this.#judge(watched, answer);
      // What fails now is tried again with the next tick.
      await listener.reopen().catch(() => {});
      answer = await this.#ask(listener);
    }
    this.#judge(watched, answer);
  }

  #judge(watched: Watched, answer: SelfAnswer): void {
    if (answer === "unknown" || !this.#options.mayAnswer()) return;
    const up = answer === "answered";
    const { transport, address: { hostname, port } } = watched.listener;
    if (up !== (watched.up ?? true)) {
      const address = formatAddress(hostname, port);
      this.#options.tell({
        kind: up ? "listener-up" : "listener-down",
        transport,
        address,
      });
    }
    watched.up = up;
  }

  async #ask(listener: CheckedListener): Promise<SelfAnswer> {
    let before: number | undefined;
    for (let i = 0; i < ATTEMPTS; i++) {
      this.asked++;
      const answer = await this.#options.ask(listener);
      if (answer !== "silent") return answer;
      before ??= await listener.answered();
    }
    // It is flooded rather than dead if others had their answers meanwhile.
    const after = await listener.answered();
    return after > (before ?? after) ? "answered" : "silent";
  }
}
