/**
 * `roughly server pubkey`: the public key that belongs to a private one.
 *
 * @module
 */

import { formatKey } from "../../wire/key_text.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { findKey, loadKeyFile } from "./key_source.ts";
import { type Output, printJson } from "../terminal/output.ts";
import { PUBKEY_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface PubkeyOptions {
  readonly json?: boolean;
}

/** Runs the command. */
export async function serverPubkey(
  file: string | undefined,
  options: PubkeyOptions,
  output: Output,
): Promise<number> {
  const signer = file === undefined
    ? (await findKey())?.key
    : await loadKeyFile(file);
  if (signer === undefined) {
    throw new UsageError(
      "no private key found",
      "name its file, or make one with 'roughly server keygen'",
    );
  }
  const publicKey = formatKey(signer.publicKey);
  signer.destroy?.();
  if (options.json) {
    printJson(output, { schema: PUBKEY_SCHEMA, ok: true, publicKey });
  } else output.out(`Public key (base64): ${publicKey}`);
  return EXIT.ok;
}
