/**
 * A server's keys: long-term identities, and the online keys that sign for them.
 *
 * An online key is certified once for every context and layout of time that some version
 * wants, so that one key serves all of them.
 *
 * @module
 */

import { requireBigInRange, requireOneOf, TIME_MICROS } from "../wire/range.ts";
import { LEAST_VALIDITY_SECONDS } from "./check_options.ts";
import { equal } from "../crypto/bytes.ts";
import {
  buildCertificate,
  type Spelling,
  spellingOf,
  type V1Context,
  windowState,
} from "../wire/certificate.ts";
import { createSigner, type Signer } from "../crypto/ed25519.ts";
import { srvOf } from "../wire/srv.ts";
import { type Dialect, DIALECTS, type TimeUnit } from "../wire/dialect.ts";
import type { DropReason } from "./drop_reason.ts";
import { canTell } from "../wire/response.ts";
import { isPlausible, radiusFits, toPlausible } from "../wire/timestamp.ts";

/** A clock that is far off is no reason not to start: nothing is signed until it is set. */
const ANY_CLOCK_MICROS = { min: -(1n << 128n), max: 1n << 128n };

/** What tells the certificates of one online key apart: context and layout of time. */
export type CertificateKind = `${Spelling}/${TimeUnit}`;

/** Every kind of certificate that some dialect wants, however version 1 is spelt. */
export const CERTIFICATE_KINDS: readonly CertificateKind[] = [
  ...new Set(
    Object.values(DIALECTS).flatMap((dialect): CertificateKind[] => [
      `${spellingOf(dialect, "rfc")}/${dialect.time}`,
      `${spellingOf(dialect, "draft")}/${dialect.time}`,
    ]),
  ),
];

/** An online key, its window, and the certificates that vouch for it. */
export interface OnlineKey {
  /** Signs replies. */
  readonly signer: Signer;
  /** MINT in microseconds since 1970. */
  readonly notBeforeMicros: bigint;
  /** MAXT in microseconds since 1970. */
  readonly notAfterMicros: bigint;
  /** CERT values by context and layout of time. */
  readonly certificates: ReadonlyMap<CertificateKind, Uint8Array>;
  /** What the signer was made from, where it is to be handed to other threads. */
  readonly seed?: Uint8Array | undefined;
}

/** An online key as plain data, for another thread. It holds a secret. */
export interface PortableKey extends Omit<OnlineKey, "signer"> {
  /** The long-term key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Seed of the online key, 32 secret bytes. */
  readonly seed: Uint8Array;
}

/** Takes a key out of its portable form. */
export function importKey(key: PortableKey): Delegated {
  const { publicKey, seed, ...rest } = key;
  return { publicKey, online: { ...rest, signer: createSigner(seed) } };
}

/** An online key together with the long-term key that it signs for. */
export interface Delegated {
  /** The long-term key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs for it. */
  readonly online: OnlineKey;
}

/** A long-term key as clients know it, and what signs for it now. */
export interface Identity extends Delegated {
  /** What SRV says when this key is meant. */
  readonly srv: Uint8Array;
  /** Is the long-term key here, so that the online key can be renewed? */
  readonly rooted: boolean;
}

/**
 * Certifies an online key for every dialect.
 *
 * @param longTerm Signs with the long-term key.
 * @param signer Holds the online key.
 * @param window From when to when it may sign, in microseconds since 1970.
 */
export async function certifyOnlineKey(
  longTerm: Signer,
  signer: Signer,
  window: { readonly notBeforeMicros: bigint; readonly notAfterMicros: bigint },
): Promise<OnlineKey> {
  const { notBeforeMicros, notAfterMicros } = window;
  const certificates = new Map<CertificateKind, Uint8Array>();
  for (const kind of CERTIFICATE_KINDS) {
    const [spelling, time] = kind.split("/") as [Spelling, TimeUnit];
    const certificate = await buildCertificate(longTerm, {
      publicKey: signer.publicKey,
      notBeforeMicros,
      notAfterMicros,
      time,
      spelling,
    });
    certificates.set(kind, certificate);
  }
  return { signer, notBeforeMicros, notAfterMicros, certificates };
}

/** Options of {@linkcode Keyring.create}. */
export interface KeyringOptions {
  /** Signers of long-term keys. */
  readonly longTerm: readonly Signer[];
  /** Online keys that were certified elsewhere, for long-term keys that are not here. */
  readonly delegated?: readonly Delegated[] | undefined;
  /** The time now, in microseconds since 1970. */
  readonly nowMicros: bigint;
  /** How long an online key signs, in microseconds. */
  readonly validityMicros: bigint;
  /** Gives that many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** See {@linkcode V1Context}. */
  readonly v1Context: V1Context;
  /** Keep seeds of online keys, so that {@linkcode Keyring.exportKeys} can give them? */
  readonly exportable?: boolean | undefined;
}

/**
 * The least that is left of an online key when it is replaced. Threads whose keys another one
 * looks after depend on it: it has to hold several times the interval at which that happens,
 * the making of the new key, and its way to them.
 */
export const LEAST_RESERVE_MICROS: bigint = BigInt(LEAST_VALIDITY_SECONDS) *
  1_000_000n / 2n;

/** Looks at the keys within the reserve, and the longest from one to the next. */
const LOOKS_IN_RESERVE = 8;
const LONGEST_CARE_MS = 1_000;

/** The least that an online key can be told to sign for: half of it is reserve. */
export const LEAST_VALIDITY_MICROS: bigint = 2n * LEAST_RESERVE_MICROS;

/** How far before now a certificate begins, so that a small step of the clock does no harm. */
const BACKDATE_MICROS = 3_600_000_000n;

/** The keys of one server. Online keys are renewed in place by {@linkcode Keyring.renew}. */
export class Keyring {
  /** See {@linkcode V1Context}. */
  readonly v1Context: V1Context;
  readonly #options: KeyringOptions;
  readonly #retired: OnlineKey[] = [];
  #identities: readonly Identity[];

  private constructor(
    options: KeyringOptions,
    identities: readonly Identity[],
  ) {
    this.v1Context = options.v1Context;
    this.#options = options;
    this.#identities = identities;
  }

  /**
   * Makes a keyring with fresh online keys.
   *
   * @param options Keys, time and randomness.
   * @throws {RangeError} If there is no long-term key or no validity, or something that
   *   cannot be exported.
   */
  static async create(options: KeyringOptions): Promise<Keyring> {
    const { longTerm, delegated = [], validityMicros, nowMicros } = options;
    requireOneOf("v1Context", options.v1Context, ["rfc", "draft"]);
    requireBigInRange("nowMicros", nowMicros, ANY_CLOCK_MICROS);
    requireBigInRange("validityMicros", validityMicros, {
      ...TIME_MICROS,
      min: 1n,
    });
    if (longTerm.length + delegated.length === 0) {
      throw new RangeError("Cannot create keyring: no long-term key");
    }
    const identities = await Promise.all([
      ...longTerm.map((signer) => certify(options, signer, nowMicros)),
      ...delegated.map((one) => toIdentity(one, false)),
    ]);
    const keys = new Set(identities.map(({ publicKey }) => publicKey.join()));
    if (keys.size !== identities.length) {
      throw new RangeError(
        "Cannot create keyring: a long-term key stands twice",
      );
    }
    if (options.exportable && identities.some(({ online }) => !online.seed)) {
      // Whoever gets the others only would make up for what is missing.
      throw new RangeError(
        "Cannot export keys: a delegation was read without 'exportable'",
      );
    }
    return new Keyring(options, identities);
  }

  /** Long-term keys, in the order given. */
  get identities(): readonly Identity[] {
    return this.#identities;
  }

  /**
   * Which key a request means (RFC 10049, section 5.2): the one its SRV names, or the only
   * one there is.
   *
   * @param srv The request's SRV, or `undefined` where it has none or it is not heeded.
   */
  select(srv: Uint8Array | undefined): Identity | undefined {
    if (srv === undefined) {
      return this.#identities.length === 1 ? this.#identities[0] : undefined;
    }
    return this.#identities.find((identity) => equal(identity.srv, srv));
  }

  /** With less than this left, in microseconds, a key is replaced: an eighth, or what is least. */
  get reserveMicros(): bigint {
    const { validityMicros } = this.#options;
    const eighth = validityMicros / 8n;
    if (eighth >= LEAST_RESERVE_MICROS) return eighth;
    return validityMicros < LEAST_VALIDITY_MICROS
      ? validityMicros / 2n
      : LEAST_RESERVE_MICROS;
  }

  /** How often a thread that signs nothing has to look at the keys, in milliseconds. */
  get careMs(): number {
    const looks = Number(this.reserveMicros / 1000n) / LOOKS_IN_RESERVE;
    return Math.min(looks, LONGEST_CARE_MS);
  }

  /**
   * Replaces online keys of which less than the reserve is left, or when the clock has gone
   * to before their window. Only a long-term key that is here can do so.
   *
   * @param nowMicros The time now, in microseconds since 1970.
   * @returns How many were replaced.
   * @throws What a long-term signer threw, after the others were renewed all the same.
   */
  async renew(nowMicros: bigint): Promise<number> {
    const stale = this.#stale(nowMicros);
    const failures: unknown[] = [];
    await Promise.all(stale.map(async (old) => {
      const longTerm = this.#options.longTerm.find(({ publicKey }) =>
        equal(publicKey, old.publicKey)
      ) as Signer;
      try {
        const fresh = await certify(this.#options, longTerm, nowMicros);
        this.#identities = this.#identities.map((one) =>
          one === old ? fresh : one
        );
        this.#retire(old.online);
      } catch (error) {
        failures.push(error); // one key out of reach must not let the others expire
      }
    }));
    if (failures.length > 0) throw failures[0];
    return stale.length;
  }

  /** Would {@linkcode renew} have something to do? */
  isStale(nowMicros: bigint): boolean {
    return this.#stale(nowMicros).length > 0;
  }

  #stale(nowMicros: bigint): Identity[] {
    // At such a time no key may sign, so another one would be no better.
    if (!isPlausible(nowMicros)) return [];
    const reserve = this.reserveMicros;
    return this.#identities.filter(({ online, rooted }) =>
      rooted && (nowMicros < online.notBeforeMicros ||
        nowMicros >= online.notAfterMicros - reserve)
    );
  }

  /** A batch may still be signing with a key that was replaced, so it goes one later. */
  #retire(online: OnlineKey): void {
    this.#retired.push(online);
    while (this.#retired.length > this.#options.longTerm.length) {
      const { signer, seed } = this.#retired.shift() as OnlineKey;
      signer.destroy?.();
      seed?.fill(0);
    }
  }

  /** The earliest end of any online key's window, in microseconds since 1970. */
  get notAfterMicros(): bigint {
    return this.#identities.map(({ online }) => online.notAfterMicros)
      .reduce((a, b) => a < b ? a : b);
  }

  /** Can every online key sign at this time? */
  covers(micros: bigint): boolean {
    return this.#identities.every(({ online }) =>
      windowState(online, micros) === "open"
    );
  }

  /**
   * The earliest end among the keys that cannot be renewed here, but have to be delegated
   * anew elsewhere; `undefined` if there are none.
   */
  get delegatedUntilMicros(): bigint | undefined {
    return this.#identities.filter(({ rooted }) => !rooted)
      .map(({ online }) => online.notAfterMicros)
      .reduce<bigint | undefined>(
        (a, b) => a === undefined || b < a ? b : a,
        undefined,
      );
  }

  /** The online keys that were made or read to be handed on. */
  exportKeys(): PortableKey[] {
    return this.#identities.flatMap(({ publicKey, online }) => {
      const { signer: _, seed, ...rest } = online;
      return seed === undefined ? [] : [{ ...rest, publicKey, seed }];
    });
  }

  /**
   * The certificate to put in a reply.
   *
   * @param identity The long-term key that the request means.
   * @param dialect How the reply is written.
   */
  certificateFor(identity: Identity, dialect: Dialect): Uint8Array {
    // certifyOnlineKey() has made one for every row of the table.
    return identity.online.certificates.get(
      `${spellingOf(dialect, this.v1Context)}/${dialect.time}`,
    ) as Uint8Array;
  }
}

function toIdentity(
  { publicKey, online }: Delegated,
  rooted: boolean,
): Identity {
  return { publicKey, srv: srvOf(publicKey), online, rooted };
}

async function certify(
  options: KeyringOptions,
  longTerm: Signer,
  nowMicros: bigint,
): Promise<Identity> {
  const { validityMicros } = options;
  const backdate = validityMicros < BACKDATE_MICROS
    ? validityMicros
    : BACKDATE_MICROS;
  const seed = options.random(32);
  const signer = createSigner(seed);
  // A clock that is far off makes a narrower window, in which nothing is signed; the server
  // waits until it is set.
  const certified = await certifyOnlineKey(longTerm, signer, {
    notBeforeMicros: toPlausible(nowMicros - backdate),
    notAfterMicros: toPlausible(nowMicros + validityMicros),
  });
  const online = options.exportable ? { ...certified, seed } : certified;
  if (!options.exportable) seed.fill(0);
  return toIdentity({ publicKey: longTerm.publicKey, online }, true);
}

/**
 * Why a key may not sign this in this dialect, if it may not.
 *
 * @param micros The midpoint.
 * @param radiusMicros The radius.
 */
export function refusalAt(
  { online }: Identity,
  dialect: Dialect,
  micros: bigint,
  radiusMicros = 0n,
): DropReason | undefined {
  // Clamped to what the layout can hold, either would be a lie under a valid signature.
  const isSayable = canTell(dialect, micros) &&
    radiusFits(dialect.time, radiusMicros);
  if (!isSayable) return "clock";
  return windowState(online, micros) === "open" ? undefined : "delegation";
}
