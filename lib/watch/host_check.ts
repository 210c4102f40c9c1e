/**
 * Whose name a request was made under. A page of somebody else can have a name of its own
 * point to 127.0.0.1 and read what is served there (DNS rebinding), so who listens on loopback
 * answers to loopback's names alone, and to those that the operator adds.
 *
 * @module
 */

import { isLoopback } from "../net/scope.ts";

/**
 * May a request with this `Host` be answered?
 *
 * @param host The header.
 * @param allowed Names besides those of loopback, without a port.
 */
export function isOwnHost(
  host: string | null | undefined,
  allowed: readonly string[],
): boolean {
  const [, bracketed, plain] =
    /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host ?? "") ?? [];
  const name = (bracketed ?? plain ?? "").toLowerCase().replace(/\.$/, "");
  if (name === "") return false;
  return name === "localhost" || isLoopback(name) ||
    allowed.some((one) => one.toLowerCase() === name);
}
