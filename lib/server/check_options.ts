/**
 * What may stand in the options of a server. The responder's and the keyring's are looked at
 * by those.
 *
 * @module
 */

import { ServerError } from "../wire/errors.ts";
import {
  COUNT,
  DURATION_MS,
  FRACTION,
  LISTEN_PORT,
  type Range,
  requireInRange,
  requireOneOf,
  type Unchecked,
} from "../wire/range.ts";

/** Port of the servers in use today; RFC 10049 registers 5319. */
export const DEFAULT_PORT = 2002;

/** Longest time that datagrams are let gather: a thousandth of what the protocol tells. */
export const DEFAULT_DELAY_MICROS = 1000;

/** More threads than that are no use on any machine. */
export const MAX_WORKERS = 1024;

/** More datagrams at once than that take longer to answer than clients wait. */
const MAX_BATCH = 1024;

/** What the kernel takes as an int. */
const MAX_INT = 0x7fffffff;

const BYTES: Range = { min: 1, max: MAX_INT, integer: true };

/** RADI is a uint32, of microseconds in the older dialects. */
export const MAX_RADIUS_SECONDS: number = 0xffffffff / 1_000_000;

/** The least that an online key can be told to sign for: half of it is reserve. */
export const LEAST_VALIDITY_SECONDS = 4;

type ResponderOption =
  | "greaseProbability"
  | "maxBatch"
  | "soloBudget"
  | "singleBudget";

interface CheckedServeOptions extends
  Unchecked<
    | "port"
    | "maxBatch"
    | "workers"
    | "receiveBufferBytes"
    | "selfCheckSeconds"
    | "maxDelayMicros"
    | "io"
  > {
  readonly listen?: readonly Unchecked<"port">[] | undefined;
  readonly tcpLimits?:
    | Unchecked<
      | "maxMessageBytes"
      | "maxConnections"
      | "maxConnectionsPerAddress"
      | "idleMs"
      | "readMs"
      | "writeMs"
    >
    | undefined;
}

/**
 * Has what is out of range told as a server's other faults are.
 *
 * @throws {ServerError} With code `config` where the check throws a `RangeError`.
 */
export function asConfig<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ServerError("config", cause.message, { cause });
  }
}

/**
 * Holds what a server is told to its range.
 *
 * @throws {ServerError} With code `config`; names the option and the value.
 */
export function checkServerOptions(
  options: Unchecked<ResponderOption | "v1Context">,
): void {
  asConfig(() => {
    requireOneOf("v1Context", options.v1Context, ["rfc", "draft"]);
    checkResponderOptions(options);
  });
}

/**
 * Holds what a responder is told to its range.
 *
 * @throws {RangeError} Names the option and the value.
 */
export function checkResponderOptions(
  options: Unchecked<ResponderOption>,
): void {
  const budget = { min: 0, integer: true, infinite: true };
  requireInRange("greaseProbability", options.greaseProbability, FRACTION);
  requireInRange("maxBatch", options.maxBatch, COUNT);
  requireInRange("soloBudget", options.soloBudget, budget);
  requireInRange("singleBudget", options.singleBudget, budget);
}

/** A server that asks itself more often than once a second is busy with itself. */
const SELF_CHECK_SECONDS = { min: 1, max: 86_400 };

/** Beyond a millisecond clients would notice, and little more would be gained. */
export const MAX_DELAY_MICROS = 1000;

/**
 * Holds what is said of sockets to its range.
 *
 * @throws {ServerError} With code `config`; names the option and the value.
 */
export function checkServeOptions(options: CheckedServeOptions): void {
  const batch = { min: 1, max: MAX_BATCH, integer: true };
  const delay = { min: 0, max: MAX_DELAY_MICROS };
  const workers = { min: 0, max: MAX_WORKERS, integer: true };
  asConfig(() => {
    requireInRange("port", options.port, LISTEN_PORT);
    for (const { port } of options.listen ?? []) {
      requireInRange("listen port", port, LISTEN_PORT);
    }
    requireInRange("maxBatch", options.maxBatch, batch);
    requireInRange("workers", options.workers, workers);
    requireInRange("receiveBufferBytes", options.receiveBufferBytes, BYTES);
    if (options.selfCheckSeconds !== 0) { // which is never
      requireInRange(
        "selfCheckSeconds",
        options.selfCheckSeconds,
        SELF_CHECK_SECONDS,
      );
    }
    requireInRange("maxDelayMicros", options.maxDelayMicros, delay);
    requireOneOf("io", options.io, ["auto", "portable", "linux"]);
    const { tcpLimits = {} } = options;
    requireInRange("tcpLimits.maxMessageBytes", tcpLimits.maxMessageBytes, {
      ...BYTES,
      min: 1024, // no request that all servers answer is shorter
    });
    for (
      const name of ["maxConnections", "maxConnectionsPerAddress"] as const
    ) {
      requireInRange(`tcpLimits.${name}`, tcpLimits[name], COUNT);
    }
    for (const name of ["idleMs", "readMs", "writeMs"] as const) {
      requireInRange(`tcpLimits.${name}`, tcpLimits[name], DURATION_MS);
    }
  });
}
