/**
 * Getting a server list: from a file, from the web, or the one that is here already.
 *
 * @module
 */

import { bundledList } from "./bundled.ts";
import {
  type FailureContext,
  type FailureReason,
  NetworkError,
  WireError,
} from "../wire/errors.ts";
import { findCause, isClockReason } from "../net/cause.ts";
import { getHttps } from "../net/https_get.ts";
import { isPermissionError } from "../net/resolve.ts";
import {
  openFile,
  readChunks,
  type ReadChunksOptions,
} from "../net/open_file.ts";
import { BrokenGzipError, gunzipped } from "./gunzip.ts";
import { MAX_REPORT_CHARS } from "../verify/report.ts";
import { MAX_LIST_LENGTH, parseServerList, type ServerList } from "./list.ts";

/** Options of {@linkcode loadEcosystem}. */
export interface LoadEcosystemOptions {
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Fetches HTTPS URLs. Is asked not to follow redirects (`redirect: "manual"`): each is
   * looked at first, and followed only to HTTPS.
   *
   * @default {globalThis.fetch}
   */
  readonly fetch?: typeof globalThis.fetch | undefined;
}

/** A web server that is slower than that does not count as an answer. */
const FETCH_TIMEOUT_MS = 30_000;

/**
 * Loads a server list.
 *
 * A list names whom to trust, so take it only from where you would take a program from.
 * HTTPS checks certificates against the local clock: on a machine that has no idea what
 * time it is, use a file or the bundled list.
 *
 * @example
 * ```ts
 * import { loadEcosystem } from "@roughly/roughly/ecosystem";
 *
 * const { servers } = await loadEcosystem();
 * console.log(servers.map(({ name }) => name));
 * ```
 *
 * @param source Path of a file, or a `file:` or `https:` URL; the bundled list without one.
 * @param options How to fetch.
 * @throws {WireError} With code `list` if it is no server list, or too large.
 * @throws {NetworkError} If it cannot be fetched.
 * @throws The system's error if the file cannot be read, the signal's reason if it aborts.
 */
export async function loadEcosystem(
  source?: string | URL,
  options: LoadEcosystemOptions = {},
): Promise<ServerList> {
  if (source === undefined) return bundledList();
  return parseServerList(await readListText(source, options));
}

/** Gets the text of a server list; throws as {@linkcode loadEcosystem} does. */
export async function readListText(
  source: string | URL,
  options: LoadEcosystemOptions = {},
): Promise<string> {
  const url = source instanceof URL
    ? source
    : /^(https?|file):\/\//i.test(source) && URL.canParse(source)
    ? new URL(source)
    : undefined;
  const { signal } = options;
  if (url === undefined || url.protocol === "file:") {
    return await readFile(url ?? source, "list", { signal });
  }
  // RFC 10049, section 8.3: the scheme must be HTTPS.
  if (url.protocol === "https:") return await fetchText(url, options);
  throw new WireError(
    "list",
    `Cannot load server list from "${url}": only https: and file: will do`,
  );
}

/**
 * Reads a file with a list or a report; a pipe will do as long as somebody writes to it.
 * Throws as `readChunks()` and {@linkcode readBounded} do.
 */
export async function readFile(
  path: string | URL,
  code?: "list" | "report",
  options?: ReadChunksOptions,
): Promise<string> {
  const file = await openFile(path, { followLinks: true });
  try {
    return await readBounded(readChunks(file, options), code);
  } finally {
    await file.close();
  }
}

async function fetchText(
  url: URL,
  { signal, fetch = globalThis.fetch }: LoadEcosystemOptions,
): Promise<string> {
  const patience = AbortSignal.timeout(FETCH_TIMEOUT_MS);
  try {
    const answer = await getHttps(url, fetch, {
      headers: {
        accept: "application/roughtime-server+json, application/json;q=0.9",
      },
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
    if (!answer.ok) throw unfetched(url, answer.why);
    const { ok, status, body } = answer.response;
    if (!ok || body === null) {
      await body?.cancel();
      throw unfetched(url, `the answer is ${status}`);
    }
    return await readBounded(body);
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof WireError || error instanceof NetworkError) {
      throw error;
    }
    const { reason, text } = findCause(error);
    throw unfetched(url, text + wayOut(reason), { cause: error, reason });
  }
}

/** A wrong clock keeps the very list from being fetched that would help to set it. */
function wayOut(reason: FailureReason): string {
  return isClockReason(reason)
    ? "; a list in a file and the bundled one need no clock"
    : "";
}

function unfetched(
  url: URL,
  why: string,
  options: ErrorOptions & FailureContext = {},
): NetworkError {
  return new NetworkError(
    isPermissionError(options.cause) ? "denied" : "unreachable",
    `Cannot fetch server list from "${url}": ${why}`,
    { reason: "other", ...options, server: url.href, step: "https" },
  );
}

/**
 * Reads all there is, unpacked if it is gzip, unless that is more than what is read ever has.
 */
export async function readBounded(
  chunks: AsyncIterable<Uint8Array>,
  code: "list" | "report" = "list",
): Promise<string> {
  const limit = code === "list" ? MAX_LIST_LENGTH : MAX_REPORT_CHARS;
  const what = `Cannot read ${code === "list" ? "server list" : code}`;
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  const bounded = bound(chunks, limit, what, code);
  try {
    for await (const chunk of gunzipped(bounded)) {
      length += chunk.length;
      if (length > limit) throw tooLong(limit, what, code);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    if (!(error instanceof BrokenGzipError)) throw error;
    throw new WireError(code, `${what}: it is gzip, and broken`);
  }
  return text + decoder.decode();
}

/** What is compressed has a bound as well: it can unpack to nothing for ever. */
async function* bound(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  what: string,
  code: "list" | "report",
): AsyncGenerator<Uint8Array> {
  let length = 0;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limit) throw tooLong(limit, what, code);
    yield chunk;
  }
}

function tooLong(
  limit: number,
  what: string,
  code: "list" | "report",
): WireError {
  return new WireError(code, `${what}: it is longer than ${limit} bytes`);
}
