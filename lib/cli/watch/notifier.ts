/**
 * Tells a service manager that the watcher is there, and goes on being there.
 *
 * @module
 */

import process from "node:process";
import { openNotifier } from "../../net/notify.ts";
import { messageOf } from "../terminal/failure.ts";
import type { Output } from "../terminal/output.ts";

/** What ends it. */
export interface RunningNotifier {
  close(): Promise<void>;
}

/** Where it learns whom to tell; for tests. */
export interface NotifierSources {
  /** Reads a variable. */
  readonly env: (name: string) => string | undefined;
  /** Opens the manager's socket. */
  readonly open: typeof openNotifier;
}

const PROCESS: NotifierSources = {
  env: (name) => process.env[name],
  open: openNotifier,
};

/** Says that it is ready; nothing happens where nobody wants to know. */
export async function startNotifier(
  output: Output,
  { env, open }: NotifierSources = PROCESS,
): Promise<RunningNotifier | undefined> {
  const notifier = open(env("NOTIFY_SOCKET"), (error) => {
    output.err(
      `roughly: warning: the service manager could not be told: ${
        messageOf(error)
      }`,
    );
  });
  if (notifier === undefined) return undefined;
  await notifier.notify("READY=1");
  const halfMs = Number(env("WATCHDOG_USEC") ?? 0) / 2000;
  const timer = halfMs >= 1
    ? setInterval(() => notifier.notify("WATCHDOG=1"), halfMs)
    : undefined;
  return {
    close: async () => {
      clearInterval(timer);
      await notifier.notify("STOPPING=1");
      await notifier.close();
    },
  };
}
