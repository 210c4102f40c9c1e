/**
 * Getting what the watcher serves. Paths are relative, so that the page also works below a
 * folder of a web server in front.
 *
 * @module
 */

import type {
  ApiError,
  ExchangeState,
  History,
  Reports,
  WatchState,
} from "../lib/watch/api.ts";

/** Requests under way at the same time, as many as a browser has connections for. */
const CONCURRENT = 6;

async function get(path: string, accept: string): Promise<Response> {
  const response = await fetch(path, { headers: { accept } });
  if (response.ok) return response;
  throw new Error(`${path}: ${await whyNot(response)}`);
}

/** What a failed response says, as far as it is in the API's form. */
async function whyNot(response: Response): Promise<string> {
  const said = await response.json().catch(() => undefined) as
    | Partial<ApiError>
    | undefined;
  return said?.error?.message ?? `the answer is ${response.status}`;
}

async function getJson<T>(path: string): Promise<T> {
  return await (await get(path, "application/json")).json() as T;
}

/** The state now. */
export function fetchState(): Promise<WatchState> {
  return getJson("api/v1/state");
}

/** An exchange, as stored. */
export function fetchExchange(id: number): Promise<ExchangeState> {
  return getJson(`api/v1/exchanges/${id}`);
}

/** A server's history between two moments, in milliseconds since 1970. */
export function fetchHistory(
  name: string,
  fromMs: number,
  toMs: number,
  points: number,
): Promise<History> {
  const query = `from=${Math.round(fromMs)}&to=${
    Math.round(toMs)
  }&points=${points}`;
  return getJson(`api/v1/servers/${encodeURIComponent(name)}/history?${query}`);
}

/** All contradictions. */
export function fetchReports(): Promise<Reports> {
  return getJson("api/v1/reports");
}

/** Where a report can be had. */
export function reportPath(id: number): string {
  return `api/v1/reports/${id}`;
}

/** The text of a report. */
export async function fetchReport(id: number): Promise<string> {
  return await (await get(reportPath(id), "application/json")).text();
}

let running = 0;
const waiting: (() => void)[] = [];

/** Does something as soon as fewer than a few others are under way. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= CONCURRENT) {
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}
