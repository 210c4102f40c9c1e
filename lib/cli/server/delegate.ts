/**
 * `roughly server delegate`: an online key certified by a long-term key that stays here.
 *
 * @module
 */

import { realpath } from "node:fs/promises";
import { createDelegation } from "../../server/delegation.ts";
import { formatKey } from "../../wire/key_text.ts";
import { formatTime } from "../../wire/timestamp.ts";
import { EXIT, UsageError } from "../terminal/exit_code.ts";
import { loadKeyFile } from "./key_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { writeSecret } from "./secret_file.ts";
import { DELEGATE_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface DelegateOptions {
  readonly keyFile: string;
  readonly days: number;
  readonly out: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

const DAY_MICROS = 86_400_000_000n;

/** The clock here and there may differ, so the window begins a little before now. */
const BACKDATE_MICROS = 3_600_000_000n;

/** Would `--force` destroy the key that nothing can replace? */
async function isSameFile(keyFile: string, out: string): Promise<boolean> {
  try {
    return await realpath(keyFile) === await realpath(out);
  } catch {
    return false; // mostly as nothing is there yet
  }
}

/** Runs the command. */
export async function serverDelegate(
  options: DelegateOptions,
  output: Output,
): Promise<number> {
  const longTerm = await loadKeyFile(options.keyFile);
  if (await isSameFile(options.keyFile, options.out)) {
    throw new UsageError(
      `cannot write to ${options.out}: the long-term key is in it`,
    );
  }
  const onlineSeed = crypto.getRandomValues(new Uint8Array(32));
  const now = BigInt(Date.now()) * 1000n;
  const notBeforeMicros = now - BACKDATE_MICROS;
  const notAfterMicros = now +
    BigInt(Math.round(options.days * 1000)) * DAY_MICROS / 1000n;
  try {
    const text = await createDelegation({
      longTerm,
      onlineSeed,
      notBeforeMicros,
      notAfterMicros,
    });
    await writeSecret(options.out, text, options.force ?? false);
  } finally {
    onlineSeed.fill(0);
    longTerm.destroy?.();
  }
  const publicKey = formatKey(longTerm.publicKey);
  const notBefore = formatTime(notBeforeMicros);
  const notAfter = formatTime(notAfterMicros);
  if (options.json) {
    const { out: file } = options;
    printJson(output, {
      schema: DELEGATE_SCHEMA,
      ok: true,
      publicKey,
      notBefore,
      notAfter,
      file,
    });
    return EXIT.ok;
  }
  output.out(`Public key (base64): ${publicKey}`);
  output.out(`Signs from ${notBefore} to ${notAfter}`);
  output.out(
    `Delegation saved to '${
      printable(options.out)
    }'. Keep it secret until then!`,
  );
  return EXIT.ok;
}
