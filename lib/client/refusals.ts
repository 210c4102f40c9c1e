/**
 * Answers that were not believed.
 *
 * @module
 */

import type { Arrival } from "./ask.ts";
import type { Trail } from "./trace.ts";
import { type Exchange, VerificationError } from "../wire/errors.ts";
import { type Rejection, REJECTION_CODES } from "../wire/rejection.ts";

/**
 * What was not believed. Of several requests that a reply may be meant for, and of several
 * replies, the one that came furthest through the checks says most about what is wrong.
 */
export class Refusals {
  #closest:
    | { rejection: Rejection; exchange: Exchange; arrival: Sender }
    | undefined;

  /** Adds one. */
  add(rejection: Rejection, exchange: Exchange, arrival: Sender): void {
    const known = this.#closest &&
      REJECTION_CODES.indexOf(this.#closest.rejection.code);
    if (
      known === undefined || REJECTION_CODES.indexOf(rejection.code) >= known
    ) {
      this.#closest = { rejection, exchange, arrival };
    }
  }

  /** What says most, if there is anything. */
  get closest(): VerificationError | undefined {
    if (this.#closest === undefined) return undefined;
    const { rejection, exchange, arrival } = this.#closest;
    const { from: server, transport: step } = arrival;
    return new VerificationError(rejection, exchange, { server, step });
  }
}

/** Tells a trail of an answer that satisfies. */
export function tellAnswer(
  { follow }: Trail,
  { from: address, transport }: Sender,
  { version, rttMicros }: { version: number; rttMicros: bigint },
): void {
  follow({ kind: "answer", transport, address, version, rttMicros });
}

/** Tells a trail of one that does not. */
export function tellDrop(
  { follow }: Trail,
  { from: address, transport, response }: Sender & Pick<Arrival, "response">,
  why: Rejection,
): void {
  const bytes = response.length;
  follow({ kind: "drop", transport, address, bytes, why });
}

/** Where an answer came from. */
type Sender = Pick<Arrival, "from" | "transport">;
