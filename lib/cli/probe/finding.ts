/**
 * What `roughly probe` finds out.
 *
 * @module
 */

import type { Transport } from "../../net/transport.ts";
import type { Dialect } from "../../wire/dialect.ts";
import type { Tried } from "../../client/trace.ts";
import type { ErrorObject } from "../terminal/failure.ts";

/** What came of asking in one dialect. */
export interface Finding {
  /** The number on the wire. */
  readonly version: number;
  /** How it was asked. */
  readonly dialect: Dialect;
  readonly status:
    | "verified"
    | "unverified"
    | "rejected"
    | "failed"
    | "unasked";
  /** Where it was rejected or failed. */
  readonly error?: ErrorObject;
  /** For people. */
  readonly detail: string;
  readonly midpointMicros?: bigint;
  readonly radiusMicros?: bigint;
  readonly rttMicros?: bigint;
  /** Over what the answer came. */
  readonly transport?: Transport;
  /** How far the local clock is outside of the answer's bounds; negative if it is behind. */
  readonly localClockOutsideMicros?: bigint;
  /** Versions that the server says, under its signature, it speaks. */
  readonly versions?: readonly number[];
  readonly request?: Uint8Array;
  readonly response?: Uint8Array;
}

/** Where UDP was silent and TCP was no way either: an address or a port that is wrong, mostly. */
export function failuresOverTcp({ error }: Finding): readonly Tried[] {
  return (error?.tried ?? []).filter(({ transport, outcome }) =>
    transport === "tcp" &&
    !["silent", "closed", "rejected", "nonsense"].includes(outcome)
  );
}
