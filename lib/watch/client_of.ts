/**
 * Who asks, seen through a proxy on the same machine.
 *
 * @module
 */

import { readIp } from "../net/ip_address.ts";
import { isLoopback } from "../net/scope.ts";

/**
 * The address of a client. What a proxy says is believed of one on this machine alone: whoever
 * else writes such a header writes what it likes.
 *
 * @param headers Of the request.
 * @param peer Who has connected.
 */
export function clientOf(headers: Headers, peer: string): string {
  if (!isLoopback(peer)) return peer;
  // Each proxy adds at the end who came to it, so only the last is the nearest one's word.
  const last = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim() ?? "";
  return readIp(last)?.text ?? peer;
}
