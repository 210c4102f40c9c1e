/**
 * What `serve()` can be told.
 *
 * @module
 */

import type { DatagramOptions, DatagramSocket } from "../net/datagram.ts";
import type { TcpLimits } from "../net/tcp_server.ts";
import type { ServerIo } from "../net/udp.ts";
import type { EventSink } from "./event.ts";

/** An address to listen on. */
export interface ListenAddress {
  /** Literal address, or a name for all that it has; `::` is all of the machine's. */
  readonly hostname: string;
  /** Port, 0 for any. */
  readonly port: number;
}

/** Options of {@linkcode serve}. */
export interface ServeOptions {
  /**
   * Address to listen on, or a name, such as `localhost`, for all that it has. By default
   * all of them, IPv6 and IPv4; only IPv4 where the system has no IPv6.
   *
   * @default {"::"}
   */
  readonly hostname?: string | undefined;
  /**
   * Port to listen on, 0 for any.
   *
   * @default {2002}
   */
  readonly port?: number | undefined;
  /** Addresses to listen on, instead of `hostname` and `port`. */
  readonly listen?: readonly ListenAddress[] | undefined;
  /**
   * Serve on TCP too, on the same ports?
   *
   * @default {true}
   */
  readonly tcp?: boolean | undefined;
  /** What TCP peers may use up; what is left out has the value of a public server. */
  readonly tcpLimits?: Partial<TcpLimits> | undefined;
  /**
   * Receive buffer to ask the system for, in bytes.
   *
   * @default {8388608}
   */
  readonly receiveBufferBytes?: number | undefined;
  /** Shuts the server down when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /**
   * How datagrams travel: through the runtime's sockets, or through the system's own calls,
   * which take Linux and `--allow-ffi` and cost a third.
   *
   * @default {"auto"}
   */
  readonly io?: ServerIo | undefined;
  /**
   * Threads that answer on each UDP address, where the system's own calls are used and the
   * server was made with `exportable`; 0 for none but this one.
   *
   * @default {0}
   */
  readonly workers?: number | undefined;
  /**
   * Most packets answered in one go.
   *
   * @default {64, or 128 with the system's own calls}
   */
  readonly maxBatch?: number | undefined;
  /**
   * Where threads answer: the longest time, in microseconds, that they let requests gather
   * which come one by one but often, so that one signature serves several; 0 for not at all.
   * It is part of the round trip that clients measure, so their bounds hold. One that comes
   * after a pause is answered at once, and so are all where it brings no more at a time.
   *
   * @default {1000}
   */
  readonly maxDelayMicros?: number | undefined;
  /**
   * How often the server asks itself over every listener whether it answers, in seconds; one
   * that does not is told of (`listener-down`) and opened anew. 0 turns it off. Each question
   * is counted as any other request is.
   *
   * @default {20, or 0 where a subclass decides what is answered}
   */
  readonly selfCheckSeconds?: number | undefined;
  /** Told what an operator should know. */
  readonly onEvent?: EventSink | undefined;
  /** Opens UDP sockets; for tests and other backends. */
  readonly open?:
    | ((options: DatagramOptions) => Promise<DatagramSocket>)
    | undefined;
}
