/**
 * Node's modules, which Deno, Node and Bun have and browsers lack. They are got when they are
 * needed, so that importing a file that may need one works everywhere.
 *
 * @module
 */

import type dgram from "node:dgram";
import type dns from "node:dns/promises";
import type fs from "node:fs/promises";
import type net from "node:net";
import type os from "node:os";
import type timers from "node:timers/promises";

interface NodeModules {
  readonly "node:dgram": typeof dgram;
  readonly "node:dns/promises": typeof dns;
  readonly "node:fs/promises": typeof fs;
  readonly "node:net": typeof net;
  readonly "node:os": typeof os;
  readonly "node:timers/promises": typeof timers;
}

/** The runtime has neither sockets nor files, as a browser. */
export class NoNodeModuleError extends Error {
  /** Always `NoNodeModuleError`. */
  override readonly name = "NoNodeModuleError";

  /** Says what to do instead. */
  constructor(module: keyof NodeModules) {
    super(
      `this runtime has no ${module}; where there are no sockets, ask through a relay (the option \`ask\`)`,
    );
  }
}

/**
 * Gets one of Node's modules.
 *
 * @param name Of the module.
 * @param runtime What has them; for tests.
 * @throws {NoNodeModuleError} Where there are none.
 */
export function nodeModule<Name extends keyof NodeModules>(
  name: Name,
  runtime: object = globalThis,
): NodeModules[Name] {
  const { process } = runtime as {
    readonly process?: { getBuiltinModule?(name: string): unknown };
  };
  const module = process?.getBuiltinModule?.(name);
  if (module === undefined) throw new NoNodeModuleError(name);
  return module as NodeModules[Name];
}
