/**
 * Why a server could not be reached, in words.
 *
 * @module
 */

import { findCause } from "./cause.ts";
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
  const { reason, text } = findCause(cause);
  const server = formatAddress(host, port);
  return new NetworkError(
    denied ? "denied" : "unreachable",
    `Cannot reach ${server}: ${text}`,
    { cause, server, reason },
  );
}
