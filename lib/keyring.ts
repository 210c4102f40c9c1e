/**
 * A server's keys: long-term identities, and the online keys that sign for them.
 *
 * An online key is certified once for every context and layout of time that some version
 * wants, so that one key serves all of them.
 *
 * @module
 */

import { equal } from "./bytes.ts";
import { buildCertificate, type Spelling } from "./certificate.ts";
import { createSigner, type Signer, srvOf } from "./crypto.ts";
import {
  type ContextKind,
  type Dialect,
  DIALECTS,
  type TimeUnit,
} from "./dialect.ts";

/** Which spelling of the contexts to sign version 1 with: the RFC's text, or the drafts'. */
export type V1Context = "rfc" | "draft";

/** What tells the certificates of one online key apart: context and layout of time. */
export type CertificateKind = `${ContextKind}/${TimeUnit}`;

function certificateKind(dialect: Dialect): CertificateKind {
  return `${dialect.context}/${dialect.time}`;
}

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
}

/** A long-term key as clients know it, and what signs for it now. */
export interface Identity {
  /** The long-term key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** What SRV says when this key is meant. */
  readonly srv: Uint8Array;
  /** Signs now. */
  readonly online: OnlineKey;
}

/** Options of {@linkcode certifyOnlineKey}. */
export interface CertifyOptions {
  /** MINT in microseconds since 1970. */
  readonly notBeforeMicros: bigint;
  /** MAXT in microseconds since 1970. */
  readonly notAfterMicros: bigint;
  /** See {@linkcode V1Context}. */
  readonly v1Context: V1Context;
}

/**
 * Certifies an online key for every dialect.
 *
 * @param longTerm Signs with the long-term key.
 * @param signer Holds the online key.
 * @param options The window.
 */
export async function certifyOnlineKey(
  longTerm: Signer,
  signer: Signer,
  options: CertifyOptions,
): Promise<OnlineKey> {
  const { notBeforeMicros, notAfterMicros, v1Context } = options;
  const certificates = new Map<CertificateKind, Uint8Array>();
  for (const dialect of Object.values(DIALECTS)) {
    const kind = certificateKind(dialect);
    if (certificates.has(kind)) continue;
    const certificate = await buildCertificate(longTerm, {
      publicKey: signer.publicKey,
      notBeforeMicros,
      notAfterMicros,
      time: dialect.time,
      spelling: spellingOf(dialect, v1Context),
    });
    certificates.set(kind, certificate);
  }
  return { signer, notBeforeMicros, notAfterMicros, certificates };
}

/** The spelling a server signs with. */
export function spellingOf(dialect: Dialect, v1Context: V1Context): Spelling {
  return dialect.context === "rfc" && v1Context === "draft"
    ? "plain"
    : dialect.context;
}

/** Options of {@linkcode Keyring.create}. */
export interface KeyringOptions {
  /** Signers of the long-term keys, one at least. */
  readonly longTerm: readonly Signer[];
  /** The time now, in microseconds since 1970. */
  readonly nowMicros: bigint;
  /** How long an online key signs, in microseconds. */
  readonly validityMicros: bigint;
  /** Gives that many unpredictable bytes. */
  readonly random: (bytes: number) => Uint8Array;
  /** See {@linkcode V1Context}. */
  readonly v1Context: V1Context;
}

/** How far before now a certificate begins, so that a small step of the clock does no harm. */
const BACKDATE_MICROS = 3_600_000_000n;

/** The keys of one server. Online keys are renewed in place by {@linkcode Keyring.renew}. */
export class Keyring {
  /** See {@linkcode V1Context}. */
  readonly v1Context: V1Context;
  readonly #options: KeyringOptions;
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
   * @throws {RangeError} If there is no long-term key or no validity.
   */
  static async create(options: KeyringOptions): Promise<Keyring> {
    if (options.longTerm.length === 0) {
      throw new RangeError("Cannot create keyring: no long-term key");
    }
    if (options.validityMicros <= 0n) {
      throw new RangeError("Cannot create keyring: validity is not positive");
    }
    return new Keyring(options, await delegateAll(options, options.nowMicros));
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

  /**
   * Replaces the online keys when less than an eighth of their window is left, or when the
   * clock has gone to before it.
   *
   * @param nowMicros The time now, in microseconds since 1970.
   * @returns Were they replaced?
   */
  async renew(nowMicros: bigint): Promise<boolean> {
    const reserve = this.#options.validityMicros / 8n;
    const fresh = this.#identities.every(({ online }) =>
      nowMicros >= online.notBeforeMicros &&
      nowMicros < online.notAfterMicros - reserve
    );
    if (fresh) return false;
    const old = this.#identities;
    this.#identities = await delegateAll(this.#options, nowMicros);
    for (const { online } of old) online.signer.destroy?.();
    return true;
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
      certificateKind(dialect),
    ) as Uint8Array;
  }
}

async function delegateAll(
  options: KeyringOptions,
  nowMicros: bigint,
): Promise<Identity[]> {
  const { validityMicros, v1Context } = options;
  const backdate = validityMicros < BACKDATE_MICROS
    ? validityMicros
    : BACKDATE_MICROS;
  const identities: Identity[] = [];
  for (const longTerm of options.longTerm) {
    const seed = options.random(32);
    const signer = createSigner(seed);
    seed.fill(0);
    const online = await certifyOnlineKey(longTerm, signer, {
      notBeforeMicros: nowMicros - backdate,
      notAfterMicros: nowMicros + validityMicros,
      v1Context,
    });
    const { publicKey } = longTerm;
    identities.push({ publicKey, srv: srvOf(publicKey), online });
  }
  return identities;
}
