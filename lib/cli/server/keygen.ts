/**
 * `roughly server keygen`: a new long-term key.
 *
 * @module
 */

import { createSigner } from "../../crypto/ed25519.ts";
import { formatKey } from "../../wire/key_text.ts";
import { DEFAULT_PORT } from "../../server/serve.ts";
import { EXIT } from "../terminal/exit_code.ts";
import { keyFileText } from "./key_source.ts";
import { type Output, printable, printJson } from "../terminal/output.ts";
import { writeSecret } from "./secret_file.ts";
import { KEYGEN_SCHEMA } from "../schema.ts";

/** Options as commander gives them. */
export interface KeygenOptions {
  readonly out: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Runs the command. */
export async function serverKeygen(
  options: KeygenOptions,
  output: Output,
): Promise<number> {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const { publicKey } = createSigner(seed);
  try {
    await writeSecret(options.out, keyFileText(seed), options.force ?? false);
  } finally {
    seed.fill(0);
  }
  const key = formatKey(publicKey);
  if (options.json) {
    const { out: file } = options;
    printJson(output, {
      schema: KEYGEN_SCHEMA,
      ok: true,
      publicKey: key,
      file,
    });
    return EXIT.ok;
  }
  output.out(`Public key (base64): ${key}`);
  output.out(
    `Private key saved to '${printable(options.out)}'. Keep it secret!`,
  );
  output.out("");
  output.out(
    `For a server list (put in your name and host; readers such as Cloudflare's want "version": "IETF-Roughtime"):`,
  );
  const entry = {
    name: "my-server",
    version: 1,
    publicKeyType: "ed25519",
    publicKey: key,
    addresses: ["udp", "tcp"].map((protocol) => ({
      protocol,
      address: `roughtime.example:${DEFAULT_PORT}`,
    })),
  };
  for (const line of JSON.stringify(entry, null, 2).split("\n")) {
    output.out(`  ${line}`);
  }
  output.out("For DNS, as some servers publish it:");
  output.out(`  roughtime.example. IN TXT "${key}"`);
  return EXIT.ok;
}
