/**
 * What asking one server needs, and what comes of it.
 *
 * @module
 */

import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import type { Lookup } from "../net/resolve.ts";
import type { Transport } from "../net/transport.ts";
import type { TraceSink } from "./trace.ts";

/** A request that is out, and when it first went out. */
export interface Attempt {
  /** The packet. */
  readonly request: Uint8Array;
  /** `performance.now()` just before its first byte left. */
  readonly sentAt: number;
  /** `Date.now()` then. */
  readonly sentWallAt: number;
}

/** A packet that came in from an address that was asked. */
export interface Arrival {
  /** The packet; the judge may keep it. */
  readonly response: Uint8Array;
  /** `performance.now()` just after it came in. */
  readonly receivedAt: number;
  /** `Date.now()` then. */
  readonly receivedWallAt: number;
  /** Who sent it, as `host:port`. */
  readonly from: string;
  /** How it came. */
  readonly transport: Transport;
  /** Requests it may answer, newest first. */
  readonly attempts: readonly Attempt[];
}

/** What {@linkcode ask} needs. */
export interface AskOptions<T> {
  /** Name or literal address. */
  readonly host: string;
  /** Port, for UDP and TCP alike. */
  readonly port: number;
  /** How to reach it; `auto` is UDP, with TCP beside it when that stays silent. */
  readonly transport: "auto" | Transport;
  /** Milliseconds until it is given up. */
  readonly timeout: number;
  /** How often a request is sent by UDP at most. */
  readonly retries: number;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** How many different requests there are. */
  readonly offers: number;
  /** Gives the nth request: always the same packet for the same n. */
  readonly request: (n: number) => Uint8Array;
  /** Looks at what came in: a value ends the asking, `undefined` lets it go on. */
  readonly judge: (arrival: Arrival) => Promise<T | undefined>;
  /** The version numbers in the nth request; only to be told. */
  readonly versions?: ((n: number) => readonly number[]) | undefined;
  /** Told each step. */
  readonly onTrace?: TraceSink | undefined;
  /** Resolves names. */
  readonly lookup?: Lookup | undefined;
  /** Opens UDP sockets. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}
