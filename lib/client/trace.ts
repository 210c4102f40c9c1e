/**
 * What asking a server consists of, step by step, for those who want to see it; and from
 * that, what was tried in vain. No sentences: whoever shows it finds the words.
 *
 * @module
 */

import type { Transport } from "../net/transport.ts";
import type { FailureReason } from "../wire/errors.ts";
import type { Rejection } from "../wire/rejection.ts";

/** A step of asking a server. */
export type TraceEvent =
  /** The name has these addresses. */
  | {
    readonly kind: "lookup";
    readonly host: string;
    readonly addresses: readonly string[];
  }
  /** A TCP connection stands. */
  | {
    readonly kind: "connect";
    readonly transport: "tcp";
    readonly address: string;
  }
  /** A request goes out. */
  | {
    readonly kind: "send";
    readonly transport: Transport;
    readonly address: string;
    /** Version numbers offered. */
    readonly versions: readonly number[];
    /** Its length. */
    readonly bytes: number;
    /** How many went out there before. */
    readonly retry: number;
  }
  /** There is no way to an address, or it refuses. */
  | {
    readonly kind: "fail";
    readonly transport: Transport;
    readonly address: string;
    readonly reason: FailureReason;
    /** What was thrown. */
    readonly error: unknown;
  }
  /** A TCP connection ended without an answer that satisfies. */
  | {
    readonly kind: "close";
    readonly transport: "tcp";
    readonly address: string;
    /** Was it ended on this side, since what came is no Roughtime? */
    readonly broken: boolean;
  }
  /** Something came in and counts for nothing: nobody asked its sender, or it is refused. */
  | {
    readonly kind: "drop";
    readonly transport: Transport;
    readonly address: string;
    readonly bytes: number;
    readonly why: "stranger" | Rejection;
  }
  /** An answer satisfies. */
  | {
    readonly kind: "answer";
    readonly transport: Transport;
    readonly address: string;
    readonly version: number;
    readonly rttMicros: bigint;
  };

/** Takes steps as they happen; must not throw. */
export type TraceSink = (event: TraceEvent) => void;

/** What became of asking an address in vain. */
export interface Tried {
  /** How. */
  readonly transport: Transport;
  /** Where, as `host:port`. */
  readonly address: string;
  /** Nothing came; it hung up; it speaks something else; what came was refused; or why there was no way to it. */
  readonly outcome:
    | "silent"
    | "closed"
    | "nonsense"
    | "rejected"
    | FailureReason;
}

/** So many strangers are kept; anybody can send packets, and more of them tell nothing. */
const MAX_STRANGERS = 3;

/** Follows the steps and keeps what was tried. */
export class Trail {
  readonly #sink: TraceSink | undefined;
  readonly #tried = new Map<string, Tried>();
  readonly #strangers = new Set<string>();

  /**
   * Begins with nothing.
   *
   * @param sink Told each step, too.
   */
  constructor(sink?: TraceSink) {
    this.#sink = sink;
  }

  /** What was tried in vain so far, in the order in which it was begun. */
  get tried(): readonly Tried[] {
    return [...this.#tried.values()];
  }

  /**
   * The first few who sent something without having been asked. A server with several
   * addresses may answer from another one, which is not believed but should be said.
   */
  get strangers(): readonly string[] {
    return [...this.#strangers];
  }

  /** Takes a step. */
  readonly follow: TraceSink = (event) => {
    switch (event.kind) {
      case "connect":
      case "send":
        this.#note(event, "silent");
        break;
      case "fail":
        this.#note(event, event.reason);
        break;
      case "close":
        this.#note(event, event.broken ? "nonsense" : "closed");
        break;
      case "drop":
        if (event.why !== "stranger") this.#note(event, "rejected");
        else if (this.#strangers.size < MAX_STRANGERS) {
          this.#strangers.add(event.address);
        }
        break;
      case "answer":
        this.#tried.delete(`${event.transport} ${event.address}`);
    }
    this.#sink?.(event);
  };

  #note(
    { transport, address }: Pick<Tried, "transport" | "address">,
    outcome: Tried["outcome"],
  ): void {
    const key = `${transport} ${address}`;
    const known = this.#tried.get(key)?.outcome ?? "silent";
    // What says more stays: an answer, though refused, then a failure, then silence.
    const stays = known === "rejected" ||
      (outcome === "silent" && known !== "silent");
    this.#tried.set(key, {
      transport,
      address,
      outcome: stays ? known : outcome,
    });
  }
}
