/**
 * `roughly server run`: serve until told to stop.
 *
 * @module
 */

import { formatKey } from "../key_text.ts";
import type { V1Context } from "../keyring.ts";
import { formatAddress } from "../net/datagram.ts";
import { serve } from "../serve.ts";
import { Server } from "../server.ts";
import { EXIT, UsageError } from "./exit_code.ts";
import { findKey } from "./key_source.ts";
import { type Output, printable } from "./output.ts";

/** Options as commander gives them. */
export interface RunOptions {
  readonly host: string;
  readonly port: number;
  readonly privateKey?: string;
  readonly radius: number;
  readonly validitySeconds: number;
  readonly grease: boolean;
  readonly greaseProbability: number;
  readonly preferRfc?: boolean;
  readonly v1Context: V1Context;
  readonly versions?: readonly number[];
}

/** Runs the command. */
export async function serverRun(
  options: RunOptions,
  verbose: boolean,
  output: Output,
): Promise<number> {
  const key = options.privateKey === undefined
    ? await findKey()
    : { text: options.privateKey, source: "--private-key" };
  if (key === undefined) {
    output.err(
      "roughly: warning: no private key found, so this one is new and lost at the end",
    );
    output.err("roughly: hint: make one to keep with 'roughly server keygen'");
  }
  const server = await Server.create({
    privateKey: key?.text,
    radiusSeconds: options.radius,
    validitySeconds: options.validitySeconds,
    greaseProbability: options.grease ? options.greaseProbability : 0,
    preferRfc: options.preferRfc,
    v1Context: options.v1Context,
    versions: options.versions,
  }).catch((error) => {
    throw key === undefined ? error : new UsageError(
      `the private key from ${key.source} is unusable: ${
        (error as Error).message
      }`,
    );
  });
  const stop = new AbortController();
  const release = onTermination(() => stop.abort());
  try {
    const running = await serve(server, {
      hostname: options.host,
      port: options.port,
      signal: stop.signal,
    });
    const { hostname, port } = running.address;
    for (const publicKey of server.publicKeys) {
      output.out(`Server public key (base64): ${formatKey(publicKey)}`);
    }
    output.out(
      `Starting Roughtime server on ${
        printable(formatAddress(hostname, port))
      }`,
    );
    await running.finished;
    if (verbose) {
      output.err(`roughly: counters: ${JSON.stringify(running.counters)}`);
    }
    output.out("Server stopped.");
  } finally {
    release();
  }
  return EXIT.ok;
}

/** Calls back once on SIGINT or SIGTERM; gives the way to forget it again. */
function onTermination(callback: () => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, callback);
  return () => {
    for (const signal of signals) Deno.removeSignalListener(signal, callback);
  };
}
