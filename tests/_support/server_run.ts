/**
 * What the tests of `server run` share.
 *
 * @module
 */

import { createSigner, type Signer } from "../../lib/crypto/ed25519.ts";
import { formatKey } from "../../lib/wire/key_text.ts";
import { type Ended, execute, type RunningProcess } from "./cli.ts";
import { bytes } from "./fixtures.ts";

/** A long-term key, in base64. */
export const SEED: string = formatKey(bytes(32, 7));

/** The public key of SEED. */
export const KEY: string = publicKeyOf(SEED);

/** Another long-term key, in base64. */
export const OTHER_SEED: string = formatKey(bytes(32, 8));

/** The public key of OTHER_SEED. */
export const SECOND_KEY: string = publicKeyOf(OTHER_SEED);

/** The signer of a seed in base64. */
export function signerOf(seed: string): Signer {
  return createSigner(Uint8Array.from(atob(seed), (c) => c.charCodeAt(0)));
}

/** Its public key in base64. */
export function publicKeyOf(seed: string): string {
  return formatKey(signerOf(seed).publicKey);
}

/** Fetches from a server that was started with `--metrics`. */
export async function monitorOf(
  server: RunningProcess,
): Promise<(path: string) => Promise<{ status: number; text: string }>> {
  const line = await server.logged("monitor listening");
  const [, address = ""] = /address=(\S+)/.exec(line) ?? [];
  return async (path) => {
    const response = await fetch(`http://${address}${path}`);
    return { status: response.status, text: await response.text() };
  };
}

/** Runs `server run` where it cannot start. */
export function cannotStart(
  args: readonly string[],
  options: Parameters<typeof execute>[1] = {},
): Promise<Ended> {
  return execute(
    ["server", "run", "--host", "127.0.0.1", "--port", "0", ...args],
    options,
  );
}
