/**
 * Malfeasance reports: reading every form that was ever specified or shipped, and writing
 * the one of RFC 10049, section 8.4. Reading looks at the form alone; whether a report
 * proves something is decided in `judge.ts`.
 *
 * @module
 */

import { requireOneOf } from "../wire/range.ts";
import { base64 } from "@scure/base";
import { type Exchange, WireError } from "../wire/errors.ts";
import { KEY_BYTES } from "../crypto/ed25519.ts";
import { nonceOf } from "../wire/request.ts";

/** Which form a report was written in. */
export type ReportForm =
  /** RFC 10049 and drafts 12-19: `{"responses": [{rand, publicKey, request, response}]}`. */
  | "rfc-10049"
  /** The same entries as a bare array, as the Python roughly writes them. */
  | "bare-array"
  /** Drafts 08-11: `{"nonces": [...], "responses": [...]}`, without keys and requests. */
  | "draft-08"
  /** Drafts 00-03: an array of `{blind, response_packet}`; a blind is the next entry's. */
  | "draft-00"
  /** Google's chain file: `{"links": [...]}`, without requests. */
  | "google-chain";

/** One reply in a report, with what the form says about it. */
export interface ReportEntry {
  /** The reply packet. */
  readonly response: Uint8Array;
  /** The request packet, in forms that have it. */
  readonly request: Uint8Array | undefined;
  /** The long-term key that is accused or a witness, in forms that name it. */
  readonly publicKey: Uint8Array | undefined;
  /** What was hashed with the previous reply to make this request's nonce. */
  readonly rand: Uint8Array | undefined;
  /** The nonce itself, where the form says it: first of Google's and of the bare array's. */
  readonly nonce: Uint8Array | undefined;
}

/** A report as read. */
export interface Report {
  /** How it was written. */
  readonly form: ReportForm;
  /** Replies in the order in which they came in. */
  readonly entries: readonly ReportEntry[];
}

/** Longest report that is read, in characters: room for 2,048 exchanges of 4 KB. */
export const MAX_REPORT_CHARS: number = 8 << 20;

/** Most entries in a report: two passes over the longest server list that is read. */
export const MAX_REPORT_ENTRIES = 2048;

type Json = Readonly<Record<string, unknown>>;

/**
 * Reads a report in any known form.
 *
 * @example
 * ```ts
 * import { parseReport } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * assert.throws(() => parseReport('{"responses": []}'), /no entries/);
 * ```
 *
 * @param text JSON.
 * @returns The entries; nothing in them has been verified.
 * @throws {WireError} With code `report` if it is none, naming the entry that is wrong.
 */
export function parseReport(text: string): Report {
  if (text.length > MAX_REPORT_CHARS) {
    throw unreadable(`it has more than ${MAX_REPORT_CHARS} characters`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw unreadable("it is not JSON");
  }
  const report = readForm(json);
  if (report.entries.length === 0) throw unreadable("it has no entries");
  if (report.entries.length > MAX_REPORT_ENTRIES) {
    throw unreadable(`it has more than ${MAX_REPORT_ENTRIES} entries`);
  }
  return report;
}

function readForm(json: unknown): Report {
  if (Array.isArray(json)) {
    return json.some((entry) => isObject(entry) && "response_packet" in entry)
      ? { form: "draft-00", entries: readBlinds(json) }
      : { form: "bare-array", entries: json.map(readBareExchange) };
  }
  if (!isObject(json)) throw unreadable("it is neither an object nor an array");
  const { responses, nonces, links } = json;
  if (Array.isArray(links)) {
    return { form: "google-chain", entries: links.map(readLink) };
  }
  if (!Array.isArray(responses)) {
    throw unreadable('it has no array "responses"');
  }
  if (Array.isArray(nonces)) {
    return { form: "draft-08", entries: readNonces(nonces, responses) };
  }
  return { form: "rfc-10049", entries: responses.map(readExchange) };
}

function readExchange(value: unknown, index: number): ReportEntry {
  const entry = object(value, index);
  return {
    response: bytes(entry, "response", index),
    request: bytes(entry, "request", index),
    publicKey: key(entry, "publicKey", index),
    // Only the first may be without; that is judged, since a chain is a matter of order.
    rand: Object.hasOwn(entry, "rand")
      ? bytes(entry, "rand", index)
      : undefined,
    nonce: undefined,
  };
}

/** In this form the first `rand` has a meaning of its own: it is the nonce. */
function readBareExchange(value: unknown, index: number): ReportEntry {
  const entry = readExchange(value, index);
  return index === 0 ? { ...entry, rand: undefined, nonce: entry.rand } : entry;
}

function readLink(value: unknown, index: number): ReportEntry {
  const entry = object(value, index);
  const { publicKeyType } = entry;
  if (publicKeyType !== "ed25519") {
    throw unreadable('"publicKeyType" is not "ed25519"', index);
  }
  const nonceOrBlind = bytes(entry, "nonceOrBlind", index);
  return {
    response: bytes(entry, "reply", index),
    request: undefined,
    publicKey: key(entry, "serverPublicKey", index),
    rand: index === 0 ? undefined : nonceOrBlind,
    nonce: index === 0 ? nonceOrBlind : undefined,
  };
}

function readNonces(
  nonces: readonly unknown[],
  responses: readonly unknown[],
): ReportEntry[] {
  if (nonces.length !== responses.length) {
    throw unreadable(
      `it has ${nonces.length} nonces for ${responses.length} responses`,
    );
  }
  return responses.map((response, index) => ({
    response: decode(response, "responses", index),
    request: undefined,
    publicKey: undefined,
    // The first is random, and some write it as an empty text.
    rand: index === 0 ? undefined : decode(nonces[index], "nonces", index),
    nonce: undefined,
  }));
}

function readBlinds(values: readonly unknown[]): ReportEntry[] {
  const objects = values.map(object);
  return objects.map((entry, index) => {
    const before = objects[index - 1];
    return {
      response: bytes(entry, "response_packet", index),
      request: undefined,
      publicKey: undefined,
      // The blind stands with the reply that it is hashed with.
      rand: before && bytes(before, "blind", index - 1),
      nonce: undefined,
    };
  });
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function object(value: unknown, index: number): Json {
  if (isObject(value)) return value;
  throw unreadable("it is not an object", index);
}

function bytes(entry: Json, name: string, index: number): Uint8Array {
  if (!Object.hasOwn(entry, name)) {
    throw unreadable(`"${name}" is missing`, index);
  }
  return decode(entry[name], name, index);
}

function key(entry: Json, name: string, index: number): Uint8Array {
  const value = bytes(entry, name, index);
  if (value.length === KEY_BYTES) return value;
  throw unreadable(
    `"${name}" has ${value.length} bytes instead of ${KEY_BYTES}`,
    index,
  );
}

function decode(value: unknown, name: string, index: number): Uint8Array {
  try {
    if (typeof value === "string") return base64.decode(value);
  } catch {
    // Said below, together with what is no text at all.
  }
  throw unreadable(`"${name}" is not base64`, index);
}

function unreadable(why: string, index?: number): WireError {
  const where = index === undefined ? "" : `entry ${index}: `;
  return new WireError("report", `Cannot read report: ${where}${why}`);
}

/** What a report is written from. */
export interface Evidence {
  /** Request, reply and long-term key. */
  readonly exchange: Exchange;
  /** What was hashed with the previous reply to make the nonce; nothing for the first. */
  readonly rand?: Uint8Array | undefined;
}

/**
 * Writes a report in the form of RFC 10049, section 8.4. It accuses nobody by itself:
 * `judgeReport()` says whether it proves anything.
 *
 * @example
 * ```ts
 * import { malfeasanceReport, parseReport } from "@roughly/roughly/ecosystem";
 * import assert from "node:assert/strict";
 *
 * const exchange = {
 *   request: new Uint8Array(1024),
 *   response: new Uint8Array(416),
 *   publicKey: new Uint8Array(32),
 * };
 * const text = malfeasanceReport([{ exchange }]);
 * assert.equal(parseReport(text).form, "rfc-10049");
 * ```
 *
 * @param evidence Exchanges in the order in which the replies came in.
 * @param form The RFC's, or the bare array that the Python roughly reads; that one also wants
 *   a `rand` in the first entry, which is then the nonce.
 * @returns JSON.
 * @throws {RangeError} If there is no such form.
 */
export function malfeasanceReport(
  evidence: readonly Evidence[],
  form: "rfc-10049" | "bare-array" = "rfc-10049",
): string {
  requireOneOf("form", form, ["rfc-10049", "bare-array"]);
  const responses = evidence.map(({ exchange, rand }) => {
    const first = form === "bare-array" ? nonceOf(exchange.request) : undefined;
    const blind = rand ?? first;
    return {
      ...(blind && { rand: base64.encode(blind) }),
      publicKey: base64.encode(exchange.publicKey),
      request: base64.encode(exchange.request),
      response: base64.encode(exchange.response),
    };
  });
  const json = form === "bare-array" ? responses : { responses };
  return `${JSON.stringify(json, null, 2)}\n`;
}
