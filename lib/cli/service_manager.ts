/**
 * Telling a service manager how the program is.
 *
 * @module
 */

import process from "node:process";
import { every } from "../net/heartbeat.ts";
import { type Notifier, openNotifier } from "../net/notify.ts";

/** Where it is learnt whom to tell; for tests. */
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

/**
 * Finds the service manager, and tells it that the program is alive as often as it asks for.
 *
 * @param onProblem As `openNotifier()` takes it.
 * @returns Nothing where nobody wants to know.
 */
export function findServiceManager(
  onProblem: (reason: string) => void,
  { env, open }: NotifierSources = PROCESS,
): Notifier | undefined {
  const notifier = open(env("NOTIFY_SOCKET"), onProblem);
  if (notifier === undefined) return undefined;
  const halfMs = Number(env("WATCHDOG_USEC") ?? 0) / 2000;
  const endWatchdog = halfMs >= 1
    ? every(halfMs, () => notifier.notify("WATCHDOG=1"))
    : undefined;
  return {
    notify: (state) => notifier.notify(state),
    close: () => {
      endWatchdog?.();
      notifier.close();
    },
  };
}
