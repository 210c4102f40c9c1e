/**
 * Judges a malfeasance report offline (RFC 10049, section 8.4): is every reply proven, did
 * each request come after the reply before it, and do the replies contradict each other?
 *
 * A contradiction proves that one of two servers lied. It never says which.
 *
 * @module
 */

import { concat, equal } from "../crypto/bytes.ts";
import { findViolations, type Violation } from "./chain.ts";
import { hashOf } from "../crypto/hash.ts";
import { KEY_BYTES } from "../crypto/ed25519.ts";
import { type Exchange, WireError } from "../wire/errors.ts";
import { isFramed } from "../wire/frame.ts";
import {
  type Evidence,
  parseReport,
  type Report,
  type ReportEntry,
} from "./report.ts";
import { explain, type Rejection } from "../wire/rejection.ts";
import { buildRequest, parseRequest } from "../wire/request.ts";
import { parseResponse } from "../wire/response.ts";
import { type Verified, verifyResponse } from "./response.ts";

/** Why an entry proves nothing. */
export type EntryFault =
  /** The reply is not proven by request and key. */
  | { readonly code: "rejected"; readonly rejection: Rejection }
  /** The nonce was not made from the reply before. */
  | { readonly code: "not-chained" }
  /** The form has no requests, and in this version the reply cannot be checked without. */
  | { readonly code: "request-missing" }
  /** The form has no keys, and none of those at hand made this reply. */
  | { readonly code: "key-unknown" };

/** A proven reply of a report. */
export interface ProvenEntry {
  /** What the reply proves. */
  readonly verdict: Verified;
  /** The evidence; the request is made up where the form has none and its nonce is all that counts. */
  readonly exchange: Exchange;
}

/** What a report comes to. */
export type ReportVerdict =
  | {
    /** Every reply is proven and the order is, too. */
    readonly ok: true;
    /** Replies in order. */
    readonly entries: readonly ProvenEntry[];
    /** Pairs that cannot both be true; none means that the report accuses nobody. */
    readonly violations: readonly Violation[];
  }
  | {
    /** Nothing is proven. */
    readonly ok: false;
    /** Position of the first entry that is not proven. */
    readonly entry: number;
    /** What is wrong with it. */
    readonly fault: EntryFault;
  };

/** Options of {@linkcode judgeReport}. */
export interface JudgeOptions {
  /** Long-term keys to try where the report names none, as from a server list. */
  readonly publicKeys?: readonly Uint8Array[] | undefined;
}

/**
 * Judges a report.
 *
 * @example
 * ```ts
 * import { judgeReport, parseReport } from "@roughly/roughly/ecosystem";
 *
 * async function isProven(text: string): Promise<boolean> {
 *   const verdict = await judgeReport(parseReport(text));
 *   return verdict.ok && verdict.violations.length > 0;
 * }
 * ```
 *
 * @param report As `parseReport()` gives it.
 * @param options Keys, for forms without.
 * @returns The contradictions, or the first entry that is not proven.
 */
export async function judgeReport(
  report: Report,
  options: JudgeOptions = {},
): Promise<ReportVerdict> {
  const entries: ProvenEntry[] = [];
  let before: ReportEntry | undefined;
  for (const [index, entry] of report.entries.entries()) {
    const proven = await judgeEntry(entry, before, options);
    if ("code" in proven) return { ok: false, entry: index, fault: proven };
    entries.push(proven);
    before = entry;
  }
  const violations = findViolations(entries.map(({ verdict }) => verdict));
  return { ok: true, entries, violations };
}

/**
 * Judges what one has gathered oneself as a stranger would to whom it is sent as a report.
 * Nothing else may be called proven.
 *
 * @param evidence Exchanges in the order in which the replies came in.
 */
export async function judgeEvidence(
  evidence: readonly Evidence[],
): Promise<ReportVerdict> {
  const entries = evidence.map(({ exchange, rand }) => ({
    ...exchange,
    rand,
    nonce: undefined,
  }));
  return await judgeReport({ form: "rfc-10049", entries });
}

/**
 * Judges one entry of a report, for whoever wants to know of each: is the reply proven, and
 * was its request made after the reply before it?
 *
 * @example
 * ```ts
 * import { judgeEntry, type Report } from "@roughly/roughly/verify";
 *
 * async function countProven({ entries }: Report): Promise<number> {
 *   const judged = await Promise.all(
 *     entries.map((entry, i) => judgeEntry(entry, entries[i - 1])),
 *   );
 *   return judged.filter((one) => "verdict" in one).length;
 * }
 * ```
 *
 * @param entry Which.
 * @param before The entry before it; nothing for the first.
 * @param options Keys, for forms without.
 * @returns What it proves, or why it proves nothing.
 */
export async function judgeEntry(
  entry: ReportEntry,
  before: ReportEntry | undefined,
  options: JudgeOptions = {},
): Promise<ProvenEntry | EntryFault> {
  const keys = options.publicKeys ?? [];
  const request = entry.request ?? requestFor(entry, before);
  if ("code" in request) return request;
  const { response } = entry;
  let fault: EntryFault = { code: "key-unknown" };
  const candidates = entry.publicKey
    ? [entry.publicKey]
    : keys.filter(({ length }) => length === KEY_BYTES);
  for (const publicKey of candidates) {
    const exchange = { request, response, publicKey };
    const verdict = await verifyResponse(exchange);
    if (verdict.ok) {
      return isChained(request, entry, before)
        ? { verdict, exchange }
        : { code: "not-chained" };
    }
    // With several keys to try, only a failure past the certificate is about this reply.
    const { rejection } = verdict;
    const isGuess = entry.publicKey === undefined &&
      rejection.code === "certificate-signature";
    if (!isGuess) fault = { code: "rejected", rejection };
  }
  return fault;
}

/**
 * Ways to make a nonce from the previous reply. Each version names one (see `chainNonce()`),
 * but writers of reports use theirs for all versions. Any of them proves the order: a nonce
 * that depends on a reply was made after it. The last one is for `rand` first, as the
 * ecosystem drafts beside drafts 04-07 had it.
 */
const RULES: readonly ((reply: Uint8Array, rand: Uint8Array) => Uint8Array)[] =
  [
    (reply, rand) => hashOf("sha512")(concat(reply, rand)),
    (reply, rand) => hashOf("sha512")(hashOf("sha512")(reply), rand),
    (reply, rand) => hashOf("sha512")(concat(rand, reply)),
  ];

function* noncesFor(
  { rand }: ReportEntry,
  { response }: ReportEntry,
): Generator<Uint8Array, void> {
  if (rand === undefined) return;
  for (const rule of RULES) yield rule(response, rand);
}

/**
 * Was this request made after the reply before it (RFC 10049, section 8.2)? The first comes
 * after none, so its `rand` says nothing, except in forms where it is the nonce.
 */
function isChained(
  request: Uint8Array,
  entry: ReportEntry,
  before: ReportEntry | undefined,
): boolean {
  const parsed = parseRequest(request);
  if (!parsed.ok) return false;
  const { nonce } = parsed.request;
  if (before === undefined) {
    return entry.nonce === undefined || equal(entry.nonce, nonce);
  }
  for (const hash of noncesFor(entry, before)) {
    if (equal(hash.subarray(0, nonce.length), nonce)) return true;
  }
  return false;
}

/**
 * The request that a reply answers, where the form leaves it out. Up to draft 11 nothing of
 * a request is signed but its nonce, so any request with that nonce will do; later on the
 * tree holds the whole packet and nothing can be made up.
 */
function requestFor(
  entry: ReportEntry,
  before: ReportEntry | undefined,
): Uint8Array | EntryFault {
  const framed = isFramed(entry.response);
  const parsed = parseResponse(entry.response, { framed });
  if (!parsed.ok) return { code: "rejected", rejection: parsed.rejection };
  const { dialect, nonce: echoed } = parsed.response;
  const candidates = before === undefined
    ? [entry.nonce ?? echoed]
    : [...noncesFor(entry, before)];
  const nonces = candidates
    .map((nonce) => nonce?.subarray(0, dialect.nonceSize))
    .filter((nonce) => nonce?.length === dialect.nonceSize);
  // A reply that repeats the nonce tells which rule made it; otherwise the version does.
  const nonce = nonces.find((one) => one && echoed && equal(one, echoed)) ??
    nonces[dialect.chain === "double-hash" ? 1 : 0] ?? nonces[0];
  return dialect.leaf === "packet" || nonce === undefined
    ? { code: "request-missing" }
    : buildRequest({ versions: [dialect.code], nonce, typed: false });
}

/**
 * The keys that have a part in every contradiction. If there is just one, and the others are
 * honest, it is the one that lied. That is an opinion: the proof is that one of a pair did.
 *
 * @param verdict With contradictions.
 */
export function findSuspects(
  verdict: Extract<ReportVerdict, { ok: true }>,
): Uint8Array[] {
  const keyOf = (entry: number) =>
    verdict.entries[entry]?.exchange.publicKey ?? new Uint8Array();
  const pairs = verdict.violations.map(({ earlier, later }) => [
    keyOf(earlier),
    keyOf(later),
  ]);
  const [first = []] = pairs;
  const common = first.filter((key) =>
    pairs.every((pair) => pair.some((other) => equal(key, other)))
  );
  const [one, other] = common;
  // A key that contradicts itself stands there twice.
  return one && other && equal(one, other) ? [one] : common;
}

/** Says in English why an entry proves nothing. */
export function explainFault(fault: EntryFault): string {
  switch (fault.code) {
    case "rejected":
      return explain(fault.rejection);
    case "not-chained":
      return "its nonce was not made from the reply before it, so nothing says that it came later";
    case "request-missing":
      return "the report has no requests, and without one this reply cannot be checked";
    case "key-unknown":
      return "the report names no key, and none of the known ones made this reply";
  }
}

/**
 * Does a report prove that a server lied? The seed's name for {@linkcode judgeReport}.
 *
 * @param report JSON, or a report as read.
 * @param options Keys, for forms without.
 * @returns Whether two of its replies contradict each other.
 * @throws {WireError} If it is no report, or something in it is not proven.
 */
export async function confirmMalfeasance(
  report: string | Report,
  options: JudgeOptions = {},
): Promise<boolean> {
  const verdict = await judgeReport(
    typeof report === "string" ? parseReport(report) : report,
    options,
  );
  if (verdict.ok) return verdict.violations.length > 0;
  throw new WireError(
    "report",
    `Cannot believe report: entry ${verdict.entry}: ${
      explainFault(verdict.fault)
    }`,
  );
}
