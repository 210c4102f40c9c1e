/**
 * What may stand in the options of those who ask one server.
 *
 * @module
 */

import {
  COUNT,
  PATIENCE_MS,
  PORT,
  requireInRange,
  requireOneOf,
  type Unchecked,
} from "../wire/range.ts";

/**
 * Holds what is not for the request itself to judge to its range.
 *
 * @throws {RangeError} Names the option and the value.
 */
export function checkRequestOptions(
  options: Unchecked<"port" | "timeout" | "retries" | "transport">,
): void {
  requireInRange("port", options.port, { ...PORT, required: true });
  requireInRange("timeout", options.timeout, PATIENCE_MS);
  requireInRange("retries", options.retries, { ...COUNT, infinite: true });
  requireOneOf("transport", options.transport, ["auto", "udp", "tcp"]);
}
