/**
 * What the tests of measuring share.
 *
 * @module
 */

import type { MeasureOptions } from "../../lib/ecosystem/measure.ts";
import type { AskServer, Question } from "../../lib/ecosystem/pick.ts";
import { SECOND } from "./fixtures.ts";
import { claim, serverNumber, type World } from "./many.ts";

/** Claims the truth plus something, within 3 s; a text is what it fails with. */
export function telling(
  world: World,
  say: (n: number, pass: number) => bigint | Error = () => 0n,
  asked: Question[] = [],
): MeasureOptions & { readonly ask: AskServer } {
  const passes = new Map<number, number>();
  return {
    now: world.now,
    ask: (question) => {
      // None of them speaks Google's protocol, which is tried when all else has failed.
      if (question.nonce.length === 64) return Promise.reject(silent());
      const n = serverNumber(question);
      const pass = (passes.get(n) ?? 0) + 1;
      passes.set(n, pass);
      asked.push(question);
      const sentAt = world.monoMicros;
      world.pass(20_000n);
      const ahead = say(n, pass);
      if (typeof ahead !== "bigint") return Promise.reject(ahead);
      const midpointMicros = world.truthMicros + ahead;
      const moment = { midpointMicros, radiusMicros: 3n * SECOND };
      return Promise.resolve(claim(question, world, sentAt, moment));
    },
  };
}

/** What a question ends with that nobody answers. */
export const silent = (): DOMException =>
  new DOMException("nothing came", "TimeoutError");
