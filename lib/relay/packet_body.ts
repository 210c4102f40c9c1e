/**
 * The packet in the body of a request, and no byte more than a packet has.
 *
 * @module
 */

import { concat } from "../crypto/bytes.ts";
import { parseRequest, REQUEST_BYTES } from "../wire/request.ts";

/** Longest packet: what Ethernet takes in one piece. */
export const MAX_PACKET_BYTES = 1472;

/** A sender that takes longer for a kilobyte is not waited for. */
const BODY_TIMEOUT_MS = 5000;

/** Why a body is refused. */
export interface BadBody {
  /** Of HTTP. */
  readonly status: 400 | 408 | 413;
  readonly code: "short" | "long" | "slow" | "request";
  readonly message: string;
}

/** Reads a request packet. */
export async function readPacket(
  { body, headers }: Pick<Request, "body" | "headers">,
  timeoutMs: number = BODY_TIMEOUT_MS,
): Promise<Uint8Array | BadBody> {
  const announced = Number(headers.get("content-length") ?? 0);
  const read = announced > MAX_PACKET_BYTES
    ? "long"
    : await readAll(body, timeoutMs);
  if (read === "long") {
    await body?.cancel().catch(() => {});
    return {
      status: 413,
      code: "long",
      message: `A packet has ${MAX_PACKET_BYTES} bytes at most.`,
    };
  }
  if (read === "slow") {
    return { status: 408, code: "slow", message: "The packet did not come." };
  }
  if (read.length < REQUEST_BYTES) {
    return {
      status: 400,
      code: "short",
      message: `A packet has ${REQUEST_BYTES} bytes at least.`,
    };
  }
  if (!parseRequest(read).ok) {
    return {
      status: 400,
      code: "request",
      message: "The body is no request of Roughtime.",
    };
  }
  return read;
}

async function readAll(
  body: ReadableStream<Uint8Array> | null,
  timeoutMs: number,
): Promise<Uint8Array | "long" | "slow"> {
  const reader = body?.getReader();
  if (reader === undefined) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    reader.cancel().catch(() => {});
  }, timeoutMs);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      length += value.length;
      if (length > MAX_PACKET_BYTES) return "long";
      chunks.push(value);
    }
  } catch {
    return "slow";
  } finally {
    clearTimeout(timer);
    reader.releaseLock();
  }
  return isLate ? "slow" : concat(...chunks);
}
