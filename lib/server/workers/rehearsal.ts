/**
 * Answering before anybody asks. A runtime compiles what is run often, and the first hundreds
 * of requests cost more than twice as much as later ones: on a server that is asked now and
 * then, that is an hour.
 *
 * @module
 */

import { forgetBatches } from "../counters.ts";
import type { Server } from "../core.ts";
import type { FastResponder } from "../fast/responder.ts";
import { inputOffset } from "../fast/kernel/layout.ts";
import { randomBytes } from "../options.ts";
import { DEFAULT_OFFER } from "../../wire/dialect.ts";
import { buildRequest, nonceSizeOf } from "../../wire/request.ts";

/** After so many, most of what is run for each is compiled. Together they take 0.05 s. */
const ROUNDS = 300;

/**
 * Has a server answer what clients usually ask, and throws it away.
 *
 * @param server Whose answers; it must not have begun to count.
 * @param slots Where they are made; nothing may lie there yet.
 */
export async function rehearse(
  server: Server,
  slots: FastResponder,
): Promise<void> {
  const likely = server.versions.filter((one) => DEFAULT_OFFER.includes(one));
  const requests = likely.map((version) => {
    const versions = [version];
    const nonce = randomBytes(nonceSizeOf(versions));
    return buildRequest({ versions, nonce });
  });
  const rounds = Math.floor(ROUNDS / Math.max(1, requests.length));
  for (let i = 0; i < rounds; i++) {
    for (const request of requests) {
      slots.kernel.bytes.set(request, inputOffset(0));
      slots.lengths[0] = request.length;
      await server.handleSlots(slots, 1);
    }
  }
  forgetBatches(server.counters);
}
