/**
 * What a server can be told, and how that becomes keys and durations.
 *
 * @module
 */

import {
  asConfig,
  LEAST_VALIDITY_SECONDS,
  MAX_RADIUS_SECONDS,
} from "./check_options.ts";
import { requireInRange } from "../wire/range.ts";
import type { KernelClock } from "../net/kernel_clock.ts";
import { createSigner, type Signer } from "../crypto/ed25519.ts";
import { ServerError } from "../wire/errors.ts";
import { parseKey } from "../wire/key_text.ts";
import {
  type Delegated,
  LEAST_VALIDITY_MICROS,
  type PortableKey,
} from "./keyring.ts";
import type { V1Context } from "../wire/certificate.ts";
import type { Peer } from "../net/datagram.ts";
import type { ResponderOptions } from "./responder.ts";
import type { EventSink } from "./event.ts";

/** Keys that a server signs for. */
export interface ServerKeys {
  /**
   * Seed of the long-term key: 32 bytes, or text as `parseKey()` takes it. Where no key of
   * any kind is given, one is made that nobody will know after a restart.
   */
  readonly privateKey?: Uint8Array | string | undefined;
  /** Long-term keys that sign elsewhere, or several of them; instead of `privateKey`. */
  readonly longTerm?: readonly Signer[] | undefined;
  /** Online keys certified elsewhere; see `parseDelegation()`. */
  readonly delegated?: readonly Delegated[] | undefined;
}

/** Options of {@linkcode Server.create}. */
export interface ServerOptions
  extends ServerKeys, Omit<ResponderOptions, "keyring" | "onSignerFailure"> {
  /**
   * How far off the server claims that it may be, in seconds. Most versions cut the time to
   * whole seconds, so this has to cover the clock's error and a second more. 3 is the least
   * that a server should claim if it knows nothing of leap seconds (RFC 10049, section 5.2.5).
   *
   * @default {3}
   */
  readonly radiusSeconds?: number | undefined;
  /**
   * The widest radius that is still sent when the system says that its clock may be off
   * by more than `radiusSeconds`; beyond it the server falls silent.
   *
   * @default {30}
   */
  readonly maxRadiusSeconds?: number | undefined;
  /**
   * Do not ask the system about its clock.
   *
   * @default {false}
   */
  readonly trustClock?: boolean | undefined;
  /** What the system says of its clock, asked once a second; for tests and other systems. */
  readonly readClock?: (() => KernelClock | undefined) | undefined;
  /**
   * How long an online key is certified for, in seconds: 4 at least. It is replaced when an
   * eighth of that is left, or 2 seconds.
   *
   * @default {3600}
   */
  readonly validitySeconds?: number | undefined;
  /**
   * How version 1's signature contexts are spelt.
   *
   * @default {"rfc"}
   */
  readonly v1Context?: V1Context | undefined;
  /**
   * Fraction of replies to spoil on purpose (RFC 10049, section 7).
   *
   * @default {0.001}
   */
  readonly greaseProbability?: number | undefined;
  /**
   * Keep the seeds of online keys, so that other threads can sign with them? Delegations
   * then have to be read with `exportable` too.
   *
   * @default {false}
   */
  readonly exportable?: boolean | undefined;
  /** Told what an operator should know. */
  readonly onEvent?: EventSink | undefined;
}

/** Options that another thread can be told: plain data, and no secrets. */
export type PortableOptions = Pick<
  ServerOptions,
  | "radiusSeconds"
  | "maxRadiusSeconds"
  | "trustClock"
  | "v1Context"
  | "greaseProbability"
  | "versions"
  | "preferRfc"
  | "maxBatch"
  | "soloBudget"
  | "singleBudget"
>;

/**
 * What of a server's options another thread can be told.
 *
 * @returns `undefined` if some of them are functions, which stay where they are.
 */
export function portableOptions(
  options: ServerOptions,
): PortableOptions | undefined {
  const { random, onBatch, readClock } = options;
  if (random || onBatch || readClock) return undefined;
  return {
    radiusSeconds: options.radiusSeconds,
    maxRadiusSeconds: options.maxRadiusSeconds,
    trustClock: options.trustClock,
    v1Context: options.v1Context,
    greaseProbability: options.greaseProbability,
    versions: options.versions,
    preferRfc: options.preferRfc,
    maxBatch: options.maxBatch,
    soloBudget: options.soloBudget,
    singleBudget: options.singleBudget,
  };
}

/** A server as plain data, for another thread. */
export interface PortableServer {
  /** Its choices. */
  readonly options: PortableOptions;
  /** Its online keys, secrets included. */
  readonly keys: readonly PortableKey[];
}

/** What {@linkcode Server.handleBatch} may be told about a batch. */
export interface HandleOptions {
  /**
   * How the packets came.
   *
   * @default {"udp"}
   */
  readonly transport?: "udp" | "tcp" | undefined;
  /** Who sent them, in the same order. */
  readonly peers?: readonly Peer[] | undefined;
}

/** What changes the answers of a server where it is set on that server alone. */
const METHODS = [
  "getTime",
  "getRadius",
  "acceptRequest",
  "rewriteReply",
  "handleBatch",
];

/** Were methods of this object, rather than of its class, replaced? */
export function hasOverrides(server: object): boolean {
  return METHODS.some((name) => Object.hasOwn(server, name));
}

/** What decides whether, and with what, a packet is answered. */
const DECIDING = ["acceptRequest", "rewriteReply", "handleBatch"];

/**
 * Do methods of a subclass, or of an object's own, decide what is answered?
 *
 * @param server The server.
 * @param plain The prototype that decides nothing.
 */
export function isSelective(server: object, plain: object): boolean {
  return DECIDING.some((name) =>
    Reflect.get(server, name) !== Reflect.get(plain, name)
  );
}

/** A number of seconds that is usable as a duration, in microseconds. */
export function secondsToMicros(
  name: string,
  seconds: number,
  max = 0xffffffff,
): bigint {
  asConfig(() =>
    requireInRange(name, seconds, {
      min: 5e-7,
      max,
      required: true,
      unit: "seconds",
    })
  );
  return BigInt(Math.round(seconds * 1_000_000));
}

/** How far off the server says that it may be, in microseconds. */
export function radiusOf({ radiusSeconds = 3 }: ServerOptions): bigint {
  return secondsToMicros("radiusSeconds", radiusSeconds, MAX_RADIUS_SECONDS);
}

/** How far off it may be at most before it falls silent, in microseconds. */
export function maxRadiusOf({ maxRadiusSeconds = 30 }: ServerOptions): bigint {
  const name = "maxRadiusSeconds";
  return secondsToMicros(name, maxRadiusSeconds, MAX_RADIUS_SECONDS);
}

/** How long online keys sign, in microseconds. */
export function validityOf(
  { validitySeconds: seconds = 3600 }: ServerOptions,
): bigint {
  const micros = secondsToMicros("validitySeconds", seconds);
  if (micros < LEAST_VALIDITY_MICROS) {
    throw new ServerError(
      "config",
      `Cannot use validitySeconds of ${seconds}: at least ${LEAST_VALIDITY_SECONDS} are needed, so that a key is replaced before it ends`,
    );
  }
  return micros;
}

/** Unpredictable bytes. */
export function randomBytes(count: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(count));
}

/** The long-term keys that the options come to. */
export function longTermSigners(keys: ServerKeys): readonly Signer[] {
  const { longTerm, delegated, privateKey } = keys;
  if (longTerm) return longTerm;
  if (privateKey === undefined && delegated?.length) return [];
  let seed: Uint8Array | undefined;
  try {
    seed = privateKey === undefined
      ? randomBytes(32)
      : typeof privateKey === "string"
      ? parseKey(privateKey)
      : privateKey;
    return [createSigner(seed)];
  } catch (cause) {
    throw new ServerError(
      "key",
      "Cannot use private key: it is not 32 bytes, or not base64 or hex",
      { cause },
    );
  } finally {
    if (seed !== privateKey) seed?.fill(0);
  }
}
