/**
 * Sends a malfeasance report to whoever collects them (RFC 10049, section 8.4).
 *
 * @module
 */

import { COUNT, requireInRange } from "../wire/range.ts";
import { NetworkError, WireError } from "../wire/errors.ts";
import { findCause } from "../net/cause.ts";
import { isPermissionError } from "../net/resolve.ts";
import { malfeasanceReport, type Report } from "../verify/report.ts";
import { explainFault, judgeReport } from "../verify/judge.ts";
import { retryAfterMs } from "./retry_after.ts";

/** What a report is sent as. */
export const REPORT_MEDIA_TYPE = "application/roughtime-malfeasance+json";

/** Options of {@linkcode submitReport}. */
export interface SubmitOptions {
  /** How often it is tried, waiting 10 s, 15 s, 22.5 s ... in between. */
  readonly tries?: number | undefined;
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Sends; for tests. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Waits so many milliseconds; for tests. */
  readonly wait?:
    | ((milliseconds: number, signal?: AbortSignal) => Promise<void>)
    | undefined;
  /** The local clock in milliseconds since 1970; for tests. */
  readonly now?: (() => number) | undefined;
  /**
   * Told why a try failed and how long the next one is away, in milliseconds: longer than
   * the RFC says if the collector asks for that.
   */
  readonly onRetry?: ((why: string, delayMs: number) => void) | undefined;
}

/** What the collector said. */
export interface Submitted {
  /** Did it take the report? */
  readonly ok: boolean;
  /** HTTP status. */
  readonly status: number;
  /**
   * When a collector that did not take it wants it to be tried again, by the local clock.
   * If that is more than 5 minutes away, it is not waited for here.
   */
  readonly retryAt?: Date;
  /**
   * What a collector that did not take it said, at most 1000 characters on one line. Anything
   * may stand in it.
   */
  readonly said?: string;
}

/** More of what a collector says is not read. */
const MAX_SAID = 1000;

/** First wait, growth and limit that the RFC recommends. */
const FIRST_MS = 10_000;
const GROWTH = 1.5;
const LONGEST_MS = 86_400_000;

/** A collector that asks for more patience than that gets the report another time. */
const PATIENCE_MS = 300_000;

/** How long one try may take. */
const TRY_MS = 30_000;

/**
 * Sends a report that proves something. One that does not is refused here: a reply that
 * cannot be verified may be anybody's, and accusing with it would be a lie of our own.
 *
 * @param report As `parseReport()` gives it, with requests and keys.
 * @param url Where to, as a server list's `reports` says.
 * @param options How often.
 * @returns What the collector said in the end.
 * @throws {RangeError} If `tries` is not a whole number from 1 up.
 * @throws {WireError} With code `report` if it proves nothing, or cannot be sent in the
 *   RFC's form.
 * @throws {NetworkError} If the collector could not be reached.
 */
export async function submitReport(
  report: Report,
  url: string | URL,
  options: SubmitOptions = {},
): Promise<Submitted> {
  requireInRange("tries", options.tries, COUNT);
  const target = collectorUrl(url);
  const verdict = await judgeReport(report);
  if (!verdict.ok) {
    throw unfit(`entry ${verdict.entry}: ${explainFault(verdict.fault)}`);
  }
  if (verdict.violations.length === 0) {
    throw unfit("its replies do not contradict each other");
  }
  if (report.entries.some(({ request }) => request === undefined)) {
    throw unfit("it has no requests, which the RFC's form needs");
  }
  const body = malfeasanceReport(
    verdict.entries.map(({ exchange }, i) => ({
      exchange,
      rand: i === 0 ? undefined : report.entries[i]?.rand,
    })),
  );
  const { tries = 5, signal, wait = sleep } = options;
  for (let n = 1;; n++) {
    const result = await post(target, body, options);
    const backoff = Math.min(FIRST_MS * GROWTH ** (n - 1), LONGEST_MS);
    const asked = "answer" in result ? result.retryMs : 0;
    if ("answer" in result) {
      const { status } = result.answer;
      const isFinal = status !== 429 && status < 500;
      const isTooLong = asked > Math.max(backoff, PATIENCE_MS);
      if (isFinal || isTooLong || n >= tries) return result.answer;
    } else if (n >= tries) throw result.error;
    const delayMs = Math.max(backoff, asked);
    options.onRetry?.(
      "answer" in result ? describeAnswer(result.answer) : result.error.message,
      delayMs,
    );
    await wait(delayMs, signal);
    signal?.throwIfAborted();
  }
}

function describeAnswer({ status, said }: Submitted): string {
  return `HTTP ${status}${said === undefined ? "" : `: ${said}`}`;
}

async function post(
  url: URL,
  body: string,
  { signal, fetch = globalThis.fetch, now = Date.now }: SubmitOptions,
): Promise<{ answer: Submitted; retryMs: number } | { error: NetworkError }> {
  const limit = AbortSignal.timeout(TRY_MS);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": REPORT_MEDIA_TYPE },
      body,
      // Evidence goes where the list says, not where somebody sends it on to.
      redirect: "error",
      signal: signal ? AbortSignal.any([signal, limit]) : limit,
    });
    const { ok, status, headers } = response;
    const said = ok ? undefined : await readStart(response);
    // One that has broken off, or is held by a fetch of somebody's own, cannot be cancelled.
    await response.body?.cancel().catch(() => {});
    const nowMs = now();
    const retryMs = ok ? undefined : retryAfterMs(headers, nowMs);
    const answer = {
      ok,
      status,
      ...(said !== undefined && { said }),
      ...(retryMs !== undefined && { retryAt: new Date(nowMs + retryMs) }),
    };
    return { answer, retryMs: retryMs ?? 0 };
  } catch (cause) {
    signal?.throwIfAborted();
    const { reason, text } = findCause(cause);
    const message = `Cannot reach ${url.host}: ${text}`;
    const options = {
      cause,
      server: url.href,
      step: url.protocol === "https:" ? "https" as const : undefined,
      reason,
    };
    if (isPermissionError(cause)) {
      throw new NetworkError("denied", message, options);
    }
    return { error: new NetworkError("unreachable", message, options) };
  }
}

/** How a text begins; nothing if there is none, or if it breaks off before it begins. */
async function readStart(response: Response): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  const reader = response.body?.getReader();
  try {
    while (reader && text.length < MAX_SAID) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch {
    // What came until then is more than nothing.
  } finally {
    reader?.releaseLock();
  }
  const line = text.slice(0, MAX_SAID).replace(/\s+/g, " ").trim();
  return line === "" ? undefined : line;
}

function collectorUrl(url: string | URL): URL {
  let parsed: URL | undefined;
  try {
    parsed = new URL(url);
  } catch {
    // Said below.
  }
  const isLocal = parsed !== undefined &&
    ["localhost", "127.0.0.1", "[::1]"].includes(parsed.hostname);
  if (parsed?.protocol === "https:") return parsed;
  if (parsed?.protocol === "http:" && isLocal) return parsed;
  throw new WireError(
    "report",
    "Cannot send report: the collector needs an address with https (RFC 10049, section 8.3)",
  );
}

function unfit(why: string): WireError {
  return new WireError("report", `Cannot send report: ${why}`);
}

function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}
