import assert from "node:assert/strict";
import { reach } from "../../lib/ecosystem/reach.ts";

const none = { permissions: "none" } as const;

const SERVER = {
  name: "one",
  addresses: [{ transport: "udp", host: "a.example", port: 2002 }],
  version: undefined,
  offer: undefined,
} as const;

/** Asks until it is told to stop at one of its attempts, which then fails by itself. */
async function stoppedAt(
  last: number,
): Promise<{ error: unknown; asked: number }> {
  const controller = new AbortController();
  let asked = 0;
  const { signal } = controller;
  const options = { transport: "udp", timeoutMs: 9000, signal } as const;
  const error = await reach(SERVER, options, () => {
    if (++asked === last) controller.abort(new Error("enough"));
    return Promise.reject(new Error("the socket was closed"));
  }).catch((error) => error);
  return { error, asked };
}

Deno.test(
  "after an abort its reason is thrown, at every attempt and the last",
  none,
  async () => {
    const { asked: all } = await stoppedAt(Infinity);
    assert(all > 1);
    for (let at = 1; at <= all; at++) {
      const { error, asked } = await stoppedAt(at);
      assert.equal((error as Error).message, "enough");
      assert.equal(asked, at, "nothing is asked afterwards");
    }
  },
);
