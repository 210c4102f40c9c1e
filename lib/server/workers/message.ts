/**
 * What the main thread and its workers tell each other.
 *
 * @module
 */

import type { ServerCounters } from "../counters.ts";
import type { PortableKey } from "../keyring.ts";
import type { SocketNumbers } from "../../net/linux/socket.ts";
import type { PortableServer } from "../options.ts";

/** To a worker. */
export type Order =
  | {
    readonly kind: "start";
    readonly server: PortableServer;
    /** The socket, which the main thread has bound and will close. */
    readonly socket: SocketNumbers;
    readonly hostname: string;
    readonly port: number;
    /** Most datagrams taken at once. */
    readonly maxBatch: number;
    /** Longest time that datagrams are let gather, in microseconds. */
    readonly maxDelayMicros: number;
    /** Whether it rehearses before it is ready. */
    readonly rehearse: boolean;
    /** Counts orders, so that a worker who was woken knows how many to wait for. */
    readonly orders: Int32Array;
  }
  | { readonly kind: "keys"; readonly keys: readonly PortableKey[] }
  /** To say what it has done; the number comes back with the answer. */
  | { readonly kind: "report"; readonly number: number }
  | { readonly kind: "stop" };

/** From a worker. */
export type Report =
  | { readonly kind: "ready" }
  | {
    readonly kind: "counters";
    readonly counters: ServerCounters;
    /** The last order that this answers, 0 if there was none yet. */
    readonly number: number;
  }
  | { readonly kind: "fault"; readonly message: string }
  | { readonly kind: "stopped"; readonly counters: ServerCounters };
