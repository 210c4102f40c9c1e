/**
 * What `roughly probe` finds out.
 *
 * @module
 */

import type { Dialect } from "../../wire/dialect.ts";
import type { ErrorObject } from "../terminal/failure.ts";

/** What came of asking in one dialect. */
export interface Finding {
  /** The number on the wire. */
  readonly version: number;
  /** How it was asked. */
  readonly dialect: Dialect;
  readonly status: "verified" | "unverified" | "rejected" | "failed";
  /** Where it was rejected or failed. */
  readonly error?: ErrorObject;
  /** For people. */
  readonly detail: string;
  readonly midpointMicros?: bigint;
  readonly radiusMicros?: bigint;
  readonly rttMicros?: bigint;
  /** Versions that the server says, under its signature, it speaks. */
  readonly versions?: readonly number[];
  readonly request?: Uint8Array;
  readonly response?: Uint8Array;
}
