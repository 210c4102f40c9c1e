/**
 * Tells a service manager that the watcher is there, and goes on being there.
 *
 * @module
 */

import {
  findServiceManager,
  type NotifierSources,
} from "../service_manager.ts";
import { messageOf } from "../terminal/failure.ts";
import type { Output } from "../terminal/output.ts";

/** What ends it. */
export interface RunningNotifier {
  close(): Promise<void>;
}

/** Says that it is ready; nothing happens where nobody wants to know. */
export async function startNotifier(
  output: Output,
  sources?: NotifierSources,
): Promise<RunningNotifier | undefined> {
  const manager = findServiceManager((error) => {
    output.err(
      `roughly: warning: the service manager could not be told: ${
        messageOf(error)
      }`,
    );
  }, sources);
  if (manager === undefined) return undefined;
  await manager.notify("READY=1");
  return {
    close: async () => {
      await manager.notify("STOPPING=1");
      manager.close();
    },
  };
}
