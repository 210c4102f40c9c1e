/**
 * `roughly server run`: serve until told to stop.
 *
 * @module
 */

import { dialectFor } from "../dialect.ts";
import { formatKey, parseKey } from "../key_text.ts";
import type { V1Context } from "../keyring.ts";
import { formatAddress } from "../net/datagram.ts";
import { serve } from "../serve.ts";
import { Server } from "../server.ts";
import type { NamedVersion } from "./arguments.ts";
import { EXIT, UsageError } from "./exit_code.ts";
import { messageOf } from "./failure.ts";
import { findKey, type FoundKey } from "./key_source.ts";
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
  readonly versions?: readonly NamedVersion[];
}

/** Runs the command. */
export async function serverRun(
  options: RunOptions,
  verbose: boolean,
  output: Output,
): Promise<number> {
  const found = options.privateKey === undefined
    ? await findKey()
    : { text: options.privateKey, source: "--private-key" };
  const server = await Server.create({
    privateKey: found && readKey(found),
    radiusSeconds: options.radius,
    validitySeconds: options.validitySeconds,
    greaseProbability: options.grease ? options.greaseProbability : 0,
    preferRfc: options.preferRfc,
    v1Context: options.v1Context,
    versions: options.versions && numbersOf(options.versions),
  });
  const stop = new AbortController();
  const forget = onTermination(() => stop.abort());
  try {
    const running = await serve(server, {
      hostname: options.host.replace(/^\[(.*)\]$/, "$1"),
      port: options.port,
      signal: stop.signal,
    });
    if (found === undefined) warnAboutNewKey(output);
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
    forget();
  }
  return EXIT.ok;
}

function readKey({ text, source }: FoundKey): Uint8Array {
  try {
    return parseKey(text);
  } catch (error) {
    throw new UsageError(
      `the private key from ${source} is unusable: ${
        messageOf(error).replace(/^Cannot read key: /, "")
      }`,
    );
  }
}

/** Numbers as a server lists them: known ones, once each, ascending. */
function numbersOf(versions: readonly NamedVersion[]): number[] {
  const numbers = versions.map(({ code }) =>
    dialectFor(code, { typed: true })?.code ?? code
  );
  return [...new Set(numbers)].sort((a, b) => a - b);
}

function warnAboutNewKey(output: Output): void {
  output.err(
    "roughly: warning: no private key found, so this one is new and lost at the end",
  );
  output.err("roughly: hint: make one to keep with 'roughly server keygen'");
}

/**
 * Calls back at the first SIGINT or SIGTERM; a second one ends the process at once, as it
 * does without us. Gives the way to forget it all.
 */
function onTermination(callback: () => void): () => void {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  const forget = () => {
    for (const signal of signals) Deno.removeSignalListener(signal, listener);
  };
  const listener = () => {
    forget();
    callback();
  };
  for (const signal of signals) Deno.addSignalListener(signal, listener);
  return forget;
}
