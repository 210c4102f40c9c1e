/**
 * A reply in the body of an answer.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";

/**
 * Reads a reply.
 *
 * @param body What the relay sends.
 * @param most Bytes in the request: no reply has more.
 * @returns Nothing if there is more.
 */
export async function readReply(
  body: ReadableStream<Uint8Array> | null,
  most: number,
): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body ?? []) {
    length += chunk.length;
    if (length > most) return undefined;
    chunks.push(chunk);
  }
  return concat(...chunks);
}
