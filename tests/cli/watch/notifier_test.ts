import assert from "node:assert/strict";
import type { NotifierSources } from "../../../lib/cli/service_manager.ts";
import { startNotifier } from "../../../lib/cli/watch/notifier.ts";

const none = { permissions: "none" } as const;
const OUTPUT = { out: () => {}, err: () => {}, progress: () => {} };

function manager(variables: Readonly<Record<string, string>>) {
  const told: string[] = [];
  const heard = Promise.withResolvers<void>();
  const sources: NotifierSources = {
    env: (name) => variables[name],
    open: (socket) =>
      socket === undefined ? undefined : {
        notify: (state: string) => {
          told.push(state);
          if (state === "WATCHDOG=1") heard.resolve();
          return Promise.resolve();
        },
        close: () => {
          told.push("closed");
          return Promise.resolve();
        },
      } as ReturnType<NotifierSources["open"]>,
  };
  return { told, sources, heard: heard.promise };
}

Deno.test(
  "a service manager is told: ready, alive as often as it wants, stopping",
  none,
  async () => {
    const { told, sources, heard } = manager({
      NOTIFY_SOCKET: "/run/x",
      WATCHDOG_USEC: "2000",
    });
    const notifier = await startNotifier(OUTPUT, sources);
    await heard;
    await notifier?.close();
    assert.equal(told[0], "READY=1");
    assert.deepEqual(told.slice(-2), ["STOPPING=1", "closed"]);
  },
);

Deno.test("nobody is told where nobody wants to know", none, async () => {
  const { told, sources } = manager({});
  assert.equal(await startNotifier(OUTPUT, sources), undefined);
  assert.deepEqual(told, []);
});
