/**
 * What the tests of requests share.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ParsedRequest, parseRequest } from "../../lib/wire/request.ts";
import { entriesOf, messageOf } from "./fixtures.ts";

/** Holds if it is a request. */
export function parsed(packet: Uint8Array): ParsedRequest {
  const result = parseRequest(packet);
  if (!result.ok) assert.fail(Deno.inspect(result));
  return result.request;
}

/** The tags of a packet, in order. */
export function tagsOf(packet: Uint8Array): number[] {
  return entriesOf(messageOf(packet)).map(([tag]) => tag);
}
