/**
 * What the tests of a server's keys share.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { KernelClock } from "../../lib/net/kernel_clock.ts";
import type { Outcome } from "../../lib/server/responder.ts";
import { Server } from "../../lib/server/core.ts";
import type { ServerEvent } from "../../lib/server/event.ts";
import type { ServerOptions } from "../../lib/server/options.ts";
import { type Verified, verifyResponse } from "../../lib/verify/response.ts";
import { ALL, NOW_MICROS, PUBLIC_KEY, requestFor } from "./fixtures.ts";

export const OK: KernelClock = {
  synchronised: true,
  maxErrorMicros: 1000n,
  leap: false,
};

/** A server whose clock the test turns, and all that it tells. */
export class Turned extends Server {
  now: bigint = NOW_MICROS;
  faults = 0;
  override getTime(): bigint {
    if (this.faults > 0) {
      this.faults--;
      throw new Error("the clock has stopped");
    }
    return this.now;
  }
}

export async function turned(
  options: ServerOptions,
): Promise<{ server: Turned; events: ServerEvent[] }> {
  const events: ServerEvent[] = [];
  const server = await Turned.create({
    greaseProbability: 0,
    readClock: () => OK,
    onEvent: (event) => void events.push(event),
    ...options,
  });
  return { server, events };
}

export function of<K extends ServerEvent["kind"]>(
  events: readonly ServerEvent[],
  kind: K,
): Extract<ServerEvent, { kind: K }>[] {
  return events.filter((event) => event.kind === kind) as Extract<
    ServerEvent,
    { kind: K }
  >[];
}

/** Asks in every dialect. */
export async function ask(server: Server): Promise<Outcome[]> {
  return await server.handleBatch(ALL.map(({ id }) => requestFor(id)));
}

/** Asks in every dialect, and every answer must verify. */
export async function askAll(server: Server): Promise<Verified[]> {
  const outcomes = await ask(server);
  return await Promise.all(ALL.map(async ({ id }, i) => {
    const outcome = outcomes[i];
    if (!(outcome && "reply" in outcome)) {
      assert.fail(`${id} ${Deno.inspect(outcome)}`);
    }
    const verdict = await verifyResponse({
      request: requestFor(id),
      response: outcome.reply,
      publicKey: PUBLIC_KEY,
    });
    if (!verdict.ok) assert.fail(Deno.inspect(verdict));
    assert.equal(verdict.dialect, id);
    return verdict;
  }));
}

/** Nobody gets an answer, and all for the same reason. */
export async function refuses(server: Server, drop: string): Promise<void> {
  assert.deepEqual(await ask(server), ALL.map(() => ({ drop })));
}
