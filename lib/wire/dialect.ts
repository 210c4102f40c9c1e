/**
 * The version table: every way a Roughtime peer has ever spoken, as data.
 *
 * A *version* is a number on the wire, a *dialect* is behaviour. The two are not
 * the same: drafts 12-13 and 14-19 share the number 0x8000000c and differ by the
 * TYPE tag. Every cell is a word from a closed vocabulary and each vocabulary has
 * one interpreter elsewhere; nothing outside this file compares version numbers.
 *
 * @module
 */

import type { HashKind } from "../crypto/hash.ts";

/** Names a row of {@linkcode DIALECTS}. */
export type DialectId =
  | "google"
  | "draft-01"
  | "draft-02"
  | "draft-03"
  | "draft-04"
  | "draft-05"
  | "draft-06"
  | "draft-07"
  | "draft-08"
  | "draft-09"
  | "draft-10"
  | "draft-11"
  | "draft-12"
  | "draft-14"
  | "rfc-10049";

/** Layout of MIDP, MINT and MAXT; RADI is in seconds exactly where these are. */
export type TimeUnit = "unix-micros" | "mjd-micros" | "unix-seconds";

/**
 * Strings that separate the signatures. `dashed` and `plain` begin `RoughTime v1`,
 * the former ends the delegation's with two dashes. `rfc` is the RFC text's spelling
 * `Roughtime v1`; readers also accept `plain` there (see `certificate.ts`).
 */
export type ContextKind = "dashed" | "plain" | "rfc";

/** How one dialect behaves. No cell is optional: a new row must say everything. */
export interface Dialect {
  /** The row's name, as in JSON output. */
  readonly id: DialectId;
  /** For people. */
  readonly title: string;
  /** Wire version; Google's protocol has none and uses {@linkcode GOOGLE_VERSION}. */
  readonly code: number;
  /** Do packets start with `ROUGHTIM` and a length? Where not, there is no VER. */
  readonly framed: boolean;
  /** Bytes in NONC. */
  readonly nonceSize: 32 | 64;
  /** Tag that fills the request. */
  readonly padding: "PADFF" | "PAD0" | "ZZZZ";
  /** Must the offered list be ascending, free of repeats and at most 32 long? */
  readonly versionList: "none" | "free" | "ascending";
  /** Does the server heed SRV, the hash of the key the client expects? */
  readonly srv: "ignored" | "heeded";
  /** Are requests TYPE 0 and replies TYPE 1? */
  readonly type: "none" | "required";
  /** What hashes the tree. */
  readonly hash: HashKind;
  /** What a leaf is made of. */
  readonly leaf: "zero-nonce" | "packet";
  /** Orders a verifier tries. Everybody builds hash-first but one implementation of 05-13. */
  readonly pathOrder: "hash-first" | "either";
  /** Layout of timestamps. */
  readonly time: TimeUnit;
  /** Separates delegation and response signatures. */
  readonly context: ContextKind;
  /** Where the reply repeats NONC. `optional` is compared if present: real servers of 03-11 omit it. */
  readonly nonceEcho: "optional" | "srep" | "required";
  /** Where the reply says which version it speaks; `srep` comes with the list VERS. */
  readonly versionEcho: "none" | "top" | "srep";
  /** Least RADI that a server may claim, in seconds. A client refuses 0 where this is not 0. */
  readonly leastRadiusSeconds: 0 | 1 | 3;
  /**
   * What becomes of a leap second: spread over a day, counted like the second after it, not
   * said, or covered by RADI. `leap_second.ts` draws the consequences.
   */
  readonly leapSecond: "smeared" | "repeated" | "unsaid" | "in-radius";
  /** May one signature answer many requests? Not where the nonce is inside SREP. */
  readonly batches: "many" | "one";
  /** Are some replies to be spoilt on purpose so that clients stay strict? */
  readonly grease: "may" | "should";
  /** How a chained nonce derives from the previous reply and a blind. */
  readonly chain: "double-hash" | "single-hash";
  /** The document. */
  readonly spec: string;
  /** One sentence on what is peculiar. */
  readonly note: string;
}

/**
 * The number by which server lists name Google's protocol. It never goes on the
 * wire: Google's packets carry no version.
 */
export const GOOGLE_VERSION = 3000600613;

/** The table. Rows repeat themselves so that each can be read alone. */
export const DIALECTS: Readonly<Record<DialectId, Dialect>> = {
  "google": {
    id: "google",
    title: "Google-Roughtime",
    code: GOOGLE_VERSION,
    framed: false,
    nonceSize: 64,
    padding: "PADFF",
    versionList: "none",
    srv: "ignored",
    type: "none",
    hash: "sha512",
    leaf: "zero-nonce",
    pathOrder: "hash-first",
    time: "unix-micros",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "none",
    leastRadiusSeconds: 0,
    leapSecond: "smeared",
    batches: "many",
    grease: "may",
    chain: "double-hash",
    spec: "Google PROTOCOL.md",
    note: "The original: unframed, UDP only, 64-byte hashes.",
  },
  "draft-01": {
    id: "draft-01",
    title: "draft 01",
    code: 0x80000001,
    framed: true,
    nonceSize: 64,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "hash-first",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "srep",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "one",
    grease: "may",
    chain: "double-hash",
    spec: "draft-ietf-ntp-roughtime-01",
    note: "The nonce is inside SREP, so a signature answers one request.",
  },
  "draft-02": {
    id: "draft-02",
    title: "draft 02",
    code: 0x80000002,
    framed: true,
    nonceSize: 64,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/256",
    leaf: "zero-nonce",
    pathOrder: "hash-first",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "srep",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "one",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-02",
    note:
      "SHA-512/256. Its chaining rule is unusable as printed; the one of 04 is used.",
  },
  "draft-03": {
    id: "draft-03",
    title: "draft 03",
    code: 0x80000003,
    framed: true,
    nonceSize: 64,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "hash-first",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-03",
    note: "The nonce moved out of SREP.",
  },
  "draft-04": {
    id: "draft-04",
    title: "draft 04",
    code: 0x80000004,
    framed: true,
    nonceSize: 64,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "hash-first",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-04",
    note: "As 03 on the wire.",
  },
  "draft-05": {
    id: "draft-05",
    title: "draft 05",
    code: 0x80000005,
    framed: true,
    nonceSize: 32,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-05",
    note:
      "Nonces shrink to 32 bytes; the text prints the tree the wrong way round.",
  },
  "draft-06": {
    id: "draft-06",
    title: "draft 06",
    code: 0x80000006,
    framed: true,
    nonceSize: 32,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "mjd-micros",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-06",
    note: "As 05 on the wire.",
  },
  "draft-07": {
    id: "draft-07",
    title: "draft 07",
    code: 0x80000007,
    framed: true,
    nonceSize: 32,
    padding: "PAD0",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/256",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "mjd-micros",
    context: "plain",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "repeated",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-07",
    note:
      "SHA-512/256 once more, microseconds, and the first without the dashes.",
  },
  "draft-08": {
    id: "draft-08",
    title: "draft 08",
    code: 0x80000008,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "unix-seconds",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "unsaid",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-08",
    note: "Unix seconds from here on.",
  },
  "draft-09": {
    id: "draft-09",
    title: "draft 09",
    code: 0x80000009,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "free",
    srv: "ignored",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "unix-seconds",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 0,
    leapSecond: "unsaid",
    batches: "many",
    grease: "may",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-09",
    note: "As 08 on the wire.",
  },
  "draft-10": {
    id: "draft-10",
    title: "draft 10",
    code: 0x8000000a,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "free",
    srv: "heeded",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "unix-seconds",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 3,
    leapSecond: "in-radius",
    batches: "many",
    grease: "should",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-10",
    note: "SRV names the key the client expects.",
  },
  "draft-11": {
    id: "draft-11",
    title: "draft 11",
    code: 0x8000000b,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "free",
    srv: "heeded",
    type: "none",
    hash: "sha512/32",
    leaf: "zero-nonce",
    pathOrder: "either",
    time: "unix-seconds",
    context: "dashed",
    nonceEcho: "optional",
    versionEcho: "top",
    leastRadiusSeconds: 3,
    leapSecond: "in-radius",
    batches: "many",
    grease: "should",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-11",
    note: "Cloudflare's. RADI should be 3 at least; real servers send 1.",
  },
  "draft-12": {
    id: "draft-12",
    title: "drafts 12-13",
    code: 0x8000000c,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "ascending",
    srv: "heeded",
    type: "none",
    hash: "sha512/32",
    leaf: "packet",
    pathOrder: "either",
    time: "unix-seconds",
    context: "plain",
    nonceEcho: "required",
    versionEcho: "srep",
    leastRadiusSeconds: 1,
    leapSecond: "in-radius",
    batches: "many",
    grease: "should",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-13",
    note:
      "The whole packet is the leaf and the version is signed; no TYPE yet.",
  },
  "draft-14": {
    id: "draft-14",
    title: "drafts 14-19",
    code: 0x8000000c,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "ascending",
    srv: "heeded",
    type: "required",
    hash: "sha512/32",
    leaf: "packet",
    pathOrder: "hash-first",
    time: "unix-seconds",
    context: "plain",
    nonceEcho: "required",
    versionEcho: "srep",
    leastRadiusSeconds: 1,
    leapSecond: "in-radius",
    batches: "many",
    grease: "should",
    chain: "single-hash",
    spec: "draft-ietf-ntp-roughtime-19",
    note: "TYPE tells requests from replies; same number as 12-13.",
  },
  "rfc-10049": {
    id: "rfc-10049",
    title: "RFC 10049 version 1",
    code: 0x00000001,
    framed: true,
    nonceSize: 32,
    padding: "ZZZZ",
    versionList: "ascending",
    srv: "heeded",
    type: "required",
    hash: "sha512/32",
    leaf: "packet",
    pathOrder: "hash-first",
    time: "unix-seconds",
    context: "rfc",
    nonceEcho: "required",
    versionEcho: "srep",
    leastRadiusSeconds: 1,
    leapSecond: "in-radius",
    batches: "many",
    grease: "should",
    chain: "single-hash",
    spec: "RFC 10049",
    note:
      "As 14-19, but the text respells the signature contexts; its own example does not.",
  },
};

/** Numbers that some peers use for the protocol of 0x8000000c, though no draft assigns them. */
export const ALIASES: readonly number[] = [
  0x8000000d,
  0x8000000e,
  0x8000000f,
  0x80000010,
  0x80000011,
  0x80000012,
  0x80000013,
];

/**
 * Versions that all servers are asked for first, ascending as 12 and later demand. No more
 * than four, since some servers read no further and 0x8000000c comes last. `docs/interoperability.md`
 * shows that these four are enough for everybody.
 */
export const DEFAULT_OFFER: readonly number[] = [
  1,
  0x80000007,
  0x8000000b,
  0x8000000c,
];

/**
 * What a client tries, in this order, until something answers. A server is known that takes no
 * list of more than one number, and none that speaks the numbers of the last offer alone.
 */
export const OFFERS: readonly (readonly number[])[] = [
  DEFAULT_OFFER,
  [0x8000000c],
  [GOOGLE_VERSION],
  [0x80000008, 0x80000009, 0x8000000a],
];

/** Some servers read no more than this many offered numbers. */
export const MAX_OFFERED = 8;

/** Longest VER or VERS list that is read (draft 13 onward). */
export const MAX_VERSIONS = 32;

/** All numbers a server can answer, ascending; this is what VERS lists by default. */
export const SERVER_VERSIONS: readonly number[] = [
  1,
  0x80000001,
  0x80000002,
  0x80000003,
  0x80000004,
  0x80000005,
  0x80000006,
  0x80000007,
  0x80000008,
  0x80000009,
  0x8000000a,
  0x8000000b,
  0x8000000c,
];

/**
 * What a server picks from an offer, best first. 0x8000000c precedes 1 because every
 * client that offers it can verify it, while of those that offer both some know only
 * the drafts' spelling of version 1's contexts.
 */
const PREFERENCE: readonly number[] = [
  0x8000000c,
  1,
  ...ALIASES,
  0x8000000b,
  0x8000000a,
  0x80000009,
  0x80000008,
  0x80000007,
  0x80000006,
  0x80000005,
  0x80000004,
  0x80000003,
  0x80000002,
  0x80000001,
];

const PREFERENCE_RFC: readonly number[] = [
  1,
  ...PREFERENCE.filter((code) => code !== 1),
];

/** The version every alias stands for. */
const ALIASED = 0x8000000c;

const BY_CODE = new Map<number, { typed: Dialect; untyped: Dialect }>();
for (const dialect of Object.values(DIALECTS)) {
  const entry = BY_CODE.get(dialect.code) ??
    { typed: dialect, untyped: dialect };
  if (dialect.type === "none") entry.untyped = dialect;
  else entry.typed = dialect;
  BY_CODE.set(dialect.code, entry);
}
for (const alias of ALIASES) {
  const entry = BY_CODE.get(ALIASED);
  if (entry !== undefined) BY_CODE.set(alias, entry);
}

/**
 * Finds the behaviour behind a wire number.
 *
 * @example
 * ```ts
 * import { dialectFor } from "@roughly/roughly/wire";
 * import assert from "node:assert/strict";
 *
 * assert.equal(dialectFor(0x8000000c, { typed: false })?.id, "draft-12");
 * assert.equal(dialectFor(0x8000000c, { typed: true })?.id, "draft-14");
 * assert.equal(dialectFor(7, { typed: true }), undefined);
 * ```
 *
 * @param code The number on the wire, or {@linkcode GOOGLE_VERSION}.
 * @param options Whether the packet has a TYPE tag, which tells drafts 14-19 from 12-13.
 * @returns The row, or `undefined` for a number that is not spoken here.
 */
export function dialectFor(
  code: number,
  options: { typed: boolean },
): Dialect | undefined {
  const entry = BY_CODE.get(code);
  return options.typed ? entry?.typed : entry?.untyped;
}

/** Options of {@linkcode selectVersion}. */
export interface SelectVersionOptions {
  /** Versions this server answers. */
  readonly supported: readonly number[];
  /** Length of the request's nonce, which rules out dialects of the other length. */
  readonly nonceSize: number;
  /** Has the request a TYPE tag? Without one, versions that demand it are out of reach. */
  readonly typed: boolean;
  /** Prefer 1 to 0x8000000c where both are offered. */
  readonly preferRfc: boolean;
}

/**
 * Picks the version to answer in (RFC 10049, section 5.1.1): the server's favourite
 * among those offered. An alias is understood wherever 0x8000000c is supported.
 *
 * @param offered The request's VER list.
 * @param options What the server speaks and prefers.
 * @returns A number out of `offered`, or `undefined` when nothing is common.
 */
export function selectVersion(
  offered: readonly number[],
  options: SelectVersionOptions,
): number | undefined {
  const { supported, nonceSize, typed, preferRfc } = options;
  const ranking = preferRfc ? PREFERENCE_RFC : PREFERENCE;
  return ranking.find((code) => {
    const dialect = dialectFor(code, { typed });
    return offered.includes(code) &&
      supported.includes(ALIASES.includes(code) ? ALIASED : code) &&
      dialect?.nonceSize === nonceSize && (typed || dialect.type === "none");
  });
}

/**
 * Could a reply in one of these dialects be passed off as a reply in the other, but for the
 * time in it? Up to draft 11 the version is not signed, and the response context is the same
 * for all of them. Drafts 05-06 and 08-11 sign alike and read the time differently, so only
 * the signed number tells (see `isPlausible()`); whoever offers both at once invites doubt.
 */
export function areConfusable(a: Dialect, b: Dialect): boolean {
  return a.versionEcho === "top" && b.versionEcho === "top" &&
    a.hash === b.hash && a.leaf === b.leaf &&
    a.nonceSize === b.nonceSize &&
    (a.nonceEcho === "srep") === (b.nonceEcho === "srep") &&
    a.time !== b.time;
}

/**
 * What to offer first to a server whose entry in a server list names a version (RFC 10049,
 * section 8.3: the highest it supports). As many of the usual versions go along as one
 * request can offer beside it: the number may be out of date.
 *
 * @param version A wire number or {@linkcode GOOGLE_VERSION}.
 * @returns An offer, or `undefined` where the usual one does: it has the version, or nobody
 * here knows that version, and a server is likely to speak older ones too.
 */
export function offerFor(version: number): readonly number[] | undefined {
  const wanted = dialectFor(version, { typed: true });
  if (wanted === undefined || DEFAULT_OFFER.includes(version)) return undefined;
  const company = DEFAULT_OFFER.filter((code) => {
    const other = dialectFor(code, { typed: true });
    return other?.framed === wanted.framed &&
      other.nonceSize === wanted.nonceSize && !areConfusable(wanted, other);
  });
  return [...company, version].sort((a, b) => a - b);
}

/**
 * Must this VER list be ascending, free of repeats and at most 32 long? Only when it
 * offers a dialect with that rule: Cloudflare's own client sends `[11, 8]` for the rest.
 */
export function mustAscend(offered: readonly number[]): boolean {
  return offered.some((code) =>
    BY_CODE.get(code)?.untyped.versionList === "ascending"
  );
}

/** Is every number larger than the one before? */
export function isAscending(versions: readonly number[]): boolean {
  return versions.every((code, i) => i === 0 || code > (versions[i - 1] ?? 0));
}

/**
 * Writes a version as people do: `1`, `0x8000000c`, `google`.
 *
 * @param code A wire number or {@linkcode GOOGLE_VERSION}.
 */
export function formatVersion(code: number): string {
  if (code === GOOGLE_VERSION) return "google";
  return code < 0x1000 ? String(code) : `0x${code.toString(16)}`;
}
