import assert from "node:assert/strict";
import { pause, untilAborted } from "../../lib/client/until_aborted.ts";

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

Deno.test("pause() is over at once where there is nothing to wait for", {
  permissions: "none",
}, async () => {
  await pause(0, []);
  await pause(-1, []);
  await pause(1e9, [new AbortController().signal, AbortSignal.abort()]);
});

Deno.test("pause() ends with any of its signals and leaves no timer", {
  permissions: "none",
}, async () => {
  for (const which of [0, 1]) {
    const controllers = [new AbortController(), new AbortController()];
    const waiting = pause(1e12, controllers.map(({ signal }) => signal));
    controllers[which]?.abort();
    await waiting;
  }
});
