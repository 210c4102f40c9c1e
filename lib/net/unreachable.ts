/**
 * Why a server could not be reached, in words.
 *
 * @module
 */

import { NetworkError } from "../wire/errors.ts";
import { formatAddress } from "./datagram.ts";
import { isPermissionError } from "./resolve.ts";

/**
 * Sums up what the system said. A missing permission says most about what to do.
 *
 * @param host Whom.
 * @param port Where.
 * @param failures What was thrown, one at least.
 */
export function unreachable(
  host: string,
  port: number,
  failures: readonly unknown[],
): NetworkError {
  const denied = failures.find(isPermissionError);
  const cause = denied ?? failures[0];
  const detail = describeFailure(cause);
  return new NetworkError(
    denied ? "denied" : "unreachable",
    `Cannot reach ${formatAddress(host, port)}: ${detail}`,
    { cause },
  );
}

const FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  EHOSTUNREACH: "no route to the host",
  ENETUNREACH: "network unreachable",
};

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return FAILURES[(error as { code?: string }).code ?? ""] ?? error.message;
}
