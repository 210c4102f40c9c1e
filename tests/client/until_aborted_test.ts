import assert from "node:assert/strict";
import { untilAborted } from "../../lib/client/until_aborted.ts";

const none = { permissions: "none" } as const;

Deno.test("untilAborted() gives what comes first", none, async () => {
  const { signal } = new AbortController();
  assert.equal(await untilAborted(Promise.resolve(7), signal), 7);
  await assert.rejects(untilAborted(Promise.reject(new Error("x")), signal));
  const never = new Promise<number>(() => {});
  assert.equal(await untilAborted(never, AbortSignal.abort()), undefined);
  const late = new AbortController();
  const waiting = untilAborted(never, late.signal);
  late.abort();
  assert.equal(await waiting, undefined);
});
