/**
 * Asking a listener of this very process, the way strangers would.
 *
 * @module
 */

import type { DatagramSocket } from "./datagram.ts";
import { mayUse } from "./permission.ts";
import { connectTcp } from "./tcp.ts";
import type { Transport } from "./transport.ts";
import { openUdp } from "./udp.ts";
import { ANY, ANY_IPV4 } from "./wildcard.ts";

/** Where something listens. */
export interface Listened {
  /** How packets travel. */
  readonly transport: Transport;
  /** What it is bound to. */
  readonly address: { readonly hostname: string; readonly port: number };
}

/**
 * What came of a question. A TCP connection that the other end closes counts as an answer:
 * whoever is full says no, whoever is deaf says nothing. `unknown` is what cannot be asked.
 */
export type SelfAnswer = "answered" | "silent" | "unknown";

/** One that is bound to all addresses is asked on loopback. */
export function nearestAddress(hostname: string): string {
  if (hostname === ANY) return "::1";
  return hostname === ANY_IPV4 ? "127.0.0.1" : hostname;
}

/**
 * Sends one request and waits for anything that comes back. Never fails, and never has the
 * user asked for permission.
 *
 * @param listened Whom to ask.
 * @param request The packet.
 * @param options How long to wait, in milliseconds, and what ends it earlier.
 */
export async function askSelf(
  { transport, address }: Listened,
  request: Uint8Array,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<SelfAnswer> {
  const hostname = nearestAddress(address.hostname);
  const { port } = address;
  const ports = transport === "udp" ? [port, 0] : [port];
  if (!ports.every((one) => mayUse(hostname, one))) return "unknown";
  const end = new AbortController();
  const stop = () => end.abort();
  const timer = setTimeout(stop, options.timeoutMs);
  options.signal.addEventListener("abort", stop, { once: true });
  if (options.signal.aborted) stop();
  try {
    const ask = transport === "udp" ? askUdp : askTcp;
    const answer = await ask({ hostname, port }, request, end.signal);
    return options.signal.aborted ? "unknown" : answer;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", stop);
  }
}

type Address = { readonly hostname: string; readonly port: number };

async function askUdp(
  { hostname, port }: Address,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<SelfAnswer> {
  let socket: DatagramSocket;
  try {
    // From the address that is asked: the one sure to have a way there and back.
    socket = await openUdp({ hostname, port: 0, maxBatch: 1 });
  } catch {
    return "unknown";
  }
  const close = () => socket.close();
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  try {
    await socket.send([{ bytes: request, peer: socket.peer(hostname, port) }]);
    return (await socket.receive()).length > 0 ? "answered" : "silent";
  } catch {
    return "silent";
  } finally {
    close();
  }
}

async function askTcp(
  address: Address,
  request: Uint8Array,
  signal: AbortSignal,
): Promise<SelfAnswer> {
  const { promise: replied, resolve } = Promise.withResolvers<void>();
  try {
    const connection = await connectTcp(address, () => resolve(), signal);
    connection.send(request);
    await Promise.race([replied, connection.closed]);
    if (signal.aborted) return "silent";
    connection.close();
    await connection.closed;
    return "answered";
  } catch {
    return "silent"; // refused, or not connected in time
  }
}
