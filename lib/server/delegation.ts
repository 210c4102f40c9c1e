/**
 * Offline delegation: an online key with its certificates in a file, made where the
 * long-term key is and carried to where it must never be.
 *
 * The file is JSON. It holds the online key's seed, so it is as secret as the window in
 * which that key may sign is long.
 *
 * @module
 */

import { requireBigInRange, TIME_MICROS } from "../wire/range.ts";
import { base64 } from "@scure/base";
import { equal } from "../crypto/bytes.ts";
import {
  findSpelling,
  parseCertificate,
  type Spelling,
} from "../wire/certificate.ts";
import { createSigner, KEY_BYTES, type Signer } from "../crypto/ed25519.ts";
import type { TimeUnit } from "../wire/dialect.ts";
import {
  CERTIFICATE_KINDS,
  type CertificateKind,
  certifyOnlineKey,
  type Delegated,
} from "./keyring.ts";
import { decodeMessage, encodeMessage } from "../wire/message.ts";
import { TAG } from "../wire/tag.ts";
import { formatTime } from "../wire/timestamp.ts";

/** Names the file's form. */
export const DELEGATION_SCHEMA = "roughly/delegation/1";

/** Options of {@linkcode createDelegation}. */
export interface CreateDelegationOptions {
  /** Signs with the long-term key. */
  readonly longTerm: Signer;
  /** The new online key's seed, 32 secret bytes; overwrite it afterwards. */
  readonly onlineSeed: Uint8Array;
  /** MINT in microseconds since 1970. */
  readonly notBeforeMicros: bigint;
  /** MAXT in microseconds since 1970. */
  readonly notAfterMicros: bigint;
}

/**
 * Makes a delegation for every dialect.
 *
 * @param options The keys and the window.
 * @returns The file's text.
 * @throws {RangeError} If the seed is not 32 bytes, an end of the window is before 1970, or
 *   later than every dialect can say.
 */
export async function createDelegation(
  options: CreateDelegationOptions,
): Promise<string> {
  const { longTerm, onlineSeed, notBeforeMicros, notAfterMicros } = options;
  requireBigInRange("notBeforeMicros", notBeforeMicros, TIME_MICROS);
  requireBigInRange("notAfterMicros", notAfterMicros, TIME_MICROS);
  const signer = createSigner(onlineSeed);
  const { certificates } = await certifyOnlineKey(longTerm, signer, options);
  signer.destroy?.();
  return JSON.stringify(
    {
      schema: DELEGATION_SCHEMA,
      publicKey: base64.encode(longTerm.publicKey),
      notBefore: formatTime(notBeforeMicros),
      notAfter: formatTime(notAfterMicros),
      onlineSeed: base64.encode(onlineSeed),
      certificates: Object.fromEntries(
        [...certificates].map(([kind, value]) => [kind, base64.encode(value)]),
      ),
    },
    null,
    2,
  ) + "\n";
}

/** What {@linkcode parseDelegation} gives: a key to sign with, or what is wrong with the text. */
export type DelegationResult =
  | { readonly ok: true; readonly delegated: Delegated }
  | { readonly ok: false; readonly problem: string };

function problem(text: string): { ok: false; problem: string } {
  return { ok: false, problem: text };
}

function decodeBytes(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return base64.decode(value);
  } catch {
    return undefined;
  }
}

/**
 * Reads a delegation and checks everything in it, so that what is taken into use can
 * sign: each certificate is the long-term key's, for this online key, for one window.
 *
 * @param text The file's text.
 * @param options Whether to keep the seed, so that the key can be handed to other threads.
 */
export async function parseDelegation(
  text: string,
  options: { readonly exportable?: boolean | undefined } = {},
): Promise<DelegationResult> {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(text);
  } catch {
    return problem("it is not JSON");
  }
  if (json === null || json?.schema !== DELEGATION_SCHEMA) {
    return problem(`it is not of the form ${DELEGATION_SCHEMA}`);
  }
  const publicKey = decodeBytes(json.publicKey);
  const seed = decodeBytes(json.onlineSeed);
  if (publicKey?.length !== KEY_BYTES || seed?.length !== KEY_BYTES) {
    seed?.fill(0);
    return problem("a key in it is not 32 bytes of base64");
  }
  const signer = createSigner(seed);
  const kept = options.exportable ? seed.slice() : undefined;
  seed.fill(0);
  const result = await readCertificates(json, publicKey, signer);
  if (!result.ok) {
    signer.destroy?.();
    kept?.fill(0);
    return result;
  }
  const online = { signer, seed: kept, ...result.certified };
  return { ok: true, delegated: { publicKey, online } };
}

/** Reads the certificates, and the window that all of them leave. */
async function readCertificates(
  json: Record<string, unknown>,
  publicKey: Uint8Array,
  signer: Signer,
): Promise<
  | {
    readonly ok: true;
    readonly certified: Omit<Delegated["online"], "signer" | "seed">;
  }
  | { readonly ok: false; readonly problem: string }
> {
  const certificates = new Map<CertificateKind, Uint8Array>();
  let window: { notBeforeMicros: bigint; notAfterMicros: bigint } | undefined;
  for (const kind of CERTIFICATE_KINDS) {
    const list = json.certificates as Record<string, unknown> | undefined;
    const bytes = decodeBytes(list?.[kind]);
    const checked = bytes && await check(bytes, kind, publicKey, signer);
    if (!bytes || !checked) {
      return problem(`its certificate ${kind} is missing or not valid`);
    }
    // Layouts in seconds round down, so the narrowest of the windows is the one to keep.
    window = {
      notBeforeMicros: later(window?.notBeforeMicros, checked.notBeforeMicros),
      notAfterMicros: earlier(window?.notAfterMicros, checked.notAfterMicros),
    };
    certificates.set(kind, bytes);
  }
  if (!window || window.notBeforeMicros > window.notAfterMicros) {
    return problem("its window is empty");
  }
  return { ok: true, certified: { certificates, ...window } };
}

function later(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b > a ? b : a;
}

function earlier(a: bigint | undefined, b: bigint): bigint {
  return a === undefined || b < a ? b : a;
}

/** Verifies one certificate; gives its window if it is good. */
async function check(
  bytes: Uint8Array,
  kind: CertificateKind,
  publicKey: Uint8Array,
  signer: Signer,
): Promise<{ notBeforeMicros: bigint; notAfterMicros: bigint } | undefined> {
  if (bytes.length % 4 !== 0) return undefined;
  const [spelling, time] = kind.split("/") as [Spelling, TimeUnit];
  const decoded = decodeMessage(encodeMessage([[TAG.CERT, bytes]]));
  const parsed = decoded.ok && parseCertificate(decoded.message, time);
  if (!parsed || !parsed.ok) return undefined;
  const { signature, dele, delegation } = parsed.certificate;
  const found = await findSpelling(
    spelling,
    "delegation",
    signature,
    dele,
    publicKey,
  );
  return found === spelling && equal(delegation.publicKey, signer.publicKey)
    ? delegation
    : undefined;
}
